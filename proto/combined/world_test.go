package combined

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A world is an honest log in memory, every size of which can be read. One label
// matters; other leaves keep the prefix tree from being trivial.
type world struct {
	params   Params
	entries  []wire.LogEntry
	pages    [][]byte
	nodes    []wire.HashValue // by StoredIndex
	full     [][]wire.HashValue
	greatest []int // by entry; -1: the label does not exist
	first    []uint64
	log      logtree.Appender
	builder  prefixtree.Builder
	noise    int
}

func output(version uint32) wire.VRFOutput {
	return sha256.Sum256(binary.BigEndian.AppendUint32([]byte("output"), version))
}

func outputs(version uint32) (wire.VRFOutput, error) { return output(version), nil }

func commitment(version uint32) wire.HashValue {
	return sha256.Sum256(binary.BigEndian.AppendUint32([]byte("commitment"), version))
}

// grow adds an entry, with new versions of the label and other leaves.
func (w *world) grow(ms uint64, versions, others int) {
	pos := uint64(len(w.entries))
	greatest := -1
	if pos > 0 {
		greatest = w.greatest[pos-1]
	}
	var added []uint32
	for range versions {
		greatest++
		w.first = append(w.first, pos)
		added = append(added, uint32(greatest))
	}
	w.add(ms, greatest, added, others)
}

// add adds an entry with the versions given, whatever they are.
func (w *world) add(ms uint64, greatest int, versions []uint32, others int) {
	pos := uint64(len(w.entries))
	var added []wire.PrefixLeaf
	for _, v := range versions {
		added = append(added, wire.PrefixLeaf{VRFOutput: output(v), Commitment: commitment(v)})
	}
	for range others {
		w.noise++
		key := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("noise"), uint64(w.noise)))
		added = append(added, wire.PrefixLeaf{VRFOutput: key, Commitment: key})
	}
	prefixtree.SortLeaves(added)
	page, root, err := w.builder.Apply(w, pos, added, nil, nil)
	if err != nil {
		panic(err)
	}
	w.pages = append(w.pages, slices.Clone(page))
	entry := wire.LogEntry{Timestamp: ms, PrefixTree: root}
	w.entries = append(w.entries, entry)
	w.greatest = append(w.greatest, greatest)
	w.nodes = w.log.Append(w.nodes, logtree.LeafHash(entry))
	w.full = append(w.full, w.log.FullSubtrees())
}

func (w *world) Page(pos uint64) ([]byte, error) {
	if pos >= uint64(len(w.pages)) {
		return nil, fmt.Errorf("no page %d", pos)
	}
	return w.pages[pos], nil
}

func (w *world) LogEntry(pos uint64) (wire.LogEntry, error) {
	if pos >= uint64(len(w.entries)) {
		return wire.LogEntry{}, fmt.Errorf("no entry %d", pos)
	}
	return w.entries[pos], nil
}

func (w *world) LogNodes(nodes []logtree.Node) ([]wire.HashValue, error) {
	values := make([]wire.HashValue, len(nodes))
	for i, d := range nodes {
		if d.End() > uint64(len(w.entries)) {
			return nil, fmt.Errorf("no node %v", d)
		}
		values[i] = w.nodes[logtree.StoredIndex(d)]
	}
	return values, nil
}

func (w *world) size() uint64 { return uint64(len(w.entries)) }

// at is the directory's index of the label.
func (w *world) at(pos uint64) (uint32, bool) {
	if w.greatest[pos] < 0 {
		return 0, false
	}
	return uint32(w.greatest[pos]), true
}

func (w *world) root(n uint64) wire.HashValue {
	if n == 0 {
		return wire.HashValue{}
	}
	root, err := logtree.Root(n, w.full[n-1])
	if err != nil {
		panic(err)
	}
	return root
}

// retained is what a user retains at size n, from the tree itself.
func (w *world) retained(n uint64) Retained {
	if n == 0 {
		return Retained{}
	}
	r := Retained{Size: n, FullSubtrees: slices.Clone(w.full[n-1]), Frontier: []wire.LogEntry{}}
	for _, pos := range treemath.Frontier(n) {
		r.Frontier = append(r.Frontier, w.entries[pos])
	}
	return r
}

