package suite

import (
	stded25519 "crypto/ed25519"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/vrf"
)

// An ed25519Signer signs with Ed25519 (RFC 8032).
type ed25519Signer struct{ key stded25519.PrivateKey }

func newEd25519Signer(seed []byte) (Signer, error) {
	if len(seed) != stded25519.SeedSize {
		return nil, fmt.Errorf("%w: a seed of %d bytes, not %d", ErrInvalidKey, len(seed), stded25519.SeedSize)
	}
	return &ed25519Signer{stded25519.NewKeyFromSeed(seed)}, nil
}

func (s *ed25519Signer) Sign(msg []byte) ([]byte, error) { return stded25519.Sign(s.key, msg), nil }

func (s *ed25519Signer) Public() []byte {
	return slices.Clone(s.key[stded25519.SeedSize:])
}

func (s *ed25519Signer) Bytes() []byte { return s.key.Seed() }

type ed25519Verifier struct{ key stded25519.PublicKey }

// parseEd25519Verifier is stricter than the standard library, which takes a
// point in more than one encoding, and points of small order, under which a
// signature can hold for many messages. These are the rules for VRF keys too.
func parseEd25519Verifier(pub []byte) (Verifier, error) {
	if _, err := vrf.ParseEd25519PublicKey(pub); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return &ed25519Verifier{slices.Clone(pub)}, nil
}

// Verify refuses an s that is not reduced and an R that is not the encoding of
// the point it should be, so that a signature has no second form.
func (v *ed25519Verifier) Verify(msg, sig []byte) error {
	if len(sig) != stded25519.SignatureSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrBadSignature, len(sig), stded25519.SignatureSize)
	}
	if !stded25519.Verify(v.key, msg, sig) {
		return ErrBadSignature
	}
	return nil
}
