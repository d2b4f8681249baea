package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

const testDomain = "kt.example.org"

var ed = wire.KT_128_SHA256_Ed25519

// specimens makes evidence of every kind against a provider that lies.
func specimens(t fataler) map[string]*Evidence {
	t.Helper()
	out := map[string]*Evidence{}
	keep := func(name string, e *Evidence, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = e
	}
	h := newHost(t, testDomain, ed)
	honest := h.book().grow(11, 100)
	other := honest.fork()
	other.add(other.last()+50, other.fresh(2), nil)
	honest.add(honest.last()+50, honest.fresh(1), nil)
	other.grow(5, 100)
	honest.grow(2, 100)

	e, err := NewTwoHeads(h.document, honest.head(12), other.head(12))
	keep("two-heads", e, err)
	e, err = NewTwoCheckpoints(h.document, honest.signed(13), other.signed(13))
	keep("two-checkpoints", e, err)
	pos, ok, err := FirstDifference(13, honest.hashes, other.hashes)
	if err != nil || !ok || pos != 11 {
		t.Fatalf("first difference at %d, %v, %v", pos, ok, err)
	}
	e, err = NewTwoLeaves(h.document, pos, other.signed(16), other.leaf(16, pos), honest.signed(13), honest.leaf(13, pos))
	keep("two-leaves", e, err)
	hidden, err := Include(other.hashes, 16, pos, nil)
	must(t, err)
	e, err = NewTwoLeaves(h.document, pos, other.signed(16), hidden, honest.signed(13), honest.leaf(13, pos))
	keep("two-leaves-hash", e, err)
	e, err = NewHeadAndLeaf(h.document, other.head(13), honest.signed(14), honest.leaf(14, 12))
	keep("head-and-leaf", e, err)
	e, err = NewHeadsDiverge(h.document, other.head(12), honest.head(14), honest.elements(12, 14))
	keep("heads-diverge", e, err)
	consistency, err := tlog.ProveTree(14, 12, honest.hashes)
	must(t, err)
	root, err := tlog.TreeHash(12, honest.hashes)
	must(t, err)
	e, err = NewCheckpointsDiverge(h.document, honest.signed(14), other.signed(12), root, consistency)
	keep("checkpoints-diverge", e, err)
	second := h.revised(func(d *provider.Document) { d.Limits.MaxValueBytes++ })
	e, err = NewTwoDocuments(h.document, h.document, second)
	keep("two-documents", e, err)
	e, err = NewTwoDocuments(h.document, h.otherLog(), h.document)
	keep("two-documents-log", e, err)
	third := h.revised(func(d *provider.Document) { d.Version = 9 })
	fourth := h.revised(func(d *provider.Document) { d.Version = 9; d.DraftRevision = "other" })
	e, err = NewTwoDocuments(h.document, third, fourth)
	keep("two-documents-known", e, err)

	b := h.book().grow(4, 100)
	b.raw = []byte("no leaf at all")
	b.add(b.last(), nil, nil)
	e, err = NewEntry(h.document, b.entry())
	keep("bad-leaf", e, err)

	b = h.book().grow(4, 100)
	b.lie = func(leaf *checkpoint.Leaf, _ *[]byte) { leaf.Position++ }
	b.add(b.last(), nil, nil)
	e, err = NewEntry(h.document, b.entry())
	keep("bad-leaf-position", e, err)

	b = h.book().grow(6, 100)
	b.add(b.last()-250, b.fresh(1), nil)
	e, err = NewEntry(h.document, b.entry())
	keep("bad-timestamps", e, err)

	b = h.book().grow(6, 100)
	b.lie = func(leaf *checkpoint.Leaf, _ *[]byte) { leaf.PrefixRoot[3] ^= 1 }
	b.add(b.last(), b.fresh(3), nil)
	e, err = NewEntry(h.document, b.entry())
	keep("bad-update", e, err)

	b = h.book()
	b.lie = func(leaf *checkpoint.Leaf, update *[]byte) {
		*update = []byte("none")
		leaf.UpdateSize, leaf.Update = 4, sha256.Sum256(*update)
	}
	b.add(5, nil, nil)
	e, err = NewEntry(h.document, b.entry())
	keep("bad-update-first", e, err)

	b = h.book().grow(6, 100)
	b.lie = func(leaf *checkpoint.Leaf, _ *[]byte) { leaf.Root[3] ^= 1 }
	b.add(b.last(), b.fresh(3), nil)
	e, err = NewEntry(h.document, b.entry())
	keep("bad-root", e, err)

	e = earlyRemoval(t, h)
	keep("early-removal", e, nil)

	for name, s := range statements(t, h, honest) {
		s.Name, s.Observer = "auditor.example", observer.Public().(ed25519.PublicKey)
		e, err := SignStatement(h.document, s, func(msg []byte) ([]byte, error) { return ed25519.Sign(observer, msg), nil })
		keep("stated-"+name, e, err)
	}
	return out
}

var observer = rootKey("observer")

