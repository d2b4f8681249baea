package vrf

import (
	"encoding/binary"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

var identityEd25519 = edwards25519.NewIdentityPoint()

// decodeEd25519 is string_to_point of RFC 8032 ("Decoding"): it sets p and
// reports true if b is the one encoding of a point. The library also takes a
// y-coordinate that is not reduced, and a negative zero for x.
func decodeEd25519(p *edwards25519.Point, b []byte) bool {
	if len(b) != 32 {
		return false
	}
	y := [4]uint64{
		binary.LittleEndian.Uint64(b),
		binary.LittleEndian.Uint64(b[8:]),
		binary.LittleEndian.Uint64(b[16:]),
		binary.LittleEndian.Uint64(b[24:]),
	}
	negative := y[3]>>63 == 1
	y[3] &^= 1 << 63
	const ones, last, pLow = 1<<64 - 1, 1<<63 - 1, 1<<64 - 19 // p = 2^255 - 19
	if y[3] == last && y[2] == ones && y[1] == ones {
		if y[0] >= pLow {
			return false
		}
		if negative && y[0] == pLow-1 { // y = -1, x = 0
			return false
		}
	}
	if negative && y == [4]uint64{1} { // y = 1, x = 0
		return false
	}
	_, err := p.SetBytes(b)
	return err == nil
}

// encodeEd25519 sets out[i] to the encoding of points[i], of which there are at
// most four, at the price of one inversion. It is constant time.
func encodeEd25519(out [][32]byte, points ...*edwards25519.Point) {
	// prefix[i] is the product of the Z-coordinates before i.
	var xs, ys, zs, prefix [4]field.Element
	var product field.Element
	product.One()
	for i, p := range points {
		x, y, z, _ := p.ExtendedCoordinates()
		xs[i], ys[i], zs[i], prefix[i] = *x, *y, *z, product
		product.Multiply(&product, z)
	}
	var inverse, zInverse, x, y field.Element // inverse is 1/(Z_0 ⋯ Z_i)
	inverse.Invert(&product)
	for i := len(points) - 1; i >= 0; i-- {
		zInverse.Multiply(&inverse, &prefix[i])
		inverse.Multiply(&inverse, &zs[i])
		x.Multiply(&xs[i], &zInverse)
		y.Multiply(&ys[i], &zInverse)
		copy(out[i][:], y.Bytes())
		out[i][31] |= byte(x.IsNegative() << 7)
	}
}
