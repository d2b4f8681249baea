package treekem

import (
	"math/bits"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// UpdatePath is what a Commit tells about the sender's new path ("Update Paths"
// (7.6)).
type UpdatePath struct {
	LeafNode tree.LeafNode
	Nodes    []UpdatePathNode // one for each node of the filtered direct path, from the leaf up
}

// UpdatePathNode is the new public key of one node, and its path secret encrypted
// to each node of the resolution of the child that is not on the path, in order,
// without the leaves that the same Commit adds.
type UpdatePathNode struct {
	EncryptionKey       []byte
	EncryptedPathSecret []suite.Ciphertext
}

// Marshal writes the UpdatePath.
func (p *UpdatePath) Marshal(w *syntax.Writer) {
	p.LeafNode.Marshal(w)
	w.Nested(func(w *syntax.Writer) {
		for i := range p.Nodes {
			p.Nodes[i].Marshal(w)
		}
	})
}

// maxDepth is the greatest number of nodes above a leaf.
var maxDepth = bits.Len(tree.MaxLeaves - 1)

// Unmarshal reads an UpdatePath. Its slices alias the input. syntax.ErrTooLong: it has
// more nodes, or encrypts to more, than a tree of tree.MaxLeaves has.
func (p *UpdatePath) Unmarshal(r *syntax.Reader) {
	p.LeafNode.Unmarshal(r)
	// The nodes of a path encrypt to different leaves.
	left := tree.MaxLeaves
	p.Nodes = syntax.ReadListOf(r, maxDepth, func(r *syntax.Reader) (n UpdatePathNode) {
		n.read(r, left)
		left -= len(n.EncryptedPathSecret)
		return n
	})
}

// Marshal writes the UpdatePathNode.
func (n *UpdatePathNode) Marshal(w *syntax.Writer) {
	w.Vector(n.EncryptionKey)
	w.Nested(func(w *syntax.Writer) {
		for i := range n.EncryptedPathSecret {
			n.EncryptedPathSecret[i].Marshal(w)
		}
	})
}

// Unmarshal reads an UpdatePathNode. Its slices alias the input.
func (n *UpdatePathNode) Unmarshal(r *syntax.Reader) { n.read(r, tree.MaxLeaves) }

// read is Unmarshal of a node that encrypts to most others, or fewer.
func (n *UpdatePathNode) read(r *syntax.Reader, most int) {
	n.EncryptionKey = r.Vector()
	n.EncryptedPathSecret = syntax.ReadListOf(r, most, func(r *syntax.Reader) (c suite.Ciphertext) {
		c.Unmarshal(r)
		return c
	})
}
