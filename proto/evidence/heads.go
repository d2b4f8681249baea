package evidence

import (
	"github.com/kith-kt/kith/proto/wire"
)

// A SignedHead is a tree head of the KEYTRANS log with the root that it signs.
type SignedHead struct {
	Size      uint64
	Root      wire.HashValue
	Signature []byte // TreeHead.signature, at most 255 bytes
}

// A TwoHeadsBody is two heads of one size, the lesser root first.
type TwoHeadsBody struct{ A, B SignedHead }

// A HeadAndLeafBody is a head and the leaf of its last entry.
type HeadAndLeafBody struct {
	Head       SignedHead
	Checkpoint SignedCheckpoint
	Leaf       Included
}

// A HeadsDivergeBody is two heads, the smaller first, and the elements of an
// InclusionProof without leaves that makes both roots from the tree of the greater
// (logtree.Needed(nil, B.Size, 0, A.Size)).
type HeadsDivergeBody struct {
	A, B     SignedHead
	Elements []wire.HashValue
}

// NewTwoHeads returns evidence that two roots of one size were signed. document
// is the provider's envelope.
func NewTwoHeads(document []byte, a, b SignedHead) (*Evidence, error) { return nil, ErrMissing }

// NewHeadAndLeaf returns evidence that a head was signed whose root is not the
// one in the audit log. note is a signed checkpoint, and leaf, of entry
// head.Size-1, stands under it.
func NewHeadAndLeaf(document []byte, head SignedHead, note []byte, leaf Included) (*Evidence, error) {
	return nil, ErrMissing
}

// NewHeadsDiverge returns evidence that the greater of two heads does not continue
// the smaller one. elements are logtree.Needed(nil, greater, 0, smaller).
func NewHeadsDiverge(document []byte, a, b SignedHead, elements []wire.HashValue) (*Evidence, error) {
	return nil, ErrMissing
}
