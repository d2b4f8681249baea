package mls

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

type groupHead struct {
	restored bool
	count    uint64
	sum      digest
}

func (h *groupHead) marshalStart(w *syntax.Writer) {
	w.Uint8(headFormat)
	w.Optional(h.restored)
	w.Uint64(h.count)
}

// The sum is written with the head's own start in it, so that nothing of it can change
// unnoticed either.
func (h *groupHead) Marshal(w *syntax.Writer) {
	h.marshalStart(w)
	sum := h.sum
	sum.add(recordDigest(headKey, w.Bytes()))
	for _, lane := range sum {
		w.Uint64(lane)
	}
}

func (h *groupHead) Unmarshal(r *syntax.Reader) {
	if r.Uint8() != headFormat {
		r.Fail(errFormat)
	}
	h.restored = r.Optional()
	h.count = r.Uint64()
	for i := range h.sum {
		h.sum[i] = r.Uint64()
	}
	var w syntax.Writer
	h.marshalStart(&w)
	h.sum.sub(recordDigest(headKey, w.Bytes()))
}

// digest is the sum of the SHA-256 hashes of records, as four numbers modulo 2^64.
type digest [4]uint64

func recordDigest(name string, value []byte) (d digest) {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	h.Write([]byte(name))
	h.Write(value)
	sum := h.Sum(nil)
	for i := range d {
		d[i] = binary.BigEndian.Uint64(sum[8*i:])
	}
	return d
}

func (d *digest) add(e digest) {
	for i := range d {
		d[i] += e[i]
	}
}

func (d *digest) sub(e digest) {
	for i := range d {
		d[i] -= e[i]
	}
}
