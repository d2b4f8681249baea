package syntax

import (
	"encoding/binary"
	"fmt"
)

// "Variable-Size Vector Length Headers" (2.1.2): the two most significant bits of
// the first byte tell the length of the length. 0b11 has no meaning, and the
// shortest form is the only one.

// AppendLength appends the header of a vector of n bytes, 0 <= n <= MaxVector.
// It panics outside of that: no structure of MLS gets there, since whoever fills
// one bounds it first.
func AppendLength(b []byte, n int) []byte {
	switch {
	case n < 0 || n > MaxVector:
		panic(fmt.Sprintf("syntax: vector of %d bytes", n))
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(b, 1<<14|uint16(n))
	default:
		return binary.BigEndian.AppendUint32(b, 2<<30|uint32(n))
	}
}

// lengthSize returns how many bytes AppendLength(n) takes.
func lengthSize(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	default:
		return 4
	}
}

// Vector writes opaque<V>: b behind its length.
func (w *Writer) Vector(b []byte) {
	w.buf = append(AppendLength(w.buf, len(b)), b...)
}

// Nested writes a vector whose content is what f writes.
func (w *Writer) Nested(f func(w *Writer)) {
	// Most vectors are short, so room is left for a length of one byte; a longer
	// content is moved once.
	start := len(w.buf)
	w.buf = append(w.buf, 0)
	f(w)
	n := len(w.buf) - start - 1
	if size := lengthSize(n); size > 1 {
		w.buf = append(w.buf, 0, 0, 0)[:start+size+n]
		copy(w.buf[start+size:], w.buf[start+1:start+1+n])
	}
	AppendLength(w.buf[:start], n)
}

// WriteList writes items as a vector, each element with each.
func WriteList[T any](w *Writer, items []T, each func(*Writer, T)) {
	w.Nested(func(w *Writer) {
		for _, item := range items {
			each(w, item)
		}
	})
}

// Length reads the header of a vector. It does not look at whether as many bytes
// follow.
func (r *Reader) Length() int {
	first := r.Uint8()
	switch prefix := first >> 6; prefix {
	case 0:
		return int(first)
	case 1:
		n := int(first&0x3f)<<8 | int(r.Uint8())
		if r.err == nil && n < 1<<6 {
			r.Fail(ErrNotCanonical)
		}
		return r.orZero(n)
	case 2:
		rest := r.Raw(3)
		if r.err != nil {
			return 0
		}
		n := int(first&0x3f)<<24 | int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
		if n < 1<<14 {
			r.Fail(ErrNotCanonical)
		}
		return r.orZero(n)
	default:
		r.Fail(ErrTooLong)
		return 0
	}
}

func (r *Reader) orZero(n int) int {
	if r.err != nil {
		return 0
	}
	return n
}

// Vector reads opaque<V>. The result aliases the input, has no spare capacity,
// and is nil after an error; an empty vector is empty, not nil.
func (r *Reader) Vector() []byte { return r.Raw(r.Length()) }

// Nested reads a vector and returns a Reader of its content, never nil. The
// content's errors, and bytes left over in it, reach r through the Close of the
// Reader returned, which must not be forgotten.
func (r *Reader) Nested() *Reader {
	content := r.Vector()
	return &Reader{rest: content, err: r.err, parent: r}
}

// ReadList reads a vector of elements, each with each, which must consume at
// least a byte. It returns nil for an empty list and after an error.
func ReadList[T any](r *Reader, each func(*Reader) T) []T {
	return ReadListOf(r, MaxVector, each)
}

// ReadListOf is ReadList for at most n elements; ErrTooLong if there are more. It is
// for lists that are read before anything is known about who wrote them, since an
// element may take 40 times as much memory as it has bytes.
func ReadListOf[T any](r *Reader, n int, each func(*Reader) T) []T {
	in := r.Nested()
	var items []T
	for !in.Empty() {
		if len(items) == n {
			in.Fail(ErrTooLong)
			break
		}
		before := in.Len()
		item := each(in)
		if in.err == nil && in.Len() == before {
			in.Fail(ErrEmptyElement)
		}
		if in.err == nil {
			items = append(items, item)
		}
	}
	if in.Close() != nil {
		return nil
	}
	return items
}
