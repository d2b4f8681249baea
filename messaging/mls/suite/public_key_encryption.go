package suite

import (
	"fmt"
	"io"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// kem is a KEM with the rest of HPKE on top: base mode, one message a context.
// Keys are those of SerializePublicKey and SerializePrivateKey.
type kem interface {
	seedSize() int // Nsk, bytes
	check(pub []byte) error
	derive(ikm []byte) (priv, pub []byte, err error)
	public(priv []byte) ([]byte, error)
	seal(pub, info, plaintext []byte) (Ciphertext, error)
	open(priv, info []byte, c Ciphertext) ([]byte, error)
	exportSend(pub []byte, context string, n int) (kemOutput, secret []byte, err error)
	exportReceive(priv, kemOutput []byte, context string, n int) ([]byte, error)
}

// Ciphertext is the struct HPKECiphertext of "Update Paths" (7.6).
type Ciphertext struct {
	KEMOutput  []byte
	Ciphertext []byte
}

// Marshal implements syntax.Marshaler.
func (c *Ciphertext) Marshal(w *syntax.Writer) {
	w.Vector(c.KEMOutput)
	w.Vector(c.Ciphertext)
}

// Unmarshal implements syntax.Unmarshaler.
func (c *Ciphertext) Unmarshal(r *syntax.Reader) {
	c.KEMOutput = r.Vector()
	c.Ciphertext = r.Vector()
}

// DeriveKeyPair returns the HPKE key pair that the KEM derives from ikm, a secret
// of at least HashSize bytes. An error is ErrKey, and too rare to be seen.
func (s *Suite) DeriveKeyPair(ikm []byte) (priv, pub []byte, err error) {
	return s.kem.derive(ikm)
}

// GenerateKeyPair returns a fresh HPKE key pair.
func (s *Suite) GenerateKeyPair(rand io.Reader) (priv, pub []byte, err error) {
	ikm := make([]byte, max(s.kem.seedSize(), s.hash.size()))
	defer clear(ikm)
	if _, err := io.ReadFull(rand, ikm); err != nil {
		return nil, nil, fmt.Errorf("reading randomness: %w", err)
	}
	return s.kem.derive(ikm)
}

// CheckPublicKey returns ErrKey unless pub is an HPKE public key of the suite that
// can keep a secret: a point on the curve, and not of low order.
func (s *Suite) CheckPublicKey(pub []byte) error { return s.kem.check(pub) }

// PublicKey returns the public key of an HPKE private key.
func (s *Suite) PublicKey(priv []byte) ([]byte, error) { return s.kem.public(priv) }

// encryptContext returns the struct EncryptContext of "Public Key Encryption"
// (5.1.3), which is shaped as SignContent of "Signing" (5.1.2).
func encryptContext(label string, context []byte) []byte {
	return labelled(label, context)
}

func labelled(label string, content []byte) []byte {
	n := len(prefix) + len(label)
	b := make([]byte, 0, 8+n+len(content))
	b = syntax.AppendLength(b, n)
	b = append(append(b, prefix...), label...)
	b = syntax.AppendLength(b, len(content))
	return append(b, content...)
}

// EncryptWithLabel encrypts plaintext to pub for one purpose and context ("Public
// Key Encryption" (5.1.3)). It draws randomness from the system. The error is
// ErrKey.
func (s *Suite) EncryptWithLabel(pub []byte, label string, context, plaintext []byte) (Ciphertext, error) {
	return s.kem.seal(pub, encryptContext(label, context), plaintext)
}

// DecryptWithLabel decrypts what EncryptWithLabel made to priv's public key with
// the same label and context. The error is ErrDecrypt, or ErrKey if priv is none.
func (s *Suite) DecryptWithLabel(priv []byte, label string, context []byte, c Ciphertext) ([]byte, error) {
	return s.kem.open(priv, encryptContext(label, context), c)
}

// ExportSend sets up HPKE to pub with an empty info and exports a secret of n
// bytes, 0 <= n <= MaxExpand, that ExportReceive gets from kemOutput ("External
// Initialization" (8.3)). It draws randomness from the system. The error is ErrKey.
func (s *Suite) ExportSend(pub []byte, context string, n int) (kemOutput, secret []byte, err error) {
	return s.kem.exportSend(pub, context, n)
}

// ExportReceive returns the secret of ExportSend. The error is ErrDecrypt, or
// ErrKey if priv is none.
func (s *Suite) ExportReceive(priv, kemOutput []byte, context string, n int) ([]byte, error) {
	return s.kem.exportReceive(priv, kemOutput, context, n)
}
