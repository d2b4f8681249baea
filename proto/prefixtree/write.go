package prefixtree

import (
	"encoding/binary"

	"github.com/kith-kt/kith/proto/wire"
)

// newParent reserves the next parent. There are at most 1+255·255 of them, one
// for each prefix of a changed key, which is less than leafBase.
func (b *Builder) newParent() uint16 {
	at := len(b.parents) / parentSize
	var zero [parentSize]byte
	b.parents = append(b.parents, zero[:]...)
	return uint16(at)
}

func (b *Builder) setParent(at uint16, left, right ref, value *wire.HashValue) {
	p := b.parents[int(at)*parentSize:][:parentSize]
	copy(p, value[:])
	p = p[hashSize:]
	outside, a, c := uint64(noPos), left.index, right.index
	switch {
	case !left.empty() && left.pos != b.pos:
		outside = left.pos
	case !right.empty() && right.pos != b.pos:
		outside, a, c = sideBit|right.pos, right.index, left.index
	}
	putUint40(p, outside)
	binary.BigEndian.PutUint16(p[5:], a)
	binary.BigEndian.PutUint16(p[7:], c)
}

func (b *Builder) newLeaf(leaf *wire.PrefixLeaf) ref {
	index := leafBase + len(b.leaves)
	b.leaves = append(b.leaves, *leaf)
	return ref{b.pos, uint16(index)}
}

// finish writes the page down and lets go of the caller's slices.
func (b *Builder) finish(root ref) []byte {
	out := make([]byte, headerSize, headerSize+len(b.parents)+len(b.leaves)*leafSize)
	if root.empty() {
		root.pos = noPos
	}
	out[0] = pageVersion
	binary.BigEndian.PutUint16(out[1:], uint16(len(b.parents)/parentSize))
	binary.BigEndian.PutUint16(out[3:], uint16(len(b.leaves)))
	putUint40(out[5:], root.pos)
	binary.BigEndian.PutUint16(out[10:], root.index)
	out = append(out, b.parents...)
	for i := len(b.leaves) - 1; i >= 0; i-- {
		out = append(out, b.leaves[i].VRFOutput[:]...)
		out = append(out, b.leaves[i].Commitment[:]...)
	}
	b.pages, b.added, b.removed, b.proof = nil, nil, nil, nil
	return out
}
