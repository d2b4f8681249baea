package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/checkpoint"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A log signs checkpoints of a tree of numbers.
type log struct {
	t      testing.TB
	signer *checkpoint.Signer
	hashes tree
}

type tree []tlog.Hash

func (s tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

func newLog(t testing.TB, origin, word string, size int) *log {
	seed := sha256.Sum256([]byte(origin))
	skey, _, err := checkpoint.GenerateKey(bytes.NewReader(seed[:]), origin)
	must(t, err)
	signer, err := checkpoint.NewSigner(skey)
	must(t, err)
	l := &log{t: t, signer: signer}
	for i := range size {
		h, err := tlog.StoredHashes(int64(i), fmt.Appendf(nil, "%s %d", word, i), l.hashes)
		must(t, err)
		l.hashes = append(l.hashes, h...)
	}
	return l
}

func (l *log) checkpoint(size int) []byte {
	root, err := tlog.TreeHash(int64(size), l.hashes)
	must(l.t, err)
	if size == 0 {
		root = sha256.Sum256(nil)
	}
	note, err := l.signer.Sign(uint64(size), root)
	must(l.t, err)
	return note
}

func (l *log) request(older, size int) []byte {
	a := checkpoint.AddCheckpoint{Old: uint64(older), Checkpoint: l.checkpoint(size)}
	if older > 0 && older < size {
		proof, err := tlog.ProveTree(int64(size), int64(older), l.hashes)
		must(l.t, err)
		a.Proof = proof
	}
	b, err := a.Append(nil)
	must(l.t, err)
	return b
}

// A desk is an auditor of one log, with a watch's manners.
type desk struct {
	log *pass.Log

	mu       sync.Mutex
	audited  uint64
	reach    uint64 // how far a pass gets
	cosigned checkpoint.Checkpoint
	passes   int
	block    chan struct{}
	entered  chan struct{}
	caught   bool
}

func newDesk(l *log) *desk {
	v, err := checkpoint.NewVerifier(l.signer.VerifierKey())
	must(l.t, err)
	return &desk{log: &pass.Log{Verifier: v}}
}

func (d *desk) Log() *pass.Log   { return d.log }
func (d *desk) Cosigned() []byte { return nil }

func (d *desk) Await(ctx context.Context, size uint64) error {
	d.mu.Lock()
	d.passes++
	block, entered := d.block, d.entered
	d.mu.Unlock()
	if block != nil {
		entered <- struct{}{}
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.audited = max(d.audited, d.reach)
	if d.audited < size {
		return watch.ErrShort
	}
	return nil
}

func (d *desk) Cosign(note []byte, older uint64, proof []checkpoint.Hash) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	signed, err := d.log.Verifier.Open(note)
	switch {
	case err != nil:
		return nil, err
	case d.caught:
		return nil, &watch.Misbehaved{Finding: watch.Finding{ID: "abc"}}
	case older != d.cosigned.Size:
		return nil, &watch.SizeError{Size: d.cosigned.Size}
	case signed.Size > d.audited:
		return nil, watch.ErrNotAudited
	}
	before := checkpoint.Checkpoint{Origin: signed.Origin, Size: older, Root: d.cosigned.Root}
	if older == 0 {
		before.Root = sha256.Sum256(nil)
	}
	if err := checkpoint.CheckConsistency(before, signed.Checkpoint, proof); err != nil {
		return nil, err
	}
	d.cosigned = signed.Checkpoint
	return []byte("— witness\n"), nil
}

func serve(t testing.TB, o Options, desks ...*desk) string {
	logs := make([]Log, len(desks))
	for i, d := range desks {
		logs[i] = d
	}
	h, err := New(logs, o)
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle(Path, h)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/add-checkpoint"
}

func post(t testing.TB, url string, body io.Reader) (status int, mediaType, text string) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", body)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

func TestAddCheckpoint(t *testing.T) {
	l := newLog(t, "example.org/log", "a", 50)
	d := newDesk(l)
	d.reach = 40
	url := serve(t, Options{}, d)
	ask := func(want int, body []byte) (mediaType, text string) {
		t.Helper()
		status, mediaType, text := post(t, url, bytes.NewReader(body))
		if status != want {
			t.Errorf("status %d, not %d: %s", status, want, text)
		}
		return mediaType, text
	}
	if _, text := ask(http.StatusOK, l.request(0, 20)); text != "— witness\n" || d.passes != 1 {
		t.Errorf("%q after %d passes", text, d.passes)
	}
	if mediaType, text := ask(http.StatusConflict, l.request(0, 30)); mediaType != checkpoint.SizeMediaType || text != "20\n" {
		t.Errorf("%s: %q", mediaType, text)
	}
	ask(http.StatusConflict, l.request(50, 50)) // refused before anybody waits
	if d.passes != 1 {
		t.Errorf("%d passes", d.passes)
	}
	ask(http.StatusOK, l.request(20, 20))
	ask(http.StatusOK, l.request(20, 40))
	ask(http.StatusServiceUnavailable, l.request(40, 50)) // more than was audited

	a, err := checkpoint.ParseAddCheckpoint(l.request(39, 40))
	must(t, err)
	a.Old, a.Checkpoint = 40, l.checkpoint(40)
	body, err := a.Append(nil)
	must(t, err)
	ask(http.StatusUnprocessableEntity, body) // a proof where none is needed

	ask(http.StatusBadRequest, []byte("old 1\n"))
	ask(http.StatusBadRequest, nil)
	ask(http.StatusBadRequest, bytes.Replace(l.request(0, 40), []byte("old 0"), []byte("old 41"), 1)) // beyond its checkpoint
	ask(http.StatusNotFound, newLog(t, "other.example/log", "a", 40).request(0, 40))
	forged := bytes.Replace(l.request(0, 40), []byte("\n40\n"), []byte("\n41\n"), 1)
	ask(http.StatusForbidden, forged)
	ask(http.StatusRequestEntityTooLarge, bytes.Repeat([]byte("x"), checkpoint.MaxAddCheckpoint+1))
	if resp, err := http.Get(url); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", resp, err)
	}
	d.caught = true
	if _, text := ask(http.StatusForbidden, l.request(40, 40)); !strings.Contains(text, "abc") {
		t.Errorf("%q", text)
	}
}

