package gossip

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

const (
	window = 1000          // ms
	epoch  = 1790000000000 // ms since the Unix epoch
	step   = 400           // ms between entries
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
	for i := range 64 {
		h := sha256.Sum256(fmt.Appendf(nil, "%s %d", word, i))
		b = append(b, h[:]...)
	}
	return bytes.NewReader(b)
}

// keys are those of one provider, and what it says of itself.
type keys struct {
	t        testing.TB
	head     suite.Signer
	note     *checkpoint.Signer
	root     ed25519.PrivateKey
	config   *wire.Configuration
	document *provider.Document
	envelope []byte
	pinned   *provider.Pinned
}

func newKeys(t testing.TB, word string) *keys {
	t.Helper()
	k := &keys{t: t}
	s, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	must(t, err)
	k.head, err = s.GenerateSigner(seeded(word + " head"))
	must(t, err)
	vrf, err := s.GenerateVRFKey(seeded(word + " vrf"))
	must(t, err)
	skey, vkey, err := checkpoint.GenerateKey(seeded(word+" note"), "example.org/log")
	must(t, err)
	k.note, err = checkpoint.NewSigner(skey)
	must(t, err)
	seed := sha256.Sum256([]byte(word + " root"))
	k.root = ed25519.NewKeyFromSeed(seed[:])
	k.config = &wire.Configuration{
		CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring,
		SignaturePublicKey: k.head.Public(), VRFPublicKey: vrf.Public().Bytes(),
		MaxAhead: 1000, MaxBehind: 1000, ReasonableMonitoringWindow: window,
	}
	encoded, err := k.config.Append(nil, k.config.Format())
	must(t, err)
	k.document = &provider.Document{
		Domain: "example.org", DraftRevision: "526cc8a", Version: 3,
		Issued: time.UnixMilli(epoch).UTC(), Expires: time.UnixMilli(epoch).UTC().AddDate(1, 0, 0),
		Configuration: encoded, AuditLog: provider.AuditLog{Origin: "example.org/log", Key: vkey},
		Addresses: []string{"https://kt.example.org"}, Limits: provider.Limits{MaxValueBytes: 1 << 20},
		RootThreshold: 1,
	}
	k.document.RootKeys = append(k.document.RootKeys, []byte(k.root.Public().(ed25519.PublicKey)))
	k.envelope = k.sign(k.document)
	k.pinned, err = provider.Reopen(k.envelope)
	must(t, err)
	return k
}

func (k *keys) sign(d *provider.Document) []byte {
	k.t.Helper()
	payload, err := d.Encode()
	must(k.t, err)
	envelope, err := provider.Sign(payload, k.root)
	must(k.t, err)
	return envelope
}

// A branch is one history of a log, and what an auditor has of it: a View and a
// Court.
type branch struct {
	*keys
	leaves []checkpoint.Leaf
	roots  *logtree.Appender
	hashes []tlog.Hash

	archive *archive.Archive

	mu       sync.Mutex
	audited  []byte
	convicts [][]byte
}

func (k *keys) branch() *branch {
	k.t.Helper()
	roots, err := logtree.NewAppender(0, nil)
	must(k.t, err)
	a, err := archive.Open(k.t.TempDir())
	must(k.t, err)
	k.t.Cleanup(func() { a.Close() })
	return &branch{keys: k, roots: roots, archive: a}
}

// grow makes n entries whose content is given by a word.
func (b *branch) grow(n int, word string) *branch {
	for range n {
		pos := uint64(len(b.leaves))
		encoded := binary.BigEndian.AppendUint64([]byte(word), pos)
		entry := wire.LogEntry{Timestamp: epoch + pos*step, PrefixTree: sha256.Sum256(encoded)}
		b.roots.Append(nil, logtree.LeafHash(entry))
		leaf := checkpoint.Leaf{
			Position: pos, Timestamp: entry.Timestamp, PrefixRoot: entry.PrefixTree, Root: b.roots.Root(),
			Configuration: sha256.Sum256(b.document.Configuration),
		}
		b.leaves = append(b.leaves, leaf)
		hashes, err := tlog.StoredHashes(int64(pos), leaf.Append(nil), b)
		must(b.t, err)
		b.hashes = append(b.hashes, hashes...)
	}
	return b
}

