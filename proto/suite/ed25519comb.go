package suite

import (
	"crypto/sha512"
	"sync"

	"filippo.io/edwards25519"
)

// An edComb multiplies one point by many scalars, in variable time: nothing it
// works on is secret. The 256 bits of a scalar are laid out as 8 rows of 32
// columns, and each column costs one doubling and one addition.
type edComb struct {
	// sums[i] is the sum of 2^(32·t)·Q over the bits t of i.
	sums [256]edwards25519.Point
}

func newEdComb(q *edwards25519.Point) *edComb {
	c := new(edComb)
	c.sums[0].Set(edwards25519.NewIdentityPoint())
	tooth := *q
	for t := range 8 {
		if t > 0 {
			for range 32 {
				tooth.Double(&tooth)
			}
		}
		for i := range 1 << t {
			c.sums[1<<t|i].Add(&c.sums[i], &tooth)
		}
	}
	return c
}

// addColumn adds what a column of k contributes to r.
func (c *edComb) addColumn(r *edwards25519.Point, k *[32]byte, column int) {
	sum := 0
	for t := range 8 {
		sum |= int(k[4*t+column/8]>>(column%8)&1) << t
	}
	if sum != 0 {
		r.Add(r, &c.sums[sum])
	}
}

// ofBase multiplies the generator. It is the same for every key.
var ofBase = sync.OnceValue(func() *edComb { return newEdComb(edwards25519.NewGeneratorPoint()) })

// An edCheck verifies signatures of one key in half the time of the standard
// library, which begins anew with each. It takes and refuses the same signatures.
type edCheck struct {
	key    [32]byte
	base   *edComb
	minusA *edComb // of the key's point, negated
}

// newEdCheck prepares to verify; key is known to be the encoding of a point.
// That takes as long as a few verifications.
func newEdCheck(key []byte) *edCheck {
	a, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		panic("suite: Ed25519 key was not parsed: " + err.Error())
	}
	return &edCheck{[32]byte(key), ofBase(), newEdComb(a.Negate(a))}
}

// verify is RFC 8032, "Verify": R = s·B - k·A, compared as bytes, so without
// the cofactor. sig has 64 bytes.
func (c *edCheck) verify(msg, sig []byte) bool {
	if _, err := new(edwards25519.Scalar).SetCanonicalBytes(sig[32:]); err != nil {
		return false
	}
	hash := sha512.New()
	hash.Write(sig[:32])
	hash.Write(c.key[:])
	hash.Write(msg)
	var digest [64]byte
	k, err := new(edwards25519.Scalar).SetUniformBytes(hash.Sum(digest[:0]))
	if err != nil {
		panic("suite: 64 bytes are not 64 bytes")
	}
	sBytes, kBytes := [32]byte(sig[32:]), [32]byte(k.Bytes())
	r := edwards25519.NewIdentityPoint()
	for column := 31; column >= 0; column-- {
		r.Double(r)
		c.base.addColumn(r, &sBytes, column)
		c.minusA.addColumn(r, &kBytes, column)
	}
	return [32]byte(r.Bytes()) == [32]byte(sig)
}
