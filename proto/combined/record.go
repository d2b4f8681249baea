package combined

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A Tree is what a directory reads to make a proof: one snapshot of at least the
// size that is answered for.
type Tree interface {
	// LogEntry returns a log entry.
	LogEntry(pos uint64) (wire.LogEntry, error)
	// LogNodes returns the values of balanced subtrees of the log tree, all of
	// which are complete at the size answered for.
	LogNodes(nodes []logtree.Node) ([]wire.HashValue, error)
	// Page returns the prefix tree's nodes; see prefixtree.Pages.
	prefixtree.Pages
}

// A Record is the Source of a directory. It reads the tree and writes the
// proof down. It is good for one response and not safe for concurrent use.
type Record struct {
	tree    Tree
	size    uint64
	last    uint64
	outputs func(version uint32) (wire.VRFOutput, error)

	proof       wire.CombinedTreeProof
	entries     []recorded // whose timestamp is in the proof, in any order
	commitments []Known    // met so far; in any order
	search      *prefixtree.Search
	found       []bool

	entrySpace [16]recorded
	foundSpace [16]bool
}

// searches lends Searches to Records, for the memory of their steps.
var searches = sync.Pool{New: func() any { return new(prefixtree.Search) }}

type recorded struct {
	pos   uint64
	entry wire.LogEntry
	proof bool // a PrefixProof from this entry is in the proof
}

// NewRecord begins a proof from a tree of size entries to a user who advertised
// the size last (0: none). outputs gives the VRF output of a version of the label
// at hand; it is asked for the versions of the operation's binary ladder, more
// than once.
func NewRecord(tree Tree, size, last uint64, outputs func(version uint32) (wire.VRFOutput, error)) *Record {
	r := &Record{tree: tree, size: size, last: last, outputs: outputs}
	r.entries, r.found = r.entrySpace[:0], r.foundSpace[:0]
	r.proof.Timestamps = make([]uint64, 0, 16)
	return r
}

// View runs the algorithm that updates the user's view, and returns the view for
// the algorithms that follow. ErrRequest is a last that is greater than the size.
func (r *Record) View(params Params) (*View, error) {
	var frontier []wire.LogEntry
	if r.last <= r.size {
		var space [treemath.MaxDepth]uint64
		for _, pos := range treemath.AppendFrontier(space[:0], r.last) {
			entry, err := r.tree.LogEntry(pos)
			if err != nil {
				return nil, sourceError(err)
			}
			frontier = append(frontier, entry)
		}
	}
	return NewView(r, params, r.size, r.last, frontier)
}

func sourceError(err error) error { return fmt.Errorf("%w: %w", ErrSource, err) }

// Timestamp implements Source.
func (r *Record) Timestamp(pos uint64) (uint64, error) {
	entry, err := r.tree.LogEntry(pos)
	if err != nil {
		return 0, sourceError(err)
	}
	r.entries = append(r.entries, recorded{pos: pos, entry: entry})
	r.proof.Timestamps = append(r.proof.Timestamps, entry.Timestamp)
	return entry.Timestamp, nil
}

// Lookups implements Source.
func (r *Record) Lookups(pos uint64, versions []uint32, done func(version uint32, included bool) bool) ([]bool, error) {
	r.found = r.found[:0]
	if r.search == nil {
		r.search = searches.Get().(*prefixtree.Search)
		r.proof.PrefixProofs = make([]wire.PrefixProof, 0, 8)
	}
	r.search.Reset(r.tree, pos)
	for _, version := range versions {
		key, err := r.outputs(version)
		if err != nil {
			return nil, sourceError(err)
		}
		commitment, included, err := r.search.Lookup(key)
		if err != nil {
			return nil, sourceError(err)
		}
		r.found = append(r.found, included)
		if included {
			r.note(version, key, commitment)
		}
		if done(version, included) {
			break
		}
	}
	proof, err := r.search.Proof()
	if err != nil {
		return nil, sourceError(err)
	}
	r.proof.PrefixProofs = append(r.proof.PrefixProofs, proof)
	for i := range r.entries {
		if r.entries[i].pos == pos {
			r.entries[i].proof = true
		}
	}
	return r.found, nil
}

func (r *Record) note(version uint32, output wire.VRFOutput, commitment wire.HashValue) {
	for i := range r.commitments {
		if r.commitments[i].Version == version {
			return
		}
	}
	r.commitments = append(r.commitments, Known{version, output, &commitment})
}

// Commitment returns the commitment of a version, if a lookup of this proof found
// it included. A search meets every version of its ladder that exists in an entry
// it inspects, but not those that came later.
func (r *Record) Commitment(version uint32) (commitment wire.HashValue, ok bool) {
	for i := range r.commitments {
		if r.commitments[i].Version == version {
			return *r.commitments[i].Commitment, true
		}
	}
	return wire.HashValue{}, false
}

// Finish completes the proof, once the algorithm is through, and ends the Record. auditor is the size
// of the AuditorTreeHead in the response, 0 if there is none. An ErrProof is a
// proof too long for its vectors.
func (r *Record) Finish(auditor uint64) (*wire.CombinedTreeProof, error) {
	if r.search != nil {
		r.search.Reset(nil, 0)
		searches.Put(r.search) // proofs do not share its memory
		r.search = nil
	}
	if auditor > r.size {
		return nil, fmt.Errorf("%w: audited size %d of %d", ErrRequest, auditor, r.size)
	}
	slices.SortFunc(r.entries, func(a, b recorded) int {
		if a.pos < b.pos {
			return -1
		}
		return 1
	})
	leaves := make([]uint64, len(r.entries))
	for i := range r.entries {
		leaves[i] = r.entries[i].pos
		if !r.entries[i].proof {
			r.proof.PrefixRoots = append(r.proof.PrefixRoots, r.entries[i].entry.PrefixTree)
		}
	}
	var space [64]logtree.Node
	nodes := logtree.AppendNeeded(space[:0], leaves, r.size, r.last, auditor)
	if len(nodes) > 0 {
		values, err := r.tree.LogNodes(nodes)
		if err != nil {
			return nil, sourceError(err)
		}
		if len(values) != len(nodes) {
			return nil, fmt.Errorf("%w: %d of %d log nodes", ErrSource, len(values), len(nodes))
		}
		r.proof.Inclusion.Elements = values
	}
	if len(r.proof.Timestamps) > wire.MaxVectorSmall || len(r.proof.PrefixProofs) > wire.MaxVectorSmall {
		return nil, fmt.Errorf("%w: %d timestamps and %d prefix proofs are too many for one response",
			ErrRequest, len(r.proof.Timestamps), len(r.proof.PrefixProofs))
	}
	return &r.proof, nil
}
