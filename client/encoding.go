package client

import (
	"encoding/binary"

	"github.com/kith-kt/kith/proto/wire"
)

// The files of this package are big-endian integers and length-prefixed byte
// strings in a fixed order, with one encoding for every value. A reader
// remembers its first fault, so that decoding reads straight down.

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fixed(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() uint8 {
	if v := r.fixed(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.fixed(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.fixed(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// present reads a presence octet, which is 0 or 1.
func (r *reader) present() bool {
	v := r.u8()
	if v > 1 {
		r.bad = true
	}
	return v == 1 && !r.bad
}

// bytes reads a length of four bytes and as many bytes; the result is nil when the length is 0.
func (r *reader) bytes() []byte {
	n := r.u32()
	if r.bad || uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	return append([]byte(nil), r.fixed(int(n))...)
}

func (r *reader) hash() (h wire.HashValue) {
	copy(h[:], r.fixed(len(h)))
	return h
}

// list reads a count and calls read that many times, or until the input is bad.
func (r *reader) list(read func()) {
	for n := r.u32(); n > 0 && !r.bad; n-- {
		read()
	}
}

// check marks the input as bad unless ok.
func (r *reader) check(ok bool) {
	if !ok {
		r.bad = true
	}
}

func (r *reader) optionalU32() *uint32 {
	if !r.present() {
		return nil
	}
	v := r.u32()
	return &v
}

func appendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

func appendU64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func appendPresent(b []byte, present bool) []byte {
	if present {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendBytes(b, v []byte) []byte { return append(appendU32(b, uint32(len(v))), v...) }

func appendOptionalU32(b []byte, v *uint32) []byte {
	b = appendPresent(b, v != nil)
	if v != nil {
		b = appendU32(b, *v)
	}
	return b
}