// TestOrigins: each log has its own desk, and no key signs for another's origin.
func TestOrigins(t *testing.T) {
	a, b := newLog(t, "a.example/log", "a", 20), newLog(t, "b.example/log", "b", 20)
	da, db := newDesk(a), newDesk(b)
	da.audited, db.audited = 20, 20
	url := serve(t, Options{}, da, db)
	for _, l := range []*log{a, b} {
		if status, _, text := post(t, url, bytes.NewReader(l.request(0, 20))); status != http.StatusOK {
			t.Errorf("%d: %s", status, text)
		}
	}
	// The body of one under the origin of the other.
	stolen := bytes.Replace(a.request(20, 20), []byte("a.example/log\n"), []byte("b.example/log\n"), 1)
	if status, _, text := post(t, url, bytes.NewReader(stolen)); status != http.StatusForbidden {
		t.Errorf("%d: %s", status, text)
	}
}

// TestWaitIsBounded: a pass that does not end keeps an asker waiting for so long and
// no longer, and no more askers than there are places.
func TestWaitIsBounded(t *testing.T) {
	l := newLog(t, "example.org/log", "a", 20)
	d := newDesk(l)
	d.block, d.entered = make(chan struct{}), make(chan struct{}, 10)
	url := serve(t, Options{Wait: 30 * time.Millisecond, Concurrency: 2}, d)
	status, _, _ := post(t, url, bytes.NewReader(l.request(0, 20)))
	if status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	<-d.entered

	url = serve(t, Options{Wait: time.Minute, Concurrency: 2}, d)
	d.reach = 20
	statuses := make(chan int, 2)
	for range 2 {
		go func() {
			status, _, _ := post(t, url, bytes.NewReader(l.request(0, 20)))
			statuses <- status
		}()
		<-d.entered
	}
	if status, _, text := post(t, url, bytes.NewReader(l.request(0, 20))); status != http.StatusServiceUnavailable || !strings.Contains(text, "too many") {
		t.Errorf("status %d: %s", status, text)
	}
	close(d.block)
	got := map[int]int{}
	for range 2 {
		got[<-statuses]++
	}
	if got[http.StatusOK] != 1 || got[http.StatusConflict] != 1 { // one was first
		t.Errorf("%v", got)
	}
}

// endless is a body that never ends.
type endless struct{ sent int }

func (e *endless) Read(b []byte) (int, error) {
	if e.sent > 64<<20 {
		return 0, errors.New("all of it was read")
	}
	for i := range b {
		b[i] = 'x'
	}
	e.sent += len(b)
	return len(b), nil
}

// TestTwoLogsOfOneOrigin: which of them a request is about, nobody could say.
func TestTwoLogsOfOneOrigin(t *testing.T) {
	a, b := newDesk(newLog(t, "example.org/log", "a", 20)), newDesk(newLog(t, "example.org/log", "b", 20))
	if h, err := New([]Log{a, b}, Options{}); !errors.Is(err, ErrOrigin) || !strings.Contains(err.Error(), "example.org/log") || h != nil {
		t.Error(err)
	}
}

func TestEndlessBody(t *testing.T) {
	l := newLog(t, "example.org/log", "a", 20)
	h, err := New([]Log{newDesk(l)}, Options{})
	must(t, err)
	body := &endless{}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/add-checkpoint", body))
	if w.Code != http.StatusRequestEntityTooLarge || body.sent > 4*checkpoint.MaxAddCheckpoint {
		t.Errorf("status %d after %d bytes", w.Code, body.sent)
	}
}

// TestSlowStrangers: those who send nothing keep nobody out.
func TestSlowStrangers(t *testing.T) {
	l := newLog(t, "example.org/log", "a", 20)
	d := newDesk(l)
	d.audited = 20
	url := serve(t, Options{Concurrency: 2}, d)
	for range 3 {
		r, w := io.Pipe()
		defer w.Close()
		go func() {
			if resp, err := http.Post(url, "text/plain", r); err == nil {
				resp.Body.Close()
			}
		}()
		_, err := w.Write([]byte("old 0\n"))
		must(t, err)
	}
	for range 20 {
		if status, _, text := post(t, url, bytes.NewReader(l.request(0, 20))); status == http.StatusServiceUnavailable {
			t.Fatalf("status %d: %s", status, text)
		}
	}
}
