package gossip_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/checkpoint"
	message "github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

const domain = "example.org"

// A world is a log, what its provider says about it, and a user.
type world struct {
	log      *testlog.Log
	note     *checkpoint.Signer
	envelope []byte
	pinned   *provider.Document
}

func newWorld(t testing.TB, l *testlog.Log) *world {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := l.Config.Append(nil, l.Config.Format())
	must(err)
	skey, vkey, err := checkpoint.GenerateKey(rand.Reader, "audit."+domain)
	must(err)
	signer, err := checkpoint.NewSigner(skey)
	must(err)
	public, root, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	now := time.Now().UTC().Truncate(time.Second)
	d := &provider.Document{
		Domain: domain, DraftRevision: "526cc8a", Version: 1, Issued: now, Expires: now.Add(time.Hour), Configuration: encoded,
		AuditLog: provider.AuditLog{Origin: "audit." + domain, Key: vkey}, Addresses: []string{"https://kt." + domain},
		Limits: provider.Limits{MaxValueBytes: 1000}, RootKeys: []strictjson.Bytes{strictjson.Bytes(public)}, RootThreshold: 1,
	}
	payload, err := d.Encode()
	must(err)
	envelope, err := provider.Sign(payload, root)
	must(err)
	pinned, err := provider.Reopen(envelope)
	must(err)
	return &world{l, signer, envelope, pinned.Document}
}

// newLog returns a log whose keys are always the same.
func newLog() *testlog.Log {
	return testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
}

