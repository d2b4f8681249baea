package logtree

import (
	"fmt"
	"math/bits"

	"github.com/kith-kt/kith/proto/wire"
)

// A Node names the balanced subtree over the leaves
// [Index<<Level, (Index+1)<<Level). Level 0 is a leaf.
type Node struct {
	Level uint8 // at most 63
	Index uint64
}

// Start returns the position of the subtree's first leaf.
func (d Node) Start() uint64 { return d.Index << d.Level }

// End returns the position after the subtree's last leaf.
func (d Node) End() uint64 { return (d.Index + 1) << d.Level }

// String returns the node as its range of leaves.
func (d Node) String() string { return fmt.Sprintf("[%d,%d)", d.Start(), d.End()) }

func (d Node) left() Node  { return Node{d.Level - 1, d.Index << 1} }
func (d Node) right() Node { return Node{d.Level - 1, d.Index<<1 | 1} }

// isFull reports whether d is one of the full subtrees of a tree of n leaves.
func (d Node) isFull(n uint64) bool {
	at := n >> d.Level
	return at&1 == 1 && d.Index == at-1
}

// AppendFullSubtrees appends the full subtrees of a tree of n leaves to dst, left
// to right.
func AppendFullSubtrees(dst []Node, n uint64) []Node {
	for rest := n; rest != 0; {
		level := uint8(bits.Len64(rest) - 1)
		rest &^= 1 << level
		dst = append(dst, Node{level, n>>level - 1})
	}
	return dst
}

// FullSubtrees returns the full subtrees of a tree of n leaves, left to right:
// one for each one bit of n.
func FullSubtrees(n uint64) []Node {
	return AppendFullSubtrees(make([]Node, 0, bits.OnesCount64(n)), n)
}

// StoredCount returns the number of balanced subtrees of a tree of n leaves,
// n <= MaxSize.
func StoredCount(n uint64) uint64 { return 2*n - uint64(bits.OnesCount64(n)) }

// StoredIndex returns the place of a node in the order in which nodes are
// completed as leaves are appended: each leaf, followed by the subtrees that
// it is the last leaf of. The nodes of a tree of n leaves have the indices below
// StoredCount(n), without gaps.
func StoredIndex(d Node) uint64 {
	return StoredCount(d.End()-1) + uint64(d.Level)
}

// checkFullSubtrees checks that full has as many values as n has full subtrees.
func checkFullSubtrees(n uint64, full []wire.HashValue) error {
	if n > MaxSize {
		return fmt.Errorf("%w: size %d", ErrArgument, n)
	}
	if want := bits.OnesCount64(n); len(full) != want {
		return fmt.Errorf("%w: %d full subtrees for size %d, which has %d", ErrArgument, len(full), n, want)
	}
	return nil
}
