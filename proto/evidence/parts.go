package evidence

import (
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// Bounds of vectors.
const (
	maxPath      = 64  // hashes of an inclusion proof
	maxSubtrees  = 64  // of a log tree
	maxElements  = 192 // of a consistency proof in the log tree
	maxSignature = 255 // bytes of a head's
)

// The forms of an Included.
const (
	formLeaf = 1
	formHash = 2
)

func (x *Included) encode(w *writer) {
	if x.Leaf != nil {
		w.u8(formLeaf)
		w.opaque16("leaf", x.Leaf)
	} else {
		w.u8(formHash)
		w.fixed(x.Hash[:])
	}
	hashes(w, "hashes of a proof", x.Proof, maxPath)
}

func (x *Included) decode(r *reader) {
	switch form := r.u8(); form {
	case formLeaf:
		if x.Leaf = r.opaque16(); x.Leaf == nil && r.err == nil {
			x.Leaf = []byte{}
		}
	case formHash:
		x.Hash = r.hash()
	default:
		r.fail("form %d of a leaf", form)
	}
	x.Proof = readHashes[checkpoint.Hash](r, "hashes of a proof", maxPath)
}

func encodeOptional(w *writer, x *Included) {
	w.present(x != nil)
	if x != nil {
		x.encode(w)
	}
}

func decodeOptional(r *reader) *Included {
	if !r.present() {
		return nil
	}
	x := new(Included)
	x.decode(r)
	return x
}

func (x *SignedCheckpoint) encode(w *writer) {
	w.u64(x.Size)
	w.fixed(x.Root[:])
	w.fixed(x.Signature[:])
}

func (x *SignedCheckpoint) decode(r *reader) {
	x.Size, x.Root, x.Signature = r.u64(), r.hash(), r.signature()
}

func (x *SignedHead) encode(w *writer) {
	w.u64(x.Size)
	w.fixed(x.Root[:])
	w.opaque8("a head's signature", x.Signature, maxSignature)
}

func (x *SignedHead) decode(r *reader) {
	x.Size, x.Root = r.u64(), r.hash()
	x.Signature = r.opaque8("a head's signature", maxSignature)
}

func (x *Document) encode(w *writer) {
	w.opaque16("provider document", x.Payload)
	w.count8("signatures", len(x.Signatures), maxRoots)
	for i := range x.Signatures {
		w.u8(x.Signatures[i].Key)
		w.fixed(x.Signatures[i].Signature[:])
	}
}

func (x *Document) decode(r *reader) {
	x.Payload = r.opaque16()
	for range r.count8("signatures", maxRoots) {
		x.Signatures = append(x.Signatures, RootSignature{r.u8(), r.signature()})
		if r.err != nil {
			return
		}
	}
}

func (x *Lookup) encode(w *writer) {
	w.u8(uint8(x.Result.ResultType))
	w.u8(x.Result.Depth)
	switch x.Result.ResultType {
	case wire.Inclusion:
		w.fixed(x.Commitment[:])
	case wire.NonInclusionLeaf:
		w.fixed(x.Result.Leaf.VRFOutput[:])
		w.fixed(x.Result.Leaf.Commitment[:])
	case wire.NonInclusionParent:
	default:
		w.fail("result type %d", x.Result.ResultType)
	}
	if len(x.Elements) != int(x.Result.Depth) {
		w.fail("%d elements beside a path of %d", len(x.Elements), x.Result.Depth)
	}
	for i := range x.Elements {
		w.fixed(x.Elements[i][:])
	}
}

func (x *Lookup) decode(r *reader) {
	x.Result.ResultType = wire.PrefixSearchResultType(r.u8())
	x.Result.Depth = r.u8()
	switch x.Result.ResultType {
	case wire.Inclusion:
		x.Commitment = r.hash()
	case wire.NonInclusionLeaf:
		x.Result.Leaf = wire.PrefixLeaf{VRFOutput: r.hash(), Commitment: r.hash()}
	case wire.NonInclusionParent:
	default:
		r.fail("result type %d", x.Result.ResultType)
	}
	b := r.next(wire.HashSize * int(x.Result.Depth))
	for ; len(b) > 0; b = b[wire.HashSize:] {
		x.Elements = append(x.Elements, wire.HashValue(b[:wire.HashSize]))
	}
}
