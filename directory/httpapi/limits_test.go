package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/proto/wire"
)

// A clock that stands until it is moved.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(1_800_000_000, c.now.Load()) }

// limited is a fixture with small budgets whose operations answer at once.
func limited(t *testing.T, l Limits) (*fixture, *clock) {
	t.Helper()
	c := new(clock)
	f := newFixture(t, func(config *Config) {
		config.Limits, config.Now = l, c.Now
		config.Service = serviceFunc(func(context.Context, wire.Call) ([]byte, error) { return []byte("x"), nil })
	})
	return f, c
}

// spend counts how many of n requests pass.
func (f *fixture) spend(n int, op wire.Operation, header func(i int) []string) (passed int) {
	f.t.Helper()
	for i := range n {
		switch r := f.do(http.MethodPost, "/kt/v1/"+op.String(), nil, header(i)...); r.StatusCode {
		case http.StatusOK:
			passed++
		case http.StatusTooManyRequests:
			if r.Header.Get("Retry-After") == "" {
				f.t.Error("429 without Retry-After")
			}
		default:
			f.t.Errorf("status %d", r.StatusCode)
		}
	}
	return passed
}

func from(address string) func(int) []string {
	return func(int) []string { return []string{"address", address} }
}

// TestBudgets: a requester has as many searches and updates as the limits say,
// separately, and gets new ones with time.
func TestBudgets(t *testing.T) {
	f, c := limited(t, Limits{SearchesPerMinute: 60, SearchBurst: 5, UpdatesPerMinute: 6, UpdateBurst: 2})
	if n := f.spend(20, wire.OpSearch, from("198.51.100.1:1000")); n != 5 {
		t.Errorf("%d searches passed, want 5", n)
	}
	if n := f.spend(20, wire.OpUpdate, from("198.51.100.1:1000")); n != 2 {
		t.Errorf("%d updates passed, want 2", n)
	}
	if n := f.spend(20, wire.OpSearch, from("198.51.100.2:1000")); n != 5 {
		t.Errorf("%d searches of somebody else passed, want 5", n)
	}
	c.now.Add(int64(3 * time.Second))
	if n := f.spend(20, wire.OpSearch, from("198.51.100.1:1000")); n != 3 {
		t.Errorf("%d searches passed after 3 s, want 3", n)
	}
	if n := f.spend(20, wire.OpUpdate, from("198.51.100.1:1000")); n != 0 {
		t.Errorf("%d updates passed after 3 s, want 0", n)
	}
	c.now.Add(int64(time.Second))
	r := f.do(http.MethodPost, "/kt/v1/update", nil, "address", "198.51.100.1:1000")
	if got := r.Header.Get("Retry-After"); r.StatusCode != http.StatusTooManyRequests || got != "6" {
		t.Errorf("%d, Retry-After %q, want 6 s", r.StatusCode, got)
	}
}

