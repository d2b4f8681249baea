package srp

import (
	"crypto/subtle"
	"io"

	"filippo.io/bigmod"
)

// ephemeralSize is the length of a and b, in octets (RFC 5054: at least 256 bits).
const ephemeralSize = 32

// Verifier returns v = g^x, padded: what a server keeps of a password.
func (p *Profile) Verifier(name, salt, password []byte) []byte {
	return p.Group.power(p.x(name, salt, password)).Bytes(p.Group.modulus)
}

// A Client is one login of a person. Its methods are called once each, in order.
type Client struct {
	p     *Profile
	name  []byte
	a     []byte
	big   []byte // A, padded
	key   []byte // K
	m2    []byte // awaited
	state uint8
}

// NewClient begins a login; rand gives 32 octets.
func (p *Profile) NewClient(name []byte, rand io.Reader) (*Client, error) {
	a := make([]byte, ephemeralSize)
	if _, err := io.ReadFull(rand, a); err != nil {
		return nil, err
	}
	return &Client{p: p, name: name, a: a, big: p.Group.power(a).Bytes(p.Group.modulus)}, nil
}

// A returns the client's public value, padded.
func (c *Client) A() []byte { return c.big }

// Answer takes the server's salt and B, and returns M1.
func (c *Client) Answer(salt, b, password []byte) (m1 []byte, err error) {
	if c.state != 0 {
		return nil, ErrOrder
	}
	c.state = 3 // whatever goes wrong, a is used once
	g := c.p.Group
	bNat, err := g.public(b)
	if err != nil {
		return nil, err
	}
	b = bNat.Bytes(g.modulus)
	u, err := c.p.u(c.big, b)
	if err != nil {
		return nil, err
	}
	x := c.p.x(c.name, salt, password)
	// S = (B - k·g^x)^(a + u·x)
	kv := g.short(c.p.k()).Mul(g.power(x), g.modulus)
	base := bNat.Sub(kv, g.modulus)
	secret := bigmod.NewNat().Exp(base, exponent(c.a, u, x), g.modulus).Bytes(g.modulus)
	c.key, m1, c.m2 = c.p.proofs(c.name, salt, c.big, b, secret)
	clear(c.a)
	clear(x)
	clear(secret)
	c.state = 1
	return m1, nil
}

// Confirm takes the server's M2, and returns the session key K. Until then
// nothing that the server said is to be believed.
func (c *Client) Confirm(m2 []byte) (key []byte, err error) {
	if c.state != 1 {
		return nil, ErrOrder
	}
	c.state = 2
	if subtle.ConstantTimeCompare(m2, c.m2) != 1 {
		clear(c.key)
		return nil, ErrProof
	}
	return c.key, nil
}

// CheckPublic reports an ErrPublic for an A or B that no honest party sends. It
// costs next to nothing: ask it before anything else is computed.
func (p *Profile) CheckPublic(b []byte) error {
	_, err := p.Group.public(b)
	return err
}
