package auth

import (
	"encoding/json"
	"time"
)

// PasskeyStart: POST login/passkey. Handshake is that of a login which waits for
// its second factor (Grant.Needs); "": the passkey is all there is.
type PasskeyStart struct {
	Handshake string `json:"handshake,omitempty"`
}

// PasskeyChallenge answers PasskeyStart, and POST passkeys/options.
type PasskeyChallenge struct {
	Handshake string `json:"handshake"`
	// Options are a PublicKeyCredentialRequestOptionsJSON, or a
	// PublicKeyCredentialCreationOptionsJSON (WebAuthn Level 3).
	Options json.RawMessage `json:"options"`
}

// PasskeyFinish: POST login/passkey/HANDSHAKE. Credential is what the browser made
// of the options, an AuthenticationResponseJSON.
type PasskeyFinish struct {
	Credential json.RawMessage `json:"credential"`
	Device     string          `json:"device,omitempty"`
}

// PasskeyNew: POST passkeys. Credential is a RegistrationResponseJSON.
type PasskeyNew struct {
	Handshake  string          `json:"handshake"`
	Name       string          `json:"name,omitempty"` // for its owner to know it by
	Credential json.RawMessage `json:"credential"`
}

// A Passkey is one of an account.
type Passkey struct {
	ID      string     `json:"id"` // names it here; not the credential's
	Name    string     `json:"name"`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"used,omitempty"`   // by a login
	Synced  bool       `json:"synced,omitempty"` // its provider may copy it to other devices
}

// Passkeys: GET passkeys.
type Passkeys struct {
	Passkeys []Passkey `json:"passkeys"` // oldest first
	Second   bool      `json:"second"`   // a password alone is not enough
}

// PasskeySecond: PUT passkeys. It says whether a password alone is enough.
type PasskeySecond struct {
	Second bool `json:"second"`
}

// PasskeyName: PUT passkeys/ID.
type PasskeyName struct {
	Name string `json:"name"`
}

// PasskeyLink answers POST passkeys/link: an address to be opened once, where a
// passkey of the account can be made.
type PasskeyLink struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}