// TestEvasions: what a requester says of itself does not make it another one.
func TestEvasions(t *testing.T) {
	for name, header := range map[string]func(int) []string{
		"tokens that do not exist": func(i int) []string {
			return []string{"address", "198.51.100.1:1", "Authorization", fmt.Sprintf("Bearer kith_%d", i)}
		},
		"ports": func(i int) []string { return []string{"address", fmt.Sprintf("198.51.100.1:%d", i)} },
		"addresses of one IPv6 network": func(i int) []string {
			return []string{"address", fmt.Sprintf("[2001:db8::%x]:1", i+1)}
		},
		"IPv4 in IPv6": func(i int) []string {
			return []string{"address", []string{"198.51.100.1:1", "[::ffff:198.51.100.1]:1"}[i%2]}
		},
		"X-Forwarded-For": func(i int) []string {
			return []string{"address", "198.51.100.1:1", "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)}
		},
		"X-Real-IP": func(i int) []string {
			return []string{"address", "198.51.100.1:1", "X-Real-IP", fmt.Sprintf("203.0.113.%d", i)}
		},
	} {
		f, _ := limited(t, Limits{SearchesPerMinute: 1, SearchBurst: 3})
		if n := f.spend(10, wire.OpSearch, header); n != 3 {
			t.Errorf("%s: %d searches passed, want 3", name, n)
		}
	}
}

// TestTrustedProxy: behind a proxy, the address that the proxy added counts, and
// no other.
func TestTrustedProxy(t *testing.T) {
	c := new(clock)
	f := newFixture(t, func(config *Config) {
		config.Limits, config.Now, config.TrustProxy = Limits{SearchesPerMinute: 1, SearchBurst: 3}, c.Now, true
		config.Service = serviceFunc(func(context.Context, wire.Call) ([]byte, error) { return nil, nil })
	})
	forged := func(i int) []string { return []string{"X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 198.51.100.1", i)} }
	if n := f.spend(10, wire.OpSearch, forged); n != 3 {
		t.Errorf("%d searches passed, want 3", n)
	}
	others := func(i int) []string { return []string{"X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)} }
	if n := f.spend(10, wire.OpSearch, others); n != 10 {
		t.Errorf("%d searches of ten requesters passed", n)
	}
}

// TestBearersHaveBudgets: a token that exists is a requester, wherever it is used.
func TestBearersHaveBudgets(t *testing.T) {
	f, _ := limited(t, Limits{SearchesPerMinute: 1, SearchBurst: 3})
	secret, _, err := f.tokens.Create(t.Context(), directory.ScopeSearch, nil)
	must(t, err)
	roaming := func(i int) []string {
		return []string{"address", fmt.Sprintf("198.51.100.%d:1", i), "Authorization", "Bearer " + secret}
	}
	if n := f.spend(10, wire.OpSearch, roaming); n != 3 {
		t.Errorf("%d searches of one bearer passed, want 3", n)
	}
	if n := f.spend(10, wire.OpSearch, from("198.51.100.1:1")); n != 3 {
		t.Errorf("%d searches without the token passed, want 3", n)
	}
}

// TestRequestersAreBounded: remembering requesters takes no memory without end.
func TestRequestersAreBounded(t *testing.T) {
	f, _ := limited(t, Limits{Requesters: 8})
	for i := range 100 {
		f.do(http.MethodPost, "/kt/v1/search", nil, "address", fmt.Sprintf("198.51.100.%d:1", i))
	}
	if n := f.limiter.known.Len(); n != 8 {
		t.Errorf("%d requesters are remembered, want 8", n)
	}
}

// TestConcurrency: answers beyond the bound are turned away at once, and updates
// that wait do not keep searches out.
func TestConcurrency(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{})
	f := newFixture(t, func(c *Config) {
		c.Limits.Concurrent, c.Limits.ConcurrentUpdates = 2, 3
		c.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
			if call.Operation == wire.OpUpdate {
				started <- struct{}{}
				<-release
			}
			return nil, nil
		})
	})
	done := make(chan int, 3)
	for range 3 {
		go func() { done <- f.do(http.MethodPost, "/kt/v1/update", nil).StatusCode }()
		select {
		case <-started:
		case status := <-done:
			t.Fatalf("an update is turned away: %d", status)
		}
	}
	r := f.do(http.MethodPost, "/kt/v1/distinguished", nil)
	if r.StatusCode != http.StatusOK {
		t.Errorf("a search while updates wait: %d", r.StatusCode)
	}
	full := make(chan *http.Response, 1)
	go func() { full <- f.do(http.MethodPost, "/kt/v1/update", nil) }()
	select {
	case r := <-full:
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("a fourth update: %d", r.StatusCode)
		}
	case <-started:
		t.Error("a fourth update was taken")
	}
	close(release)
	for range 3 {
		if status := <-done; status != http.StatusOK {
			t.Errorf("an update that waited: %d", status)
		}
	}
}

