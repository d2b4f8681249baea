package suite

import (
	stded25519 "crypto/ed25519"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

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

type ed25519Verifier struct {
	key   stded25519.PublicKey
	again atomic.Bool     // a signature was verified before
	check func() *edCheck // only those pay for it who verify more than one
}

// parseEd25519Verifier is stricter than the standard library, which takes a
// point in more than one encoding, and points of small order, under which a
// signature can hold for many messages. These are the rules for VRF keys too.
func parseEd25519Verifier(pub []byte) (Verifier, error) {
	if _, err := vrf.ParseEd25519PublicKey(pub); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	v := &ed25519Verifier{key: slices.Clone(pub)}
	v.check = sync.OnceValue(func() *edCheck { return newEdCheck(v.key) })
	return v, nil
}

// Verify refuses an s that is not reduced and an R that is not the encoding of
// the point it should be, so that a signature has no second form.
func (v *ed25519Verifier) Verify(msg, sig []byte) error {
	if len(sig) != stded25519.SignatureSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrBadSignature, len(sig), stded25519.SignatureSize)
	}
	var good bool
	if v.again.Swap(true) {
		good = v.check().verify(msg, sig)
	} else {
		good = stded25519.Verify(v.key, msg, sig)
	}
	if !good {
		return ErrBadSignature
	}
	return nil
}