// known is what a response tells a user of versions: their outputs, and the
// commitments of those that exist at size n.
func (w *world) known(n uint64, versions ...uint32) []Known {
	slices.Sort(versions)
	var known []Known
	for _, v := range slices.Compact(versions) {
		k := Known{Version: v, Output: output(v)}
		if g, ok := w.at(n - 1); ok && v <= g {
			c := commitment(v)
			k.Commitment = &c
		}
		known = append(known, k)
	}
	return known
}

// A run is an operation's algorithm. It is run on both sides; what it returns
// must be the same.
type run struct {
	name    string
	known   []Known
	record  func(v *View, r *Record) (any, error)
	replay  func(v *View, r *Replay) (any, error) // nil: as record
	algo    func(v *View) (any, error)            // instead of both
	auditor uint64
}

func (o *run) prove(w *world, n, last uint64) (*wire.CombinedTreeProof, any, error) {
	rec := NewRecord(w, n, last, outputs)
	view, err := rec.View(w.params)
	if err != nil {
		return nil, nil, err
	}
	var out any
	if o.algo != nil {
		out, err = o.algo(view)
	} else {
		out, err = o.record(view, rec)
	}
	if err != nil {
		return nil, nil, err
	}
	proof, err := rec.Finish(o.auditor)
	return proof, out, err
}

func (o *run) verify(params Params, proof *wire.CombinedTreeProof, n uint64, prev *Retained) (*Result, any, error) {
	rep, err := NewReplay(proof, n, prev, slices.Clone(o.known))
	if err != nil {
		return nil, nil, err
	}
	view, err := rep.View(params)
	if err != nil {
		return nil, nil, err
	}
	var out any
	if o.algo != nil {
		out, err = o.algo(view)
	} else {
		out, err = o.replay(view, rep)
	}
	if err != nil {
		return nil, nil, err
	}
	result, err := rep.Finish(o.auditor)
	return result, out, err
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// check proves and verifies an operation at size n to a user who retained size
// last, and holds everything that follows against the world itself.
func (o *run) check(t fataler, w *world, n, last uint64) (*wire.CombinedTreeProof, any, *Result) {
	t.Helper()
	proof, out, err := o.prove(w, n, last)
	if err != nil {
		t.Fatalf("%s at %d from %d: prover: %v", o.name, n, last, err)
	}
	prev := w.retained(last)
	result, got, err := o.verify(w.params, proof, n, &prev)
	if err != nil {
		t.Fatalf("%s at %d from %d: verifier: %v", o.name, n, last, err)
	}
	if !reflect.DeepEqual(out, got) {
		t.Fatalf("%s at %d from %d: prover found %v, verifier %v", o.name, n, last, out, got)
	}
	if result.Root != w.root(n) {
		t.Fatalf("%s at %d from %d: wrong root", o.name, n, last)
	}
	if result.AuditorRoot != w.root(o.auditor) {
		t.Fatalf("%s at %d from %d: wrong auditor root of size %d", o.name, n, last, o.auditor)
	}
	if want := w.retained(n); !reflect.DeepEqual(result.Next, want) {
		t.Fatalf("%s at %d from %d: retained %v, want %v", o.name, n, last, result.Next, want)
	}
	return proof, out, result
}

// newWorld makes a log of n entries, the label in it and its parameters.
func newWorld(rng *rand.Rand, n int) *world {
	pick := func(of ...uint64) uint64 { return of[rng.IntN(len(of))] }
	w := &world{params: Params{ReasonableMonitoringWindow: pick(0, 5, 30, 100, 1<<50)}}
	if rng.IntN(2) == 0 {
		w.params.MaximumLifetime = w.params.ReasonableMonitoringWindow + 1 + rng.Uint64N(100)
	}
	ms, step, busy, start := pick(0, 1<<40), pick(1, 3, 20), 1+rng.IntN(10), rng.IntN(n/2+1)
	for i := range n {
		ms += rng.Uint64N(step + 1)
		versions := 0
		if i >= start && rng.IntN(busy) == 0 {
			versions = 1 + rng.IntN(3)*rng.IntN(3)
		}
		w.grow(ms, versions, rng.IntN(4))
	}
	return w
}
