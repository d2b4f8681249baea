// Package suite is the cipher suites of KEYTRANS and what is computed with
// them outside the trees (draft-ietf-keytrans-protocol, "Cipher Suites", "KT
// Cipher Suites", "Tree Head Signature", "Auditor Tree Head Signature", "Update
// Format", "Commitment", "Verifiable Random Function").
package suite

import (
	"errors"
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
	// one in the Configuration, or that the deployment mode does not have.
	ErrWrongKey = errors.New("suite: key is not the one in the configuration")
)

// A Suite is one cipher suite ("KT Cipher Suites"). Suites are comparable.
type Suite struct{ id wire.CipherSuite }

// Get returns the cipher suite with the given identifier, or an error that is
// ErrUnknownSuite.
func Get(id wire.CipherSuite) (Suite, error) { panic("not yet") }

// ID returns the suite's registered value.
func (s Suite) ID() wire.CipherSuite { return s.id }

// Name returns the suite's registered name: "KT_128_SHA256_P256".
func (s Suite) Name() string { panic("not yet") }

// Np returns the size of a VRF proof in bytes (VRF.Np).
func (s Suite) Np() int { panic("not yet") }

// ParseVRFPublicKey parses and validates Configuration.vrf_public_key.
func (s Suite) ParseVRFPublicKey(b []byte) (vrf.PublicKey, error) { panic("not yet") }

// ParseVRFPrivateKey parses the 32 bytes of a VRF private key (PrivateKey.Bytes).
func (s Suite) ParseVRFPrivateKey(b []byte) (vrf.PrivateKey, error) { panic("not yet") }

// GenerateVRFKey makes a VRF private key from 32 or more bytes of rand.
func (s Suite) GenerateVRFKey(rand io.Reader) (vrf.PrivateKey, error) { panic("not yet") }

// ParseVerifier parses and validates a signature public key.
func (s Suite) ParseVerifier(pub []byte) (Verifier, error) { panic("not yet") }

// ParseSigner parses the 32 bytes of a signature private key (Signer.Bytes).
func (s Suite) ParseSigner(priv []byte) (Signer, error) { panic("not yet") }

// GenerateSigner makes a signature private key from 32 or more bytes of rand.
func (s Suite) GenerateSigner(rand io.Reader) (Signer, error) { panic("not yet") }

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
