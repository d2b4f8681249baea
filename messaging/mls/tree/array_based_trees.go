package tree

import "math/bits"

// "Array-Based Trees" (Appendix C). Functions that take a number of leaves expect
// a power of two, at most 2^31, and a node within a tree of that size.

// LeafIndex numbers the leaves of a tree from the left, from 0.
type LeafIndex uint32

// NodeIndex numbers all nodes of a tree in order: leaves are even, parents odd.
type NodeIndex uint32

// Node returns the node that leaf l is. l must be below 2^31, as all leaves of a
// tree are: an index from a peer is compared with [Tree.LeafCount] first.
func (l LeafIndex) Node() NodeIndex { return NodeIndex(l) << 1 }

// IsLeaf reports whether x is a leaf.
func (x NodeIndex) IsLeaf() bool { return x&1 == 0 }

// Leaf returns the index of the leaf that x, which must be a leaf, is.
func (x NodeIndex) Leaf() LeafIndex {
	if !x.IsLeaf() {
		panic("tree: a parent node is no leaf")
	}
	return LeafIndex(x >> 1)
}

// Level returns the height of x above the leaves, 0 for a leaf.
func (x NodeIndex) Level() int { return bits.TrailingZeros32(^uint32(x)) }

// Left returns the left child of x, which must be a parent.
func (x NodeIndex) Left() NodeIndex { return x ^ 1<<(x.parentLevel()-1) }

// Right returns the right child of x, which must be a parent.
func (x NodeIndex) Right() NodeIndex { return x ^ 3<<(x.parentLevel()-1) }

func (x NodeIndex) parentLevel() int {
	if x.IsLeaf() {
		panic("tree: a leaf has no children")
	}
	return x.Level()
}

// NodeCount returns the number of nodes of a tree.
func NodeCount(leaves uint32) uint32 { return 2*leaves - 1 }

// Root returns the root of a tree.
func Root(leaves uint32) NodeIndex { return NodeIndex(leaves - 1) }

// Parent returns the parent of x, and false for the root.
func (x NodeIndex) Parent(leaves uint32) (NodeIndex, bool) {
	if x == Root(leaves) {
		return 0, false
	}
	return x.above(), true
}

// above is the parent of x in a tree that is large enough for it to have one.
func (x NodeIndex) above() NodeIndex {
	k := x.Level()
	return (x | 1<<k) &^ (1 << (k + 1))
}

// Sibling returns the other child of the parent of x, and false for the root.
func (x NodeIndex) Sibling(leaves uint32) (NodeIndex, bool) {
	if x == Root(leaves) {
		return 0, false
	}
	return x.beside(), true
}

func (x NodeIndex) beside() NodeIndex { return x ^ 1<<(x.Level()+1) }

// DirectPath returns the parent of x, its parent, and so on up to the root.
func (x NodeIndex) DirectPath(leaves uint32) []NodeIndex {
	var path []NodeIndex
	for root := Root(leaves); x != root; {
		x = x.above()
		path = append(path, x)
	}
	return path
}

// Copath returns the siblings of x and of the nodes of its direct path, without
// the root, which has none.
func (x NodeIndex) Copath(leaves uint32) []NodeIndex {
	var path []NodeIndex
	for root := Root(leaves); x != root; x = x.above() {
		path = append(path, x.beside())
	}
	return path
}

// Contains reports whether y is x or below x.
func (x NodeIndex) Contains(y NodeIndex) bool {
	k := x.Level() + 1
	return y.Level() < k && uint64(x)>>k == uint64(y)>>k
}

// Leaves returns the range [lo, hi) of the leaves below x, for a leaf itself.
func (x NodeIndex) Leaves() (lo, hi LeafIndex) {
	k := x.Level()
	lo = LeafIndex(uint64(x) >> (k + 1) << k)
	return lo, lo + 1<<k
}

// CommonAncestor returns the lowest node that contains both x and y.
func CommonAncestor(x, y NodeIndex) NodeIndex {
	for !x.Contains(y) {
		x = x.above()
	}
	return x
}