// user is somebody who comes by now, looks labels up and owns others.
func (w *world) user(t testing.TB, l *testlog.Log, looked, owned []string) *client.State {
	t.Helper()
	log, err := client.NewLog(w.log.Config)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(client.Config{Service: l, State: client.NewState(log), Now: func() time.Time { return time.UnixMilli(int64(l.Time)) }, Policy: client.Policy{Opaque: true}})
	for _, label := range looked {
		if _, err := c.Lookup(t.Context(), label, client.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, label := range owned {
		if _, err := c.Own(t.Context(), label); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Monitor(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c.State()
}

func populated() *testlog.Log { return populate(newLog()) }

// stranger is a log with other keys.
func stranger() *testlog.Log {
	return populate(testlog.New(wire.KT_128_SHA256_P256, wire.ContactMonitoring, nil))
}

func populate(l *testlog.Log) *testlog.Log {
	for range 12 {
		l.Advance(10).Value("alice", "a")
		l.Advance(10).Value("bob", "b")
	}
	return l
}

// TestNothingDependsOnLabels: users who look at the same log hand in the same bytes,
// whomever they know.
func TestNothingDependsOnLabels(t *testing.T) {
	l := populated()
	w := newWorld(t, l)
	var all [][]byte
	for _, labels := range [][2][]string{{nil, nil}, {{"alice"}, nil}, {{"bob", "alice"}, nil}, {{"bob"}, {"alice"}}, {nil, {"nobody", "bob"}}} {
		b, err := gossip.NewSighting(w.user(t, l, labels[0], labels[1]), w.envelope).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	for i, b := range all[1:] {
		if !bytes.Equal(b, all[0]) {
			t.Errorf("user %d hands in something else than user 0", i+1)
		}
	}
	for _, label := range []string{"alice", "bob", "nobody"} {
		if bytes.Contains(all[0], []byte(label)) {
			t.Errorf("it names %s", label)
		}
	}
	s, err := message.ParseSighting(all[0])
	if err != nil || len(s.Heads) != 1 || len(s.Distinguished) < 2 || s.Heads[0].Size != l.Size() {
		t.Errorf("%+v, %v", s, err)
	}
	if err := s.VerifyHeads(&l.Config); err != nil {
		t.Errorf("what is handed in is not signed: %v", err)
	}
}

// An auditor answers as a test says.
type auditor struct {
	*httptest.Server
	asked atomic.Int32
}

func newAuditor(t testing.TB, handle http.HandlerFunc) *auditor {
	t.Helper()
	a := new(auditor)
	a.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		handle(rw, r)
	}))
	t.Cleanup(a.Close)
	return a
}

// answers is an auditor that answers every sighting alike.
func answers(t testing.TB, answer message.Answer) *auditor {
	t.Helper()
	b, err := answer.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return newAuditor(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", gossip.MediaType)
		rw.Write(b)
	})
}

func (w *world) handIn(t testing.TB, s *message.Sighting, o gossip.Options, addresses ...string) []gossip.Reply {
	t.Helper()
	replies, err := gossip.HandIn(t.Context(), gossip.Auditors(w.pinned, addresses), s, w.pinned, o)
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

// TestAnonymousPost: a request carries the sighting and nothing else about its sender.
func TestAnonymousPost(t *testing.T) {
	l := populated()
	w := newWorld(t, l)
	s := gossip.NewSighting(w.user(t, l, []string{"alice"}, nil), w.envelope)
	encoded, err := s.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	agrees, err := (&message.Answer{Verdict: message.Agrees}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	connections := map[string]bool{}
	a := newAuditor(t, func(rw http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, encoded) || r.Method != http.MethodPost || r.URL.String() != "/gossip/v1/sightings" {
			t.Errorf("%s %s: %d bytes, %v", r.Method, r.URL, len(body), err)
		}
		known := []string{"Accept", "Content-Length", "Content-Type", "User-Agent", "Connection"}
		for name := range r.Header {
			if !slices.Contains(known, name) {
				t.Errorf("header %s: %q", name, r.Header[name])
			}
		}
		if got := r.Header.Get("User-Agent"); got != "kith" {
			t.Errorf("User-Agent %q", got)
		}
		http.SetCookie(rw, &http.Cookie{Name: "who", Value: "you"})
		rw.Header().Set("Content-Type", gossip.MediaType)
		rw.Write(agrees)
	})
	for range 2 {
		for _, r := range w.handIn(t, s, gossip.Options{}, a.URL) {
			if r.Err != nil || r.Answer.Verdict != message.Agrees || r.Verdict != nil || r.NoVerdict != nil {
				t.Errorf("%+v", r)
			}
		}
	}
	if len(connections) != 2 {
		t.Errorf("two sightings came over %d connections", len(connections))
	}
}

// TestWhoAnswersElse: what does not answer as an auditor wastes little, and leads
// nowhere.
func TestWhoAnswersElse(t *testing.T) {
	l := populated()
	w := newWorld(t, l)
	s := gossip.NewSighting(w.user(t, l, nil, nil), nil)
	elsewhere := newAuditor(t, func(http.ResponseWriter, *http.Request) {})
	write := func(status int, media string, body []byte) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", media)
			rw.WriteHeader(status)
			rw.Write(body)
		}
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   error
	}{
		"redirect": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, gossip.ErrForeign},
		"another type":    {write(200, "text/html", []byte("hello")), gossip.ErrForeign},
		"garbage":         {write(200, gossip.MediaType, []byte("hello")), gossip.ErrForeign},
		"nothing":         {write(200, gossip.MediaType, nil), gossip.ErrForeign},
		"too much":        {write(200, gossip.MediaType, make([]byte, message.MaxAnswer+1)), gossip.ErrForeign},
		"not its log":     {write(404, "application/problem+json", []byte(`{}`)), problem.ErrNoAnswer},
		"something's 404": {write(404, "text/plain", nil), gossip.ErrForeign},
		"asked too often": {write(429, "application/problem+json", nil), problem.ErrRateLimited},
		"refused":         {write(422, "application/problem+json", nil), problem.ErrRefused},
		"broken":          {write(500, "text/plain", nil), problem.ErrUnavailable},
		"ends too early":  {func(rw http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, problem.ErrUnavailable},
		"does not answer": {func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, problem.ErrUnavailable},
		"never comes to an end": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", gossip.MediaType)
			for r.Context().Err() == nil {
				if _, err := rw.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, gossip.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t, c.handle)
			var o gossip.Options
			if name == "does not answer" {
				o.Timeout = time.Second
			}
			r := w.handIn(t, s, o, a.URL)[0]
			if !errors.Is(r.Err, c.want) || r.Answer != nil {
				t.Errorf("%v, want %v", r.Err, c.want)
			}
		})
	}
	if n := elsewhere.asked.Load(); n != 0 {
		t.Errorf("it went to another host %d times", n)
	}
	for _, address := range []string{"http://auditor.example", "ftp://127.0.0.1", "https://u@auditor.example", "https://auditor.example?a=b", "auditor.example"} {
		if r := w.handIn(t, s, gossip.Options{}, address)[0]; r.Err == nil || errors.Is(r.Err, problem.ErrUnavailable) {
			t.Errorf("%s: %v", address, r.Err)
		}
	}
}

