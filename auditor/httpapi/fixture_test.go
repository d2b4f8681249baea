package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/gossip"
	"github.com/kith-kt/kith/auditor/mirror"
	"github.com/kith-kt/kith/auditor/mirror/synthetic"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/auditor/witness"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	message "github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

const (
	epoch   = 1790000000000 // ms since the Unix epoch: the first entry
	step    = 400           // ms between entries
	entries = 300
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fixture is an auditor of a log that is audited to its end.
type fixture struct {
	t           *testing.T
	log         *synthetic.Log
	fingerprint provider.Fingerprint
	watch       *watch.Watch
	desk        *gossip.Desk
	handler     *handler
	routed      http.Handler
	logged      bytes.Buffer
}

func newFixture(t *testing.T, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t}
	dir := t.TempDir()
	var err error
	f.log, err = synthetic.New(dir, 1000, 0)
	must(t, err)
	for i := range uint64(entries) {
		must(t, f.log.Add(epoch+i*step, []wire.PrefixLeaf{synthetic.Leaf(i)}, nil))
	}
	must(t, f.log.Publish())
	f.fingerprint = provider.FingerprintOf(f.log.Configuration)
	now := func() time.Time { return time.UnixMilli(epoch + entries*step) }
	open := func() watch.Source {
		source, err := mirror.Open(dir, feed.Options{})
		must(t, err)
		return source
	}
	folder := filepath.Join(t.TempDir(), "audit")
	_, err = watch.Init(t.Context(), watch.InitOptions{Dir: folder, Source: open(), Name: "audit.example.net", Expect: &f.fingerprint, Now: now, Rand: rand.NewChaCha8([32]byte{1})})
	must(t, err)
	f.watch, err = watch.Open(t.Context(), watch.Options{Dir: folder, Source: open(), Now: now})
	must(t, err)
	t.Cleanup(func() { f.watch.Close() })
	_, err = f.watch.Pass(t.Context())
	must(t, err)
	f.desk = gossip.NewDesk(f.watch, f.watch, gossip.Options{Now: now})
	cosigns, err := witness.New([]witness.Log{f.watch}, witness.Options{})
	must(t, err)
	c := Config{
		Name: "audit.example.net", Providers: []Provider{Watched(f.watch, f.desk, nil)},
		Gossip: gossip.Desks{f.desk}, Evidence: Files{f.watch},
		AddCheckpoint: cosigns,
		Now:           now, Logger: slog.New(slog.NewTextHandler(&f.logged, nil)),
	}
	if change != nil {
		change(&c)
	}
	f.handler, err = newHandler(c)
	must(t, err)
	f.routed = f.handler.routes()
	return f
}

// do makes a request. Among the header fields "address" is where it comes from.
func (f *fixture) do(method, path string, body io.Reader, header ...string) *http.Response {
	f.t.Helper()
	r := httptest.NewRequest(method, path, body)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", message.MediaType)
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

func (f *fixture) body(r *http.Response) []byte {
	f.t.Helper()
	b, err := io.ReadAll(r.Body)
	must(f.t, err)
	return b
}

// head signs the log at a size, with another root if lie.
func (f *fixture) head(size uint64, lie bool) evidence.SignedHead {
	f.t.Helper()
	root := wire.HashValue{7}
	if !lie {
		leaf, err := checkpoint.ParseLeaf(f.log.Leaf(size - 1))
		must(f.t, err)
		root = leaf.Root
	}
	h, err := suite.SignTreeHead(f.log.Head, f.log.Configuration, size, root)
	must(f.t, err)
	return evidence.SignedHead{Size: size, Root: root, Signature: h.Signature}
}

func (f *fixture) sighting(heads ...evidence.SignedHead) []byte {
	f.t.Helper()
	s := message.Sighting{Fingerprint: f.fingerprint, Heads: heads}
	b, err := s.Append(nil)
	must(f.t, err)
	return b
}

// unready is an auditor that has nothing to compare with yet.
type unready struct{}

func (unready) Answer(context.Context, []byte, string) ([]byte, error) {
	return nil, gossip.ErrNothing
}
