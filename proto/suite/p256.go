package suite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
)

// p256SignatureSize is the size of r and s, 32 bytes each, big-endian.
const p256SignatureSize = 64

// A p256Signer signs with ECDSA over P-256 and SHA-256. Nonces are those of
// RFC 6979, since randomness is never drawn in this package.
type p256Signer struct {
	key    *ecdsa.PrivateKey
	scalar [32]byte
	public []byte
}

func newP256Signer(scalar []byte) (Signer, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return &p256Signer{key, [32]byte(scalar), public}, nil
}

func (s *p256Signer) Sign(msg []byte) ([]byte, error) {
	digest := sha256.Sum256(msg)
	der, err := s.key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("suite: signing: %w", err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, fmt.Errorf("suite: signing: %w", err)
	}
	out := make([]byte, p256SignatureSize)
	sig.R.FillBytes(out[:32])
	sig.S.FillBytes(out[32:])
	return out, nil
}

func (s *p256Signer) Public() []byte { return slices.Clone(s.public) }

func (s *p256Signer) Bytes() []byte { return slices.Clone(s.scalar[:]) }

type p256Verifier struct{ key *ecdsa.PublicKey }

func parseP256Verifier(pub []byte) (Verifier, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), pub)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return &p256Verifier{key}, nil
}

// Verify takes exactly 64 bytes with r and s in [1, q). As ECDSA has it, the
// negative of s is a signature as well: nothing may rely on there being one.
func (v *p256Verifier) Verify(msg, sig []byte) error {
	if len(sig) != p256SignatureSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrBadSignature, len(sig), p256SignatureSize)
	}
	digest := sha256.Sum256(msg)
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	if !ecdsa.Verify(v.key, digest[:], r, s) {
		return ErrBadSignature
	}
	return nil
}
