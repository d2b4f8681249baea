package tree

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// "Ratchet Tree Extension" (12.4.3.3): the nodes of the tree in order, without
// blanks after the last that is none.

// ErrRatchetTree: a list of nodes is empty, ends with a blank, or has a leaf
// where a parent belongs, or the other way round, or is longer than MaxLeaves
// allows.
var ErrRatchetTree = fmt.Errorf("%w: ratchet tree", syntax.ErrValue)

// MaxLeaves is the greatest number of leaves, blank ones included. RFC 9420 has no
// bound, but a blank node is one byte in a message, and 64 in memory.
const MaxLeaves = 1 << 17

// Parse reads the content of an extension ratchet_tree. Apart from its form,
// nothing about the tree is known then: see [Tree.Validate]. b is copied, each node
// by itself: one that stays does not keep those that go.
func Parse(s *suite.Suite, b []byte) (*Tree, error) {
	r := syntax.NewReader(b)
	t := Read(s, r)
	if err := r.Close(); err != nil {
		return nil, err
	}
	for i, l := range t.leaves {
		if l == nil {
			continue
		}
		var err error
		if t.leaves[i], err = l.Copy(); err != nil {
			return nil, err
		}
	}
	for i, p := range t.parents {
		if p != nil {
			t.parents[i] = p.Copy()
		}
	}
	return t, nil
}

// Read is Parse for a tree that stands within another structure. The tree, nil
// after an error, aliases the input of r.
func Read(s *suite.Suite, r *syntax.Reader) *Tree {
	in := r.Nested()
	t := &Tree{suite: s}
	blank := true
	for x := NodeIndex(0); !in.Empty(); x++ {
		if x == 2*MaxLeaves-1 {
			in.Fail(fmt.Errorf("%w: more than %d leaves", ErrRatchetTree, MaxLeaves))
			break
		}
		var l *LeafNode
		var p *ParentNode
		if blank = !in.Optional(); !blank {
			switch kind := in.Uint8(); {
			case kind == nodeLeaf && x.IsLeaf():
				l = new(LeafNode)
				l.Unmarshal(in)
			case kind == nodeParent && !x.IsLeaf():
				p = new(ParentNode)
				p.Unmarshal(in)
			default:
				in.Fail(fmt.Errorf("%w: node %d has type %d", ErrRatchetTree, x, kind))
			}
		}
		if x.IsLeaf() {
			t.leaves = append(t.leaves, l)
		} else {
			t.parents = append(t.parents, p)
		}
	}
	if blank {
		in.Fail(fmt.Errorf("%w: the last node is blank", ErrRatchetTree))
	}
	if in.Close() != nil {
		return nil
	}
	// If the last node is a parent, the leaf to its right is blank, and is there.
	n := 1
	for n < len(t.leaves) || n-1 < len(t.parents) {
		n *= 2
	}
	t.leaves = append(t.leaves, make([]*LeafNode, n-len(t.leaves))...)
	t.parents = append(t.parents, make([]*ParentNode, n-1-len(t.parents))...)
	t.hashes = make([][]byte, 2*n-1)
	return t
}

// Marshal writes the content of an extension ratchet_tree. The tree must have a
// member.
func (t *Tree) Marshal(w *syntax.Writer) {
	end := NodeIndex(NodeCount(t.LeafCount()))
	for end > 0 && t.IsBlank(end-1) {
		end--
	}
	w.Nested(func(w *syntax.Writer) {
		for x := range end {
			w.Optional(!t.IsBlank(x))
			if t.IsBlank(x) {
				continue
			}
			if x.IsLeaf() {
				w.Uint8(nodeLeaf)
				t.leaves[x>>1].Marshal(w)
			} else {
				w.Uint8(nodeParent)
				t.parents[x>>1].Marshal(w)
			}
		}
	})
}

// Extension returns the extension of a GroupInfo that carries the tree.
func (t *Tree) Extension() Extension {
	return Extension{Type: ExtensionRatchetTree, Data: syntax.Marshal(t)}
}
