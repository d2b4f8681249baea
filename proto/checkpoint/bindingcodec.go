package checkpoint

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

const (
	bindingFormat   = 1
	maxFullSubtrees = 63  // of MaxSize
	maxElements     = 255 // twice the height of a tree, and then some
)

// MaxBinding is the greatest length of an encoded Binding, in bytes.
const MaxBinding = 1 + 3 + MaxNote + LeafSize + 1 + MaxProof*32 + 1 + maxFullSubtrees*32 + 1 + maxElements*32

// Append appends the encoding of the binding to dst. It is in the presentation
// language of KEYTRANS, in which the length of a vector is its number of elements:
//
//	struct {
//	  uint8 format = 1;
//	  opaque checkpoint<1..2^24-1>;
//	  opaque leaf[149];
//	  HashValue proof<0..63>;
//	  HashValue full_subtrees<0..63>;
//	  HashValue elements<0..2^8-1>;
//	} Binding;
//
// Of the last two, either both are empty or neither.
func (b *Binding) Append(dst []byte) ([]byte, error) {
	n := len(b.Checkpoint)
	if n == 0 || n > MaxNote || len(b.Proof) > MaxProof || len(b.FullSubtrees) > maxFullSubtrees ||
		len(b.Elements) > maxElements || (len(b.FullSubtrees) == 0) != (len(b.Elements) == 0) {
		return dst, fmt.Errorf("checkpoint: a binding with %d bytes and %d, %d, %d hashes cannot be encoded",
			n, len(b.Proof), len(b.FullSubtrees), len(b.Elements))
	}
	dst = append(dst, bindingFormat, byte(n>>16), byte(n>>8), byte(n))
	dst = append(dst, b.Checkpoint...)
	dst = b.Leaf.Append(dst)
	dst = appendHashes(dst, b.Proof)
	dst = appendHashes(dst, b.FullSubtrees)
	return appendHashes(dst, b.Elements), nil
}

func appendHashes[H ~[32]byte](dst []byte, hashes []H) []byte {
	dst = append(dst, byte(len(hashes)))
	for _, h := range hashes {
		dst = append(dst, h[:]...)
	}
	return dst
}

// ParseBinding decodes exactly one binding. Its checkpoint shares the memory of b.
func ParseBinding(b []byte) (*Binding, error) {
	var x Binding
	if len(b) < 4 || len(b) > MaxBinding || b[0] != bindingFormat {
		return nil, fmt.Errorf("%w: not a binding of format %d", ErrMalformed, bindingFormat)
	}
	n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	b = b[4:]
	if n == 0 || n > MaxNote || len(b) < n+LeafSize {
		return nil, fmt.Errorf("%w: a binding is cut off", ErrMalformed)
	}
	x.Checkpoint, b = b[:n:n], b[n:]
	var err error
	if x.Leaf, err = ParseLeaf(b[:LeafSize]); err != nil {
		return nil, err
	}
	b = b[LeafSize:]
	if x.Proof, b, err = parseHashes[Hash](b, MaxProof); err != nil {
		return nil, err
	}
	if x.FullSubtrees, b, err = parseHashes[wire.HashValue](b, maxFullSubtrees); err != nil {
		return nil, err
	}
	if x.Elements, b, err = parseHashes[wire.HashValue](b, maxElements); err != nil {
		return nil, err
	}
	if len(b) != 0 || (len(x.FullSubtrees) == 0) != (len(x.Elements) == 0) {
		return nil, fmt.Errorf("%w: a binding with %d bytes at its end, %d full subtrees and %d elements",
			ErrMalformed, len(b), len(x.FullSubtrees), len(x.Elements))
	}
	return &x, nil
}

func parseHashes[H ~[32]byte](b []byte, limit int) ([]H, []byte, error) {
	if len(b) == 0 || int(b[0]) > limit || len(b) < 1+32*int(b[0]) {
		return nil, nil, fmt.Errorf("%w: the hashes of a binding", ErrMalformed)
	}
	n, b := int(b[0]), b[1:]
	if n == 0 {
		return nil, b, nil
	}
	hashes := make([]H, n)
	for i := range hashes {
		hashes[i] = H(b[32*i:])
	}
	return hashes, b[32*n:], nil
}
