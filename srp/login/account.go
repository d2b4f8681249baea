package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Bounds of what a person may store.
const (
	MaxName    = 255      // octets of a canonical name
	MaxBackup  = 64 << 10 // octets of a sealed backup
	MaxExtra   = 64 << 10 // octets of what a second factor keeps
	maxDevices = 16       // devices that are remembered; the one not seen for longest goes first
	maxSalt    = 64       // octets
	maxKDF     = 512      // octets of a description
	maxHow     = 32       // octets of a protocol's name
)

// An account is what is stored of one. Verifier, TOTP and so on are sealed.
type account struct {
	Name       string                 `json:"name"`
	Created    time.Time              `json:"created"`
	Changed    time.Time              `json:"changed"`    // of the password
	Generation uint64                 `json:"generation"` // rises with every change of a credential
	Passwords  map[string]*credential `json:"passwords"`  // by protocol
	Backup     []byte                 `json:"backup,omitempty"`
	Recovery   *credential            `json:"recovery,omitempty"`
	Spare      []byte                 `json:"spare,omitempty"` // the backup that the recovery code opens
	TOTP       *totpState             `json:"totp,omitempty"`
	Passkeys   []byte                 `json:"passkeys,omitempty"` // package passkey's own, sealed
	// PasskeySecond demands a passkey after a password.
	PasskeySecond bool     `json:"passkey_second,omitempty"`
	Devices       []device `json:"devices,omitempty"`
}

// A credential is one way to prove a password.
type credential struct {
	Profile string `json:"profile,omitempty"` // of SRP
	KDF     string `json:"kdf"`               // how a client stretches the password; public
	Salt    []byte `json:"salt,omitempty"`    // of SRP
	Sealed  []byte `json:"sealed"`            // SRP's verifier, or OPAQUE's record
	Legacy  bool   `json:"legacy,omitempty"`  // derived from a hash of before; to be replaced
}

// A device is one that a person has logged in from.
type device struct {
	Hash []byte    `json:"hash"` // SHA-256 of Grant.Device
	Used time.Time `json:"used"`
}

func getAccount(r Reader, name string) (*account, error) {
	b, err := r.Get(Accounts, []byte(name))
	if err != nil {
		return nil, err
	}
	a := new(account)
	if err := json.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("login: stored account: %w", err)
	}
	if a.Name != name {
		return nil, errors.New("login: stored account is of another name")
	}
	return a, nil
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
