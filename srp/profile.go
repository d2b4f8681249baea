package srp

import (
	"crypto"
	_ "crypto/sha1" // of RFC 5054
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"hash"
)

// Octets say how a number modulo N enters a hash.
type Octets uint8

const (
	// Padded numbers have as many octets as N (RFC 5054, "PAD").
	Padded Octets = iota
	// Minimal numbers have no leading zero octets.
	Minimal
)

// of returns a padded number by the rule.
func (o Octets) of(padded []byte) []byte {
	if o == Minimal {
		return minimal(padded)
	}
	return padded
}

// A Proof is a form of M1. M2 is H(A | M1 | K) in all of them.
type Proof uint8

const (
	// ProofRFC2945 is H(H(N) xor H(g) | H(I) | s | A | B | K).
	ProofRFC2945 Proof = iota
	// ProofShort is H(A | B | K).
	ProofShort
)

// A Profile is everything that two parties must agree on beforehand.
type Profile struct {
	Name  string
	Group *Group
	Hash  crypto.Hash

	MultiplierG Octets // of g in k = H(N | g)
	Scrambler   Octets // of A and B in u = H(A | B)
	Secret      Octets // of S in K = H(S)
	Proof       Proof
	ProofG      Octets // of g in H(N) xor H(g), for ProofRFC2945
	ProofPublic Octets // of A and B in M1 and M2
	// Anonymous leaves I out of x, so that a name can be changed: x = H(s | H(":" | P)).
	Anonymous bool
}

// RFC5054 is the profile of the RFC with the group and hash given, and the M1 and
// M2 of RFC 2945, of which RFC 5054 has no need.
func RFC5054(g *Group, h crypto.Hash) *Profile {
	return &Profile{Name: "rfc5054", Group: g, Hash: h}
}

// LEAP1024 is what clients of LEAP's Bonafide protocol speak: 1024 bits, SHA-256,
// no padding anywhere. It is too small for anything new.
func LEAP1024() *Profile {
	return &Profile{
		Name: "leap-1024-sha256", Group: Group1024(), Hash: crypto.SHA256,
		MultiplierG: Minimal, Scrambler: Minimal, Secret: Minimal, ProofG: Minimal, ProofPublic: Minimal,
	}
}

// Kith3072 is the default. The password is the authentication secret that
// Argon2id and HKDF made of what a person typed, so I is not needed in x.
func Kith3072() *Profile {
	return &Profile{Name: "kith-3072-sha256-argon2id", Group: Group3072(), Hash: crypto.SHA256, Anonymous: true}
}

// sum returns H(parts[0] | parts[1] | ...).
func (p *Profile) sum(parts ...[]byte) []byte {
	h := p.Hash.New()
	for _, b := range parts {
		write(h, b)
	}
	return h.Sum(nil)
}

func write(h hash.Hash, b []byte) {
	if _, err := h.Write(b); err != nil {
		panic("srp: a hash function failed")
	}
}

// g returns the generator as octets.
func (p *Profile) g(o Octets) []byte {
	if o == Minimal {
		return p.Group.g
	}
	padded := make([]byte, p.Group.Size())
	copy(padded[len(padded)-len(p.Group.g):], p.Group.g)
	return padded
}

// k returns the multiplier.
func (p *Profile) k() []byte { return p.sum(p.Group.n, p.g(p.MultiplierG)) }

// u returns the scrambling parameter of padded A and B, or ErrPublic: a peer that
// finds a pair with u = 0 would need no password.
func (p *Profile) u(a, b []byte) ([]byte, error) {
	return p.scrambler(p.sum(p.Scrambler.of(a), p.Scrambler.of(b)))
}

func (p *Profile) scrambler(u []byte) ([]byte, error) {
	if subtle.ConstantTimeCompare(u, make([]byte, len(u))) == 1 {
		return nil, ErrPublic
	}
	return u, nil
}

// x returns the private key that a password makes.
func (p *Profile) x(name, salt, password []byte) []byte {
	if p.Anonymous {
		name = nil
	}
	return p.sum(salt, p.sum(name, []byte(":"), password))
}

// proofs returns K, M1 and M2 of padded A, B and S.
func (p *Profile) proofs(name, salt, a, b, secret []byte) (key, m1, m2 []byte) {
	a, b = p.ProofPublic.of(a), p.ProofPublic.of(b)
	key = p.sum(p.Secret.of(secret))
	switch p.Proof {
	case ProofRFC2945:
		group := p.sum(p.Group.n)
		subtle.XORBytes(group, group, p.sum(p.g(p.ProofG)))
		m1 = p.sum(group, p.sum(name), salt, a, b, key)
	case ProofShort:
		m1 = p.sum(a, b, key)
	default:
		panic("srp: unknown form of M1")
	}
	return key, m1, p.sum(a, m1, key)
}
