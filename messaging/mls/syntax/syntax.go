// Package syntax writes and reads the presentation language of MLS
// (RFC 9420, "Presentation Language" (2.1)): big-endian integers, optional
// values, and vectors behind a length of one, two or four bytes.
//
// There is exactly one encoding of every value. A Reader refuses all others,
// refuses bytes that are left over, and never allocates by a length that it was
// told: what it returns aliases its input.
package syntax

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxVector is the greatest length of a vector in bytes: 30 bits.
const MaxVector = 1<<30 - 1

// ErrSyntax is the class of all errors of this package: the bytes are not the
// encoding of the structure that was asked for.
var ErrSyntax = errors.New("mls: malformed encoding")

var (
	// ErrTruncated: the input ends within a value.
	ErrTruncated = fmt.Errorf("%w: truncated", ErrSyntax)
	// ErrNotCanonical: a second way to write a value, such as a length in more
	// bytes than it needs.
	ErrNotCanonical = fmt.Errorf("%w: not canonical", ErrSyntax)
	// ErrTrailing: bytes are left over after the value.
	ErrTrailing = fmt.Errorf("%w: trailing bytes", ErrSyntax)
	// ErrTooLong: a length header that announces more than MaxVector can hold
	// (the prefix 0b11, which has no meaning), or a list of more elements than its
	// reader takes.
	ErrTooLong = fmt.Errorf("%w: length out of range", ErrSyntax)
	// ErrValue: an enumeration or a presence octet has a value without a meaning.
	ErrValue = fmt.Errorf("%w: invalid value", ErrSyntax)
	// ErrEmptyElement: an element of a list takes no bytes, so that the number of
	// elements would be unbounded.
	ErrEmptyElement = fmt.Errorf("%w: empty element", ErrSyntax)
)

// Marshaler is a structure that can write itself.
type Marshaler interface{ Marshal(w *Writer) }

// Unmarshaler is a structure that can read itself. It reports malformed input
// through r, and does not require that r is exhausted.
type Unmarshaler interface{ Unmarshal(r *Reader) }

// Marshal returns the encoding of m.
func Marshal(m Marshaler) []byte {
	var w Writer
	m.Marshal(&w)
	return w.Bytes()
}

// Copy makes to what from is, in memory of its own: nothing of it aliases what from
// was read from.
func Copy(to Unmarshaler, from Marshaler) error {
	return Unmarshal(bytes.Clone(Marshal(from)), to)
}

// Unmarshal reads u from b and requires that b holds nothing else. What u keeps
// may alias b.
func Unmarshal(b []byte, u Unmarshaler) error {
	r := NewReader(b)
	u.Unmarshal(r)
	return r.Close()
}
