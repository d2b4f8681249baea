package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/proto/evidence"
	message "github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
)

const path = "/gossip/v1/sightings"

// TestSighting: what is of the log agrees; what is not becomes evidence, which is
// served from then on.
func TestSighting(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits = Limits{SightingsPerMinute: -1} })
	ask := func(heads ...evidence.SignedHead) *message.Answer {
		t.Helper()
		r := f.do("POST", path, bytes.NewReader(f.sighting(heads...)))
		b := f.body(r)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != message.MediaType || r.Header.Get("Cache-Control") != noStore {
			t.Fatalf("%d %v: %s", r.StatusCode, r.Header, b)
		}
		a, err := message.ParseAnswer(b)
		must(t, err)
		return a
	}
	if a := ask(f.head(5, false), f.head(entries, false)); a.Verdict != message.Agrees || a.Size != entries || a.Evidence != nil {
		t.Errorf("%+v", a)
	}
	if list := f.body(f.do("GET", "/gossip/v1/evidence", nil)); string(list) != "[]\n" {
		t.Errorf("evidence: %s", list)
	}
	a := ask(f.head(9, true))
	if a.Verdict != message.Contradicts || a.Evidence == nil {
		t.Fatalf("%+v", a)
	}
	var list []evidenceView
	must(t, json.Unmarshal(f.body(f.do("GET", "/gossip/v1/evidence", nil)), &list))
	if len(list) != 1 || list[0].Kind != "head-and-leaf" || !list[0].Proved || list[0].Entry != 8 || list[0].Domain != "example.org" {
		t.Fatalf("%+v", list)
	}
	r := f.do("GET", "/gossip/v1/evidence/"+list[0].File, nil)
	if file := f.body(r); r.StatusCode != 200 || !bytes.Equal(file, a.Evidence) {
		t.Errorf("%d, %d bytes", r.StatusCode, len(file))
	}
	if a := ask(f.head(5, false)); a.Verdict != message.Contradicts || a.Evidence == nil {
		t.Error("an honest client is not told")
	}
	for range 50 { // more of the same is not kept
		ask(f.head(9, true), f.head(10, true))
	}
	if n := len(f.watch.Findings()); n != 1 {
		t.Errorf("%d findings", n)
	}
	for _, name := range []string{"..", "%2e%2e", "..%2fprogress", "progress", "nothing.evidence"} {
		if r := f.do("GET", "/gossip/v1/evidence/"+name, nil); r.StatusCode != 404 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// A counter is a body of zeros that counts what is read of it.
type counter struct{ left, read int64 }

func (c *counter) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), c.left)
	clear(b[:n])
	c.left -= n
	c.read += n
	return int(n), nil
}

// TestRefusals: what is no sighting of this log costs little and changes nothing.
func TestRefusals(t *testing.T) {
	f := newFixture(t, nil)
	foreign := message.Sighting{Fingerprint: provider.Fingerprint{1}, Heads: []evidence.SignedHead{f.head(3, false)}}
	unknown, err := foreign.Append(nil)
	must(t, err)
	forged := f.head(5, false)
	forged.Root[0]++
	for _, test := range []struct {
		name   string
		body   io.Reader
		header []string
		want   int
	}{
		{"nothing", strings.NewReader(""), nil, 400},
		{"garbage", strings.NewReader("garbage"), nil, 400},
		{"more than a sighting", bytes.NewReader(append(f.sighting(f.head(3, false)), 0)), nil, 400},
		{"thousands of roots", bytes.NewReader(append(slices.Concat([]byte{1}, f.fingerprint[:], []byte{0, 0, 0, 0, 255}), make([]byte, 4000*32)...)), nil, 400},
		{"more heads than there are", bytes.NewReader(slices.Concat([]byte{1}, f.fingerprint[:], []byte{0, 0, 0, 255})), nil, 400},
		{"a document that is cut", bytes.NewReader(slices.Concat([]byte{1}, f.fingerprint[:], []byte{255, 255, 255})), nil, 400},
		{"another log", bytes.NewReader(unknown), nil, 404},
		{"a forged head", bytes.NewReader(f.sighting(f.head(5, true), forged)), nil, 422},
		{"another media type", bytes.NewReader(f.sighting(f.head(3, false))), []string{"Content-Type", "text/plain"}, 415},
		{"too large", bytes.NewReader(make([]byte, message.MaxSighting+1)), nil, 413},
		{"endless", &counter{left: 1 << 40}, nil, 413},
	} {
		r := f.do("POST", path, test.body, test.header...)
		if r.StatusCode != test.want || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d", test.name, r.StatusCode, f.body(r), test.want)
		}
		if c, ok := test.body.(*counter); ok && c.read > 2*message.MaxSighting {
			t.Errorf("%s: %d bytes were read", test.name, c.read)
		}
	}
	if f.desk.Convicted() || f.desk.Status().Waiting != 0 || f.handler.limiter.receiving != 0 || len(f.handler.limiter.of) != 0 {
		t.Errorf("%+v, %d bodies", f.desk.Status(), f.handler.limiter.receiving)
	}
	if s := f.logged.String(); strings.Contains(s, "192.0.2.1") {
		t.Errorf("an address is logged: %s", s)
	}
}

