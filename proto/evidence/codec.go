package evidence

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// A writer appends an encoding. The first fault stays.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
}

func (w *writer) u8(v uint8)     { w.b = append(w.b, v) }
func (w *writer) u32(v uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)   { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) fixed(v []byte) { w.b = append(w.b, v...) }

// count8 and count16 write the number of elements of a vector.
func (w *writer) count8(what string, n, most int) {
	if n > most {
		w.fail("%d %s, the most is %d", n, what, most)
	}
	w.u8(uint8(n))
}

func (w *writer) opaque8(what string, v []byte, most int) {
	w.count8("bytes of "+what, len(v), most)
	w.fixed(v)
}

func (w *writer) opaque16(what string, v []byte) {
	if len(v) > 1<<16-1 {
		if w.err == nil {
			w.err = fmt.Errorf("%w: %d bytes of %s", ErrTooLarge, len(v), what)
		}
		return
	}
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(len(v)))
	w.fixed(v)
}

func (w *writer) present(p bool) {
	if p {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

// A reader takes an encoding apart. The first fault stays; from then on everything
// it returns is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// next takes n bytes.
func (r *reader) next(n int) []byte {
	if r.err != nil || len(r.b) < n {
		r.fail("cut short")
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() uint8 {
	if v := r.next(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.next(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.next(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) hash() (h [32]byte) {
	copy(h[:], r.next(len(h)))
	return h
}

func (r *reader) signature() (s [64]byte) {
	copy(s[:], r.next(len(s)))
	return s
}

// count8 takes the number of elements of a vector.
func (r *reader) count8(what string, most int) int {
	n := int(r.u8())
	if n > most {
		r.fail("%d %s, the most is %d", n, what, most)
		return 0
	}
	return n
}

func (r *reader) opaque8(what string, most int) []byte {
	return r.next(r.count8("bytes of "+what, most))
}

func (r *reader) opaque16() []byte {
	v := r.next(2)
	if v == nil {
		return nil
	}
	return r.next(int(binary.BigEndian.Uint16(v)))
}

func (r *reader) present() bool {
	switch v := r.u8(); v {
	case 0, 1:
		return v == 1
	default:
		r.fail("%d says neither present nor absent", v)
		return false
	}
}

// end demands that nothing is left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	return r.err
}

// hashes writes a vector of hashes with a count of one byte.
func hashes[H ~[32]byte](w *writer, what string, hashes []H, most int) {
	w.count8(what, len(hashes), most)
	for _, h := range hashes {
		w.fixed(h[:])
	}
}

// readHashes takes a vector of hashes: none are kept before their bytes are there.
func readHashes[H ~[32]byte](r *reader, what string, most int) []H {
	n := r.count8(what, most)
	b := r.next(32 * n)
	if len(b) == 0 {
		return nil
	}
	out := make([]H, n)
	for i := range out {
		copy(out[i][:], b[32*i:])
	}
	return out
}

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
