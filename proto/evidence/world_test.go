package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// stream is deterministic "randomness".
type stream struct {
	seed [32]byte
	n    uint64
	left []byte
}

func newStream(name string) *stream { return &stream{seed: sha256.Sum256([]byte(name))} }

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.left) == 0 {
			h := sha256.Sum256(binary.BigEndian.AppendUint64(s.seed[:], s.n))
			s.n, s.left = s.n+1, h[:]
		}
		p[i], s.left = s.left[0], s.left[1:]
	}
	return len(p), nil
}

func rootKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("root " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// A host is a provider that will sign anything.
type host struct {
	t        fataler
	signer   suite.Signer
	config   *wire.Configuration
	note     *checkpoint.Signer
	roots    []ed25519.PrivateKey
	doc      *provider.Document
	document []byte
	others   *stream // of commitments and keys
}

const window = 1000

// newHost returns the provider of a name: the same every time.
func newHost(t fataler, name string, id wire.CipherSuite) *host {
	t.Helper()
	cs, err := suite.Get(id)
	must(t, err)
	rand := newStream(name)
	signer, err := cs.GenerateSigner(rand)
	must(t, err)
	vrf, err := cs.GenerateVRFKey(rand)
	must(t, err)
	skey, vkey, err := checkpoint.GenerateKey(rand, name+"/log")
	must(t, err)
	note, err := checkpoint.NewSigner(skey)
	must(t, err)
	h := &host{t: t, signer: signer, note: note, roots: []ed25519.PrivateKey{rootKey(name + " 1"), rootKey(name + " 2"), rootKey(name + " 3")}, others: rand}
	h.config = &wire.Configuration{
		CipherSuite: id, Mode: wire.ContactMonitoring, SignaturePublicKey: signer.Public(), VRFPublicKey: vrf.Public().Bytes(),
		MaxAhead: 5000, MaxBehind: 60_000, ReasonableMonitoringWindow: window,
	}
	encoded, err := h.config.Append(nil, wire.Format{})
	must(t, err)
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h.doc = &provider.Document{
		Domain: name, DraftRevision: "526cc8a", Version: 1, Issued: issued, Expires: issued.AddDate(1, 0, 0),
		Configuration: encoded, AuditLog: provider.AuditLog{Origin: note.Origin(), Key: vkey},
		Addresses: []string{"https://" + name}, Limits: provider.Limits{MaxValueBytes: 4096}, RootThreshold: 2,
	}
	for _, k := range h.roots {
		h.doc.RootKeys = append(h.doc.RootKeys, []byte(k.Public().(ed25519.PublicKey)))
	}
	h.document = h.sign(h.doc)
	return h
}

// sign signs a document with two of the root keys.
func (h *host) sign(d *provider.Document) []byte {
	h.t.Helper()
	payload, err := d.Encode()
	must(h.t, err)
	b, err := provider.Sign(payload, h.roots[2], h.roots[0])
	must(h.t, err)
	return b
}

// revised is the document with a change.
func (h *host) revised(change func(d *provider.Document)) []byte {
	h.t.Helper()
	d := *h.doc
	change(&d)
	return h.sign(&d)
}

// otherLog is a document of the same domain and audit log with another VRF key.
func (h *host) otherLog() []byte {
	return h.revised(func(d *provider.Document) {
		c := *h.config
		cs, err := suite.Get(c.CipherSuite)
		must(h.t, err)
		vrf, err := cs.GenerateVRFKey(newStream("another"))
		must(h.t, err)
		c.VRFPublicKey = vrf.Public().Bytes()
		encoded, err := c.Append(nil, wire.Format{})
		must(h.t, err)
		d.Configuration = encoded
		d.Version++
	})
}

type pages [][]byte

func (p pages) Page(pos uint64) ([]byte, error) {
	if pos >= uint64(len(p)) {
		return nil, errors.New("no such page")
	}
	return p[pos], nil
}

// A book is one log of a host: what it shows to one reader.
type book struct {
	*host
	pages    pages
	entries  []wire.LogEntry
	subtrees [][]wire.HashValue // before each entry
	leaves   [][]byte
	updates  [][]byte
	hashes   hashes8
	trees    []map[wire.VRFOutput]wire.HashValue
	lie      func(leaf *checkpoint.Leaf, update *[]byte) // about the next entry
	raw      []byte                                      // instead of the next leaf
}

// hashes8 are stored hashes of the audit log.
type hashes8 []tlog.Hash

func (h hashes8) ReadHashes(at []int64) (out []tlog.Hash, err error) {
	for _, i := range at {
		if i < 0 || i >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		out = append(out, h[i])
	}
	return out, nil
}

func (h *host) book() *book { return &book{host: h} }

func (b *book) fork() *book {
	c := *b
	c.pages, c.entries, c.subtrees = slices.Clone(b.pages), slices.Clone(b.entries), slices.Clone(b.subtrees)
	c.leaves, c.updates, c.hashes, c.trees = slices.Clone(b.leaves), slices.Clone(b.updates), slices.Clone(b.hashes), slices.Clone(b.trees)
	return &c
}

func (b *book) size() uint64 { return uint64(len(b.entries)) }

func (b *book) tree() map[wire.VRFOutput]wire.HashValue {
	if len(b.trees) == 0 {
		return nil
	}
	return b.trees[len(b.trees)-1]
}

func (b *book) last() uint64 {
	if len(b.entries) == 0 {
		return 0
	}
	return b.entries[len(b.entries)-1].Timestamp
}

// fresh returns n leaves that no tree has.
func (h *host) fresh(n int) (out []wire.PrefixLeaf) {
	for range n {
		var l wire.PrefixLeaf
		h.others.Read(l.VRFOutput[:])
		h.others.Read(l.Commitment[:])
		out = append(out, l)
	}
	return out
}

func (b *book) log() *logtree.Appender {
	b.t.Helper()
	if len(b.entries) == 0 {
		return new(logtree.Appender)
	}
	a, err := logtree.NewAppender(b.size()-1, b.subtrees[len(b.subtrees)-1])
	must(b.t, err)
	a.Append(nil, logtree.LeafHash(b.entries[len(b.entries)-1]))
	return a
}

// add adds an entry.
func (b *book) add(timestamp uint64, added, removed []wire.PrefixLeaf) {
	b.t.Helper()
	prefixtree.SortLeaves(added)
	prefixtree.SortLeaves(removed)
	u := &wire.AuditorUpdate{Timestamp: timestamp, Added: added, Removed: removed}
	page, root, err := new(prefixtree.Builder).Apply(b.pages, b.size(), added, removed, &u.Proof)
	must(b.t, err)
	update, err := u.Append(nil, wire.Format{})
	must(b.t, err)
	entry := wire.LogEntry{Timestamp: timestamp, PrefixTree: root}
	log := b.log()
	full := log.FullSubtrees()
	log.Append(nil, logtree.LeafHash(entry))
	leaf := checkpoint.Leaf{
		Position: b.size(), Timestamp: timestamp, PrefixRoot: root, Root: log.Root(),
		Configuration: sha256.Sum256(b.doc.Configuration), UpdateSize: uint32(len(update)), Update: sha256.Sum256(update),
	}
	if b.lie != nil {
		b.lie(&leaf, &update)
		entry = leaf.LogEntry()
		b.lie = nil
	}
	encoded := leaf.Append(nil)
	if b.raw != nil {
		encoded, b.raw = b.raw, nil
	}
	stored, err := tlog.StoredHashes(int64(b.size()), encoded, b.hashes)
	must(b.t, err)
	tree := map[wire.VRFOutput]wire.HashValue{}
	for k, c := range b.tree() {
		tree[k] = c
	}
	for _, l := range removed {
		delete(tree, l.VRFOutput)
	}
	for _, l := range added {
		tree[l.VRFOutput] = l.Commitment
	}
	b.hashes = append(b.hashes, stored...)
	b.pages, b.entries, b.subtrees = append(b.pages, page), append(b.entries, entry), append(b.subtrees, full)
	b.leaves, b.updates, b.trees = append(b.leaves, encoded), append(b.updates, update), append(b.trees, tree)
}

// grow adds n entries of one leaf each, step ms apart.
func (b *book) grow(n int, step uint64) *book {
	b.t.Helper()
	for range n {
		b.add(max(b.last(), 1_000_000)+step, b.fresh(1), nil)
	}
	return b
}

// signed returns the signed checkpoint of a size.
func (b *book) signed(size uint64) []byte {
	b.t.Helper()
	root, err := tlog.TreeHash(int64(size), b.hashes)
	must(b.t, err)
	note, err := b.note.Sign(size, root)
	must(b.t, err)
	return note
}

func (b *book) checkpoint(size uint64) SignedCheckpoint {
	b.t.Helper()
	c, err := CheckpointOf(b.document, b.signed(size))
	must(b.t, err)
	return c
}

// head returns the signed head of a size.
func (b *book) head(size uint64) SignedHead {
	b.t.Helper()
	a, err := logtree.NewAppender(size-1, b.subtrees[size-1])
	must(b.t, err)
	a.Append(nil, logtree.LeafHash(b.entries[size-1]))
	return b.headOf(size, a.Root())
}

func (h *host) headOf(size uint64, root wire.HashValue) SignedHead {
	h.t.Helper()
	head, err := suite.SignTreeHead(h.signer, h.config, size, root)
	must(h.t, err)
	return SignedHead{size, root, head.Signature}
}

// leaf returns the leaf at pos, under the checkpoint of a size.
func (b *book) leaf(size, pos uint64) Included {
	b.t.Helper()
	x, err := Include(b.hashes, size, pos, b.leaves[pos])
	must(b.t, err)
	return x
}

func (b *book) before(size, pos uint64) *Included {
	b.t.Helper()
	if pos == 0 {
		return nil
	}
	x := b.leaf(size, pos-1)
	return &x
}

// entry returns what an auditor has of the newest entry.
func (b *book) entry() Entry {
	b.t.Helper()
	size := b.size()
	return Entry{size - 1, b.signed(size), b.before(size, size-1), b.leaf(size, size-1), b.updates[size-1], b.subtrees[size-1]}
}

// elements returns logtree.Needed(nil, n, 0, m).
func (b *book) elements(m, n uint64) (out []wire.HashValue) {
	b.t.Helper()
	var value func(d logtree.Node) wire.HashValue
	all := []wire.HashValue{}
	a := new(logtree.Appender)
	for _, e := range b.entries {
		all = a.Append(all, logtree.LeafHash(e))
	}
	value = func(d logtree.Node) wire.HashValue { return all[logtree.StoredIndex(d)] }
	for _, d := range logtree.Needed(nil, n, 0, m) {
		out = append(out, value(d))
	}
	return out
}

func (b *book) removal(key wire.VRFOutput, j, i uint64) (Removal, error) {
	b.t.Helper()
	size := b.size()
	r := Removal{
		Checkpoint: b.signed(size), Key: key, Before: b.before(size, j), Added: b.leaf(size, j), Removed: b.leaf(size, i),
		AddedUpdate: b.updates[j], RemovedUpdate: b.updates[i],
	}
	pos, any, err := RemovalBound(b.config.ReasonableMonitoringWindow, j, i, func(p uint64) (uint64, error) { return b.entries[p].Timestamp, nil })
	if err != nil {
		return r, err
	}
	if any {
		x := b.leaf(size, pos)
		r.Bound = &x
	}
	return r, nil
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

var _ fataler = (*testing.T)(nil)