// audit lets the auditor come to size.
func (b *branch) audit(size int) *branch {
	for _, leaf := range b.leaves[b.archive.Next():size] {
		must(b.t, b.archive.Append(leaf.Append(nil)))
	}
	must(b.t, b.archive.Commit())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.audited = b.checkpoint(size)
	return b
}

func (b *branch) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = b.hashes[x]
	}
	return out, nil
}

// checkpoint signs the audit log at a size.
func (b *branch) checkpoint(size int) []byte {
	root, err := tlog.TreeHash(int64(size), b)
	must(b.t, err)
	note, err := b.note.Sign(uint64(size), root)
	must(b.t, err)
	return note
}

// signedHead signs the KEYTRANS log at a size.
func (b *branch) signedHead(size int) evidence.SignedHead {
	return b.headOf(uint64(size), b.leaves[size-1].Root)
}

func (k *keys) headOf(size uint64, root wire.HashValue) evidence.SignedHead {
	h, err := suite.SignTreeHead(k.head, k.config, size, root)
	must(k.t, err)
	return evidence.SignedHead{Size: size, Root: root, Signature: h.Signature}
}

// As a View.

func (b *branch) Document() (*provider.Pinned, []byte) { return b.pinned, b.envelope }
func (b *branch) Cosigned() []byte                     { return nil }
func (b *branch) Archive() *archive.Archive            { return b.archive }
func (b *branch) Checkpoint() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.audited
}

// As a Court.

func (b *branch) Convict(file []byte) (watch.Finding, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, err := evidence.Parse(file)
	if err != nil {
		return watch.Finding{}, err
	}
	if _, err := e.Verify(); err != nil {
		return watch.Finding{}, err
	}
	b.convicts = append(b.convicts, file)
	return watch.Finding{Final: true, Proved: true, File: "kept"}, nil
}

func (b *branch) Findings() []watch.Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]watch.Finding, len(b.convicts))
	for i := range out {
		out[i] = watch.Finding{ID: fmt.Sprint(i), Final: true, Proved: true}
	}
	return out
}

func (b *branch) Evidence(id string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, file := range b.convicts {
		if id == fmt.Sprint(i) {
			return file, nil
		}
	}
	return nil, nil
}

// As a Mirror of the whole branch.
type mirror struct {
	*branch
	size  int
	spoil func(path string, b []byte) []byte // nil: it is honest
}

func (m mirror) serve(path string, b []byte) ([]byte, error) {
	if m.spoil != nil {
		b = m.spoil(path, bytes.Clone(b))
	}
	return b, nil
}

func (m mirror) Document(context.Context) ([]byte, error) { return m.serve("document", m.envelope) }
func (m mirror) Checkpoint(context.Context) ([]byte, error) {
	return m.serve("checkpoint", m.checkpoint(m.size))
}

func (m mirror) Tile(_ context.Context, t checkpoint.Tile) (b []byte, err error) {
	if !t.Within(uint64(m.size)) {
		return nil, errors.New("no such tile")
	}
	if t.Level == checkpoint.Entries {
		for _, l := range m.leaves[t.Index*checkpoint.TileWidth:][:t.Width] {
			b, err = checkpoint.AppendEntry(b, l.Append(nil))
			must(m.t, err)
		}
		return m.serve(t.Path(), b)
	}
	b, err = tlog.ReadTileData(t.Tlog(), m.branch)
	must(m.t, err)
	return m.serve(t.Path(), b)
}

// fork returns two histories of one log that share a beginning.
func fork(t testing.TB, shared, a, b int) (x, y *branch) {
	k := newKeys(t, "provider")
	return k.branch().grow(shared, "shared").grow(a, "one"), k.branch().grow(shared, "shared").grow(b, "other")
}

// kindOf says what a branch's court was convinced of: "" if of nothing.
func (b *branch) kindOf() string {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.convicts) == 0 {
		return ""
	}
	e, err := evidence.Parse(b.convicts[0])
	must(b.t, err)
	verdict, err := e.Verify()
	must(b.t, err)
	if !verdict.Proved || verdict.Concerns(b.pinned.Document) != nil {
		b.t.Errorf("verdict %+v", verdict)
	}
	return verdict.Kind.String()
}
