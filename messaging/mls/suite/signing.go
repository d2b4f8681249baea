package suite

import (
	"fmt"
	"io"
)

// Signer holds a signature private key, here or elsewhere.
type Signer interface {
	// Public returns the public key as a LeafNode carries it. It does not change.
	Public() []byte
	// Sign returns the suite's signature of content, encoded as "Signing" (5.1.2)
	// has it.
	Sign(content []byte) ([]byte, error)
}

// keySigner is a Signer of a key that is here. sign has the key, and not a field: fmt
// prints what is in the unexported fields of others, and calls no method for it.
type keySigner struct {
	Redacted
	public []byte
	sign   func(content []byte) ([]byte, error)
}

func (s *keySigner) Public() []byte { return s.public }

func (s *keySigner) Sign(content []byte) ([]byte, error) { return s.sign(content) }

// signatureScheme is the signature algorithm of a cipher suite.
type signatureScheme interface {
	generate(rand io.Reader) (priv []byte, err error)
	signer(priv []byte) (Signer, error)
	check(pub []byte) error
	verify(pub, content, signature []byte) error // ErrKey or ErrSignature
}

// GenerateSigner returns a fresh signature key, as bytes for NewSigner and ready
// for use.
func (s *Suite) GenerateSigner(rand io.Reader) (priv []byte, signer Signer, err error) {
	priv, err = s.signature.generate(rand)
	if err != nil {
		return nil, nil, err
	}
	signer, err = s.signature.signer(priv)
	return priv, signer, err
}

// NewSigner returns the Signer of a private key: the seed of an Edwards curve, or
// the big-endian scalar of a NIST curve, of full length. The error is ErrKey.
func (s *Suite) NewSigner(priv []byte) (Signer, error) { return s.signature.signer(priv) }

// CheckSignatureKey returns ErrKey unless pub is a public key of the suite's
// signature scheme: a point on the curve in its one encoding, and not one of low
// order, under which signatures prove nothing.
func (s *Suite) CheckSignatureKey(pub []byte) error { return s.signature.check(pub) }

// SignWithLabel signs content for one purpose ("Signing" (5.1.2)). The error is
// the Signer's.
func (s *Suite) SignWithLabel(signer Signer, label string, content []byte) ([]byte, error) {
	signature, err := signer.Sign(labelled(label, content))
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", label, err)
	}
	return signature, nil
}

// VerifyWithLabel checks what SignWithLabel made. The error is ErrSignature, or
// ErrKey if CheckSignatureKey refuses pub.
func (s *Suite) VerifyWithLabel(pub []byte, label string, content, signature []byte) error {
	if err := s.signature.verify(pub, labelled(label, content), signature); err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	return nil
}
