package combined

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A Result is what follows from a proof. It means nothing until Root was found to
// be the one that a TreeHead signs.
type Result struct {
	Root        wire.HashValue
	AuditorRoot wire.HashValue // at the auditor's size; zero if none was given
	Next        Retained       // what the user retains, once the head is verified

	eval   *logtree.Evaluation
	leaves []leaf
}

// Finish demands that all of the proof was used, and computes the root of the log
// tree from it ("Tree Proofs", "Combined Tree"). auditor is the size of the
// AuditorTreeHead in the response, 0 if there is none.
func (r *Replay) Finish(auditor uint64) (*Result, error) {
	if len(r.timestamps) != 0 || len(r.proofs) != 0 {
		return nil, fmt.Errorf("%w: %d timestamps and %d prefix proofs are left over", ErrProof, len(r.timestamps), len(r.proofs))
	}
	roots := r.roots
	proved := make([]logtree.Leaf, 0, len(r.leaves))
	for i := range r.leaves {
		l := &r.leaves[i]
		if l.retained {
			continue
		}
		if !l.rooted {
			if len(roots) == 0 {
				return nil, fmt.Errorf("%w: no prefix root for entry %d", ErrProof, l.pos)
			}
			l.entry.PrefixTree, l.rooted = roots[0], true
			roots = roots[1:]
		}
		proved = append(proved, logtree.Leaf{Pos: l.pos, Value: logtree.LeafHash(l.entry)})
	}
	if len(roots) != 0 {
		return nil, fmt.Errorf("%w: %d prefix roots are left over", ErrProof, len(roots))
	}
	eval, err := logtree.Evaluate(proved, r.prev.Size, r.prev.FullSubtrees, r.size, auditor, r.elements)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	result := &Result{Root: eval.Root(), eval: eval, leaves: r.leaves}
	result.AuditorRoot, _ = eval.AlsoRoot()
	result.Next, err = result.retained(r.size)
	return result, err
}

// Entry returns a log entry that the proof speaks of or that was retained before.
func (r *Result) Entry(pos uint64) (wire.LogEntry, bool) {
	i, ok := slices.BinarySearchFunc(r.leaves, pos, func(l leaf, pos uint64) int {
		switch {
		case l.pos < pos:
			return -1
		case l.pos > pos:
			return 1
		}
		return 0
	})
	if !ok {
		return wire.LogEntry{}, false
	}
	return r.leaves[i].entry, true
}

// RootAt returns the root of the log tree when entry pos was its rightmost, for
// an entry that the proof speaks of ("Detecting Forks").
func (r *Result) RootAt(pos uint64) (wire.HashValue, error) {
	root, err := r.eval.RootAt(pos + 1)
	if err != nil {
		return root, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return root, nil
}

// RetainedAt returns what a user would have retained when entry pos was the
// rightmost, for an entry that View.Distinguished returned. Users keep it to
// verify credentials ("Credentials", "Detecting Forks").
func (r *Result) RetainedAt(pos uint64) (Retained, error) { return r.retained(pos + 1) }

func (r *Result) retained(size uint64) (Retained, error) {
	full, err := r.eval.FullSubtreesAt(size)
	if err != nil {
		return Retained{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	kept := Retained{Size: size, FullSubtrees: full, Frontier: make([]wire.LogEntry, 0, len(full))}
	var space [treemath.MaxDepth]uint64
	for _, pos := range treemath.AppendFrontier(space[:0], size) {
		entry, ok := r.Entry(pos)
		if !ok {
			return Retained{}, fmt.Errorf("%w: the proof does not speak of entry %d", ErrRequest, pos)
		}
		kept.Frontier = append(kept.Frontier, entry)
	}
	return kept, nil
}
