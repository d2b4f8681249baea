package legacy

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 bcrypt is made of it, and what was stored cannot be changed
)

const (
	bcryptSalt    = 16 // octets
	bcryptHash    = 23
	bcryptHead    = len("$2b$12$")
	bcryptMaximum = 72 // octets of a password that count
)

// bcryptBase64 is base64 in bcrypt's own alphabet, without padding.
var bcryptBase64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// splitBcrypt cuts "$2b$12$" + 22 characters of salt + 31 of hash.
func splitBcrypt(s string) (*Recipe, []byte, error) {
	salted := bcryptHead + bcryptBase64.EncodedLen(bcryptSalt)
	if len(s) != salted+bcryptBase64.EncodedLen(bcryptHash) {
		return nil, nil, fmt.Errorf("%w: length of bcrypt", ErrFormat)
	}
	hash, err := bcryptBase64.DecodeString(s[salted:])
	if err != nil {
		return nil, nil, fmt.Errorf("%w: bcrypt", ErrFormat)
	}
	r, err := parseBcrypt(s[:salted])
	if err != nil {
		return nil, nil, err
	}
	return r, hash, nil
}

func parseBcrypt(s string) (*Recipe, error) {
	if len(s) != bcryptHead+bcryptBase64.EncodedLen(bcryptSalt) || s[3] != '$' || s[6] != '$' {
		return nil, fmt.Errorf("%w: bcrypt", ErrFormat)
	}
	switch s[:3] {
	case "$2a", "$2b", "$2y": // the same, for passwords without a zero octet
	default:
		return nil, fmt.Errorf("%w: version of bcrypt", ErrFormat)
	}
	cost, err := strconv.ParseUint(s[4:6], 10, 8)
	if err != nil {
		return nil, fmt.Errorf("%w: cost of bcrypt", ErrFormat)
	}
	salt, err := bcryptBase64.DecodeString(s[bcryptHead:])
	if err != nil {
		return nil, fmt.Errorf("%w: salt of bcrypt", ErrFormat)
	}
	r := &Recipe{kind: bcryptKind, cost: []uint64{cost}, salt: salt, size: bcryptHash, text: s}
	return r, r.check()
}

// bcrypt is the function of Provos and Mazières ("A Future-Adaptable Password
// Scheme"): Blowfish, whose key schedule is made slow, three times 64 times over
// a fixed text.
func (r *Recipe) bcrypt(password []byte) ([]byte, error) {
	key := append(append([]byte(nil), password...), 0)
	if len(key) > bcryptMaximum {
		key = key[:bcryptMaximum]
	}
	defer clear(key)
	c, err := blowfish.NewSaltedCipher(key, r.salt)
	if err != nil {
		return nil, fmt.Errorf("%w: bcrypt", ErrFormat)
	}
	for range uint64(1) << r.cost[0] {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(r.salt, c)
	}
	text := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(text); i += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(text[i:i+blowfish.BlockSize], text[i:i+blowfish.BlockSize])
		}
	}
	return text[:bcryptHash], nil
}
