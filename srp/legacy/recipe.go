// Package legacy reads the password hashes of a provider that moves over, so that
// nobody has to choose a new password: what was stored is cut into a Recipe, which
// a client can follow, and the hash itself, which becomes the password of an SRP
// login. The server makes the verifier from it once, offline, and forgets it; the
// first login replaces both.
//
//	$2b$12$SALT.............HASH                bcrypt ($2a$, $2b$, $2y$)
//	$pbkdf2-sha256$i=29000,l=32$SALT$HASH       PBKDF2, also -sha1 and -sha512
//	$scrypt$ln=15,r=8,p=1$SALT$HASH             scrypt
//	$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH    Argon2id and Argon2i
//
// All but bcrypt's are PHC strings (github.com/P-H-C/phc-string-format). A recipe
// is the same without the hash.
package legacy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	// ErrFormat is a hash or recipe of a form that is not read.
	ErrFormat = errors.New("legacy: not a password hash that can be read")
	// ErrCost is a recipe that would cost a client too much to follow, or that is
	// so weak that no provider can have meant it.
	ErrCost = errors.New("legacy: recipe is out of bounds")
)

// Bounds of a recipe. A server that has been taken over could otherwise ask its
// users for a hash that is quickly guessed, or one that stops their machines.
const (
	maxMemory  = 1 << 30 // octets
	minSalt    = 8       // octets
	maxSalt    = 64
	minHash    = 16
	maxHash    = 64
	minBcrypt  = 4
	maxBcrypt  = 16
	minPBKDF2  = 1000
	maxPBKDF2  = 10_000_000
	minScrypt  = 10 // log2 of N
	maxTime    = 64
	maxLanes   = 16
	maxEncoded = 512 // octets of a whole hash
)

// A Recipe says how a password becomes the hash that was stored.
type Recipe struct {
	kind kind
	cost []uint64 // in the order of the string
	salt []byte
	size int // of the hash, in octets
	text string
}

// String returns the recipe as it travels: the stored string without the hash.
func (r *Recipe) String() string { return r.text }

// Size returns the length of the hash, in octets.
func (r *Recipe) Size() int { return r.size }

// A kind is one form of hash.
type kind string

const (
	bcryptKind kind = "bcrypt"
	pbkdf2SHA1 kind = "pbkdf2-sha1"
	pbkdf2S256 kind = "pbkdf2-sha256"
	pbkdf2S512 kind = "pbkdf2-sha512"
	scryptKind kind = "scrypt"
	argon2iK   kind = "argon2i"
	argon2idK  kind = "argon2id"
)

// parameters are the names in a PHC string, in order. l, the length of the hash,
// may be left out of a hash and stands in every recipe.
var parameters = map[kind][]string{
	pbkdf2SHA1: {"i"}, pbkdf2S256: {"i"}, pbkdf2S512: {"i"},
	scryptKind: {"ln", "r", "p"}, argon2iK: {"m", "t", "p"}, argon2idK: {"m", "t", "p"},
}

// Split cuts what a provider has stored into the recipe and the hash.
func Split(stored string) (*Recipe, []byte, error) {
	if len(stored) > maxEncoded {
		return nil, nil, fmt.Errorf("%w: too long", ErrFormat)
	}
	if strings.HasPrefix(stored, "$2") {
		return splitBcrypt(stored)
	}
	at := strings.LastIndexByte(stored, '$')
	if at < 0 {
		return nil, nil, ErrFormat
	}
	hash, err := base64.RawStdEncoding.Strict().DecodeString(stored[at+1:])
	if err != nil || len(hash) < minHash || len(hash) > maxHash {
		return nil, nil, fmt.Errorf("%w: hash", ErrFormat)
	}
	r, err := parsePHC(stored[:at], len(hash))
	if err != nil {
		return nil, nil, err
	}
	return r, hash, nil
}

