package suite

import (
	"crypto/hpke"
	"fmt"
)

// standardKEM is HPKE (RFC 9180, and draft-ietf-hpke-pq for the hybrids) of the
// standard library. Its encapsulation takes its randomness from the system.
type standardKEM struct {
	kem  hpke.KEM
	kdf  hpke.KDF
	aead hpke.AEAD
	nsk  int // length of a private key in bytes
}

func (k *standardKEM) seedSize() int { return k.nsk }

func (k *standardKEM) publicKey(pub []byte) (hpke.PublicKey, error) {
	p, err := k.kem.NewPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE public key: %w", ErrKey, err)
	}
	if (k.kem.ID() == kemX25519 || k.kem.ID() == kemMLKEM768X25519) && lowOrderX25519(pub[len(pub)-32:]) {
		return nil, fmt.Errorf("%w: HPKE public key of low order", ErrKey)
	}
	return p, nil
}

func (k *standardKEM) privateKey(priv []byte) (hpke.PrivateKey, error) {
	p, err := k.kem.NewPrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE private key", ErrKey)
	}
	return p, nil
}

func (k *standardKEM) check(pub []byte) error {
	_, err := k.publicKey(pub)
	return err
}

func (k *standardKEM) derive(ikm []byte) (priv, pub []byte, err error) {
	p, err := k.kem.DeriveKeyPair(ikm)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: deriving an HPKE key pair", ErrKey)
	}
	priv, err = p.Bytes()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: serializing an HPKE private key", ErrKey)
	}
	return priv, p.PublicKey().Bytes(), nil
}

func (k *standardKEM) public(priv []byte) ([]byte, error) {
	p, err := k.privateKey(priv)
	if err != nil {
		return nil, err
	}
	return p.PublicKey().Bytes(), nil
}

func (k *standardKEM) seal(pub, info, plaintext []byte) (Ciphertext, error) {
	p, err := k.publicKey(pub)
	if err != nil {
		return Ciphertext{}, err
	}
	enc, sender, err := hpke.NewSender(p, k.kdf, k.aead, info)
	if err != nil {
		return Ciphertext{}, fmt.Errorf("%w: HPKE encapsulation: %w", ErrKey, err)
	}
	ciphertext, err := sender.Seal(nil, plaintext)
	if err != nil {
		return Ciphertext{}, fmt.Errorf("HPKE: %w", err)
	}
	return Ciphertext{KEMOutput: enc, Ciphertext: ciphertext}, nil
}

func (k *standardKEM) open(priv, info []byte, c Ciphertext) ([]byte, error) {
	p, err := k.privateKey(priv)
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(c.KEMOutput, p, k.kdf, k.aead, info)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE decapsulation", ErrDecrypt)
	}
	plaintext, err := recipient.Open(nil, c.Ciphertext)
	if err != nil {
		return nil, ErrDecrypt
	}
	return plaintext, nil
}

func (k *standardKEM) exportSend(pub []byte, context string, n int) (kemOutput, secret []byte, err error) {
	p, err := k.publicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	enc, sender, err := hpke.NewSender(p, k.kdf, k.aead, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: HPKE encapsulation: %w", ErrKey, err)
	}
	secret, err = sender.Export(context, n)
	if err != nil {
		return nil, nil, fmt.Errorf("HPKE export: %w", err)
	}
	return enc, secret, nil
}

func (k *standardKEM) exportReceive(priv, kemOutput []byte, context string, n int) ([]byte, error) {
	p, err := k.privateKey(priv)
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(kemOutput, p, k.kdf, k.aead, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE decapsulation", ErrDecrypt)
	}
	secret, err := recipient.Export(context, n)
	if err != nil {
		return nil, fmt.Errorf("HPKE export: %w", err)
	}
	return secret, nil
}
