package prefixtree

import "github.com/kith-kt/kith/proto/wire"

// A keptLeaf is a leaf of an older page that added leaves push down.
type keptLeaf struct {
	ref
	key        *wire.VRFOutput
	commitment *wire.HashValue
}

// subtree makes the tree of the leaves that changes add, and of kept if not nil.
func (b *Builder) subtree(changes []change, kept *keptLeaf, depth int, value *wire.HashValue) (ref, error) {
	first, n := -1, 0
	for i := range changes {
		if changes[i].added >= 0 {
			if n++; n == 1 {
				first = i
			}
		}
	}
	switch {
	case n == 0 && kept == nil:
		*value = wire.HashValue{}
		return emptyRef, nil
	case n == 0:
		b.pre.leaf(value, kept.key, kept.commitment)
		return kept.ref, nil
	case n == 1 && kept == nil:
		leaf := &b.added[changes[first].added]
		b.pre.leaf(value, &leaf.VRFOutput, &leaf.Commitment)
		return b.newLeaf(leaf), nil
	case depth >= maxDepth:
		return emptyRef, ErrDepth
	}
	at := b.newParent()
	mid := split(changes, depth)
	var leftKept, rightKept *keptLeaf
	if kept != nil && bit(kept.key, depth) == 0 {
		leftKept = kept
	} else {
		rightKept = kept
	}
	var leftValue, rightValue wire.HashValue
	left, err := b.subtree(changes[:mid], leftKept, depth+1, &leftValue)
	if err != nil {
		return emptyRef, err
	}
	right, err := b.subtree(changes[mid:], rightKept, depth+1, &rightValue)
	if err != nil {
		return emptyRef, err
	}
	b.pre.parent(value, &leftValue, &rightValue)
	b.setParent(at, left, right, value)
	return ref{b.pos, at}, nil
}
