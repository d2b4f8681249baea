package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// Bounds of what an account keeps.
const (
	MaxKeys   = 16   // passkeys of one account
	MaxName   = 64   // octets of a passkey's name
	maxID     = 1023 // octets of a credential's id (WebAuthn: at most 1023)
	maxPublic = 1024 // octets of a public key: RSA with 4096 bits has half of it
)

// A key is what is kept of one passkey.
type key struct {
	ID      []byte    `json:"id"`
	Public  []byte    `json:"public"` // COSE
	Count   uint32    `json:"count"`  // of its signatures; 0: it does not count
	Synced  bool      `json:"synced"` // its provider may copy it; this never changes
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"`
}

// keys are those of an account, oldest first.
type keys []key

// stored is the form of keys in the account.
type stored struct {
	Version int  `json:"v"`
	Keys    keys `json:"keys"`
}

// errStored is a damaged database.
var errStored = errors.New("passkey: stored passkeys do not parse")

// parse reads what marshal wrote; nil is no keys.
func parse(blob []byte) (keys, error) {
	if blob == nil {
		return nil, nil
	}
	var s stored
	d := json.NewDecoder(bytes.NewReader(blob))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || s.Version != 1 || len(s.Keys) == 0 || len(s.Keys) > MaxKeys {
		return nil, errStored
	}
	for _, k := range s.Keys {
		if len(k.ID) == 0 || len(k.ID) > maxID || len(k.Public) == 0 || len(k.Public) > maxPublic {
			return nil, errStored
		}
	}
	return s.Keys, nil
}

func (all keys) marshal() ([]byte, error) {
	if len(all) == 0 {
		return nil, nil
	}
	return json.Marshal(stored{1, all})
}

// name is how a key is named to its owner.
func (k *key) name() string {
	h := sha256.Sum256(append([]byte("kith passkey 1\x00"), k.ID...))
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

func (k *key) message() auth.Passkey {
	m := auth.Passkey{ID: k.name(), Name: k.Name, Created: k.Created, Synced: k.Synced}
	if !k.Used.IsZero() {
		m.Used = &k.Used
	}
	return m
}

// find returns where the key of a name is, or -1.
func (all keys) find(name string) int {
	return slices.IndexFunc(all, func(k key) bool { return k.name() == name })
}

func (all keys) descriptors() (out []protocol.CredentialDescriptor) {
	for _, k := range all {
		out = append(out, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID})
	}
	return out
}

// A user is an account as the library wants it.
type user struct {
	handle []byte
	name   string
	keys   keys
}

func (u *user) WebAuthnID() []byte          { return u.handle }
func (u *user) WebAuthnName() string        { return u.name }
func (u *user) WebAuthnDisplayName() string { return u.name }
func (u *user) WebAuthnCredentials() (out []webauthn.Credential) {
	for _, k := range u.keys {
		out = append(out, webauthn.Credential{
			ID: k.ID, PublicKey: k.Public, Flags: webauthn.CredentialFlags{BackupEligible: k.Synced},
			Authenticator: webauthn.Authenticator{SignCount: k.Count},
		})
	}
	return out
}

// checkName brings a name for a passkey to its form.
func checkName(name string, now time.Time) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		name = "passkey of " + now.UTC().Format(time.DateOnly)
	}
	if len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fmt.Errorf("%w: name of a passkey", login.ErrMalformed)
	}
	return name, nil
}
