package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// A fixture is a real log behind a handler.
type fixture struct {
	t        testing.TB
	config   Config
	log      *wire.Configuration
	seq      *directory.Sequencer
	tokens   *directory.Tokens
	verifier *checkpoint.Verifier
	*handler
	routed http.Handler
}

// newFixture makes a log of entry 0, runs its sequencer, and lets change see the
// handler's configuration.
func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	dir := t.TempDir()
	keys, err := directory.GenerateKeys(wire.KT_128_SHA256_Ed25519, "example.org/log", rand.Reader)
	must(t, err)
	log := &wire.Configuration{
		CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring,
		SignaturePublicKey: keys.Signer.Public(), VRFPublicKey: keys.VRF.Public().Bytes(),
		MaxAhead: 60_000, MaxBehind: 86_400_000, ReasonableMonitoringWindow: 1000,
	}
	store, err := embedded.Open(filepath.Join(dir, "kith.db"), embedded.Options{})
	must(t, err)
	must(t, directory.CreateHighWater(filepath.Join(dir, "high-water")))
	mark, err := directory.OpenHighWater(filepath.Join(dir, "high-water"))
	must(t, err)
	sequencing := directory.Config{Log: *log, Keys: keys, Store: store, HighWater: mark}
	must(t, directory.Init(t.Context(), sequencing))
	seq, err := directory.Open(t.Context(), sequencing)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- seq.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
		seq.Close()
		must(t, store.Close())
		must(t, mark.Close())
	})

	f := &fixture{t: t, log: log, seq: seq}
	f.tokens = directory.NewTokens(store, timeNow, rand.Reader)
	service, err := directory.NewDirectory(seq, directory.ReadConfig{
		Authorizer: &directory.TokenAuthorizer{Tokens: f.tokens, PublicSearch: true}, CachedProofs: 1024,
	})
	must(t, err)
	signer, err := checkpoint.NewSigner(keys.LogSigner)
	must(t, err)
	f.verifier, err = checkpoint.NewVerifier(signer.VerifierKey())
	must(t, err)
	f.config = Config{
		Service: service, Log: seq, Configuration: log, Auditor: seq, Limits: Unlimited,
		Checkpoint: func() []byte { return f.signed(signer) },
		Bound: func() ([]byte, checkpoint.Checkpoint) {
			note := f.signed(signer)
			opened, err := f.verifier.Open(note)
			must(t, err)
			return note, opened.Checkpoint
		},
		Document: func() []byte { return []byte("{}\n") },
		TokenID: func(secret string) (string, bool) {
			token, err := f.tokens.Find(secret)
			if err != nil {
				return "", false
			}
			return token.ID, true
		},
	}
	if change != nil {
		change(&f.config)
	}
	f.handler, err = newHandler(f.config)
	must(t, err)
	f.routed = f.handler.routes()
	return f
}

// signed signs a checkpoint of the newest head.
func (f *fixture) signed(signer *checkpoint.Signer) []byte {
	snap, err := f.seq.Snapshot()
	must(f.t, err)
	defer snap.Release()
	size := snap.Head().Size
	root, err := treeHash(size, snap)
	must(f.t, err)
	b, err := signer.Sign(size, root)
	must(f.t, err)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish makes a version of a label.
func (f *fixture) publish(label, value string, greatest *uint32) {
	f.t.Helper()
	_, err := f.seq.Submit(f.t.Context(), &directory.Update{Label: []byte(label), Greatest: greatest, Values: [][]byte{[]byte(value)}})
	must(f.t, err)
}

// do sends one request through the handler.
func (f *fixture) do(method, path string, body []byte, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", MediaType)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "address" {
			r.RemoteAddr = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	f.routed.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t testing.TB, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	return b
}

// get returns the body of a path that answers 200.
func (f *fixture) get(path string) []byte {
	f.t.Helper()
	r := f.do(http.MethodGet, path, nil)
	b := bodyOf(f.t, r)
	if r.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %d %s", path, r.StatusCode, b)
	}
	return b
}

func (f *fixture) encode(x interface {
	Append([]byte, wire.Format) ([]byte, error)
}) []byte {
	f.t.Helper()
	b, err := x.Append(nil, f.log.Format())
	must(f.t, err)
	return b
}

func (f *fixture) search(label string) []byte {
	return f.encode(&wire.SearchRequest{Label: []byte(label)})
}

// A serviceFunc answers every call alike.
type serviceFunc func(context.Context, wire.Call) ([]byte, error)

func (s serviceFunc) Do(ctx context.Context, call wire.Call) ([]byte, error) { return s(ctx, call) }

func (s serviceFunc) MaxRequest(op wire.Operation) int {
	if op == wire.OpUpdate {
		return 1 << 20
	}
	return 8 << 10
}

// newFixtureOf is a fixture whose operations are answered by do.
func newFixtureOf(t testing.TB, do serviceFunc) *fixture {
	t.Helper()
	return newFixture(t, func(c *Config) { c.Service = do })
}
