package logtree

import (
	"math/bits"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// An Appender grows a log tree of which it knows no more than the full subtrees.
// The zero Appender is an empty tree.
type Appender struct {
	size uint64
	full []wire.HashValue
}

// NewAppender continues a tree of size leaves from the values of its full
// subtrees, left to right, which it copies.
func NewAppender(size uint64, fullSubtrees []wire.HashValue) (*Appender, error) {
	if err := checkFullSubtrees(size, fullSubtrees); err != nil {
		return nil, err
	}
	return &Appender{size, slices.Clone(fullSubtrees)}, nil
}

// Size returns the number of leaves.
func (a *Appender) Size() uint64 { return a.size }

// Append adds a leaf of the given value. It appends the values of the nodes that
// are now complete to dst, the leaf itself first: those with the stored indices
// [StoredCount(size before), StoredCount(size after)). The tree must be smaller
// than MaxSize.
func (a *Appender) Append(dst []wire.HashValue, leaf wire.HashValue) []wire.HashValue {
	dst = append(dst, leaf)
	value := leaf
	for level := range bits.TrailingZeros64(^a.size) {
		last := len(a.full) - 1
		value = parentHash(a.full[last], level == 0, value, level == 0)
		a.full = a.full[:last]
		dst = append(dst, value)
	}
	a.full = append(a.full, value)
	a.size++
	return dst
}

// FullSubtrees returns a copy of the values of the full subtrees, left to right.
func (a *Appender) FullSubtrees() []wire.HashValue { return slices.Clone(a.full) }

// Root returns the root. A tree without leaves has none, and the zero value is
// returned.
func (a *Appender) Root() wire.HashValue {
	if a.size == 0 {
		return wire.HashValue{}
	}
	return foldRoot(a.size, a.full)
}
