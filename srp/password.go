package srp

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
)

// Bounds of an Argon2id.
const (
	// MinMemory, MinTime and MinSalt are the floor: a client computes with nothing
	// cheaper, whatever a server asks for (RFC 9106, "Parameter Choice", the second
	// recommended option).
	MinMemory = 64 << 10 // KiB
	MinTime   = 3
	MinSalt   = 16 // octets

	// The ceilings keep a server from taking a client's memory and time.
	MaxMemory  = 1 << 20 // KiB
	MaxTime    = 16
	MaxThreads = 16
	MaxSalt    = 64 // octets

	// MaxPassword bounds a password, in octets of UTF-8.
	MaxPassword = 1024
)

var (
	// ErrKDF is a way of stretching passwords that a client does not follow: too
	// weak, too costly, or unknown.
	ErrKDF = errors.New("srp: key derivation is not acceptable")
	// ErrPassword is a password that cannot be used: empty, too long, or with
	// characters that cannot be typed reliably.
	ErrPassword = errors.New("srp: password cannot be used")
)

// An Argon2id says how a password is stretched (RFC 9106). It is public, and
// travels with the salt.
type Argon2id struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8  // lanes
	Salt    []byte
}

// String returns the PHC form, without a hash:
// "$argon2id$v=19$m=65536,t=3,p=4$SALT".
func (k *Argon2id) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s", argon2.Version, k.Memory, k.Time, k.Threads, base64.RawStdEncoding.EncodeToString(k.Salt))
}

// ParseArgon2id reads what String writes, and nothing else. Whether it is strong
// enough is for Check to say.
func ParseArgon2id(s string) (*Argon2id, error) {
	k := new(Argon2id)
	fields := strings.Split(s, "$")
	if len(fields) != 5 {
		return nil, fmt.Errorf("%w: not a PHC string of argon2id", ErrKDF)
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &k.Memory, &k.Time, &k.Threads); err != nil {
		return nil, fmt.Errorf("%w: parameters", ErrKDF)
	}
	salt, err := base64.RawStdEncoding.Strict().DecodeString(fields[4])
	if err != nil {
		return nil, fmt.Errorf("%w: salt", ErrKDF)
	}
	if k.Salt = salt; k.String() != s {
		return nil, fmt.Errorf("%w: not in its one form", ErrKDF)
	}
	return k, nil
}

// Check reports an ErrKDF below the floor, which is how an attacker would make
// passwords cheap to guess, or above the ceilings.
func (k *Argon2id) Check() error {
	switch {
	case k.Memory < MinMemory || k.Time < MinTime || k.Threads < 1 || len(k.Salt) < MinSalt:
		return fmt.Errorf("%w: weaker than m=%d,t=%d with %d octets of salt", ErrKDF, MinMemory, MinTime, MinSalt)
	case k.Memory > MaxMemory || k.Time > MaxTime || k.Threads > MaxThreads || len(k.Salt) > MaxSalt:
		return fmt.Errorf("%w: costs more than m=%d,t=%d,p=%d", ErrKDF, MaxMemory, MaxTime, MaxThreads)
	}
	return nil
}

// Secrets are what one password makes. Neither can be computed from the other.
type Secrets struct {
	Auth   [32]byte // the P of a login
	Unlock [32]byte // opens the backup of the account key (Seal, Open)
}

// Derive stretches a password once, and splits the result by HKDF. It takes as
// much memory and time as k says.
//
// The password is brought to one form first (RFC 8265, OpaqueString): NFC, and
// every kind of space a plain one. What looks the same on two keyboards then is
// the same.
func (k *Argon2id) Derive(password string) (*Secrets, error) {
	if err := k.Check(); err != nil {
		return nil, err
	}
	normal, err := Normalise(password)
	if err != nil {
		return nil, err
	}
	stretched := argon2.IDKey(normal, k.Salt, k.Time, k.Memory, k.Threads, 32)
	defer clear(stretched)
	s := new(Secrets)
	for label, out := range map[string]*[32]byte{"kith auth 1": &s.Auth, "kith unlock 1": &s.Unlock} {
		b, err := hkdf.Expand(sha256.New, stretched, label, len(out))
		if err != nil {
			panic("srp: " + err.Error())
		}
		copy(out[:], b)
		clear(b)
	}
	clear(normal)
	return s, nil
}

// Normalise returns the one form of a password (RFC 8265, "OpaqueString"). Errors
// never show the password.
func Normalise(password string) ([]byte, error) {
	if len(password) > MaxPassword {
		return nil, fmt.Errorf("%w: longer than %d octets", ErrPassword, MaxPassword)
	}
	if !utf8.ValidString(password) {
		return nil, fmt.Errorf("%w: not text", ErrPassword)
	}
	normal, err := precis.OpaqueString.Bytes([]byte(password))
	if err != nil || len(normal) == 0 {
		return nil, fmt.Errorf("%w: empty, or not text", ErrPassword)
	}
	return normal, nil
}
