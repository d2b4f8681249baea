package tree

import (
	"fmt"
	"iter"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Tree is the public state of a ratchet tree ("Ratchet Tree Terminology" (4.1)).
//
// It is not safe for concurrent use, not even for reading, since it computes
// hashes when they are asked for. Different clones may be used concurrently.
type Tree struct {
	suite   *suite.Suite
	leaves  []*LeafNode   // a power of two; nil is blank
	parents []*ParentNode // parents[i] is node 2*i+1; nil is blank
	hashes  [][]byte      // tree hashes by node; nil is not known
	free    LeafIndex     // no leaf left of it is blank
}

// New returns a tree of one blank leaf.
func New(s *suite.Suite) *Tree {
	return &Tree{suite: s, leaves: make([]*LeafNode, 1), hashes: make([][]byte, 1)}
}

// Clone returns a tree that can be changed without changing t. It copies
// pointers only, three for each node.
func (t *Tree) Clone() *Tree {
	c := *t
	c.leaves = slices.Clone(t.leaves)
	c.parents = slices.Clone(t.parents)
	c.hashes = slices.Clone(t.hashes)
	return &c
}

// Suite returns the cipher suite of the group.
func (t *Tree) Suite() *suite.Suite { return t.suite }

// LeafCount returns the number of leaves, blank ones included.
func (t *Tree) LeafCount() uint32 { return uint32(len(t.leaves)) }

// Root returns the index of the root.
func (t *Tree) Root() NodeIndex { return Root(t.LeafCount()) }

// Leaf returns leaf i, nil if it is blank or not in the tree.
func (t *Tree) Leaf(i LeafIndex) *LeafNode {
	if uint64(i) >= uint64(len(t.leaves)) {
		return nil
	}
	return t.leaves[i]
}

// Parent returns the parent node n, nil if it is blank, a leaf or not in the tree.
func (t *Tree) Parent(n NodeIndex) *ParentNode {
	if n.IsLeaf() || uint64(n>>1) >= uint64(len(t.parents)) {
		return nil
	}
	return t.parents[n>>1]
}

// IsBlank reports whether node n holds nothing.
func (t *Tree) IsBlank(n NodeIndex) bool {
	if n.IsLeaf() {
		return t.Leaf(n.Leaf()) == nil
	}
	return t.Parent(n) == nil
}

// EncryptionKey returns the HPKE public key of node n, nil if it is blank.
func (t *Tree) EncryptionKey(n NodeIndex) []byte {
	if n.IsLeaf() {
		if l := t.Leaf(n.Leaf()); l != nil {
			return l.EncryptionKey
		}
	} else if p := t.Parent(n); p != nil {
		return p.EncryptionKey
	}
	return nil
}

// Members returns the leaves that are not blank, from the left.
func (t *Tree) Members() iter.Seq2[LeafIndex, *LeafNode] {
	return func(yield func(LeafIndex, *LeafNode) bool) {
		for i, l := range t.leaves {
			if l != nil && !yield(LeafIndex(i), l) {
				return
			}
		}
	}
}

// MemberCount returns the number of leaves that are not blank.
func (t *Tree) MemberCount() int {
	n := 0
	for range t.Members() {
		n++
	}
	return n
}

// setLeaf puts l, nil for a blank, in a place that exists.
func (t *Tree) setLeaf(i LeafIndex, l *LeafNode) {
	t.leaves[i] = l
	if l == nil {
		t.free = min(t.free, i)
	}
	t.forget(i)
}

// forget drops the hashes that depend on leaf i.
func (t *Tree) forget(i LeafIndex) {
	x, root := i.Node(), t.Root()
	for t.hashes[x] = nil; x != root; t.hashes[x] = nil {
		x = x.above()
	}
}

// blankPath makes all parents of leaf i blank.
func (t *Tree) blankPath(i LeafIndex) {
	for x, root := i.Node(), t.Root(); x != root; {
		x = x.above()
		t.parents[x>>1] = nil
	}
	t.forget(i)
}

// present returns ErrIndex unless leaf i is there and not blank.
func (t *Tree) present(i LeafIndex) error {
	if t.Leaf(i) == nil {
		return fmt.Errorf("%w: %d", ErrIndex, i)
	}
	return nil
}
