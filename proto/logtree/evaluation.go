package logtree

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// An Evaluation is everything that follows from a proof.
type Evaluation struct {
	size, also uint64
	known      []known // in stored order
}

type known struct {
	node  Node
	value wire.HashValue
}

// Root returns the root of the whole tree.
func (e *Evaluation) Root() wire.HashValue {
	root, _ := e.RootAt(e.size) // every full subtree was visited
	return root
}

// AlsoRoot returns the root at the size that was asked for besides, and false if
// none was.
func (e *Evaluation) AlsoRoot() (wire.HashValue, bool) {
	if e.also == 0 {
		return wire.HashValue{}, false
	}
	root, err := e.RootAt(e.also)
	return root, err == nil
}

// FullSubtrees returns the values of the full subtrees of the whole tree, left to
// right, for the user to retain.
func (e *Evaluation) FullSubtrees() []wire.HashValue {
	full, _ := e.FullSubtreesAt(e.size)
	return full
}

// FullSubtreesAt returns the values of the full subtrees the tree had when it
// had size leaves. They follow from the proof if leaf size-1 was proved, for the
// size asked for besides, for the retained size, and for the size of the tree;
// else the error is ErrArgument.
func (e *Evaluation) FullSubtreesAt(size uint64) ([]wire.HashValue, error) {
	if size == 0 || size > e.size {
		return nil, fmt.Errorf("%w: no size %d in a tree of size %d", ErrArgument, size, e.size)
	}
	var nodes [64]Node
	wanted := AppendFullSubtrees(nodes[:0], size)
	full := make([]wire.HashValue, 0, len(wanted))
	for _, d := range wanted {
		value, ok := e.value(d)
		if !ok {
			return nil, fmt.Errorf("%w: the proof does not reach size %d", ErrArgument, size)
		}
		full = append(full, value)
	}
	return full, nil
}

// RootAt returns the root the tree had when it had size leaves, under the
// conditions of FullSubtreesAt.
func (e *Evaluation) RootAt(size uint64) (wire.HashValue, error) {
	full, err := e.FullSubtreesAt(size)
	if err != nil {
		return wire.HashValue{}, err
	}
	return foldRoot(size, full), nil
}

// value returns the value of a node, if it was given or computed.
func (e *Evaluation) value(d Node) (wire.HashValue, bool) {
	i, ok := slices.BinarySearchFunc(e.known, d, func(k known, d Node) int {
		return cmp.Or(cmp.Compare(k.node.End(), d.End()), cmp.Compare(k.node.Level, d.Level))
	})
	if !ok {
		return wire.HashValue{}, false
	}
	return e.known[i].value, true
}
