package evidence

import (
	"bytes"

	"github.com/kith-kt/kith/proto/logtree"
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

// NewTwoHeads returns evidence that two roots of one size were signed. document
// is the provider's envelope.
func NewTwoHeads(document []byte, a, b SignedHead) (*Evidence, error) {
	if bytes.Compare(a.Root[:], b.Root[:]) > 0 {
		a, b = b, a
	}
	return assemble(document, &TwoHeadsBody{a, b})
}

func (x *TwoHeadsBody) kind() Kind       { return TwoHeads }
func (x *TwoHeadsBody) encode(w *writer) { x.A.encode(w); x.B.encode(w) }
func (x *TwoHeadsBody) decode(r *reader) { x.A.decode(r); x.B.decode(r) }

func (x *TwoHeadsBody) verify(c *court) error {
	if err := c.heads(&x.A, &x.B); err != nil {
		return err
	}
	switch order := bytes.Compare(x.A.Root[:], x.B.Root[:]); {
	case x.A.Size != x.B.Size:
		return nothing("heads of sizes %d and %d", x.A.Size, x.B.Size)
	case order == 0:
		return nothing("two heads of one root")
	case order > 0:
		return invalid("the heads are not in order")
	}
	return c.found(x.A.Size-1, "signed two tree heads of size %d with different roots", x.A.Size)
}

func (c *court) heads(a, b *SignedHead) error {
	if err := c.head(a); err != nil {
		return err
	}
	return c.head(b)
}

// A HeadAndLeafBody is a head and the leaf of its last entry.
type HeadAndLeafBody struct {
	Head       SignedHead
	Checkpoint SignedCheckpoint
	Leaf       Included
}

// NewHeadAndLeaf returns evidence that a head was signed whose root is not the
// one in the audit log. note is a signed checkpoint, and leaf, of entry
// head.Size-1, stands under it.
func NewHeadAndLeaf(document []byte, head SignedHead, note []byte, leaf Included) (*Evidence, error) {
	under, err := CheckpointOf(document, note)
	if err != nil {
		return nil, err
	}
	return assemble(document, &HeadAndLeafBody{head, under, leaf})
}

func (x *HeadAndLeafBody) kind() Kind { return HeadAndLeaf }

func (x *HeadAndLeafBody) encode(w *writer) {
	x.Head.encode(w)
	x.Checkpoint.encode(w)
	x.Leaf.encode(w)
}

func (x *HeadAndLeafBody) decode(r *reader) {
	x.Head.decode(r)
	x.Checkpoint.decode(r)
	x.Leaf.decode(r)
}

func (x *HeadAndLeafBody) verify(c *court) error {
	if err := c.head(&x.Head); err != nil {
		return err
	}
	if err := c.checkpoint(&x.Checkpoint); err != nil {
		return err
	}
	leaf, err := c.leaf(&x.Checkpoint, &x.Leaf)
	if err != nil {
		return err
	}
	if _, ok := c.config(leaf.Configuration); !ok {
		return missing("a document that knows the Configuration of leaf %d", leaf.Position)
	}
	switch {
	case leaf.Position != x.Head.Size-1:
		return nothing("a head of size %d and leaf %d", x.Head.Size, leaf.Position)
	case leaf.Root == x.Head.Root:
		return nothing("head and leaf have one root")
	}
	return c.found(leaf.Position, "signed a tree head of size %d whose root is not the one its audit log has for that size", x.Head.Size)
}

// A HeadsDivergeBody is two heads, the smaller first, and the elements of an
// InclusionProof without leaves that makes both roots from the tree of the greater
// (logtree.Needed(nil, B.Size, 0, A.Size)).
type HeadsDivergeBody struct {
	A, B     SignedHead
	Elements []wire.HashValue
}

// NewHeadsDiverge returns evidence that the greater of two heads does not continue
// the smaller one. elements are logtree.Needed(nil, greater, 0, smaller).
func NewHeadsDiverge(document []byte, a, b SignedHead, elements []wire.HashValue) (*Evidence, error) {
	if a.Size > b.Size {
		a, b = b, a
	}
	return assemble(document, &HeadsDivergeBody{a, b, elements})
}

func (x *HeadsDivergeBody) kind() Kind { return HeadsDiverge }

func (x *HeadsDivergeBody) encode(w *writer) {
	x.A.encode(w)
	x.B.encode(w)
	hashes(w, "elements", x.Elements, maxElements)
}

func (x *HeadsDivergeBody) decode(r *reader) {
	x.A.decode(r)
	x.B.decode(r)
	x.Elements = readHashes[wire.HashValue](r, "elements", maxElements)
}

func (x *HeadsDivergeBody) verify(c *court) error {
	if err := c.heads(&x.A, &x.B); err != nil {
		return err
	}
	if x.A.Size >= x.B.Size {
		return invalid("heads of sizes %d and %d are not in order", x.A.Size, x.B.Size)
	}
	tree, err := logtree.Evaluate(nil, 0, nil, x.B.Size, x.A.Size, x.Elements)
	if err != nil {
		return invalid("%w", err)
	}
	if tree.Root() != x.B.Root {
		return invalid("the elements are not of the tree of size %d", x.B.Size)
	}
	if also, ok := tree.AlsoRoot(); !ok {
		return invalid("the elements say nothing about size %d", x.A.Size)
	} else if also == x.A.Root {
		return nothing("the head of size %d continues that of size %d", x.B.Size, x.A.Size)
	}
	return c.found(x.A.Size-1, "signed tree heads of sizes %d and %d, and the greater does not continue the smaller", x.A.Size, x.B.Size)
}
