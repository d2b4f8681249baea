package srp

import (
	"crypto/subtle"
	"fmt"
	"io"

	"filippo.io/bigmod"
)

// An Ephemeral is b with g^b, the half of a server's work that can be done before
// anybody asks. It is used once.
type Ephemeral struct {
	p *Profile
	b []byte
	g *bigmod.Nat // g^b
}

// NewEphemeral makes an Ephemeral; rand gives 32 octets.
func (p *Profile) NewEphemeral(rand io.Reader) (*Ephemeral, error) {
	b := make([]byte, ephemeralSize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, err
	}
	return &Ephemeral{p, b, p.Group.fixed().power(p.Group, b)}, nil
}

// A Server is one login as the server sees it. Its methods are called once each,
// in order.
type Server struct {
	p     *Profile
	name  []byte
	salt  []byte
	v     *bigmod.Nat
	b     []byte
	big   []byte // B, padded
	spent bool
}

// NewServer begins a login of a name whose salt and verifier are known. It uses e
// up.
func (e *Ephemeral) NewServer(name, salt, verifier []byte) (*Server, error) {
	if e.b == nil {
		return nil, ErrOrder
	}
	g := e.p.Group
	v, err := g.public(verifier)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVerifier, err)
	}
	s := &Server{p: e.p, name: name, salt: salt, v: v, b: e.b}
	s.big = g.short(e.p.k()).Mul(v, g.modulus).Add(e.g, g.modulus).Bytes(g.modulus)
	e.b, e.g = nil, nil
	return s, nil
}

// B returns the server's public value, padded.
func (s *Server) B() []byte { return s.big }

// Verify takes the client's A and M1, and returns M2 and the session key K. It is
// ErrProof if the client does not know the password. M2 is shown to nobody whose
// M1 does not hold.
func (s *Server) Verify(a, m1 []byte) (m2, key []byte, err error) {
	if s.spent {
		return nil, nil, ErrOrder
	}
	s.spent = true
	defer clear(s.b)
	g := s.p.Group
	aNat, err := g.public(a)
	if err != nil {
		return nil, nil, err
	}
	a = aNat.Bytes(g.modulus)
	u, err := s.p.u(a, s.big)
	if err != nil {
		return nil, nil, err
	}
	// S = (A·v^u)^b
	base := aNat.Mul(bigmod.NewNat().Exp(s.v, u, g.modulus), g.modulus)
	secret := bigmod.NewNat().Exp(base, s.b, g.modulus).Bytes(g.modulus)
	key, want, m2 := s.p.proofs(s.name, s.salt, a, s.big, secret)
	clear(secret)
	if subtle.ConstantTimeCompare(m1, want) != 1 {
		return nil, nil, ErrProof
	}
	return m2, key, nil
}
