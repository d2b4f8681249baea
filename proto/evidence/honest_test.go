package evidence

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// slowDistinguished is "Reasonable Monitoring Window" as the draft defines it,
// with the implicit binary search tree built by halving.
func slowDistinguished(timestamps []uint64) map[int]bool {
	out := map[int]bool{}
	var walk func(lo, n int, left, right uint64)
	walk = func(lo, n int, left, right uint64) {
		if n == 0 || right-left < window {
			return
		}
		root := 1
		for root*2 <= n {
			root *= 2
		}
		root--
		out[lo+root] = true
		walk(lo, root, left, timestamps[lo+root])
		walk(lo+root+1, n-root-1, timestamps[lo+root], right)
	}
	walk(0, len(timestamps), 0, timestamps[len(timestamps)-1])
	return out
}

// removable returns the leaves that an entry with a timestamp may remove: those
// whose last addition is at or before a distinguished entry.
func (b *book) removable(timestamp uint64) (legal, early []wire.PrefixLeaf) {
	if b.size() == 0 {
		return nil, nil
	}
	var timestamps []uint64
	for _, e := range b.entries {
		timestamps = append(timestamps, e.Timestamp)
	}
	distinguished := slowDistinguished(append(timestamps, timestamp))
	for key, c := range b.tree() {
		published := false
		for i := len(b.trees) - 1; i >= 0 && b.trees[i][key] == c; i-- {
			published = published || distinguished[i]
		}
		if l := (wire.PrefixLeaf{VRFOutput: key, Commitment: c}); published {
			legal = append(legal, l)
		} else {
			early = append(early, l)
		}
	}
	prefixtree.SortLeaves(legal)
	prefixtree.SortLeaves(early)
	return legal, early
}

// step adds a random entry that an honest provider might add, and changes the
// document now and then.
func (b *book) step(t *rapid.T) {
	timestamp := max(b.last(), 1) + rapid.SampledFrom([]uint64{0, 1, 90, 400, window - 1, window, 5 * window}).Draw(t, "passed")
	added := b.fresh(rapid.IntRange(0, 3).Draw(t, "added"))
	legal, _ := b.removable(timestamp)
	var removed []wire.PrefixLeaf
	for _, l := range legal {
		if rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
			removed = append(removed, l)
			if rapid.Bool().Draw(t, "replace") {
				added = append(added, wire.PrefixLeaf{VRFOutput: l.VRFOutput, Commitment: b.fresh(1)[0].Commitment})
			}
		}
	}
	b.add(timestamp, added, removed)
}

// assembly puts honest material together at random.
type assembly struct {
	*book
	t         *rapid.T
	documents []Document
}

func (a *assembly) pos() uint64   { return rapid.Uint64Range(0, a.size()-1).Draw(a.t, "position") }
func (a *assembly) size1() uint64 { return rapid.Uint64Range(1, a.size()).Draw(a.t, "size") }

func (a *assembly) under() (SignedCheckpoint, uint64) {
	n := a.size1()
	return a.checkpoint(n), n
}

// any is a leaf, mostly one that stands under the checkpoint of size n.
func (a *assembly) any(n uint64) Included {
	if rapid.IntRange(0, 9).Draw(a.t, "elsewhere") == 0 {
		n = a.size1()
	}
	x := a.leaf(n, rapid.Uint64Range(0, n-1).Draw(a.t, "leaf"))
	if rapid.IntRange(0, 9).Draw(a.t, "hidden") == 0 {
		x = Included{Hash: tlog.RecordHash(x.Leaf), Proof: x.Proof}
	}
	return x
}

// next is a leaf with the one before it.
func (a *assembly) next(n uint64) (before *Included, x Included, pos uint64) {
	pos = rapid.Uint64Range(0, n-1).Draw(a.t, "entry")
	before, x = a.before(n, pos), a.leaf(n, pos)
	if rapid.IntRange(0, 9).Draw(a.t, "other before") == 0 {
		y := a.any(n)
		before = &y
	}
	return before, x, pos
}

// lookup is the search for a key in the tree of an entry.
func (a *assembly) lookup(key wire.VRFOutput, pos uint64) Lookup {
	s := prefixtree.NewSearch(a.pages, pos)
	commitment, _, err := s.Lookup(key)
	must(a.book.t, err)
	proof, err := s.Proof()
	must(a.book.t, err)
	return Lookup{proof.Results[0], commitment, proof.Elements}
}