// TestBudgets: an address has as many sightings as the limits say, whatever it says of
// itself, and gets new ones with time.
func TestBudgets(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := newFixture(t, func(c *Config) {
		c.Limits = Limits{SightingsPerMinute: 60, SightingBurst: 5, Strangers: 8}
		c.Now = func() time.Time { return now }
	})
	body := f.sighting(f.head(3, false))
	spend := func(header func(i int) []string) (passed int) {
		for i := range 10 {
			switch r := f.do("POST", path, bytes.NewReader(body), header(i)...); r.StatusCode {
			case 200:
				passed++
			case 429:
				if r.Header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
			default:
				t.Errorf("status %d", r.StatusCode)
			}
		}
		return passed
	}
	for name, header := range map[string]func(i int) []string{
		"one address":                   func(int) []string { return []string{"address", "198.51.100.1:1"} },
		"its ports":                     func(i int) []string { return []string{"address", fmt.Sprint("198.51.100.2:", i+1)} },
		"addresses of one IPv6 network": func(i int) []string { return []string{"address", fmt.Sprintf("[2001:db8::%x]:1", i+1)} },
		"X-Forwarded-For": func(i int) []string {
			return []string{"address", "198.51.100.3:1", "X-Forwarded-For", fmt.Sprint("203.0.113.", i)}
		},
	} {
		if n := spend(header); n != 5 {
			t.Errorf("%s: %d passed, want 5", name, n)
		}
	}
	now = now.Add(3 * time.Second)
	if n := spend(func(int) []string { return []string{"address", "198.51.100.1:1"} }); n != 3 {
		t.Errorf("%d passed after 3 s, want 3", n)
	}
	for i := range 100 {
		f.do("POST", path, bytes.NewReader(body), "address", fmt.Sprintf("198.51.101.%d:1", i))
	}
	if n := f.handler.limiter.known.Len(); n > 8 {
		t.Errorf("%d strangers are remembered", n)
	}
}

// TestReceiving: bodies that take their time do not keep others out, and one address
// has few of them.
func TestReceiving(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits = Limits{Receiving: 16} })
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	held := make(chan int, 20)
	begin := make(chan struct{}, 20)
	slow := func(address string) {
		go func() {
			r := f.do("POST", path, &slowBody{begin: begin, hold: hold}, "address", address)
			held <- r.StatusCode
		}()
	}
	for range 2 {
		slow("198.51.100.1:1")
		<-begin
	}
	status := func() int {
		t.Helper()
		select {
		case status := <-held:
			return status
		case <-time.After(30 * time.Second):
			t.Fatal("it is received")
			return 0
		}
	}
	slow("198.51.100.1:1")
	if status := status(); status != 503 {
		t.Errorf("a third body of one address: %d", status)
	}
	for i := range 14 {
		slow(fmt.Sprintf("198.51.100.%d:1", i+2))
		<-begin
	}
	slow("198.51.100.99:1")
	if status := status(); status != 503 {
		t.Errorf("a seventeenth body: %d", status)
	}
	release()
	for range 16 {
		if status := status(); status != 400 {
			t.Errorf("a body that ends: %d", status)
		}
	}
	if f.handler.limiter.receiving != 0 || len(f.handler.limiter.of) != 0 {
		t.Error("room is not given back")
	}
}

type slowBody struct {
	begin, hold chan struct{}
	begun       bool
}

func (s *slowBody) Read(b []byte) (int, error) {
	if s.begun {
		return 0, io.EOF
	}
	s.begun = true
	s.begin <- struct{}{}
	<-s.hold
	b[0] = 1
	return 1, nil
}

// TestSlowStrangers: a header or body that never ends is not waited for.
func TestSlowStrangers(t *testing.T) {
	const short = 200 * time.Millisecond
	patient := patience{time.Minute, time.Minute, time.Minute, time.Minute}
	for name, test := range map[string]struct {
		text  string
		limit func(*patience)
	}{
		"header": {"GET / HTTP/1.1\r\nHost: x\r\nX: ", func(p *patience) { p.header = short }},
		"body":   {"POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + message.MediaType + "\r\nContent-Length: 9000\r\n\r\n", func(p *patience) { p.read = short }},
		"idle":   {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", func(p *patience) { p.idle = short }},
	} {
		p := patient
		test.limit(&p)
		f := newFixture(t, nil)
		l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "127.0.0.1:0"})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- daemon.Serve(ctx, newServer(f.routed, nil, p), l, time.Second) }()
		c, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		must(t, c.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = io.WriteString(c, test.text)
		must(t, err)
		stop := make(chan struct{})
		go func() { // a byte now and then
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for name != "idle" {
				select {
				case <-tick.C:
					_, _ = io.WriteString(c, "a")
				case <-stop:
					return
				}
			}
		}()
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("%s: the server is still waiting", name)
		}
		close(stop)
		c.Close()
		cancel()
		<-done
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// TestNothingAudited: before the first pass there is nothing to compare with.
func TestNothingAudited(t *testing.T) {
	f := newFixture(t, nil)
	f.handler.config.Gossip = unready{}
	r := f.do("POST", path, bytes.NewReader(f.sighting(f.head(3, false))))
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d", r.StatusCode)
	}
}

// TestAddCheckpointHasItsOwnBudget: a log that promises its clients seconds asks every
// second, for years; what strangers at its address hand in costs it nothing.
func TestAddCheckpointHasItsOwnBudget(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := newFixture(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.AddCheckpoint = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	})
	ask := func() int { return f.do("POST", "/add-checkpoint", nil, "address", "198.51.100.1:1").StatusCode }
	for range 100 {
		f.do("POST", path, nil, "address", "198.51.100.1:1")
	}
	for i := range 600 {
		now = now.Add(500 * time.Millisecond)
		if status := ask(); status != 200 {
			t.Fatalf("request %d: status %d", i, status)
		}
	}
	flooded := false
	for range 1000 {
		flooded = flooded || ask() == 429
	}
	if !flooded {
		t.Error("there is no limit")
	}
}
