package combined

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// Known is what a user knows of one version of a label when it verifies a
// response.
type Known struct {
	Version    uint32
	Output     wire.VRFOutput  // from a verified VRF proof
	Commitment *wire.HashValue // nil: not known, or the version does not exist
}

// A Replay is the Source of a user. It takes the answers from a proof received.
// It is good for one response and not safe for concurrent use.
type Replay struct {
	size  uint64
	prev  Retained
	known []Known // ascending by version

	timestamps []uint64           // not yet consumed
	proofs     []wire.PrefixProof // not yet consumed
	roots      []wire.HashValue   // PrefixRoots
	elements   []wire.HashValue

	leaves []leaf // ascending by position: retained entries, and those met

	keys       []wire.VRFOutput
	matched    []*Known
	found      []bool
	commitment func(i int) *wire.HashValue

	leafSpace  [24]leaf
	keySpace   [16]wire.VRFOutput
	matchSpace [16]*Known
	foundSpace [16]bool
}

// A leaf is a log entry the proof speaks of.
type leaf struct {
	pos      uint64
	entry    wire.LogEntry
	retained bool // rather than taken from the proof
	rooted   bool // entry.PrefixTree is known
}

// NewReplay begins to verify a proof for a tree of size entries. prev is what the
// user retained when it advertised a size, nil if it advertised none. known lists
// what the user knows of the versions of the label at hand, in any order, none
// twice; it is sorted in place. The proof is not changed.
func NewReplay(proof *wire.CombinedTreeProof, size uint64, prev *Retained, known []Known) (*Replay, error) {
	r := &Replay{
		size: size, known: known,
		timestamps: proof.Timestamps, proofs: proof.PrefixProofs,
		roots: proof.PrefixRoots, elements: proof.Inclusion.Elements,
	}
	r.leaves, r.keys, r.matched, r.found = r.leafSpace[:0], r.keySpace[:0], r.matchSpace[:0], r.foundSpace[:0]
	r.commitment = func(i int) *wire.HashValue { return r.matched[i].Commitment }
	slices.SortFunc(known, compareKnown)
	for i := 1; i < len(known); i++ {
		if known[i].Version == known[i-1].Version {
			return nil, fmt.Errorf("%w: version %d is known twice", ErrRequest, known[i].Version)
		}
	}
	if prev != nil {
		r.prev = *prev
		n := bits.OnesCount64(prev.Size)
		if prev.Size > size || len(prev.Frontier) != n || len(prev.FullSubtrees) != n {
			return nil, fmt.Errorf("%w: retained state of size %d does not fit size %d", ErrRequest, prev.Size, size)
		}
		var space [treemath.MaxDepth]uint64
		for i, pos := range treemath.AppendFrontier(space[:0], prev.Size) {
			r.leaves = append(r.leaves, leaf{pos: pos, entry: prev.Frontier[i], retained: true, rooted: true})
		}
	}
	return r, nil
}

func compareKnown(a, b Known) int {
	switch {
	case a.Version < b.Version:
		return -1
	case a.Version > b.Version:
		return 1
	}
	return 0
}

// View runs the algorithm that updates the user's view, and returns the view for
// the algorithms that follow.
func (r *Replay) View(params Params) (*View, error) {
	return NewView(r, params, r.size, r.prev.Size, r.prev.Frontier)
}

// find returns the index of an entry among the leaves, or where it belongs.
func (r *Replay) find(pos uint64) (int, bool) {
	i := len(r.leaves)
	for i > 0 && r.leaves[i-1].pos >= pos {
		i--
	}
	return i, i < len(r.leaves) && r.leaves[i].pos == pos
}

// Timestamp implements Source. The View asks for no entry twice.
func (r *Replay) Timestamp(pos uint64) (uint64, error) {
	if len(r.timestamps) == 0 {
		return 0, fmt.Errorf("%w: no timestamp for entry %d", ErrProof, pos)
	}
	i, known := r.find(pos)
	if known {
		panic(fmt.Sprintf("combined: timestamp of entry %d asked for twice", pos))
	}
	ms := r.timestamps[0]
	r.timestamps = r.timestamps[1:]
	r.leaves = slices.Insert(r.leaves, i, leaf{pos: pos, entry: wire.LogEntry{Timestamp: ms}})
	return ms, nil
}

// Lookups implements Source. It takes the next PrefixProof, which must have
// exactly the results that the lookups end with, and whose root must be the one
// that is known of the entry, if any ("users MUST verify that they all produce the
// same root hash").
func (r *Replay) Lookups(pos uint64, versions []uint32, done func(version uint32, included bool) bool) ([]bool, error) {
	if len(r.proofs) == 0 {
		return nil, fmt.Errorf("%w: no prefix proof for entry %d", ErrProof, pos)
	}
	at, ok := r.find(pos)
	if !ok {
		panic(fmt.Sprintf("combined: lookups in entry %d before its timestamp", pos))
	}
	proof := &r.proofs[0]
	r.proofs = r.proofs[1:]
	r.keys, r.matched, r.found = r.keys[:0], r.matched[:0], r.found[:0]
	for _, version := range versions {
		i := len(r.found)
		if i == len(proof.Results) {
			return nil, fmt.Errorf("%w: prefix proof for entry %d has %d results", ErrProof, pos, i)
		}
		k, ok := slices.BinarySearchFunc(r.known, version, func(k Known, v uint32) int {
			return compareKnown(k, Known{Version: v})
		})
		if !ok {
			return nil, fmt.Errorf("%w: nothing is known of version %d", ErrProof, version)
		}
		included := proof.Results[i].ResultType == wire.Inclusion
		r.keys = append(r.keys, r.known[k].Output)
		r.matched = append(r.matched, &r.known[k])
		r.found = append(r.found, included)
		if done(version, included) {
			break
		}
	}
	if len(r.found) != len(proof.Results) {
		return nil, fmt.Errorf("%w: prefix proof for entry %d has %d results, not %d", ErrProof, pos, len(proof.Results), len(r.found))
	}
	root, err := prefixtree.Evaluate(r.keys, r.commitment, proof)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %d: %w", ErrProof, pos, err)
	}
	l := &r.leaves[at]
	if l.rooted && l.entry.PrefixTree != root {
		return nil, fmt.Errorf("%w: entry %d has two prefix trees", ErrProof, pos)
	}
	l.entry.PrefixTree, l.rooted = root, true
	return r.found, nil
}

// Exhausted is a user's stop condition for OwnerMonitor: all prefix proofs were
// consumed.
func (r *Replay) Exhausted(uint64) bool { return len(r.proofs) == 0 }
