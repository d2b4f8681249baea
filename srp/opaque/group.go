package opaque

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"fmt"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
)

var suite = oprf.SuiteRistretto255

// element reads a group element that a peer sent; the identity is none.
func element(b []byte) (group.Element, error) {
	e := group.Ristretto255.NewElement()
	if err := e.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: not an element of the group", ErrMessage)
	}
	if e.IsIdentity() {
		return nil, fmt.Errorf("%w: the identity", ErrMessage)
	}
	return e, nil
}

// octets encodes an element or a scalar.
func octets(x interface{ MarshalBinary() ([]byte, error) }) []byte {
	b, err := x.MarshalBinary()
	if err != nil {
		panic("opaque: " + err.Error()) // our own value
	}
	return b
}

// scalar reads a private key of ours.
func scalar(b []byte) (group.Scalar, error) {
	s := group.Ristretto255.NewScalar()
	if err := s.UnmarshalBinary(b); err != nil || s.IsZero() {
		return nil, fmt.Errorf("%w: not a private key", ErrInput)
	}
	return s, nil
}

// deriveKeyPair is DeriveDiffieHellmanKeyPair ("3DH ristretto255").
func deriveKeyPair(seed []byte) (private group.Scalar, public []byte, err error) {
	key, err := oprf.DeriveKey(suite, oprf.BaseMode, seed, []byte("OPAQUE-DeriveDiffieHellmanKeyPair"))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	if private, err = scalar(octets(key)); err != nil {
		return nil, nil, err
	}
	return private, octets(key.Public()), nil
}

// diffieHellman is DiffieHellman(k, B).
func diffieHellman(k group.Scalar, b group.Element) []byte {
	return octets(group.Ristretto255.NewElement().Mul(b, k))
}

func extract(ikm ...[]byte) []byte {
	prk, err := hkdf.Extract(sha512.New, join(ikm...), nil)
	if err != nil {
		panic("opaque: " + err.Error())
	}
	return prk
}

func expand(prk []byte, n int, info ...[]byte) []byte {
	b, err := hkdf.Expand(sha512.New, prk, string(join(info...)), n)
	if err != nil {
		panic("opaque: " + err.Error())
	}
	return b
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha512.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func hash(parts ...[]byte) []byte {
	sum := sha512.Sum512(join(parts...))
	return sum[:]
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// counted returns b behind its length in two octets.
func counted(b []byte) []byte {
	return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)
}
