package tree

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// slow is a second ratchet tree, of linked nodes and without any arithmetic or
// memory of hashes, written from the prose of RFC 9420 alone.
type slow struct {
	left, right *slow // nil in a leaf
	index       uint32
	leaf        *LeafNode
	parent      *ParentNode
}

// slowTree builds the subtree over 2^depth leaves, the first of which is first.
func slowTree(depth int, first uint32) *slow {
	if depth == 0 {
		return &slow{index: first}
	}
	return &slow{left: slowTree(depth-1, first), right: slowTree(depth-1, first+1<<(depth-1))}
}

// slowCopy builds a slow tree with the nodes of t, which it reads in order.
func slowCopy(t *Tree) *slow {
	depth := 0
	for 1<<depth < t.LeafCount() {
		depth++
	}
	root := slowTree(depth, 0)
	for i, n := range root.inOrder() {
		if n.left == nil {
			n.leaf = t.leaves[i/2]
		} else {
			n.parent = t.parents[i/2]
		}
	}
	return root
}

func (n *slow) clone() *slow {
	if n == nil {
		return nil
	}
	c := *n
	c.left, c.right = n.left.clone(), n.right.clone()
	return &c
}

// inOrder: "a left-to-right in-order traversal of the ratchet tree. Each node is
// listed between its left subtree and its right subtree."
func (n *slow) inOrder() []*slow {
	if n.left == nil {
		return []*slow{n}
	}
	return slices.Concat(n.left.inOrder(), []*slow{n}, n.right.inOrder())
}

func (n *slow) leaves() []*slow {
	if n.left == nil {
		return []*slow{n}
	}
	return append(n.left.leaves(), n.right.leaves()...)
}

func (n *slow) contains(d *slow) bool {
	return n == d || n.left != nil && (n.left.contains(d) || n.right.contains(d))
}

func (n *slow) blank() bool { return n.leaf == nil && n.parent == nil }

func (n *slow) hasLeaf() bool {
	return slices.ContainsFunc(n.leaves(), func(l *slow) bool { return l.leaf != nil })
}

// directPath: "The direct path of a root is the empty list. The direct path of
// any other node is the concatenation of that node's parent along with the
// parent's direct path." From the bottom.
func (root *slow) directPath(d *slow) []*slow {
	if root == d {
		return nil
	}
	if root.left.contains(d) {
		return append(root.left.directPath(d), root)
	}
	return append(root.right.directPath(d), root)
}

// child returns the children of n that are, and are not, on the way to d.
func (n *slow) child(d *slow) (on, off *slow) {
	if n.left.contains(d) {
		return n.left, n.right
	}
	return n.right, n.left
}

// resolution: "The resolution of a non-blank node comprises the node itself,
// followed by its list of unmerged leaves, if any. The resolution of a blank leaf
// node is the empty list. The resolution of a blank intermediate node is the
// result of concatenating the resolution of its left child with the resolution of
// its right child, in that order."
func (root *slow) resolution(n *slow) []*slow {
	switch {
	case n.leaf != nil:
		return []*slow{n}
	case n.parent != nil:
		list := []*slow{n}
		for _, l := range n.parent.UnmergedLeaves {
			list = append(list, root.leaves()[l])
		}
		return list
	case n.left == nil:
		return nil
	default:
		return append(root.resolution(n.left), root.resolution(n.right)...)
	}
}

// filteredDirectPath: "the node's direct path, with any node removed whose child
// on the copath of L has an empty resolution".
func (root *slow) filteredDirectPath(l *slow) []*slow {
	var path []*slow
	for _, p := range root.directPath(l) {
		if _, off := p.child(l); len(root.resolution(off)) > 0 {
			path = append(path, p)
		}
	}
	return path
}

// add is "Add" (12.1.1).
func (root *slow) add(l *LeafNode) *slow {
	for _, n := range root.leaves() {
		if n.leaf != nil {
			continue
		}
		for _, p := range root.directPath(n) {
			if p.parent != nil {
				q := *p.parent
				q.UnmergedLeaves = append(slices.Clone(q.UnmergedLeaves), LeafIndex(n.index))
				slices.Sort(q.UnmergedLeaves)
				p.parent = &q
			}
		}
		n.leaf = l
		return root
	}
	size, depth := uint32(len(root.leaves())), 0
	for 1<<depth < size {
		depth++
	}
	bigger := &slow{left: root, right: slowTree(depth, size)}
	return bigger.add(l)
}

// update is "Update" (12.1.2).
func (root *slow) update(i uint32, l *LeafNode) {
	n := root.leaves()[i]
	n.leaf = l
	for _, p := range root.directPath(n) {
		p.parent = nil
	}
}

// remove is "Remove" (12.1.3).
func (root *slow) remove(i uint32) *slow {
	n := root.leaves()[i]
	n.leaf = nil
	for _, p := range root.directPath(n) {
		p.parent = nil
	}
	for root.right != nil && !root.right.hasLeaf() {
		root = root.left
	}
	return root
}

// setPath is what "Synchronizing Views of the Tree" (7.5) does to parent nodes.
func (root *slow) setPath(s *suite.Suite, i uint32, keys [][]byte) []byte {
	l := root.leaves()[i]
	path := root.filteredDirectPath(l)
	for _, p := range root.directPath(l) {
		p.parent = nil
	}
	for k, p := range path {
		p.parent = &ParentNode{EncryptionKey: keys[k]}
	}
	above := []byte{}
	for k := len(path) - 1; k >= 0; k-- {
		path[k].parent.ParentHash = above
		_, off := path[k].child(l)
		above = root.parentHash(s, path[k], off)
	}
	return above
}