// TestPause: before each auditor there is a pause of random length, and each
// address is asked once.
func TestPause(t *testing.T) {
	l := populated()
	w := newWorld(t, l)
	w.pinned.Auditors = []provider.Auditor{{Name: "a", Address: "http://127.0.0.1:1"}, {Name: "none"}}
	var slept atomic.Int64
	o := gossip.Options{Jitter: time.Hour, Sleep: func(_ context.Context, d time.Duration) error {
		if d < 0 || d >= time.Hour {
			t.Errorf("a pause of %s", d)
		}
		slept.Add(1)
		return context.Canceled
	}}
	s := gossip.NewSighting(w.user(t, l, nil, nil), nil)
	replies := w.handIn(t, s, o, "http://127.0.0.1:1/", "http://127.0.0.1:2")
	if len(replies) != 2 || slept.Load() != 2 {
		t.Fatalf("%d replies, %d pauses", len(replies), slept.Load())
	}
	for _, r := range replies {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("%v", r.Err)
		}
	}
}

// TestOverlap compares roots, as many as both have.
func TestOverlap(t *testing.T) {
	l := populated()
	w := newWorld(t, l)
	s := gossip.NewSighting(w.user(t, l, nil, nil), nil)
	other := newWorld(t, stranger())
	strange := gossip.NewSighting(other.user(t, other.log, nil, nil), nil).Distinguished
	n := len(s.Distinguished)
	if n < 4 {
		t.Fatalf("%d roots", n)
	}
	for name, c := range map[string]struct {
		roots []wire.HashValue
		apart bool
	}{
		"the same":   {s.Distinguished, false},
		"behind":     {s.Distinguished[:n-1], false},
		"newest two": {s.Distinguished[n-2:], false},
		"first":      {s.Distinguished[:1], false},
		"in between": {s.Distinguished[1 : n-1], false},
		"a gap":      {[]wire.HashValue{s.Distinguished[0], s.Distinguished[2]}, true},
		"one is not": {append(slices.Clone(s.Distinguished[:n-1]), wire.HashValue{1}), true},
		"none":       {nil, false},
		"strange":    {strange, true},
	} {
		r := w.handIn(t, s, gossip.Options{}, answers(t, message.Answer{Verdict: message.Agrees, Distinguished: c.roots}).URL)[0]
		if r.Err != nil || errors.Is(r.Apart, gossip.ErrNoOverlap) != c.apart {
			t.Errorf("%s: %v, %v", name, r.Err, r.Apart)
		}
	}
}

// TestBare: whatever is added to a signed checkpoint is left out.
func TestBare(t *testing.T) {
	w := newWorld(t, newLog())
	note, err := w.note.Sign(3, tlog.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := checkpoint.NewVerifier(w.note.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	line := string(note[bytes.LastIndex(note, []byte("— ")):])
	sig := strings.Fields(line)[2]
	padded := bytes.Clone(note)
	for _, name := range []string{"w.example", "audit." + domain} {
		padded = append(padded, "— "+name+" AAAAAA"+sig[6:]+"\n"...)
	}
	bare, signed, err := gossip.Bare(verifier, padded)
	if err != nil || !bytes.Equal(bare, note) || signed.Size != 3 {
		t.Errorf("%q, %v", bare, err)
	}
	if _, _, err := gossip.Bare(verifier, bytes.Replace(note, []byte("\n3\n"), []byte("\n4\n"), 1)); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("a checkpoint that the log did not sign: %v", err)
	}
}

// TestOverlapIsCompareRoots: for lists of one length, the rule is that of the draft.
func TestOverlapIsCompareRoots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "n")
		list := func(name string) []wire.HashValue {
			out := make([]wire.HashValue, n)
			for i := range out {
				out[i][0] = rapid.ByteRange(0, 3).Draw(t, name)
			}
			return out
		}
		a, b := list("a"), list("b")
		if got, want := gossip.Overlap(a, b), message.CompareRoots(a, b); (got == nil) != (want == nil) {
			t.Fatalf("%v and %v: %v, compare_roots: %v", a, b, got, want)
		}
	})
}
