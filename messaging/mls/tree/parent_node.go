package tree

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// ParentNode is "Parent Node Contents" (7.1). It must not be changed once it is
// in a [Tree].
type ParentNode struct {
	EncryptionKey  []byte // HPKEPublicKey
	ParentHash     []byte
	UnmergedLeaves []LeafIndex // sorted
}

// Marshal writes p.
func (p *ParentNode) Marshal(w *syntax.Writer) {
	w.Vector(p.EncryptionKey)
	w.Vector(p.ParentHash)
	writeLeaves(w, p.UnmergedLeaves)
}

// Unmarshal reads p, whose slices alias the input. Whether the unmerged leaves
// are sorted is for [Tree.Validate] to say.
func (p *ParentNode) Unmarshal(r *syntax.Reader) {
	p.EncryptionKey = r.Vector()
	p.ParentHash = r.Vector()
	in := r.Nested()
	p.UnmergedLeaves = make([]LeafIndex, 0, in.Len()/4)
	for !in.Empty() {
		p.UnmergedLeaves = append(p.UnmergedLeaves, LeafIndex(in.Uint32()))
	}
	in.Close()
}

// Copy returns p in memory of its own. See [LeafNode.Copy].
func (p *ParentNode) Copy() *ParentNode {
	return &ParentNode{bytes.Clone(p.EncryptionKey), bytes.Clone(p.ParentHash), slices.Clone(p.UnmergedLeaves)}
}

func writeLeaves(w *syntax.Writer, leaves []LeafIndex) {
	w.Nested(func(w *syntax.Writer) {
		for _, l := range leaves {
			w.Uint32(uint32(l))
		}
	})
}

// unmerged reports whether p lists l.
func (p *ParentNode) unmerged(l LeafIndex) bool {
	_, ok := slices.BinarySearch(p.UnmergedLeaves, l)
	return ok
}

// withUnmerged returns p with l in its list.
func (p *ParentNode) withUnmerged(l LeafIndex) *ParentNode {
	at, ok := slices.BinarySearch(p.UnmergedLeaves, l)
	if ok {
		return p
	}
	// Clipped, so that the list is copied: other trees share p.
	q := *p
	q.UnmergedLeaves = slices.Insert(slices.Clip(p.UnmergedLeaves), at, l)
	return &q
}
