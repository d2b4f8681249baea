package watch

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

const (
	window    = 1000          // ms
	epoch     = 1790000000000 // ms since the Unix epoch: entry 0
	maxAhead  = 10_000
	maxBehind = 60_000
	pace      = window / 3 // between entries of fill
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seeded is randomness that is always the same for a word.
func seeded(word string) *bytes.Reader {
	var b []byte
	for i := range 32 {
		h := sha256.Sum256(fmt.Appendf(nil, "%s %d", word, i))
		b = append(b, h[:]...)
	}
	return bytes.NewReader(b)
}

// A world is a provider in memory that serves itself, and the clock of the auditor.
// What it serves of a path goes through lie.
type world struct {
	t        testing.TB
	head     suite.Signer
	note     *checkpoint.Signer
	root     ed25519.PrivateKey
	config   *wire.Configuration
	document *provider.Document
	envelope []byte

	mu    sync.Mutex
	wall  time.Time
	mono  time.Duration
	lie   func(path string, b []byte) ([]byte, error)
	heads [][]byte // that were handed over

	pages   [][]byte
	builder prefixtree.Builder
	roots   *logtree.Appender
	last    uint64
	digest  checkpoint.Digest // of the Configuration of new leaves
	updates [][]byte
	leaves  [][]byte
	hashes  []tlog.Hash
}

func newWorld(t testing.TB, change func(*wire.Configuration)) *world {
	ed, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	must(t, err)
	w := &world{t: t, last: epoch, wall: time.UnixMilli(epoch)}
	w.head, err = ed.GenerateSigner(seeded("head"))
	must(t, err)
	vrf, err := ed.GenerateVRFKey(seeded("vrf"))
	must(t, err)
	w.root = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	w.config = &wire.Configuration{
		CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring,
		SignaturePublicKey: w.head.Public(), VRFPublicKey: vrf.Public().Bytes(),
		MaxAhead: maxAhead, MaxBehind: maxBehind, ReasonableMonitoringWindow: window,
	}
	if change != nil {
		change(w.config)
	}
	skey, vkey, err := checkpoint.GenerateKey(seeded("note"), "example.org/log")
	must(t, err)
	w.note, err = checkpoint.NewSigner(skey)
	must(t, err)
	w.document = &provider.Document{
		Domain: "example.org", DraftRevision: "526cc8a",
		Issued: time.UnixMilli(epoch).UTC().Add(-48 * time.Hour), Expires: time.UnixMilli(epoch).UTC().AddDate(1, 0, 0),
		AuditLog: provider.AuditLog{Origin: "example.org/log", Key: vkey}, Addresses: []string{"https://example.org"},
		Limits: provider.Limits{MaxValueBytes: 1000}, RootThreshold: 1,
		RootKeys: []strictjson.Bytes{strictjson.Bytes(w.root.Public().(ed25519.PublicKey))},
	}
	w.publish(w.config)
	w.configure()
	w.roots, err = logtree.NewAppender(0, nil)
	must(t, err)
	return w
}

// publish signs a document with a Configuration and the next version.
func (w *world) publish(c *wire.Configuration) {
	b, err := c.Append(nil, c.Format())
	must(w.t, err)
	if old := w.document.Configuration; old != nil && !bytes.Equal(old, b) {
		w.document.Former = append(w.document.Former, old)
	}
	w.config, w.document.Configuration = c, b
	w.document.Version++
	if c.Mode == wire.ThirdPartyAuditing {
		w.document.Auditors = []provider.Auditor{{Name: "watcher", PublicKey: c.AuditorPublicKey}}
	}
	w.envelope = w.sign(w.document)
}

func (w *world) sign(d *provider.Document) []byte {
	payload, err := d.Encode()
	must(w.t, err)
	envelope, err := provider.Sign(payload, w.root)
	must(w.t, err)
	return envelope
}

// configure lets new leaves be of the Configuration in the document.
func (w *world) configure() { w.digest = sha256.Sum256(w.document.Configuration) }

func leaf(n int) wire.PrefixLeaf {
	b := binary.BigEndian.AppendUint64(nil, uint64(n))
	return wire.PrefixLeaf{VRFOutput: sha256.Sum256(b), Commitment: sha256.Sum256(append(b, 1))}
}

// Page implements prefixtree.Pages.
func (w *world) Page(pos uint64) ([]byte, error) { return w.pages[pos], nil }

// entry makes an entry ms after the one before. change may spoil it.
func (w *world) entry(ms uint64, added, removed []wire.PrefixLeaf, change func(*wire.AuditorUpdate, *checkpoint.Leaf)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	prefixtree.SortLeaves(added)
	prefixtree.SortLeaves(removed)
	w.last += ms
	w.wall, w.mono = time.UnixMilli(int64(max(w.last, uint64(w.wall.UnixMilli())))), w.mono+time.Duration(ms)*time.Millisecond
	pos := uint64(len(w.leaves))
	u := &wire.AuditorUpdate{Timestamp: w.last, Added: added, Removed: removed}
	page, root, err := w.builder.Apply(w, pos, added, removed, &u.Proof)
	must(w.t, err)
	w.pages = append(w.pages, page)
	w.roots.Append(nil, logtree.LeafHash(wire.LogEntry{Timestamp: w.last, PrefixTree: root}))
	l := checkpoint.Leaf{Position: pos, Timestamp: w.last, PrefixRoot: root, Root: w.roots.Root(), Configuration: w.digest}
	if change != nil {
		change(u, &l)
	}
	b, err := u.Append(nil, w.config.Format())
	must(w.t, err)
	l.UpdateSize, l.Update = uint32(len(b)), sha256.Sum256(b)
	w.updates = append(w.updates, b)
	encoded := l.Append(nil)
	w.leaves = append(w.leaves, encoded)
	hashes, err := tlog.StoredHashes(int64(pos), encoded, stored(w.hashes))
	must(w.t, err)
	w.hashes = append(w.hashes, hashes...)
}

// fill makes n honest entries, with removals now and then.
func (w *world) fill(n int) *world {
	for range n {
		i := len(w.leaves)
		var removed []wire.PrefixLeaf
		if i%7 == 6 {
			removed = append(removed, leaf(3*(i-6)))
		}
		w.entry(pace, []wire.PrefixLeaf{leaf(3 * i), leaf(3*i + 1)}, removed, nil)
	}
	return w
}

type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

// checkpoint signs the log at a size.
func (w *world) checkpoint(size int) []byte {
	root, err := tlog.TreeHash(int64(size), stored(w.hashes))
	must(w.t, err)
	note, err := w.note.Sign(uint64(size), root)
	must(w.t, err)
	return note
}

func (w *world) serve(path string, b []byte) ([]byte, error) {
	b = bytes.Clone(b)
	if w.lie != nil {
		return w.lie(path, b)
	}
	return b, nil
}

// Document implements Source, as do the methods below.
func (w *world) Document(context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.serve("document", w.envelope)
}

func (w *world) Address() string { return "http://example.org" }

func (w *world) Close() {}

func (w *world) Checkpoint(context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.serve("checkpoint", w.checkpoint(len(w.leaves)))
}

func (w *world) Tile(_ context.Context, t checkpoint.Tile) (b []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !t.Within(uint64(len(w.leaves))) {
		return nil, fmt.Errorf("%w: %s", problem.ErrNoAnswer, t.Path())
	}
	if t.Level == checkpoint.Entries {
		for _, l := range w.leaves[t.Index*checkpoint.TileWidth:][:t.Width] {
			b, err = checkpoint.AppendEntry(b, l)
			must(w.t, err)
		}
		return w.serve(t.Path(), b)
	}
	b, err = tlog.ReadTileData(t.Tlog(), stored(w.hashes))
	must(w.t, err)
	return w.serve(t.Path(), b)
}

func (w *world) Updates(_ context.Context, start uint64) (b []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.updates[start:min(uint64(len(w.updates)), start+pass.MaxUpdates)] {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return w.serve(fmt.Sprintf("updates?start=%d", start), b)
}

func (w *world) PutHead(_ context.Context, head []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heads = append(w.heads, head)
	return nil
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wall
}

func (w *world) monotonic() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mono
}

// wait lets time pass; set moves the clock without.
func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall, w.mono = w.wall.Add(d), w.mono+d
}