// removals are all removals of leaves, each since the last addition.
func (a *assembly) removals() (out []removal) {
	for i := 1; i < len(a.trees); i++ {
		for key, c := range a.trees[i-1] {
			if a.trees[i][key] == c {
				continue
			}
			j := i - 1
			for j > 0 && a.trees[j-1][key] == c {
				j--
			}
			out = append(out, removal{key, uint64(j), uint64(i)})
		}
	}
	slices.SortFunc(out, func(x, y removal) int { return bytes.Compare(x.key[:], y.key[:]) })
	return out
}

type removal struct {
	key            wire.VRFOutput
	added, removed uint64
}

func (a *assembly) key() wire.VRFOutput {
	var keys []wire.VRFOutput
	for _, tree := range a.trees {
		for k := range tree {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 || rapid.IntRange(0, 3).Draw(a.t, "a fresh key") == 0 {
		return a.fresh(1)[0].VRFOutput
	}
	slices.SortFunc(keys, func(x, y wire.VRFOutput) int { return slices.Compare(x[:], y[:]) })
	return rapid.SampledFrom(slices.Compact(keys)).Draw(a.t, "key")
}

// body is a random body of a kind, of honest parts.
func (a *assembly) body(kind Kind) Body {
	c, n := a.under()
	d, m := a.under()
	if rapid.Bool().Draw(a.t, "order") && n > m {
		c, n, d, m = d, m, c, n
	}
	switch kind {
	case TwoHeads:
		return &TwoHeadsBody{a.head(n), a.head(m)}
	case TwoCheckpoints:
		return &TwoCheckpointsBody{c, d}
	case TwoLeaves:
		pos := rapid.Uint64Range(0, min(n, m)-1).Draw(a.t, "position")
		x := &TwoLeavesBody{pos, c, d, a.leaf(n, pos), a.leaf(m, pos)}
		if rapid.IntRange(0, 3).Draw(a.t, "mixed") == 0 {
			x.LeafB = a.any(m)
		}
		return x
	case HeadAndLeaf:
		return &HeadAndLeafBody{a.head(a.size1()), c, a.any(n)}
	case TwoDocuments:
		x := new(TwoDocumentsBody)
		for range rapid.IntRange(0, 2).Draw(a.t, "documents") {
			x.Others = append(x.Others, rapid.SampledFrom(a.documents).Draw(a.t, "document"))
		}
		return x
	case BadLeaf:
		return &BadLeafBody{c, a.pos(), a.any(n)}
	case BadTimestamps:
		return &BadTimestampsBody{c, a.any(n), a.any(n)}
	case BadUpdate:
		before, x, pos := a.next(n)
		if rapid.IntRange(0, 4).Draw(a.t, "other update") == 0 {
			pos = a.pos()
		}
		return &BadUpdateBody{c, before, x, a.updates[pos]}
	case BadRoot:
		before, x, pos := a.next(n)
		if rapid.IntRange(0, 4).Draw(a.t, "other subtrees") == 0 {
			pos = a.pos()
		}
		return &BadRootBody{c, before, x, a.subtrees[pos]}
	case EarlyRemoval:
		before, x, j := a.next(n)
		i, key := rapid.Uint64Range(j, n-1).Draw(a.t, "removed"), a.key()
		if removed := a.removals(); len(removed) > 0 && rapid.IntRange(0, 4).Draw(a.t, "real") > 0 {
			r := rapid.SampledFrom(removed).Draw(a.t, "removal")
			n, c, j, i, key = a.size(), a.checkpoint(a.size()), r.added, r.removed, r.key
			before, x = a.before(n, j), a.leaf(n, j)
		}
		body := &EarlyRemovalBody{Checkpoint: c, Key: key, Before: before, Added: x, Removed: a.leaf(n, i)}
		if before != nil {
			in := a.lookup(body.Key, max(j, 1)-1)
			body.InBefore = &in
		}
		body.InAdded, body.InRemoved = a.lookup(body.Key, j), a.lookup(body.Key, i)
		body.Commitment = body.InAdded.Commitment
		if f := treemath.Frontier(i + 1); rapid.IntRange(0, 3).Draw(a.t, "bound") > 0 {
			y := a.leaf(n, rapid.SampledFrom(f).Draw(a.t, "bound at"))
			body.Bound = &y
		}
		return body
	case HeadsDiverge:
		x := &HeadsDivergeBody{A: a.head(n), B: a.head(m)}
		if n < m {
			x.Elements = a.elements(n, m)
		}
		return x
	case CheckpointsDiverge:
		x := &CheckpointsDivergeBody{A: c, B: d}
		if n < m {
			at := n
			if rapid.Bool().Draw(a.t, "other size") {
				at = rapid.Uint64Range(1, m-1).Draw(a.t, "at")
			}
			var err error
			x.Proof, err = tlog.ProveTree(int64(m), int64(at), a.hashes)
			must(a.book.t, err)
			x.Root, err = tlog.TreeHash(int64(at), a.hashes)
			must(a.book.t, err)
		}
		return x
	}
	panic("no such kind")
}

// TestHonestIsNeverAccused: of a provider that keeps the rules, no file that is put
// together from what it signed and served is evidence.
func TestHonestIsNeverAccused(t *testing.T) {
	h := newHost(t, testDomain, ed)
	proved := slices.DeleteFunc(slices.Sorted(maps.Keys(kinds)), func(k Kind) bool { return k == Stated })
	refused := map[Kind]map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		b := h.book()
		b.host.t = t
		for range rapid.IntRange(1, 24).Draw(t, "entries") {
			b.step(t)
		}
		a := &assembly{book: b, t: t}
		known := h.doc.Roots()
		for version := range 3 {
			x, _, err := documentOf(h.revised(func(d *provider.Document) { d.Version += uint64(version); d.MaxWitnessLagMS = uint64(version) }), &known)
			must(t, err)
			a.documents = append(a.documents, *x)
		}
		for range 12 {
			kind := rapid.SampledFrom(proved).Draw(t, "kind")
			e := &Evidence{Kind: kind, Document: a.documents[0], Body: a.body(kind)}
			file, err := e.Append(nil)
			if err != nil {
				continue // no file holds it
			}
			again, err := Parse(file)
			must(t, err)
			v, err := again.Verify()
			if err == nil {
				t.Fatalf("an honest provider is accused: %s", v.Text)
			}
			if refused[kind] == nil {
				refused[kind] = map[string]int{}
			}
			switch {
			case errors.Is(err, ErrNothing):
				refused[kind]["nothing"]++
			case errors.Is(err, ErrMissing):
				refused[kind]["missing"]++
			case errors.Is(err, ErrInvalid):
				refused[kind]["invalid"]++
			default:
				t.Fatalf("%s: %v", kind, err)
			}
		}
	})
	for _, kind := range proved {
		t.Logf("%-16s %v", kind, refused[kind])
		if refused[kind]["nothing"] == 0 && !testing.Short() {
			t.Errorf("%s: no assembly came as far as being judged", kind)
		}
	}
}

