// Package suite is the cipher suites of KEYTRANS and what is computed with
// them outside the trees (draft-ietf-keytrans-protocol, "Cipher Suites", "KT
// Cipher Suites", "Tree Head Signature", "Auditor Tree Head Signature", "Update
// Format", "Commitment", "Verifiable Random Function").
//
// Whatever is signed is signed together with the Configuration of the log, and
// the functions for it take their key from the Configuration alone, so that a
// signature cannot be carried from one log, mode or set of limits to another.
package suite

import (
	"errors"
	"fmt"
	"io"

	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// Errors returned by this package; they come wrapped with what was found.
var (
	// ErrUnknownSuite is returned for a cipher suite that is not implemented.
	ErrUnknownSuite = errors.New("suite: unknown cipher suite")
	// ErrInvalidKey is returned for a key that is not the canonical encoding
	// of a usable key.
	ErrInvalidKey = errors.New("suite: invalid key")
	// ErrBadSignature is returned for a signature that does not hold.
	ErrBadSignature = errors.New("suite: bad signature")
	// ErrWrongKey is returned when asked to sign with a key that is not the
	// one in the Configuration, or for a key that its mode does not have.
	ErrWrongKey = errors.New("suite: key is not the one in the configuration")
)

// A Suite is one cipher suite ("KT Cipher Suites"). Suites are comparable; the
// zero Suite is none.
type Suite struct{ *definition }

// A definition holds what the two suites do not share. Both hash with SHA-256
// and commit with the same key.
type definition struct {
	id             wire.CipherSuite
	name           string
	np             int // VRF.Np
	parseVRFPublic func([]byte) (vrf.PublicKey, error)
	newVRFPrivate  func([]byte) (vrf.PrivateKey, error)
	parseVerifier  func([]byte) (Verifier, error)
	newSigner      func([]byte) (Signer, error)
}

var (
	p256 = &definition{
		id:             wire.KT_128_SHA256_P256,
		name:           "KT_128_SHA256_P256",
		np:             vrf.P256ProofSize,
		parseVRFPublic: vrf.ParseP256PublicKey,
		newVRFPrivate:  vrf.NewP256PrivateKey,
		parseVerifier:  parseP256Verifier,
		newSigner:      newP256Signer,
	}
	ed25519 = &definition{
		id:             wire.KT_128_SHA256_Ed25519,
		name:           "KT_128_SHA256_Ed25519",
		np:             vrf.Ed25519ProofSize,
		parseVRFPublic: vrf.ParseEd25519PublicKey,
		newVRFPrivate:  vrf.NewEd25519PrivateKey,
		parseVerifier:  parseEd25519Verifier,
		newSigner:      newEd25519Signer,
	}
)

// Get returns the cipher suite with the given identifier, or an error that is
// ErrUnknownSuite.
func Get(id wire.CipherSuite) (Suite, error) {
	switch id {
	case p256.id:
		return Suite{p256}, nil
	case ed25519.id:
		return Suite{ed25519}, nil
	}
	return Suite{}, fmt.Errorf("%w: 0x%04x", ErrUnknownSuite, uint16(id))
}

// ID returns the suite's registered value.
func (s Suite) ID() wire.CipherSuite { return s.id }

// Name returns the suite's registered name: "KT_128_SHA256_P256".
func (s Suite) Name() string { return s.name }

// Np returns the size of a VRF proof in bytes (VRF.Np).
func (s Suite) Np() int { return s.np }

// ParseVRFPublicKey parses and validates Configuration.vrf_public_key.
func (s Suite) ParseVRFPublicKey(b []byte) (vrf.PublicKey, error) {
	k, err := s.parseVRFPublic(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return k, nil
}

// ParseVRFPrivateKey parses the 32 bytes of a VRF private key (PrivateKey.Bytes).
func (s Suite) ParseVRFPrivateKey(b []byte) (vrf.PrivateKey, error) {
	k, err := s.newVRFPrivate(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return k, nil
}

// GenerateVRFKey makes a VRF private key from 32 bytes of rand, rarely more.
func (s Suite) GenerateVRFKey(rand io.Reader) (vrf.PrivateKey, error) {
	return generate(rand, s.ParseVRFPrivateKey)
}

// ParseVerifier parses and validates a signature public key.
func (s Suite) ParseVerifier(pub []byte) (Verifier, error) { return s.parseVerifier(pub) }

// ParseSigner parses the 32 bytes of a signature private key (Signer.Bytes).
func (s Suite) ParseSigner(priv []byte) (Signer, error) { return s.newSigner(priv) }

// GenerateSigner makes a signature private key from 32 bytes of rand, rarely more.
func (s Suite) GenerateSigner(rand io.Reader) (Signer, error) { return generate(rand, s.newSigner) }

// generate draws 32 bytes until they are a key. Every seed is one, and all but
// 2^-32 of the scalars of P-256, so that a second failure is the reader's.
func generate[T any](rand io.Reader, parse func([]byte) (T, error)) (key T, err error) {
	var b [32]byte
	defer clear(b[:])
	for range 4 {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return key, fmt.Errorf("suite: reading randomness: %w", err)
		}
		if key, err = parse(b[:]); err == nil {
			return key, nil
		}
	}
	return key, fmt.Errorf("suite: no key in the randomness given: %w", err)
}

// A Signer holds a signature private key. It is safe for concurrent use.
type Signer interface {
	// Sign signs a message. Signatures are deterministic.
	Sign(msg []byte) ([]byte, error)
	// Public returns the encoding of the public key as it stands in a Configuration.
	Public() []byte
	// Bytes returns the secret: the 32-byte seed or scalar.
	Bytes() []byte
}

// A Verifier holds a signature public key. It is safe for concurrent use.
type Verifier interface {
	// Verify returns nil if sig is the signature of msg, and otherwise an
	// error that is ErrBadSignature.
	Verify(msg, sig []byte) error
}
