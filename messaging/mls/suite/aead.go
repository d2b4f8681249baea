package suite

import (
	"crypto/aes"
	"crypto/cipher"

	"golang.org/x/crypto/chacha20poly1305"
)

type aeadAlg uint8

const (
	aes128gcm aeadAlg = iota
	aes256gcm
	chacha20poly1305Alg
)

const (
	nonceSize = 12 // of every AEAD here, bytes
	tagSize   = 16
)

func (a aeadAlg) keySize() int {
	if a == aes128gcm {
		return 16
	}
	return 32
}

// open returns the AEAD under key. Keys are derived to their length, so that a
// wrong one is a fault of the caller.
func (a aeadAlg) open(key []byte) cipher.AEAD {
	if len(key) != a.keySize() {
		panic("suite: AEAD key of the wrong length")
	}
	if a == chacha20poly1305Alg {
		c, err := chacha20poly1305.New(key)
		if err != nil {
			panic(err) // the length is right
		}
		return c
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the length is right
	}
	c, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size of GCM
	}
	return c
}

// Overhead returns by how many bytes a ciphertext is longer than its plaintext.
func (s *Suite) Overhead() int { return tagSize }

// Seal encrypts plaintext under a key of KeySize and a nonce of NonceSize bytes,
// used together once. It panics if they have another length: they are derived,
// never received.
func (s *Suite) Seal(key, nonce, aad, plaintext []byte) []byte {
	return s.aead.open(key).Seal(nil, nonce, plaintext, aad)
}

// Open decrypts what Seal made, or returns ErrDecrypt. Key and nonce are as in
// Seal; ciphertext may be anything.
func (s *Suite) Open(key, nonce, aad, ciphertext []byte) ([]byte, error) {
	plaintext, err := s.aead.open(key).Open(nil, nonce, ciphertext, aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	return plaintext, nil
}