// TestBodies: a body above the limit is refused, declared or not, and what is
// declared is not read.
func TestBodies(t *testing.T) {
	var reached atomic.Int64
	f := newFixtureOf(t, func(_ context.Context, call wire.Call) ([]byte, error) {
		reached.Store(int64(len(call.Body)))
		return nil, nil
	})
	for _, test := range []struct {
		op       wire.Operation
		size     int64
		declared bool
		want     int
	}{
		{wire.OpSearch, 8 << 10, true, 200},
		{wire.OpSearch, 8<<10 + 1, true, 413},
		{wire.OpSearch, 8 << 10, false, 200},
		{wire.OpSearch, 8<<10 + 1, false, 413},
		{wire.OpUpdate, 1 << 20, true, 200},
		{wire.OpUpdate, 1<<20 + 1, true, 413},
		{wire.OpUpdate, 1 << 40, true, 413},
		{wire.OpUpdate, 1 << 40, false, 413},
	} {
		body := &counter{left: test.size}
		r, err := http.NewRequest(http.MethodPost, "/kt/v1/"+test.op.String(), body)
		must(t, err)
		r.Header.Set("Content-Type", MediaType)
		r.ContentLength = -1
		if test.declared {
			r.ContentLength = test.size
		}
		w := &discarded{header: http.Header{}}
		f.routed.ServeHTTP(w, r)
		if w.status != test.want {
			t.Errorf("%v, %d bytes, declared %v: %d, want %d", test.op, test.size, test.declared, w.status, test.want)
		}
		if test.want == 413 && test.declared && body.read > 0 {
			t.Errorf("%v: %d bytes were read of a body that is too large", test.op, body.read)
		}
		if body.read > 2<<20 {
			t.Errorf("%v: %d bytes were read", test.op, body.read)
		}
		if test.want == 200 && reached.Load() != test.size {
			t.Errorf("%v: %d bytes arrived of %d", test.op, reached.Load(), test.size)
		}
	}
	if f.bodies.lent != 0 || len(f.bodies.share) != 0 {
		t.Error("memory for bodies was not given back")
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

type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header { return d.header }

func (d *discarded) WriteHeader(status int) { d.status = status }

func (d *discarded) Write(b []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	return len(b), nil
}

// TestMemoryForBodies: large bodies share a bounded memory.
func TestMemoryForBodies(t *testing.T) {
	f := newFixtureOf(t, func(context.Context, wire.Call) ([]byte, error) { return nil, nil })
	if !f.bodies.lend(requester{token: "another"}, maxMemory-1<<19) {
		t.Fatal("it is used already")
	}
	if r := f.do(http.MethodPost, "/kt/v1/update", make([]byte, 1<<20)); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a body for which there is no room: %d", r.StatusCode)
	}
	if r := f.do(http.MethodPost, "/kt/v1/search", make([]byte, 100)); r.StatusCode != http.StatusOK {
		t.Errorf("a small body: %d", r.StatusCode)
	}
}

const (
	short   = 200 * time.Millisecond
	waiting = 30 * time.Second // for what must happen, on a machine that is slow and busy
)

// patient waits a minute for everything; tests shorten one thing.
var patient = patience{header: time.Minute, read: time.Minute, write: time.Minute, idle: time.Minute}

// listening serves a fixture on a real listener.
func listening(t *testing.T, f *fixture, connections int, p patience) string {
	t.Helper()
	l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "127.0.0.1:0", MaxConnections: connections})
	must(t, err)
	server := newServer(f.routed, nil, p)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- daemon.Serve(ctx, server, l, time.Second) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// dial opens a connection that the test gives up on after a while.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	must(t, err)
	must(t, c.SetDeadline(time.Now().Add(waiting)))
	t.Cleanup(func() { c.Close() })
	return c
}

// drip sends text byte by byte until the other side hangs up, or fails after a while.
func drip(t *testing.T, c net.Conn, text string) {
	t.Helper()
	must(t, c.SetDeadline(time.Time{})) // only the other side ends it
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	give := time.After(waiting)
	for i := 0; ; i++ {
		select {
		case <-gone:
			return
		case <-give:
			t.Error("the server is still waiting")
			return
		case <-tick.C:
			_, _ = c.Write([]byte{text[min(i, len(text)-1)]})
		}
	}
}

