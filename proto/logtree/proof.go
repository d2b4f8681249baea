package logtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A Leaf is a leaf whose value is known.
type Leaf struct {
	Pos   uint64
	Value wire.HashValue // of the leaf, not of the log entry: see LeafHash
}

// Needed returns the nodes, left to right, whose values are the elements of the
// InclusionProof that proves leaves (ascending positions) in a tree of n leaves
// to somebody who retained the full subtrees of size prev (0: nobody did), and
// who must also compute the root of the first `also` leaves (0: need not).
//
// Together with the leaves and the retained subtrees they cover the tree, and
// no smaller set of balanced subtrees does: a retained subtree is covered by its
// own value, unless a leaf to be proved lies in it or `also` ends inside it.
//
// For arguments that are out of bounds (a position or an older size beyond n, a
// list that does not ascend), which a directory refuses before it gets here,
// Needed returns nil; Evaluate refuses the same.
func Needed(leaves []uint64, n, prev, also uint64) []Node {
	return AppendNeeded(nil, leaves, n, prev, also)
}

// AppendNeeded appends the nodes of Needed to dst.
func AppendNeeded(dst []Node, leaves []uint64, n, prev, also uint64) []Node {
	if checkSizes(n, prev, also) != nil {
		return dst
	}
	for i, pos := range leaves {
		if pos >= n || i > 0 && leaves[i-1] >= pos {
			return dst
		}
	}
	p := planner{leaves: leaves, prev: prev, also: also, needed: dst}
	var full [64]Node
	for _, d := range AppendFullSubtrees(full[:0], n) {
		p.visit(d)
	}
	return p.needed
}

func checkSizes(n, prev, also uint64) error {
	switch {
	case n == 0 || n > MaxSize:
		return fmt.Errorf("%w: size %d", ErrArgument, n)
	case prev > n:
		return fmt.Errorf("%w: retained size %d is greater than %d", ErrArgument, prev, n)
	case also > n:
		return fmt.Errorf("%w: audited size %d is greater than %d", ErrArgument, also, n)
	}
	return nil
}

// inside reports whether size is neither left nor right of d's leaves, nor at one
// of their two ends.
func inside(size uint64, d Node) bool { return d.Start() < size && size < d.End() }

// A planner walks the tree once, left to right.
type planner struct {
	leaves     []uint64 // not yet passed
	prev, also uint64
	needed     []Node
}

func (p *planner) visit(d Node) {
	proved := len(p.leaves) > 0 && p.leaves[0] < d.End()
	switch {
	case proved && d.Level == 0:
		p.leaves = p.leaves[1:]
	case proved || inside(p.also, d) || inside(p.prev, d):
		p.visit(d.left())
		p.visit(d.right())
	case d.isFull(p.prev): // retained
	default:
		p.needed = append(p.needed, d)
	}
}

// Evaluate computes what follows from leaves (ascending by position), the full
// subtrees retained from size prev (0: none) and the elements of an
// InclusionProof that was made for exactly these, n and also; see Needed.
//
// It does not judge the roots: the caller compares them with signed ones. But a
// retained subtree that is recomputed, because leaves in it are proved, must
// have the retained value ("Users MUST verify that the computed value for the
// head of any such subtree matches the retained value"), and elements are used
// up exactly. Without leaves and retained subtrees the elements are simply the
// full subtrees of n, and prove nothing beyond the root.
func Evaluate(leaves []Leaf, prev uint64, retained []wire.HashValue, n, also uint64, elements []wire.HashValue) (*Evaluation, error) {
	if err := checkSizes(n, prev, also); err != nil {
		return nil, err
	}
	if err := checkFullSubtrees(prev, retained); err != nil {
		return nil, err
	}
	for i, leaf := range leaves {
		if leaf.Pos >= n || i > 0 && leaves[i-1].Pos >= leaf.Pos {
			return nil, fmt.Errorf("%w: leaf %d", ErrArgument, leaf.Pos)
		}
	}
	w := walker{leaves: leaves, retained: retained, elements: elements, prev: prev}
	w.e.size, w.e.also = n, also
	// Every node visited is a value given or the parent of two others.
	w.e.known = make([]known, 0, 2*(len(leaves)+len(retained)+len(elements)))
	var nodes [64]Node
	for _, d := range AppendFullSubtrees(nodes[:0], n) {
		if _, err := w.visit(d); err != nil {
			return nil, err
		}
	}
	if len(w.elements) != 0 {
		return nil, fmt.Errorf("%w: %d elements too many", ErrProof, len(w.elements))
	}
	return &w.e, nil
}

// A walker makes the planner's walk, and takes what it finds on the way.
type walker struct {
	leaves   []Leaf           // not yet passed
	retained []wire.HashValue // not yet passed
	elements []wire.HashValue // not yet consumed
	prev     uint64
	e        Evaluation
}

func (w *walker) visit(d Node) (wire.HashValue, error) {
	var value wire.HashValue
	held := d.isFull(w.prev)
	proved := len(w.leaves) > 0 && w.leaves[0].Pos < d.End()
	switch {
	case proved && d.Level == 0:
		value = w.leaves[0].Value
		w.leaves = w.leaves[1:]
	case proved || inside(w.e.also, d) || inside(w.prev, d):
		left, err := w.visit(d.left())
		if err != nil {
			return value, err
		}
		right, err := w.visit(d.right())
		if err != nil {
			return value, err
		}
		value = parentHash(left, d.Level == 1, right, d.Level == 1)
	case held:
		value = w.retained[0]
	default:
		if len(w.elements) == 0 {
			return value, fmt.Errorf("%w: too few elements", ErrProof)
		}
		value = w.elements[0]
		w.elements = w.elements[1:]
	}
	if held {
		if value != w.retained[0] {
			return value, fmt.Errorf("%w: subtree %v is not the one retained", ErrProof, d)
		}
		w.retained = w.retained[1:]
	}
	w.e.known = append(w.e.known, known{d, value})
	return value, nil
}
