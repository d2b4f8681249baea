package vrf

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"math/big"
	"slices"
)

// This file is ECVRF-P256-SHA256-TAI from the prose of RFC 9381, SEC 1 and RFC
// 6979, on affine points of integers. The point at infinity has x == nil.

type p256Affine struct{ x, y *big.Int }

var (
	refP = integer("0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
	refQ = integer("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
	refB = integer("0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")
	refG = p256Affine{
		integer("0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
		integer("0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
	}
)

func refMod(n *big.Int) *big.Int { return n.Mod(n, refP) }

// refAdd draws the chord or tangent (SEC 1, 2.2.1).
func refAdd(a, b p256Affine) p256Affine {
	if a.x == nil {
		return b
	}
	if b.x == nil {
		return a
	}
	var slope *big.Int
	switch {
	case a.x.Cmp(b.x) != 0:
		slope = new(big.Int).ModInverse(refMod(new(big.Int).Sub(b.x, a.x)), refP)
		slope.Mul(slope, new(big.Int).Sub(b.y, a.y))
	case a.y.Cmp(b.y) == 0:
		slope = new(big.Int).ModInverse(refMod(new(big.Int).Lsh(a.y, 1)), refP)
		threeX2 := new(big.Int).Mul(big.NewInt(3), new(big.Int).Mul(a.x, a.x))
		slope.Mul(slope, threeX2.Sub(threeX2, big.NewInt(3)))
	default:
		return p256Affine{}
	}
	refMod(slope)
	x := new(big.Int).Mul(slope, slope)
	refMod(x.Sub(x, a.x).Sub(x, b.x))
	y := new(big.Int).Sub(a.x, x)
	refMod(y.Mul(y, slope).Sub(y, a.y))
	return p256Affine{x, y}
}

func refNegate(a p256Affine) p256Affine {
	if a.x == nil {
		return a
	}
	return p256Affine{a.x, refMod(new(big.Int).Neg(a.y))}
}

func refMult(k *big.Int, a p256Affine) p256Affine {
	var r p256Affine
	for i := k.BitLen() - 1; i >= 0; i-- {
		r = refAdd(r, r)
		if k.Bit(i) == 1 {
			r = refAdd(r, a)
		}
	}
	return r
}

func refEncode(a p256Affine) []byte {
	if a.x == nil {
		return []byte{0}
	}
	return append([]byte{byte(2 + a.y.Bit(0))}, a.x.FillBytes(make([]byte, 32))...)
}

// refDecode is string_to_point; false is INVALID.
func refDecode(b []byte) (p256Affine, bool) {
	if len(b) != 33 || b[0] != 2 && b[0] != 3 {
		return p256Affine{}, false
	}
	x := new(big.Int).SetBytes(b[1:])
	if x.Cmp(refP) >= 0 {
		return p256Affine{}, false
	}
	// y² = x³ - 3x + b
	y2 := new(big.Int).Mul(x, x)
	y2.Sub(y2, big.NewInt(3)).Mul(y2, x).Add(y2, refB)
	y := new(big.Int).ModSqrt(refMod(y2), refP)
	if y == nil {
		return p256Affine{}, false
	}
	if y.Bit(0) != uint(b[0]&1) {
		y.Sub(refP, y)
	}
	return p256Affine{x, y}, true
}

func refHash256(parts ...[]byte) []byte {
	h := sha256.Sum256(bytes.Join(parts, nil))
	return h[:]
}

func refHashToCurve(pk, alpha []byte) p256Affine {
	for ctr := range 256 {
		hash := refHash256([]byte{1, 1}, pk, alpha, []byte{byte(ctr), 0})
		if h, ok := refDecode(append([]byte{2}, hash...)); ok {
			return h
		}
	}
	panic("no point")
}

func refChallenge(points ...p256Affine) *big.Int {
	var encoded []byte
	for _, p := range points {
		encoded = append(encoded, refEncode(p)...)
	}
	return new(big.Int).SetBytes(refHash256([]byte{1, 2}, encoded, []byte{0})[:16])
}

func refOutput(gamma p256Affine) []byte {
	return refHash256([]byte{1, 3}, refEncode(gamma), []byte{0})
}

// refNonce follows RFC 6979, 3.2, step by step.
func refNonce(x *big.Int, m []byte) *big.Int {
	h1 := new(big.Int).SetBytes(refHash256(m))            // a
	v, k := bytes.Repeat([]byte{1}, 32), make([]byte, 32) // b, c
	z := h1.Mod(h1, refQ).FillBytes(make([]byte, 32))     // bits2octets
	xz := append(x.FillBytes(make([]byte, 32)), z...)     // int2octets(x) || z
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(bytes.Join(parts, nil))
		return h.Sum(nil)
	}
	k = mac(k, v, []byte{0}, xz) // d
	v = mac(k, v)                // e
	k = mac(k, v, []byte{1}, xz) // f
	v = mac(k, v)                // g
	for {                        // h
		v = mac(k, v)
		if n := new(big.Int).SetBytes(v); n.Sign() > 0 && n.Cmp(refQ) < 0 {
			return n
		}
		k = mac(k, v, []byte{0})
		v = mac(k, v)
	}
}

// refProve is ECVRF_prove.
func refProve(x *big.Int, alpha []byte) (out, proof []byte) {
	y := refMult(x, refG)
	h := refHashToCurve(refEncode(y), alpha)
	gamma := refMult(x, h)
	k := refNonce(x, refEncode(h))
	c := refChallenge(y, h, gamma, refMult(k, refG), refMult(k, h))
	return refOutput(gamma), refProof(gamma, c, new(big.Int).Add(k, new(big.Int).Mul(c, x)))
}

func refProof(gamma p256Affine, c, s *big.Int) []byte {
	return slices.Concat(refEncode(gamma), c.FillBytes(make([]byte, 16)),
		new(big.Int).Mod(s, refQ).FillBytes(make([]byte, 32)))
}

// refVerify is ECVRF_verify; nil is INVALID.
func refVerify(pk, alpha, proof []byte) []byte {
	y, ok := refDecode(pk)
	if !ok || len(proof) != 81 {
		return nil
	}
	gamma, ok := refDecode(proof[:33])
	c, s := new(big.Int).SetBytes(proof[33:49]), new(big.Int).SetBytes(proof[49:])
	if !ok || s.Cmp(refQ) >= 0 {
		return nil
	}
	h := refHashToCurve(pk, alpha)
	u := refAdd(refMult(s, refG), refNegate(refMult(c, y)))
	v := refAdd(refMult(s, h), refNegate(refMult(c, gamma)))
	if refChallenge(y, h, gamma, u, v).Cmp(c) != 0 {
		return nil
	}
	return refOutput(gamma)
}
