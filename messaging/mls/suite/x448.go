package suite

import (
	"encoding/binary"
	"fmt"

	circl "github.com/cloudflare/circl/hpke"
	circlkem "github.com/cloudflare/circl/kem"
)

// x448KEM is HPKE with DHKEM(X448, HKDF-SHA512), which the standard library lacks.
type x448KEM struct{ aead circl.AEAD }

const (
	kemX448  = uint16(circl.KEM_X448_HKDF_SHA512)
	x448Size = 56 // of a private key, bytes
)

func (k *x448KEM) suite() circl.Suite {
	return circl.NewSuite(circl.KEM_X448_HKDF_SHA512, circl.KDF_HKDF_SHA512, k.aead)
}

func (k *x448KEM) seedSize() int { return x448Size }

func (k *x448KEM) publicKey(pub []byte) (circlkem.PublicKey, error) {
	p, err := circl.KEM_X448_HKDF_SHA512.Scheme().UnmarshalBinaryPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE public key: %w", ErrKey, err)
	}
	if lowOrderX448(pub) {
		return nil, fmt.Errorf("%w: HPKE public key of low order", ErrKey)
	}
	return p, nil
}

func (k *x448KEM) privateKey(priv []byte) (circlkem.PrivateKey, error) {
	p, err := circl.KEM_X448_HKDF_SHA512.Scheme().UnmarshalBinaryPrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE private key", ErrKey)
	}
	return p, nil
}

func (k *x448KEM) check(pub []byte) error {
	_, err := k.publicKey(pub)
	return err
}

// derive is DeriveKeyPair of RFC 9180 (7.1.3). circl's takes only seeds as long as
// a private key, and MLS derives from secrets as long as a hash.
func (k *x448KEM) derive(ikm []byte) (priv, pub []byte, err error) {
	const version = "HPKE-v1"
	id := binary.BigEndian.AppendUint16([]byte("KEM"), kemX448)

	labelledIKM := append(append(append([]byte(version), id...), "dkp_prk"...), ikm...)
	prk := sha2_512.mac(nil, nil, labelledIKM)
	info := binary.BigEndian.AppendUint16(nil, x448Size)
	info = append(append(append(info, version...), id...), "sk"...)
	priv = sha2_512.expand(prk, info, x448Size)
	// SerializePrivateKey "MUST clamp its output" (7.1.2).
	priv[0] &= 0xfc
	priv[x448Size-1] |= 0x80
	clear(labelledIKM)
	clear(prk)

	pub, err = k.public(priv)
	return priv, pub, err
}

func (k *x448KEM) public(priv []byte) ([]byte, error) {
	p, err := k.privateKey(priv)
	if err != nil {
		return nil, err
	}
	return p.Public().MarshalBinary()
}

func (k *x448KEM) sender(pub, info []byte) (enc []byte, _ circl.Sealer, err error) {
	p, err := k.publicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	sender, err := k.suite().NewSender(p, info)
	if err != nil {
		return nil, nil, fmt.Errorf("HPKE: %w", err)
	}
	enc, sealer, err := sender.Setup(nil) // nil: randomness of the system, as crypto/hpke takes it
	if err != nil {
		return nil, nil, fmt.Errorf("%w: HPKE encapsulation: %w", ErrKey, err)
	}
	return enc, sealer, nil
}

func (k *x448KEM) receiver(priv, kemOutput, info []byte) (circl.Opener, error) {
	p, err := k.privateKey(priv)
	if err != nil {
		return nil, err
	}
	receiver, err := k.suite().NewReceiver(p, info)
	if err != nil {
		return nil, fmt.Errorf("HPKE: %w", err)
	}
	opener, err := receiver.Setup(kemOutput)
	if err != nil {
		return nil, fmt.Errorf("%w: HPKE decapsulation", ErrDecrypt)
	}
	return opener, nil
}

func (k *x448KEM) seal(pub, info, plaintext []byte) (Ciphertext, error) {
	enc, sealer, err := k.sender(pub, info)
	if err != nil {
		return Ciphertext{}, err
	}
	ciphertext, err := sealer.Seal(plaintext, nil)
	if err != nil {
		return Ciphertext{}, fmt.Errorf("HPKE: %w", err)
	}
	return Ciphertext{KEMOutput: enc, Ciphertext: ciphertext}, nil
}

func (k *x448KEM) open(priv, info []byte, c Ciphertext) ([]byte, error) {
	opener, err := k.receiver(priv, c.KEMOutput, info)
	if err != nil {
		return nil, err
	}
	plaintext, err := opener.Open(c.Ciphertext, nil)
	if err != nil {
		return nil, ErrDecrypt
	}
	return plaintext, nil
}

func (k *x448KEM) exportSend(pub []byte, context string, n int) (kemOutput, secret []byte, err error) {
	enc, sealer, err := k.sender(pub, nil)
	if err != nil {
		return nil, nil, err
	}
	return enc, sealer.Export([]byte(context), uint(n)), nil
}

func (k *x448KEM) exportReceive(priv, kemOutput []byte, context string, n int) ([]byte, error) {
	opener, err := k.receiver(priv, kemOutput, nil)
	if err != nil {
		return nil, err
	}
	return opener.Export([]byte(context), uint(n)), nil
}