// earlyRemoval is a log that takes a version back, as the ghost of a swapped key.
func earlyRemoval(t fataler, h *host) *Evidence {
	t.Helper()
	b := h.book().grow(8, 100)
	b.add(b.last()+5000, b.fresh(200), nil) // 8: distinguished by its age soon
	b.grow(9, 10)                           // 9 to 17
	ghost := b.fresh(1)
	b.add(b.last()+10, slices.Clone(append(b.fresh(40), ghost[0])), nil) // 18
	b.grow(2, 10)
	b.add(b.last()+10, b.fresh(40), slices.Clone(ghost)) // 21
	b.grow(3, 10)
	r, err := b.removal(ghost[0].VRFOutput, 18, 21)
	must(t, err)
	e, err := NewEarlyRemoval(h.document, r)
	must(t, err)
	return e
}

// statements makes one statement of every claim that needs no saved proof.
func statements(t fataler, h *host, b *book) map[string]*Statement {
	t.Helper()
	n := b.size()
	newest := ItemCheckpoint{b.checkpoint(n)}
	last := ItemLeaf{n - 1, b.leaf(n, n-1)}
	now := b.last()
	absent := ItemAbsent{"log/updates", now - 50, 7}
	odd := b.fork()
	odd.lie = func(leaf *checkpoint.Leaf, _ *[]byte) { leaf.Configuration[0] ^= 1 }
	odd.grow(1, 1)
	return map[string]*Statement{
		"rollback":            {Time: now, About: Rollback, Items: []Item{newest, ItemCheckpoint{b.checkpoint(3)}}},
		"rollback-heads":      {Time: now, About: Rollback, Items: []Item{ItemHead{b.head(n)}, ItemHead{b.head(3)}, ItemText{"seen twice"}}},
		"stale-head":          {Time: now + 70_000, About: StaleHead, Entry: n - 1, Items: []Item{newest, last}},
		"future-timestamp":    {Time: now - 5001, About: FutureTimestamp, Entry: n - 1, Items: []Item{newest, last}},
		"feed-stalled":        {Time: now, About: FeedStalled, Entry: 5, Items: []Item{newest, absent}},
		"feed-dropped":        {Time: now, About: FeedDropped, Entry: 5, Items: []Item{newest, absent}},
		"bad-answer":          {Time: now, About: BadAnswer, Entry: 5, Items: []Item{newest, Served("log/tile/0/000", []byte("something else"), 4), ItemText{"hashes that do not stand under the checkpoint"}}},
		"withheld":            {Time: now, About: Withheld, Entry: 5, Items: []Item{newest, absent}},
		"other-keys":          {Time: now, About: OtherKeys, Items: []Item{Served(provider.Path, h.otherLog(), 30000)}},
		"other-configuration": {Time: now, About: OtherConfiguration, Entry: n, Items: []Item{ItemCheckpoint{odd.checkpoint(n + 1)}, ItemLeaf{n, odd.leaf(n+1, n)}}},
		"unjoined":            {Time: now, About: Unjoined, Items: []Item{newest, ItemCheckpoint{b.checkpoint(3)}}},
	}
}

// TestEveryKind: evidence of every kind and claim can be made; it survives its file
// byte for byte; the verdict names the provider, the entry and what happened.
func TestEveryKind(t *testing.T) {
	h := newHost(t, testDomain, ed)
	fingerprint, err := h.doc.Fingerprint()
	must(t, err)
	made, claimed := map[Kind]bool{}, map[Claim]bool{}
	for name, e := range specimens(t) {
		b, err := e.Append(nil)
		must(t, err)
		again, err := Parse(b)
		must(t, err)
		if c, err := again.Append(nil); err != nil || !bytes.Equal(b, c) {
			t.Errorf("%s: not the same file: %v", name, err)
		}
		v, err := again.Verify()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		made[v.Kind], claimed[v.Claim] = true, true
		if !strings.HasPrefix(name, v.Kind.String()) && v.Kind != Stated {
			t.Errorf("%s is %s", name, v.Kind)
		}
		if v.Domain != testDomain || v.Fingerprint != fingerprint || v.Proved == (v.Kind == Stated) || !strings.HasPrefix(v.Text, testDomain+" ") {
			t.Errorf("%s: %+v", name, v)
		}
		if err := v.Concerns(h.doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%-24s %5d bytes, entry %d: %s", name, len(b), v.Entry, v.Text)
	}
	for k := range kinds {
		if !made[k] {
			t.Errorf("no specimen of %s", k)
		}
	}
	for c := Rollback; c <= Unjoined; c++ {
		if !claimed[c] && c != UnexpectedVersion { // needs a saved proof: see TestDisowned
			t.Errorf("no specimen of %s", c)
		}
	}
}

// TestP256 makes evidence with heads of the other cipher suite.
func TestP256(t *testing.T) {
	h := newHost(t, testDomain, wire.KT_128_SHA256_P256)
	a, b := h.headOf(7, wire.HashValue{1}), h.headOf(7, wire.HashValue{2})
	e, err := NewTwoHeads(h.document, b, a)
	must(t, err)
	if v, err := e.Verify(); err != nil || v.Entry != 6 {
		t.Errorf("%+v, %v", v, err)
	}
	a.Signature = b.Signature
	if _, err := NewTwoHeads(h.document, b, a); !errors.Is(err, ErrInvalid) {
		t.Errorf("with a signature of the other head: %v", err)
	}
}
