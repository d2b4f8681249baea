package login

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Bounds of what a person may store.
const (
	MaxName   = 255      // octets of a canonical name
	MaxBackup = 64 << 10 // octets of a sealed backup
	maxSalt   = 64       // octets
	maxKDF    = 512      // octets of a description
	maxHow    = 32       // octets of a protocol's name
)

// An account is what is stored of one. Verifier, TOTP and so on are sealed.
type account struct {
	Name       string                 `json:"name"`
	Created    time.Time              `json:"created"`
	Changed    time.Time              `json:"changed"`    // of the password
	Generation uint64                 `json:"generation"` // rises with every change of a credential
	Passwords  map[string]*credential `json:"passwords"`  // by protocol
	Recovery   *credential            `json:"recovery,omitempty"`
	TOTP       *totpState             `json:"totp,omitempty"`
	// PasskeySecond demands a passkey after a password.
	PasskeySecond bool `json:"passkey_second,omitempty"`
}

// A credential is one way to prove a password.
type credential struct {
	Profile string `json:"profile,omitempty"` // of SRP
	KDF     string `json:"kdf"`               // how a client stretches the password; public
	Salt    []byte `json:"salt,omitempty"`    // of SRP
	Sealed  []byte `json:"sealed"`            // SRP's verifier, or OPAQUE's record
	Legacy  bool   `json:"legacy,omitempty"`  // derived from a hash of before; to be replaced
}

func getAccount(r Reader, name string) (*account, error) {
	b, err := r.Get(Accounts, []byte(name))
	if err != nil {
		return nil, err
	}
	a, err := parseAccount(b)
	if err == nil && a.Name != name {
		return nil, errOther
	}
	return a, err
}

// errOther is a damaged database.
var errOther = errors.New("login: stored account is of another name")

func parseAccount(b []byte) (*account, error) {
	a := new(account)
	if err := json.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("login: stored account: %w", err)
	}
	return a, nil
}

// newGeneration returns where the generations of a new account begin: not where
// those of an account of the same name did that was deleted.
func (s *Service) newGeneration() (uint64, error) {
	b := make([]byte, 8)
	if _, err := io.ReadFull(s.config.Rand, b); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b)>>16 + 1, nil
}

func putAccount(w Writer, a *account) error { return put(w, Accounts, []byte(a.Name), a) }

func put(w Writer, t Table, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Put(t, key, b)
}

// name brings a name to its one form.
func (s *Service) name(given string) (string, error) {
	if len(given) > 4*MaxName {
		return "", fmt.Errorf("%w: too long", ErrName)
	}
	name, err := s.config.Canonical(given)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrName, err)
	}
	if name == "" || len(name) > MaxName {
		return "", fmt.Errorf("%w: %d octets", ErrName, len(name))
	}
	for i := range len(name) {
		if name[i] == 0 {
			return "", ErrName
		}
	}
	return name, nil
}

// owned is the prefix of keys of a name in Owners and Trail.
func owned(name string) []byte { return append([]byte(name), 0) }