// Parse reads what String writes, and nothing else.
func Parse(recipe string) (*Recipe, error) {
	if len(recipe) > maxEncoded {
		return nil, fmt.Errorf("%w: too long", ErrFormat)
	}
	if strings.HasPrefix(recipe, "$2") {
		return parseBcrypt(recipe)
	}
	r, err := parsePHC(recipe, 0)
	if err == nil && r.text != recipe {
		return nil, fmt.Errorf("%w: not in its one form", ErrFormat)
	}
	return r, err
}

// parsePHC reads a PHC string without a hash. size is the hash's, or 0 where the
// string must say.
func parsePHC(s string, size int) (*Recipe, error) {
	fields := strings.Split(s, "$")
	if len(fields) < 4 || fields[0] != "" {
		return nil, ErrFormat
	}
	r := &Recipe{kind: kind(fields[1])}
	names, ok := parameters[r.kind]
	if !ok {
		return nil, fmt.Errorf("%w: unknown function", ErrFormat)
	}
	version := ""
	if r.kind == argon2iK || r.kind == argon2idK {
		if version = "v=19$"; fields[2] != "v=19" {
			return nil, fmt.Errorf("%w: version of argon2", ErrFormat)
		}
		fields = append(fields[:2], fields[3:]...)
	}
	if len(fields) != 4 {
		return nil, ErrFormat
	}
	given := strings.Split(fields[2], ",")
	if len(given) == len(names)+1 { // with a length
		n, err := number(given[len(names)], "l")
		if err != nil || n > maxHash || size != 0 && int(n) != size {
			return nil, fmt.Errorf("%w: length", ErrFormat)
		}
		size, given = int(n), given[:len(names)]
	}
	if len(given) != len(names) || size < minHash || size > maxHash {
		return nil, fmt.Errorf("%w: parameters", ErrFormat)
	}
	for i, name := range names {
		n, err := number(given[i], name)
		if err != nil {
			return nil, err
		}
		r.cost = append(r.cost, n)
	}
	salt, err := base64.RawStdEncoding.Strict().DecodeString(fields[3])
	if err != nil {
		return nil, fmt.Errorf("%w: salt", ErrFormat)
	}
	r.salt, r.size = salt, size
	r.text = fmt.Sprintf("$%s$%s%s,l=%d$%s", r.kind, version, strings.Join(given, ","), size, fields[3])
	return r, r.check()
}

// number reads "name=123".
func number(s, name string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, name+"=")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, fmt.Errorf("%w: parameter %s", ErrFormat, name)
	}
	return n, nil
}

// check holds a recipe against the bounds.
func (r *Recipe) check() error {
	if len(r.salt) < minSalt || len(r.salt) > maxSalt {
		return fmt.Errorf("%w: salt of %d octets", ErrCost, len(r.salt))
	}
	good := false
	switch c := r.cost; r.kind {
	case bcryptKind:
		good = c[0] >= minBcrypt && c[0] <= maxBcrypt
	case pbkdf2SHA1, pbkdf2S256, pbkdf2S512:
		good = c[0] >= minPBKDF2 && c[0] <= maxPBKDF2
	case scryptKind:
		good = c[0] >= minScrypt && c[0] < 30 && c[1] >= 1 && c[1] <= 64 && c[2] >= 1 && c[2] <= maxLanes &&
			128*c[1]<<c[0] <= maxMemory
	case argon2iK, argon2idK:
		good = c[0] >= 8*c[2] && c[0]<<10 <= maxMemory && c[1] >= 1 && c[1] <= maxTime && c[2] >= 1 && c[2] <= maxLanes
	}
	if !good {
		return fmt.Errorf("%w: %s", ErrCost, r.kind)
	}
	return nil
}

// WithSalt returns the same recipe with another salt, of as many octets, which
// draw gives.
func (r *Recipe) WithSalt(draw func(n int) []byte) *Recipe {
	other := *r
	other.salt = draw(len(r.salt))
	if r.kind == bcryptKind {
		other.text = r.text[:bcryptHead] + bcryptBase64.EncodeToString(other.salt)
	} else {
		other.text = r.text[:strings.LastIndexByte(r.text, '$')+1] + base64.RawStdEncoding.EncodeToString(other.salt)
	}
	return &other
}
