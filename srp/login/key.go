package login

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a Key, in octets.
const KeySize = 32

// A Key is the server's secret that is not in the database. Without it, verifiers
// cannot be read, and passwords not be guessed.
type Key struct {
	root [KeySize]byte
	seal cipher.AEAD
}

// NewKey returns the Key of KeySize secret octets.
func NewKey(secret []byte) (*Key, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("login: key of %d octets, not %d", len(secret), KeySize)
	}
	k := &Key{root: [KeySize]byte(secret)}
	aead, err := chacha20poly1305.NewX(k.derive("at rest", chacha20poly1305.KeySize))
	if err != nil {
		return nil, err
	}
	k.seal = aead
	return k, nil
}

// derive makes a secret for one purpose.
func (k *Key) derive(purpose string, n int) []byte {
	b, err := hkdf.Key(sha256.New, k.root[:], nil, "kith login 1 "+purpose, n)
	if err != nil {
		panic("login: " + err.Error())
	}
	return b
}

// Derive makes a secret for a purpose of another package.
func (k *Key) Derive(purpose string, n int) []byte { return k.derive("for "+purpose, n) }

// decoy returns n octets that are always the same for a name, and that nobody
// without the key can tell from random ones.
func (k *Key) decoy(purpose, name string, n int) []byte {
	h := hmac.New(sha256.New, k.derive("decoy "+purpose, sha256.Size))
	io.WriteString(h, name)
	b, err := hkdf.Expand(sha256.New, h.Sum(nil), purpose, n)
	if err != nil {
		panic("login: " + err.Error())
	}
	return b
}

// Seal encrypts what is stored in a place, such as "verifier alice".
func (k *Key) Seal(place string, plain []byte, rand io.Reader) ([]byte, error) {
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, err
	}
	return k.seal.Seal(nonce, nonce, plain, []byte(place)), nil
}

// Open decrypts what Seal made for the same place.
func (k *Key) Open(place string, sealed []byte) ([]byte, error) {
	if len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, fmt.Errorf("login: %s: sealed value is cut short", placeOf(place))
	}
	plain, err := k.seal.Open(nil, sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("login: %s does not open: another server key, or a damaged database", placeOf(place))
	}
	return plain, nil
}

// placeOf is a place without the name in it, for errors.
func placeOf(place string) string {
	for i := range len(place) {
		if place[i] == ' ' {
			return place[:i]
		}
	}
	return place
}