const slowHeader = "GET /healthz HTTP/1.1\r\nHost: x\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestSlowHeader: a header that never ends is not waited for.
func TestSlowHeader(t *testing.T) {
	p := patient
	p.header = short
	drip(t, dial(t, listening(t, newFixture(t, nil), 0, p)), slowHeader)
}

// TestSlowBody: neither is a body that never ends.
func TestSlowBody(t *testing.T) {
	p := patient
	p.read = short
	c := dial(t, listening(t, newFixture(t, nil), 0, p))
	_, err := fmt.Fprintf(c, "POST /kt/v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 8000\r\n\r\n", MediaType)
	must(t, err)
	drip(t, c, "a")
}

// TestIdleConnection: a connection on which nothing is asked is closed.
func TestIdleConnection(t *testing.T) {
	p := patient
	p.idle = short
	c := dial(t, listening(t, newFixture(t, nil), 0, p))
	_, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	if b, err := io.ReadAll(c); err != nil || !bytes.Contains(b, []byte("ok\n")) {
		t.Errorf("%q, %v", b, err)
	}
}

// TestHugeHeader: a header above 32 KiB is refused.
func TestHugeHeader(t *testing.T) {
	address := listening(t, newFixture(t, nil), 0, patient)
	for size, want := range map[int]string{8 << 10: "HTTP/1.1 200", 40 << 10: "HTTP/1.1 431"} {
		c := dial(t, address)
		go func() {
			_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", size)+"\r\n\r\n")
		}()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
			t.Errorf("%d bytes: %q, %v", size, b, err)
		}
	}
}

// crowd takes up all three connections that an address has with requests that do not
// go on, and asks something over a fourth one.
func crowd(t *testing.T, address string) (slow []net.Conn, fourth net.Conn) {
	t.Helper()
	for range 3 {
		c := dial(t, address)
		_, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
		must(t, err)
		slow = append(slow, c)
	}
	fourth = dial(t, address)
	_, err := io.WriteString(fourth, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	must(t, err)
	return slow, fourth
}

// TestConnections: connections above the bound wait until one of the others ends.
func TestConnections(t *testing.T) {
	slow, fourth := crowd(t, listening(t, newFixture(t, nil), 3, patient))
	must(t, fourth.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if n, err := fourth.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a fourth connection is served")
	}
	must(t, slow[1].Close())
	must(t, fourth.SetReadDeadline(time.Now().Add(waiting)))
	if b, err := io.ReadAll(fourth); err != nil || !bytes.Contains(b, []byte("ok\n")) {
		t.Errorf("the fourth connection is not served when another ends: %q, %v", b, err)
	}
	for _, s := range slow {
		s.Close()
	}
}

// TestSlowConnectionsMakeRoom: those who hold all connections, and do not go on,
// cannot keep others out for long.
func TestSlowConnectionsMakeRoom(t *testing.T) {
	p := patient
	p.header = short
	_, fourth := crowd(t, listening(t, newFixture(t, nil), 3, p))
	if b, err := io.ReadAll(fourth); err != nil || !bytes.Contains(b, []byte("ok\n")) {
		t.Errorf("the fourth connection is not served when the others time out: %q, %v", b, err)
	}
}

// TestSlowReader: an answer that nobody takes is not kept for ever.
func TestSlowReader(t *testing.T) {
	gone := make(chan struct{})
	f := newFixtureOf(t, func(context.Context, wire.Call) ([]byte, error) { return make([]byte, 64<<20), nil })
	routed := f.routed
	f.routed = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		routed.ServeHTTP(w, r)
	})
	p := patient
	p.write = short
	c := dial(t, listening(t, f, 0, p))
	_, err := fmt.Fprintf(c, "POST /kt/v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 0\r\n\r\n", MediaType)
	must(t, err)
	select {
	case <-gone:
	case <-time.After(waiting):
		t.Error("the server is still waiting")
	}
}
