package srp

import (
	"encoding/hex"
	"fmt"
	"sync"

	"filippo.io/bigmod"
)

// A Group is a safe prime N and a generator g (RFC 5054, appendix A).
type Group struct {
	Bits int // of N

	n       []byte // N, big-endian
	g       []byte // g, one octet
	modulus *bigmod.Modulus
	base    *bigmod.Nat // g
	fixed   func() *fixedBase
}

// The groups of RFC 5054, by the bits of N. The two smallest are for protocols
// that cannot be changed any more.
var (
	Group1024 = group(1024, prime1024, 2)
	Group1536 = group(1536, prime1536, 2)
	Group2048 = group(2048, prime2048, 2)
	Group3072 = group(3072, prime3072, 5)
	Group4096 = group(4096, prime4096, 5)
	Group6144 = group(6144, prime6144, 5)
	Group8192 = group(8192, prime8192, 19)
)

// group returns a function, so that a program pays for the groups it uses.
func group(bits int, prime string, g byte) func() *Group {
	return sync.OnceValue(func() *Group {
		n, err := hex.DecodeString(prime)
		if err != nil {
			panic("srp: prime is not hexadecimal")
		}
		modulus, err := bigmod.NewModulus(n)
		if err != nil {
			panic("srp: " + err.Error())
		}
		base, err := bigmod.NewNat().SetBytes([]byte{g}, modulus)
		if err != nil {
			panic("srp: " + err.Error())
		}
		out := &Group{Bits: bits, n: n, g: []byte{g}, modulus: modulus, base: base}
		out.fixed = sync.OnceValue(func() *fixedBase { return newFixedBase(out) })
		return out
	})
}

// Size returns the length of a padded number of the group, in octets.
func (g *Group) Size() int { return len(g.n) }

// public reads A or B, which a peer sent: 1 to N-1, in at most Size octets. It is
// not secret.
func (g *Group) public(b []byte) (*bigmod.Nat, error) {
	if len(b) > len(g.n) {
		return nil, fmt.Errorf("%w: %d octets in a group of %d", ErrPublic, len(b), len(g.n))
	}
	x, err := bigmod.NewNat().SetBytes(b, g.modulus)
	if err != nil {
		return nil, fmt.Errorf("%w: not below N", ErrPublic)
	}
	if x.IsZero() == 1 {
		return nil, fmt.Errorf("%w: zero", ErrPublic)
	}
	return x, nil
}

// power returns g^e.
func (g *Group) power(e []byte) *bigmod.Nat {
	return bigmod.NewNat().Exp(g.base, e, g.modulus)
}

// short reads a number that is shorter than N: an output of a hash function.
func (g *Group) short(b []byte) *bigmod.Nat {
	x, err := bigmod.NewNat().SetBytes(b, g.modulus)
	if err != nil {
		panic("srp: a hash is not below N")
	}
	return x
}

// minimal drops leading zero octets, but not the last octet.
func minimal(b []byte) []byte {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return b
}
