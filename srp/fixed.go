package srp

import (
	"crypto/subtle"

	"filippo.io/bigmod"
)

// A fixedBase has the powers of g that make g^e without a squaring: for each four
// bits of e, from its last, the sixteen powers that they can stand for.
type fixedBase [2 * ephemeralSize][16]*bigmod.Nat

// newFixedBase computes the powers. It takes as long as some eight exponentiations,
// so it is for servers, which make many.
func newFixedBase(g *Group) *fixedBase {
	t := new(fixedBase)
	step := g.base
	for i := range t {
		t[i][0] = g.short([]byte{1})
		for j := 1; j < 16; j++ {
			t[i][j] = g.times(t[i][j-1], step)
		}
		step = g.times(t[i][15], step)
	}
	return t
}

// times returns a·b.
func (g *Group) times(a, b *bigmod.Nat) *bigmod.Nat {
	return bigmod.NewNat().ExpandFor(g.modulus).Add(a, g.modulus).Mul(b, g.modulus)
}

// power returns g^e for e of ephemeralSize octets, in time and with accesses to
// memory that do not depend on e.
func (t *fixedBase) power(g *Group, e []byte) *bigmod.Nat {
	out := g.short([]byte{1})
	factor := bigmod.NewNat().ExpandFor(g.modulus)
	for i := range t {
		four := e[len(e)-1-i/2] >> (i % 2 * 4) & 15
		bits := factor.Bits()
		clear(bits)
		for j := range t[i] {
			mask := -uint(subtle.ConstantTimeByteEq(four, byte(j)))
			for k, limb := range t[i][j].Bits() {
				bits[k] |= limb & mask
			}
		}
		out.Mul(factor, g.modulus)
	}
	return out
}
