package syntax

import "encoding/binary"

// Reader reads encodings from a buffer. Its first error stays: all later reads
// return zero values, so that a structure is read without a check per field and
// the error is looked at once. Slices it returns alias the buffer.
type Reader struct {
	rest   []byte
	err    error
	parent *Reader // of the vector that this Reader is the content of
}

// NewReader returns a Reader of b.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Len returns how many bytes are left, 0 after an error.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.rest)
}

// Empty reports whether nothing is left to read, which is so after an error too.
func (r *Reader) Empty() bool { return r.Len() == 0 }

// Rest returns what has not been read, without reading it.
func (r *Reader) Rest() []byte {
	if r.err != nil {
		return nil
	}
	return r.rest[:len(r.rest):len(r.rest)]
}

// Fail makes err, which must not be nil, the Reader's error, unless it has one.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
		r.rest = nil
	}
}

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Close returns the first error, or ErrTrailing if bytes remain. The Close of a
// nested Reader hands its error to the Reader that it came from.
func (r *Reader) Close() error {
	if r.err == nil && len(r.rest) > 0 {
		r.Fail(ErrTrailing)
	}
	if r.err != nil && r.parent != nil {
		r.parent.Fail(r.err)
	}
	return r.err
}

// Raw reads n bytes, n >= 0.
func (r *Reader) Raw(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.rest) {
		r.Fail(ErrTruncated)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	if b == nil {
		b = []byte{}
	}
	return b
}

// Uint8 reads a uint8.
func (r *Reader) Uint8() uint8 {
	b := r.Raw(1)
	if b == nil {
		return 0
	}
	return b[0]
}

// Uint16 reads a uint16.
func (r *Reader) Uint16() uint16 {
	b := r.Raw(2)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

// Uint32 reads a uint32.
func (r *Reader) Uint32() uint32 {
	b := r.Raw(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// Uint64 reads a uint64.
func (r *Reader) Uint64() uint64 {
	b := r.Raw(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Optional reads the presence octet of an optional value, 0 or 1. If it returns
// true, the value has to be read next.
func (r *Reader) Optional() bool {
	switch r.Uint8() {
	case 0:
		return false
	case 1:
		return true
	default:
		r.Fail(ErrValue)
		return false
	}
}
