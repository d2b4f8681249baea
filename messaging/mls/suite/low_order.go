package suite

import (
	"bytes"
	"slices"
)

// Numbers of KEMs in the registry of HPKE.
const (
	kemX25519         = 0x0020
	kemMLKEM768X25519 = 0x647a
)

// The points whose multiples by a private key are zero, so that the "shared"
// secret is known to everybody. HPKE refuses the zero (RFC 9180, "Validation of
// Inputs and Outputs" (7.1.4)) when it meets it; looking at the key refuses the
// leaf that carries it, before a commit has to encrypt to it.

// x25519LowOrder lists the u-coordinates of order 1, 2, 4 and 8 on Curve25519 and
// its twist, and the second encodings that they have below 2^255.
var x25519LowOrder = [...][32]byte{
	{},
	{1},
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
	nearP25519(0xec), nearP25519(0xed), nearP25519(0xee), // p-1, p, p+1
}

func nearP25519(low byte) (b [32]byte) {
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[31] = low, 0x7f
	return b
}

// lowOrderX25519 reports whether pub, 32 bytes, is of low order. The highest bit
// is not part of the coordinate.
func lowOrderX25519(pub []byte) bool {
	u := [32]byte(pub)
	u[31] &= 0x7f
	return slices.Contains(x25519LowOrder[:], u)
}

// x448LowOrder lists the u-coordinates of order 1, 2 and 4 on Curve448 and its
// twist, and their second encodings: 0, 1, p-1, p, p+1 with p = 2^448 - 2^224 - 1.
var x448LowOrder = [...][]byte{
	make([]byte, 56),
	append([]byte{1}, make([]byte, 55)...),
	append(append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 27)...), append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 27)...)...),
	append(bytes.Repeat([]byte{0xff}, 28), append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 27)...)...),
	append(make([]byte, 28), bytes.Repeat([]byte{0xff}, 28)...),
}

// lowOrderX448 reports whether pub is of low order.
func lowOrderX448(pub []byte) bool {
	for _, u := range x448LowOrder {
		if bytes.Equal(pub, u) {
			return true
		}
	}
	return false
}

// ed25519LowOrder lists the y-coordinates of order 1, 2, 4 and 8 on the Edwards
// curve. Each belongs to no other points than those.
var ed25519LowOrder = [...][32]byte{
	{1}, nearP25519(0xec), {},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}

// suspectEd25519 reports whether pub has a y-coordinate of low order, or one
// beyond the field. The highest bit is the sign of x; where x is zero and the sign
// set, which RFC 8032 refuses to decode, y is of low order.
func suspectEd25519(pub [32]byte) bool {
	pub[31] &= 0x7f
	if slices.Contains(ed25519LowOrder[:], pub) {
		return true
	}
	// y >= p = 2^255-19
	return pub[0] >= 0xed && pub[31] == 0x7f && !slices.ContainsFunc(pub[1:31], func(b byte) bool { return b != 0xff })
}

// lowOrderEd448 reports whether pub has the y-coordinate of a point of order 1, 2
// or 4 on the Edwards curve: 1, p-1 or 0. A coordinate
// beyond the field is not decoded in the first place.
func lowOrderEd448(pub [57]byte) bool {
	y := pub[:56]
	return bytes.Equal(y, x448LowOrder[0]) || bytes.Equal(y, x448LowOrder[1]) || bytes.Equal(y, x448LowOrder[2])
}