// TestEarlyRemovalIsExact: of random logs in which leaves are also removed before
// their time, exactly the early removals can be shown.
func TestEarlyRemovalIsExact(t *testing.T) {
	h := newHost(t, testDomain, ed)
	shown := 0
	rapid.Check(t, func(t *rapid.T) {
		b := h.book()
		b.host.t = t
		for range rapid.IntRange(1, 20).Draw(t, "entries") {
			b.step(t)
		}
		timestamp := b.last() + rapid.SampledFrom([]uint64{0, 1, 400, window - 1, window}).Draw(t, "passed")
		legal, early := b.removable(timestamp)
		if len(legal)+len(early) == 0 {
			return
		}
		n := rapid.IntRange(0, len(legal)+len(early)-1).Draw(t, "leaf")
		bad := n >= len(legal)
		victim := append(slices.Clone(legal), early...)[n]
		added := b.fresh(rapid.IntRange(0, 2).Draw(t, "beside"))
		if rapid.Bool().Draw(t, "replaced") {
			added = append(added, wire.PrefixLeaf{VRFOutput: victim.VRFOutput, Commitment: b.fresh(1)[0].Commitment})
		}
		j := b.size() - 1
		for j > 0 && b.trees[j-1][victim.VRFOutput] == victim.Commitment {
			j--
		}
		i := b.size()
		b.add(timestamp, added, []wire.PrefixLeaf{victim})
		for range rapid.IntRange(0, 2).Draw(t, "later") {
			b.add(b.last()+3*window, b.fresh(1), nil)
		}
		r, err := b.removal(victim.VRFOutput, j, i)
		if !bad {
			if !errors.Is(err, ErrNothing) {
				t.Fatalf("a legal removal: %v", err)
			}
			return
		}
		must(t, err)
		e, err := NewEarlyRemoval(h.document, r)
		must(t, err)
		if v, err := e.Verify(); err != nil || v.Entry != i {
			t.Fatalf("%+v, %v", v, err)
		}
		shown++
	})
	if t.Logf("%d early removals shown", shown); shown == 0 && !testing.Short() {
		t.Error("no early removal was shown")
	}
}

