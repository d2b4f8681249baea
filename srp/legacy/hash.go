package legacy

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/scrypt"
)

// Hash follows the recipe, as the old provider did: the password is taken as it
// was typed, octet for octet. It takes the time and memory that the recipe says.
func (r *Recipe) Hash(password string) ([]byte, error) {
	p := []byte(password)
	defer clear(p)
	switch r.kind {
	case bcryptKind:
		return r.bcrypt(p)
	case pbkdf2SHA1:
		return r.pbkdf2(sha1.New, password)
	case pbkdf2S256:
		return r.pbkdf2(sha256.New, password)
	case pbkdf2S512:
		return r.pbkdf2(sha512.New, password)
	case scryptKind:
		return scrypt.Key(p, r.salt, 1<<r.cost[0], int(r.cost[1]), int(r.cost[2]), r.size)
	case argon2iK:
		return argon2.Key(p, r.salt, uint32(r.cost[1]), uint32(r.cost[0]), uint8(r.cost[2]), uint32(r.size)), nil
	case argon2idK:
		return argon2.IDKey(p, r.salt, uint32(r.cost[1]), uint32(r.cost[0]), uint8(r.cost[2]), uint32(r.size)), nil
	}
	return nil, fmt.Errorf("%w: unknown function", ErrFormat)
}

func (r *Recipe) pbkdf2(h func() hash.Hash, password string) ([]byte, error) {
	return pbkdf2.Key(h, password, r.salt, int(r.cost[0]), r.size)
}
