package tree

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// "Parent Hashes" (7.9). [Tree.SetPath] makes them; a member who joins verifies
// them as "Verifying Parent Hashes" (7.9.2) says, here from the top.

// parentHash is the hash of a ParentHashInput.
func (t *Tree) parentHash(key, parentHash, originalSiblingTreeHash []byte) []byte {
	var w syntax.Writer
	w.Vector(key)
	w.Vector(parentHash)
	w.Vector(originalSiblingTreeHash)
	return t.suite.Hash(w.Bytes())
}

// validateParentHashes returns ErrParentHash unless every parent node that is not
// blank has exactly one descendant whose parent hash is valid with respect to it.
// Since this holds for a descendant that is a parent too, each is chained back to
// a leaf. Lists of unmerged leaves must have been validated.
func (t *Tree) validateParentHashes() error {
	for i, p := range t.parents {
		if p == nil {
			continue
		}
		x, links := NodeIndex(2*i+1), 0
		if t.linked(p, x.Left(), x.Right()) {
			links++
		}
		if t.linked(p, x.Right(), x.Left()) {
			links++
		}
		if links != 1 {
			return fmt.Errorf("%w: %d descendants vouch for node %d", ErrParentHash, links, x)
		}
	}
	return nil
}

// linked reports whether there is a node D, in the subtree of child c of parent p,
// whose parent hash is valid with respect to p. s is the other child.
func (t *Tree) linked(p *ParentNode, c, s NodeIndex) bool {
	// The resolution of c without D is what p has unmerged below c, so there is no
	// choice of D. Leaves stand in a resolution from the left, as in p's list.
	unmerged := p.unmergedBelow(c)
	resolution := t.Resolution(c)
	if len(resolution) != len(unmerged)+1 {
		return false
	}
	at := 0
	for at < len(unmerged) && resolution[at] == unmerged[at].Node() {
		at++
	}
	for i, l := range unmerged[at:] {
		if resolution[at+1+i] != l.Node() {
			return false
		}
	}
	var found []byte
	if d := resolution[at]; !d.IsLeaf() {
		found = t.Parent(d).ParentHash
	} else if l := t.Leaf(d.Leaf()); l.Source == SourceCommit {
		found = l.ParentHash
	} else {
		return false // it was never on an update path
	}
	sibling := t.originalTreeHash(s, p.unmergedBelow(s))
	return bytes.Equal(found, t.parentHash(p.EncryptionKey, p.ParentHash, sibling))
}

// originalTreeHash is the tree hash of node x if the leaves without, which are
// sorted and below x, had not been added.
func (t *Tree) originalTreeHash(x NodeIndex, without []LeafIndex) []byte {
	if len(without) == 0 {
		return t.Hash(x)
	}
	var w syntax.Writer
	if x.IsLeaf() {
		return t.leafHash(&w, x.Leaf(), nil)
	}
	_, middle := x.Left().Leaves()
	split, _ := slices.BinarySearch(without, middle)
	left := t.originalTreeHash(x.Left(), without[:split])
	right := t.originalTreeHash(x.Right(), without[split:])
	p := t.parents[x>>1]
	if p != nil {
		p = &ParentNode{EncryptionKey: p.EncryptionKey, ParentHash: p.ParentHash,
			UnmergedLeaves: difference(p.UnmergedLeaves, without)}
	}
	return t.parentTreeHash(&w, p, left, right)
}

// unmergedBelow returns the part of the list that is about leaves below x.
func (p *ParentNode) unmergedBelow(x NodeIndex) []LeafIndex {
	first, end := x.Leaves()
	lo, _ := slices.BinarySearch(p.UnmergedLeaves, first)
	hi, _ := slices.BinarySearch(p.UnmergedLeaves, end)
	return p.UnmergedLeaves[lo:hi]
}

// difference returns the elements of a that are not in b. Both are sorted.
func difference(a, b []LeafIndex) []LeafIndex {
	var d []LeafIndex
	for _, l := range a {
		for len(b) > 0 && b[0] < l {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != l {
			d = append(d, l)
		}
	}
	return d
}
