package tree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
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

// treeHash is "Tree Hashes" (7.8).
func (n *slow) treeHash(s *suite.Suite) []byte {
	var w syntax.Writer
	if n.left == nil {
		w.Uint8(1) // leaf
		w.Uint32(n.index)
		if n.leaf == nil {
			w.Uint8(0)
		} else {
			w.Uint8(1)
			n.leaf.Marshal(&w)
		}
	} else {
		w.Uint8(2) // parent
		if n.parent == nil {
			w.Uint8(0)
		} else {
			w.Uint8(1)
			w.Vector(n.parent.EncryptionKey)
			w.Vector(n.parent.ParentHash)
			syntax.WriteList(&w, n.parent.UnmergedLeaves, func(w *syntax.Writer, l LeafIndex) { w.Uint32(uint32(l)) })
		}
		w.Vector(n.left.treeHash(s))
		w.Vector(n.right.treeHash(s))
	}
	return s.Hash(w.Bytes())
}

// parentHash: the parent hash of p with copath child c. "original_sibling_tree_hash
// is the tree hash of S in the ratchet tree modified as follows: For each leaf L in
// P.unmerged_leaves, blank L and remove it from the unmerged_leaves sets of all
// parent nodes."
func (root *slow) parentHash(s *suite.Suite, p, c *slow) []byte {
	at := slices.Index(root.inOrder(), c)
	modified := root.clone()
	for _, l := range p.parent.UnmergedLeaves {
		modified.leaves()[l].leaf = nil
		for _, n := range modified.inOrder() {
			if n.parent == nil {
				continue
			}
			q := *n.parent
			q.UnmergedLeaves = slices.DeleteFunc(slices.Clone(q.UnmergedLeaves), func(m LeafIndex) bool { return m == l })
			n.parent = &q
		}
	}
	original := modified.inOrder()[at].treeHash(s)
	var w syntax.Writer
	w.Vector(p.parent.EncryptionKey)
	w.Vector(p.parent.ParentHash)
	w.Vector(original)
	return s.Hash(w.Bytes())
}

// valid is the definition of "the parent hash in a node D is valid with respect to
// a parent node P" (7.9.2), criterion by criterion.
func (root *slow) valid(s *suite.Suite, d, p *slow) bool {
	if d == p || !p.contains(d) {
		return false // "D is a descendant of P in the tree."
	}
	c, sibling := p.child(d)
	var found []byte
	switch {
	case d.parent != nil:
		found = d.parent.ParentHash
	case d.leaf != nil && d.leaf.Source == SourceCommit:
		found = d.leaf.ParentHash
	default:
		return false
	}
	// "The parent_hash field of D is equal to the parent hash of P with copath child S."
	if !bytes.Equal(found, root.parentHash(s, p, sibling)) {
		return false
	}
	// "D is in the resolution of C, and the intersection of P's unmerged_leaves with
	// the subtree under C is equal to the resolution of C with D removed."
	resolution := map[*slow]bool{}
	for _, n := range root.resolution(c) {
		resolution[n] = true
	}
	if !resolution[d] {
		return false
	}
	delete(resolution, d)
	for _, l := range p.parent.UnmergedLeaves {
		if n := root.leaves()[l]; c.contains(n) {
			if !resolution[n] {
				return false
			}
			delete(resolution, n)
		}
	}
	return len(resolution) == 0
}

var errUncovered = errors.New("not covered by exactly one chain")

// slowParentHashes verifies the parent hashes of a tree "bottom up": "by building
// chains up from leaves and verifying that all non-blank parent nodes are covered
// by exactly one such chain".
func slowParentHashes(t *Tree) error {
	root := slowCopy(t)
	covered := map[*slow]int{}
	for _, l := range root.leaves() {
		if l.leaf == nil {
			continue
		}
		path := root.directPath(l)
		for d := l; d != nil; {
			// The next node that is not blank, if d is valid with respect to it. Beyond
			// it there is none: the resolution below would hold more than d.
			var next *slow
			for k, p := range path {
				if p.parent == nil {
					continue
				}
				if root.valid(t.suite, d, p) {
					next, path = p, path[k+1:]
					covered[p]++
				}
				break
			}
			d = next
		}
	}
	for x, n := range root.inOrder() {
		if n.parent != nil && covered[n] != 1 {
			return fmt.Errorf("node %d: %w: %d", x, errUncovered, covered[n])
		}
	}
	return nil
}

// slowUnmergedLeaves is what "Parent Node Contents" (7.1) and "Joining via Welcome
// Message" (12.4.3.1) say about lists of unmerged leaves.
func slowUnmergedLeaves(t *Tree) bool {
	root := slowCopy(t)
	for _, p := range root.inOrder() {
		if p.parent == nil {
			continue
		}
		list := p.parent.UnmergedLeaves
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			return false
		}
		for _, l := range list {
			if int(l) >= len(root.leaves()) || root.leaves()[l].leaf == nil || !p.contains(root.leaves()[l]) {
				return false
			}
			for _, n := range p.directPath(root.leaves()[l]) {
				if n.parent != nil && !slices.Contains(n.parent.UnmergedLeaves, l) {
					return false
				}
			}
		}
	}
	return true
}
