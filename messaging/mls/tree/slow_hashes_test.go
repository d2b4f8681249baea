package tree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

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
