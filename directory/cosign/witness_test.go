package cosign

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A testLog is an RFC 6962 log in memory, with its key.
type testLog struct {
	t        testing.TB
	signer   *checkpoint.Signer
	verifier *checkpoint.Verifier
	mu       sync.Mutex
	hashes   []tlog.Hash
	size     uint64
}

func newTestLog(t testing.TB) *testLog {
	t.Helper()
	skey, vkey, err := checkpoint.GenerateKey(rand.Reader, "example.org/log")
	must(t, err)
	l := &testLog{t: t}
	l.signer, err = checkpoint.NewSigner(skey)
	must(t, err)
	l.verifier, err = checkpoint.NewVerifier(vkey)
	must(t, err)
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ReadHashes implements tlog.HashReader.
func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

// grow adds n leaves and returns the signed checkpoint.
func (l *testLog) grow(n int) []byte {
	l.t.Helper()
	for range n {
		hashes, err := tlog.StoredHashes(int64(l.size), []byte{byte(l.size), byte(l.size >> 8)}, l)
		must(l.t, err)
		l.mu.Lock()
		l.hashes = append(l.hashes, hashes...)
		l.size++
		l.mu.Unlock()
	}
	return l.at(l.size)
}

// at returns the signed checkpoint of a size.
func (l *testLog) at(size uint64) []byte {
	l.t.Helper()
	root, err := tlog.TreeHash(int64(size), l)
	must(l.t, err)
	note, err := l.signer.Sign(size, root)
	must(l.t, err)
	return note
}

// A testWitness is a witness as C2SP tlog-witness has it, whose every answer can
// be changed.
type testWitness struct {
	*httptest.Server
	t        testing.TB
	cosigner *checkpoint.Cosigner
	log      *checkpoint.Verifier
	now      func() time.Time

	mu      sync.Mutex
	known   checkpoint.Checkpoint
	asked   int
	respond func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

func newTestWitness(t testing.TB, l *testLog, name string) *testWitness {
	t.Helper()
	skey, _, err := checkpoint.GenerateCosigner(rand.Reader, name)
	must(t, err)
	cosigner, err := checkpoint.NewCosigner(skey)
	must(t, err)
	w := &testWitness{t: t, cosigner: cosigner, log: l.verifier, now: time.Now}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *testWitness) target() Target {
	return Target{Role: RoleWitness, Name: w.cosigner.Name(), Key: w.cosigner.VerifierKey(), Address: w.URL}
}

func (w *testWitness) misbehave(how func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.respond = how
}

func (w *testWitness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

func (w *testWitness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked++
	respond := w.respond
	w.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // first, or nobody notices that the asker has left
	if respond != nil && respond(out, r) {
		return
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/add-checkpoint" {
		http.Error(out, "no", http.StatusNotFound)
		return
	}
	request, err := checkpoint.ParseAddCheckpoint(body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	signed, err := w.log.Open(request.Checkpoint)
	if err != nil {
		http.Error(out, "unknown key", http.StatusForbidden)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if request.Old != w.known.Size {
		out.Header().Set("Content-Type", checkpoint.SizeMediaType)
		out.WriteHeader(http.StatusConflict)
		_, _ = out.Write(checkpoint.AppendSize(nil, w.known.Size))
		return
	}
	if w.known.Size > 0 {
		if err := checkpoint.CheckConsistency(w.known, signed.Checkpoint, request.Proof); err != nil {
			http.Error(out, err.Error(), http.StatusUnprocessableEntity)
			return
		}
	} else if len(request.Proof) > 0 {
		http.Error(out, "a proof from nothing", http.StatusBadRequest)
		return
	}
	w.known = signed.Checkpoint
	line, err := w.cosigner.Cosign(signed.Text(), uint64(w.now().Unix()))
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = out.Write(line)
}

// A kept remembers what a Collector keeps.
type kept struct {
	mu   sync.Mutex
	note []byte
	n    int
}

func (k *kept) get() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.note)
}
