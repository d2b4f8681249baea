package suite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
)

// ecdsaScheme is ECDSA over a NIST curve with the hash of RFC 8446's name for it.
// Signatures are deterministic (RFC 6979), so that they need no randomness, and
// strict DER; public keys are uncompressed points.
type ecdsaScheme struct {
	curve elliptic.Curve
	hash  hashAlg
}

func (e ecdsaScheme) digest(content []byte) []byte { return e.hash.sum(nil, content) }

func (e ecdsaScheme) cryptoHash() crypto.Hash {
	switch e.hash {
	case sha2_256:
		return crypto.SHA256
	case sha2_384:
		return crypto.SHA384
	default:
		return crypto.SHA512
	}
}

func (e ecdsaScheme) generate(rand io.Reader) ([]byte, error) {
	bits := e.curve.Params().N.BitLen()
	priv := make([]byte, (bits+7)/8)
	// A draw of as many bits as the order has is below it at least every second
	// time; only a broken source fails so often.
	for range 256 {
		if _, err := io.ReadFull(rand, priv); err != nil {
			return nil, fmt.Errorf("reading randomness: %w", err)
		}
		priv[0] &= 0xff >> (8*len(priv) - bits)
		if _, err := ecdsa.ParseRawPrivateKey(e.curve, priv); err == nil {
			return priv, nil
		}
	}
	return nil, fmt.Errorf("%w: the source of randomness yields no scalar", ErrKey)
}

func (e ecdsaScheme) signer(priv []byte) (Signer, error) {
	key, err := ecdsa.ParseRawPrivateKey(e.curve, priv)
	if err != nil {
		return nil, fmt.Errorf("%w: ECDSA private key", ErrKey)
	}
	pub, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: ECDSA public key", ErrKey)
	}
	return &keySigner{public: pub, sign: func(content []byte) ([]byte, error) {
		return key.Sign(nil, e.digest(content), e.cryptoHash())
	}}, nil
}

func (e ecdsaScheme) publicKey(pub []byte) (*ecdsa.PublicKey, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(e.curve, pub)
	if err != nil {
		return nil, fmt.Errorf("%w: ECDSA public key: %w", ErrKey, err)
	}
	return key, nil
}

func (e ecdsaScheme) check(pub []byte) error {
	_, err := e.publicKey(pub)
	return err
}

func (e ecdsaScheme) verify(pub, content, signature []byte) error {
	key, err := e.publicKey(pub)
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(key, e.digest(content), signature) {
		return ErrSignature
	}
	return nil
}
