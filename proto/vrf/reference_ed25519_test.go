package vrf

import (
	"bytes"
	"crypto/sha512"
	"math/big"
	"slices"
)

// This file is ECVRF-EDWARDS25519-SHA512-TAI from the prose of RFC 9381 and RFC
// 8032, on affine points of integers: slow, short, and nothing like the code
// that it is compared with. Points hold coordinates modulo edP; nil is INVALID.

type edPoint struct{ x, y *big.Int }

func integer(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 0)
	if !ok {
		panic(s)
	}
	return n
}

var (
	one = big.NewInt(1)
	edP = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	edQ = new(big.Int).Add(new(big.Int).Lsh(one, 252), integer("27742317777372353535851937790883648493"))
	edD = edMod(new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), edP)))
	edB = &edPoint{
		integer("15112221349535400772501151409588531511454012693041857206046113283949847762202"),
		integer("46316835694926478169428394003475163141307993866256225615783033603165251855960"),
	}
	edIdentity = &edPoint{new(big.Int), big.NewInt(1)}
)

func edMod(n *big.Int) *big.Int { return n.Mod(n, edP) }

// edAdd is the addition law x3 = (x1y2+y1x2)/(1+dx1x2y1y2), y3 = (y1y2+x1x2)/(1-dx1x2y1y2).
func edAdd(a, b *edPoint) *edPoint {
	mul := func(x, y *big.Int) *big.Int { return edMod(new(big.Int).Mul(x, y)) }
	x1y2, y1x2, y1y2, x1x2 := mul(a.x, b.y), mul(a.y, b.x), mul(a.y, b.y), mul(a.x, b.x)
	dxy := mul(edD, mul(x1y2, y1x2))
	plus, minus := edMod(new(big.Int).Add(one, dxy)), edMod(new(big.Int).Sub(one, dxy))
	inverse := new(big.Int).ModInverse(mul(plus, minus), edP)
	return &edPoint{
		mul(mul(new(big.Int).Add(x1y2, y1x2), inverse), minus),
		mul(mul(new(big.Int).Add(y1y2, x1x2), inverse), plus),
	}
}

func edNegate(a *edPoint) *edPoint {
	return &edPoint{edMod(new(big.Int).Neg(a.x)), a.y}
}

func edMult(k *big.Int, a *edPoint) *edPoint {
	r := edIdentity
	for i := k.BitLen() - 1; i >= 0; i-- {
		r = edAdd(r, r)
		if k.Bit(i) == 1 {
			r = edAdd(r, a)
		}
	}
	return r
}

func (a *edPoint) equal(b *edPoint) bool { return a.x.Cmp(b.x) == 0 && a.y.Cmp(b.y) == 0 }

func littleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func toLittleEndian(n *big.Int, size int) []byte {
	b := n.FillBytes(make([]byte, size))
	slices.Reverse(b)
	return b
}

// edEncode is point_to_string: y, and the low bit of x in the topmost bit.
func edEncode(a *edPoint) []byte {
	b := toLittleEndian(a.y, 32)
	b[31] |= byte(a.x.Bit(0) << 7)
	return b
}

// edDecode is string_to_point (RFC 8032, 5.1.3).
func edDecode(b []byte) *edPoint {
	if len(b) != 32 {
		return nil
	}
	y := littleEndian(b)
	sign := y.Bit(255)
	y.SetBit(y, 255, 0)
	if y.Cmp(edP) >= 0 {
		return nil
	}
	y2 := new(big.Int).Mul(y, y)
	u := edMod(new(big.Int).Sub(y2, one))
	v := edMod(new(big.Int).Add(new(big.Int).Mul(edD, y2), one))
	x := new(big.Int).ModSqrt(edMod(u.Mul(u, v.ModInverse(v, edP))), edP)
	if x == nil || x.Sign() == 0 && sign == 1 {
		return nil
	}
	if x.Bit(0) != sign {
		x.Sub(edP, x)
	}
	return &edPoint{x, y}
}

func refHash512(parts ...[]byte) []byte {
	h := sha512.Sum512(bytes.Join(parts, nil))
	return h[:]
}

// edHashToCurve is ECVRF_encode_to_curve_try_and_increment.
func edHashToCurve(pk, alpha []byte) *edPoint {
	for ctr := range 256 {
		hash := refHash512([]byte{3, 1}, pk, alpha, []byte{byte(ctr), 0})
		if h := edDecode(hash[:32]); h != nil {
			if h = edMult(big.NewInt(8), h); !h.equal(edIdentity) {
				return h
			}
		}
	}
	return nil
}

func edChallenge(points ...*edPoint) *big.Int {
	var encoded []byte
	for _, p := range points {
		encoded = append(encoded, edEncode(p)...)
	}
	return littleEndian(refHash512([]byte{3, 2}, encoded, []byte{0})[:16])
}

func edOutput(gamma *edPoint) []byte {
	return refHash512([]byte{3, 3}, edEncode(edMult(big.NewInt(8), gamma)), []byte{0})
}

// edSecret returns the secret scalar and the nonce prefix of a seed.
func edSecret(seed []byte) (x *big.Int, prefix []byte) {
	h := refHash512(seed)
	h[0] &= 248
	h[31] = h[31]&127 | 64
	return littleEndian(h[:32]), h[32:]
}

// edProve is ECVRF_prove.
func edProve(seed, alpha []byte) (out, proof []byte) {
	x, prefix := edSecret(seed)
	y := edMult(x, edB)
	h := edHashToCurve(edEncode(y), alpha)
	gamma := edMult(x, h)
	k := littleEndian(refHash512(prefix, edEncode(h)))
	k.Mod(k, edQ)
	c := edChallenge(y, h, gamma, edMult(k, edB), edMult(k, h))
	return edOutput(gamma), edProof(gamma, c, new(big.Int).Add(k, new(big.Int).Mul(c, x)))
}

func edProof(gamma *edPoint, c, s *big.Int) []byte {
	return slices.Concat(edEncode(gamma), toLittleEndian(c, 16), toLittleEndian(new(big.Int).Mod(s, edQ), 32))
}

// edVerify is ECVRF_verify with validate_key; nil is INVALID.
func edVerify(pk, alpha, proof []byte) []byte {
	y := edDecode(pk)
	if y == nil || edMult(big.NewInt(8), y).equal(edIdentity) {
		return nil
	}
	if len(proof) != 80 {
		return nil
	}
	gamma, c, s := edDecode(proof[:32]), littleEndian(proof[32:48]), littleEndian(proof[48:])
	if gamma == nil || s.Cmp(edQ) >= 0 {
		return nil
	}
	h := edHashToCurve(pk, alpha)
	u := edAdd(edMult(s, edB), edNegate(edMult(c, y)))
	v := edAdd(edMult(s, h), edNegate(edMult(c, gamma)))
	if edChallenge(y, h, gamma, u, v).Cmp(c) != 0 {
		return nil
	}
	return edOutput(gamma)
}