// TestForgedDocument: anybody can sign a document that names an honest provider's
// domain and keys, and pair its Configuration with an audit log of their own. The
// file verifies under the document inside; Concerns says that it is about nobody.
func TestForgedDocument(t *testing.T) {
	h, thief := newHost(t, testDomain, ed), newHost(t, "thief", ed)
	honest := h.book().grow(9, 100)
	forge := func(change func(d *provider.Document)) *host {
		f := *thief
		d := *h.doc
		d.RootKeys = thief.doc.RootKeys
		change(&d)
		f.doc, f.config = &d, h.config
		f.document = f.sign(&d)
		return &f
	}
	ours := forge(func(d *provider.Document) { d.AuditLog = thief.doc.AuditLog })
	log := ours.book().grow(12, 100)
	check := func(what string, e *Evidence, err error) {
		t.Helper()
		must(t, err)
		v, err := e.Verify()
		must(t, err)
		if err := v.Concerns(h.doc); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", what, err)
		}
	}
	e, err := NewHeadAndLeaf(ours.document, honest.head(7), log.signed(9), log.leaf(9, 6))
	check("head and leaf", e, err)
	fork := log.fork()
	log.grow(1, 5)
	fork.grow(1, 6)
	e, err = NewTwoCheckpoints(ours.document, log.signed(13), fork.signed(13))
	check("two checkpoints", e, err)
	a, b := forge(func(*provider.Document) {}), forge(func(d *provider.Document) { d.DraftRevision = "x" })
	e, err = NewTwoDocuments(a.document, a.document, b.document)
	check("two documents", e, err)
	e, err = SignStatement(ours.document, &Statement{
		Observer: observer.Public().(ed25519.PublicKey), Time: log.last() + 100_000, About: StaleHead, Entry: 12,
		Items: []Item{ItemCheckpoint{log.checkpoint(13)}, ItemLeaf{12, log.leaf(13, 12)}},
	}, func(msg []byte) ([]byte, error) { return ed25519.Sign(observer, msg), nil })
	check("statement", e, err)

	// Real signatures of the honest keys convict, whatever document they come with,
	// and whoever knows the root keys knows the document.
	e, err = NewTwoHeads(ours.document, h.headOf(3, wire.HashValue{1}), h.headOf(3, wire.HashValue{2}))
	must(t, err)
	v, err := e.Verify()
	must(t, err)
	must(t, v.Concerns(h.doc))
	newer := *h.doc
	newer.AuditLog = thief.doc.AuditLog
	e, err = NewTwoCheckpoints(h.document, fork2(honest, 1).signed(10), fork2(honest, 2).signed(10))
	must(t, err)
	v, err = e.Verify()
	must(t, err)
	must(t, v.Concerns(&newer))
	if err := v.Concerns(thief.doc); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

func fork2(b *book, step uint64) *book { return b.fork().grow(1, step) }

// TestFormerConfiguration: what was early is judged by the Configuration that the
// leaf of the removal names, among those of the document, and a head may be signed
// under any of them.
func TestFormerConfiguration(t *testing.T) {
	h := newHost(t, testDomain, ed)
	removal := func(former bool) error {
		b := h.book()
		b.grow(8, 100)
		b.add(b.last()+5000, nil, nil)
		ghost := b.fresh(1)
		b.add(b.last()+10, ghost, nil)
		b.add(b.last()+2000, nil, nil) // distinguishes the entry before, if the window is 1 s
		b.add(b.last(), nil, ghost)
		wide := *h.config
		wide.ReasonableMonitoringWindow = 10_000
		encoded, err := wide.Append(nil, wire.Format{})
		must(t, err)
		document := h.revised(func(d *provider.Document) {
			d.Former, d.Configuration = []strictjson.Bytes{d.Configuration}, encoded
		})
		if former { // the wide one was before
			document = h.revised(func(d *provider.Document) { d.Former = []strictjson.Bytes{encoded} })
		}
		j, i := b.size()-3, b.size()-1
		pos, any, err := RemovalBound(10_000, j, i, func(p uint64) (uint64, error) { return b.entries[p].Timestamp, nil })
		must(t, err)
		if !any {
			t.Fatal("no bound")
		}
		bound := b.leaf(b.size(), pos)
		_, err = NewEarlyRemoval(document, Removal{
			Checkpoint: b.signed(b.size()), Key: ghost[0].VRFOutput, Before: b.before(b.size(), j), Added: b.leaf(b.size(), j),
			Removed: b.leaf(b.size(), i), Bound: &bound, AddedUpdate: b.updates[j], RemovedUpdate: b.updates[i],
		})
		return err
	}
	for _, former := range []bool{false, true} {
		if err := removal(former); !errors.Is(err, ErrNothing) {
			t.Errorf("a legal removal under the Configuration of its time: %v", err)
		}
	}
}
