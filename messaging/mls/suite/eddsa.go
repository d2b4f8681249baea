package suite

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/sign/ed448"
)

// ed25519Scheme is Ed25519 of RFC 8032; private keys are seeds.
type ed25519Scheme struct{}

func (ed25519Scheme) generate(rand io.Reader) ([]byte, error) {
	return randomSeed(rand, ed25519.SeedSize)
}

func randomSeed(rand io.Reader, n int) ([]byte, error) {
	seed := make([]byte, n)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", err)
	}
	return seed, nil
}

func (ed25519Scheme) signer(priv []byte) (Signer, error) {
	if len(priv) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: Ed25519 seed of %d bytes", ErrKey, len(priv))
	}
	key := ed25519.NewKeyFromSeed(priv)
	return &keySigner{public: key[ed25519.SeedSize:], sign: func(content []byte) ([]byte, error) {
		return ed25519.Sign(key, content), nil
	}}, nil
}

// check is the decoding of RFC 8032 (5.1.3), which the standard library's Verify
// does not insist on, and that the point is not of low order.
func (ed25519Scheme) check(pub []byte) error {
	if len(pub) != ed25519.PublicKeySize || suspectEd25519([32]byte(pub)) {
		return fmt.Errorf("%w: Ed25519 public key of low order or not canonical", ErrKey)
	}
	if _, err := new(edwards25519.Point).SetBytes(pub); err != nil {
		return fmt.Errorf("%w: Ed25519 public key: %w", ErrKey, err)
	}
	return nil
}

func (e ed25519Scheme) verify(pub, content, signature []byte) error {
	if len(pub) == ed25519.PublicKeySize && !suspectEd25519([32]byte(pub)) && ed25519.Verify(pub, content, signature) {
		return nil
	}
	if err := e.check(pub); err != nil {
		return err
	}
	return ErrSignature
}

// ed448Scheme is Ed448 of RFC 8032 with an empty context; private keys are seeds.
type ed448Scheme struct{}

func (ed448Scheme) generate(rand io.Reader) ([]byte, error) {
	return randomSeed(rand, ed448.SeedSize)
}

func (ed448Scheme) signer(priv []byte) (Signer, error) {
	if len(priv) != ed448.SeedSize {
		return nil, fmt.Errorf("%w: Ed448 seed of %d bytes", ErrKey, len(priv))
	}
	key := ed448.NewKeyFromSeed(priv)
	return &keySigner{public: key[ed448.SeedSize:], sign: func(content []byte) ([]byte, error) {
		return ed448.Sign(key, content, ""), nil
	}}, nil
}

func (ed448Scheme) check(pub []byte) error {
	if len(pub) != ed448.PublicKeySize || lowOrderEd448([57]byte(pub)) {
		return fmt.Errorf("%w: Ed448 public key of low order or %d bytes", ErrKey, len(pub))
	}
	if _, err := goldilocks.FromBytes(pub); err != nil {
		return fmt.Errorf("%w: Ed448 public key: %w", ErrKey, err)
	}
	return nil
}

func (e ed448Scheme) verify(pub, content, signature []byte) error {
	if len(pub) == ed448.PublicKeySize && !lowOrderEd448([57]byte(pub)) && ed448.Verify(pub, content, signature, "") {
		return nil
	}
	if err := e.check(pub); err != nil {
		return err
	}
	return ErrSignature
}
