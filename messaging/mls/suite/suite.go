// Package suite is the cryptography of MLS (RFC 9420, "Cipher Suites" (5.1),
// "Hash-Based Identifiers" (5.2) and "MLS Cipher Suites" (17.1)): for each cipher
// suite a hash, a MAC, a KDF, an AEAD, HPKE in base mode and signatures, and the
// labelled functions that all other parts of MLS are built from. Two suites are
// hybrids with ML-KEM (draft-ietf-mls-pq-ciphersuites, "Post-quantum KEM Cipher
// Suites").
//
// Keys are bytes in the formats of the RFC: HPKE keys as SerializePublicKey and
// SerializePrivateKey write them, Edwards keys as in RFC 8032 (private keys are
// the seeds), NIST signature keys as uncompressed points and big-endian scalars.
// A public key that is no point, or whose shared secret everybody knows, is
// refused wherever it is used.
//
// Randomness is passed in, with one exception: the standard library's crypto/hpke
// takes none, so the encapsulations of [Suite.EncryptWithLabel] and
// [Suite.ExportSend] draw from the system's source, in every suite.
package suite

import (
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrUnsupported: the cipher suite is not one of All.
	ErrUnsupported = errors.New("mls: unsupported cipher suite")
	// ErrDecrypt: a ciphertext is not the one that was made with this key, label
	// and context.
	ErrDecrypt = errors.New("mls: decryption failed")
	// ErrSignature: a signature is not the one of this key, label and content.
	ErrSignature = errors.New("mls: invalid signature")
	// ErrKey: bytes are not a key of the suite, or one that protects nothing.
	ErrKey = errors.New("mls: invalid key")
)

// ID is the number of a cipher suite, RFC 9420's CipherSuite.
type ID uint16

// The cipher suites of RFC 9420, "MLS Cipher Suites" (17.1), and the hybrid ones,
// which stay in the range for private use until IANA has assigned their numbers.
const (
	X25519_AES128GCM_SHA256_Ed25519        ID = 0x0001
	P256_AES128GCM_SHA256_P256             ID = 0x0002
	X25519_CHACHA20POLY1305_SHA256_Ed25519 ID = 0x0003
	X448_AES256GCM_SHA512_Ed448            ID = 0x0004
	P521_AES256GCM_SHA512_P521             ID = 0x0005
	X448_CHACHA20POLY1305_SHA512_Ed448     ID = 0x0006
	P384_AES256GCM_SHA384_P384             ID = 0x0007

	MLKEM768X25519_AES128GCM_SHA256_Ed25519 ID = 0xF001
	MLKEM768X25519_AES256GCM_SHA384_Ed25519 ID = 0xF002
)

// Suite is one cipher suite. It has no state and may be used concurrently.
type Suite struct {
	id        ID
	name      string
	hash      hashAlg
	aead      aeadAlg
	kem       kem
	signature signatureScheme
}

// suites is never written after it has been made.
var suites = registry()

// All returns the cipher suites that Get knows, in ascending order.
func All() []ID {
	ids := make([]ID, 0, len(suites))
	for id := range suites {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Get returns the cipher suite id, or ErrUnsupported.
func Get(id ID) (*Suite, error) {
	s, ok := suites[id]
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrUnsupported, id)
	}
	return s, nil
}

// String returns the name in IANA's registry, or the number of an unknown suite.
func (id ID) String() string {
	if s, ok := suites[id]; ok {
		return s.name
	}
	return fmt.Sprintf("0x%04X", uint16(id))
}

// ID returns the suite's number.
func (s *Suite) ID() ID { return s.id }

// String returns the suite's name in IANA's registry.
func (s *Suite) String() string { return s.name }

// HashSize returns the length of a hash, a MAC and a secret in bytes: KDF.Nh.
func (s *Suite) HashSize() int { return s.hash.size() }

// KeySize returns the length of an AEAD key in bytes: AEAD.Nk.
func (s *Suite) KeySize() int { return s.aead.keySize() }

// NonceSize returns the length of an AEAD nonce in bytes: AEAD.Nn.
func (s *Suite) NonceSize() int { return nonceSize }
