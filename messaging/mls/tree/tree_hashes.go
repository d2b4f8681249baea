package tree

import (
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// "Tree Hashes" (7.8). Hashes are kept by node. A change of a leaf makes those on
// its way up unknown, so that the next RootHash computes as many as the tree is high.

const (
	nodeLeaf   = 1 // NodeType
	nodeParent = 2
)

// RootHash returns the tree hash of the whole tree, which must not be modified.
func (t *Tree) RootHash() []byte { return t.Hash(t.Root()) }

// Hash returns the tree hash of node n, which must be in the tree. It must not be
// modified.
func (t *Tree) Hash(n NodeIndex) []byte {
	if t.hashes[n] == nil {
		var w syntax.Writer
		t.hash(n, &w)
	}
	return t.hashes[n]
}

// hash computes the hash of n and of all below it that is not known. Writers are
// long lived in here: the buffer of w is used again for each node.
func (t *Tree) hash(n NodeIndex, w *syntax.Writer) []byte {
	if h := t.hashes[n]; h != nil {
		return h
	}
	if n.IsLeaf() {
		h := t.leafHash(w, n.Leaf(), t.leaves[n>>1])
		t.hashes[n] = h
		return h
	}
	left, right := t.hash(n.Left(), w), t.hash(n.Right(), w)
	h := t.parentTreeHash(w, t.parents[n>>1], left, right)
	t.hashes[n] = h
	return h
}

// leafHash is the hash of a TreeHashInput of a leaf, nil for a blank.
func (t *Tree) leafHash(w *syntax.Writer, i LeafIndex, l *LeafNode) []byte {
	*w = *syntax.NewWriter(w.Bytes()[:0])
	w.Uint8(nodeLeaf)
	w.Uint32(uint32(i))
	w.Optional(l != nil)
	if l != nil {
		l.Marshal(w)
	}
	return t.suite.Hash(w.Bytes())
}

// parentTreeHash is the hash of a TreeHashInput of a parent, nil for a blank.
func (t *Tree) parentTreeHash(w *syntax.Writer, p *ParentNode, left, right []byte) []byte {
	*w = *syntax.NewWriter(w.Bytes()[:0])
	w.Uint8(nodeParent)
	w.Optional(p != nil)
	if p != nil {
		p.Marshal(w)
	}
	w.Vector(left)
	w.Vector(right)
	return t.suite.Hash(w.Bytes())
}