func (w *world) set(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall = w.wall.Add(d)
}

// init makes an auditor's folder.
func (w *world) init(change func(*InitOptions)) (dir string) {
	w.t.Helper()
	dir = filepath.Join(w.t.TempDir(), "auditor")
	fingerprint := provider.FingerprintOf(w.config)
	o := InitOptions{Dir: dir, Source: w, Expect: &fingerprint, Name: "audit.example.net", Now: w.now}
	if change != nil {
		change(&o)
	}
	_, err := Init(w.t.Context(), o)
	must(w.t, err)
	return dir
}

func (w *world) options(dir string) Options {
	return Options{Dir: dir, Source: w, Now: w.now, monotonic: w.monotonic, Patience: 10 * time.Second, Poll: time.Millisecond}
}

// open opens a folder; the test closes it if nobody has before.
func (w *world) open(dir string, change func(*Options)) *Watch {
	w.t.Helper()
	o := w.options(dir)
	if change != nil {
		change(&o)
	}
	watch, err := Open(w.t.Context(), o)
	must(w.t, err)
	w.t.Cleanup(func() { watch.Close() })
	return watch
}

func (w *world) start() *Watch { return w.open(w.init(nil), nil) }

// passes makes a pass that must find the log in order.
func passes(t testing.TB, w *Watch) pass.Result {
	t.Helper()
	r, err := w.Pass(t.Context())
	must(t, err)
	return r
}

// verdict verifies the evidence of a finding.
func verdict(t testing.TB, w *Watch, f Finding) *evidence.Verdict {
	t.Helper()
	if f.File == "" {
		t.Fatalf("no evidence of %+v", f)
	}
	b, err := os.ReadFile(f.File)
	must(t, err)
	e, err := evidence.Parse(b)
	must(t, err)
	if e.Detached, err = os.ReadFile(f.File + ".update"); err != nil {
		e.Detached = nil
	}
	v, err := e.Verify()
	must(t, err)
	pinned, _ := w.Document()
	must(t, v.Concerns(pinned.Document))
	if v.Proved != f.Proved {
		t.Errorf("proved: %v, and %v in the finding", v.Proved, f.Proved)
	}
	return v
}
