// Package auth is the messages of an account service, as they travel in JSON under
// /auth/v1 (proto/openapi.yaml). Both sides read and write them here.
package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Root is where the service is.
const Root = "/auth/v1"

// MaxBody bounds a message, in octets.
const MaxBody = 256 << 10

// ErrMalformed is a message that does not parse.
var ErrMalformed = errors.New("malformed message")

// Bytes are octets, in base64url without padding.
type Bytes []byte

// MarshalText writes base64url.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText writes, and nothing else.
func (b *Bytes) UnmarshalText(text []byte) error {
	out, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return ErrMalformed
	}
	*b = out
	return nil
}

// Decode reads one message: unknown names, trailing octets and more than MaxBody
// are errors. They never show what was sent.
func Decode(r io.Reader, v any) error {
	d := json.NewDecoder(io.LimitReader(r, MaxBody+1))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: not the JSON that is expected here", ErrMalformed)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one message, or too long", ErrMalformed)
	}
	return nil
}

// Info says what a service takes.
type Info struct {
	Domain       string   `json:"domain"`
	Registration string   `json:"registration"` // "open", "invite" or "closed"
	Protocols    []string `json:"protocols"`    // "srp", "opaque"
	Profile      string   `json:"profile"`      // of SRP
	KDF          string   `json:"kdf"`          // suggested, without a salt: "$argon2id$v=19$m=65536,t=3,p=4$"
	Factors      []string `json:"factors,omitempty"`
	Devices      bool     `json:"devices,omitempty"` // logins by device key
	Sealed       bool     `json:"sealed,omitempty"`  // logins by sealed nonce
}

// A Credential is what a client made of a password or recovery code.
type Credential struct {
	Protocol string `json:"protocol"` // "srp" or "opaque"
	Profile  string `json:"profile,omitempty"`
	KDF      string `json:"kdf,omitempty"`
	Salt     Bytes  `json:"salt,omitempty"`
	Verifier Bytes  `json:"verifier,omitempty"`
	Record   Bytes  `json:"record,omitempty"`
}

// Registration: POST accounts.
type Registration struct {
	Name     string      `json:"name"`
	Password Credential  `json:"password"`
	Backup   Bytes       `json:"backup,omitempty"`
	Recovery *Credential `json:"recovery,omitempty"`
	Spare    Bytes       `json:"spare,omitempty"`
	Invite   string      `json:"invite,omitempty"`
}

// SRPStart: POST login/srp.
type SRPStart struct {
	Name     string `json:"name"`
	Profile  string `json:"profile,omitempty"`
	A        Bytes  `json:"a"`
	Device   string `json:"device,omitempty"`
	Recovery bool   `json:"recovery,omitempty"`
}

// SRPChallenge answers SRPStart.
type SRPChallenge struct {
	Handshake string `json:"handshake"`
	Profile   string `json:"profile"`
	KDF       string `json:"kdf"`
	Salt      Bytes  `json:"salt"`
	B         Bytes  `json:"b"`
}

// SRPFinish: POST login/srp/HANDSHAKE.
type SRPFinish struct {
	M1     Bytes  `json:"m1"`
	Device string `json:"device,omitempty"`
}

// OPAQUERequest: POST opaque.
type OPAQUERequest struct {
	Name    string `json:"name"`
	Request Bytes  `json:"request"`
}

// OPAQUEResponse answers OPAQUERequest.
type OPAQUEResponse struct {
	Response Bytes `json:"response"`
}

// OPAQUEStart: POST login/opaque.
type OPAQUEStart struct {
	Name   string `json:"name"`
	KE1    Bytes  `json:"ke1"`
	Device string `json:"device,omitempty"`
}

// OPAQUEChallenge answers OPAQUEStart.
type OPAQUEChallenge struct {
	Handshake string `json:"handshake"`
	KE2       Bytes  `json:"ke2"`
}

// OPAQUEFinish: POST login/opaque/HANDSHAKE.
type OPAQUEFinish struct {
	KE3    Bytes  `json:"ke3"`
	Device string `json:"device,omitempty"`
}

// NameStart: POST login/device and login/sealed.
type NameStart struct {
	Name   string `json:"name"`
	Device string `json:"device,omitempty"`
}

// DeviceChallenge answers login/device: Message is to be signed.
type DeviceChallenge struct {
	Handshake string `json:"handshake"`
	Message   Bytes  `json:"message"`
}

// DeviceFinish: POST login/device/HANDSHAKE.
type DeviceFinish struct {
	Key       Bytes  `json:"key"`
	Signature Bytes  `json:"signature"`
	Device    string `json:"device,omitempty"`
}

// SealedChallenge answers login/sealed: one of the name's keys opens it.
type SealedChallenge struct {
	Handshake string `json:"handshake"`
	Sealed    Bytes  `json:"sealed"`
}

// SealedFinish: POST login/sealed/HANDSHAKE.
type SealedFinish struct {
	Nonce  Bytes  `json:"nonce"`
	Device string `json:"device,omitempty"`
}

// Code is a one-time code: POST login/totp/HANDSHAKE, PUT and DELETE totp.
type Code struct {
	Code   string `json:"code"`
	Device string `json:"device,omitempty"`
}

// TOTP answers POST totp.
type TOTP struct {
	URL string `json:"url"` // otpauth://, for an authenticator
}

// A Session is one login that is still good.
type Session struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
	Expires time.Time `json:"expires"`
	How     string    `json:"how"`
}

// A Grant is what a login brings, or the demand for a second factor.
type Grant struct {
	Token     string   `json:"token,omitempty"`
	Session   *Session `json:"session,omitempty"`
	M2        Bytes    `json:"m2,omitempty"`
	Device    string   `json:"device,omitempty"`
	Backup    Bytes    `json:"backup,omitempty"`
	Upgrade   bool     `json:"upgrade,omitempty"`
	Needs     []string `json:"needs,omitempty"` // "totp", "passkey": one of them
	Handshake string   `json:"handshake,omitempty"`
}

// Sessions: GET sessions.
type Sessions struct {
	Sessions []Session `json:"sessions"`
	Current  string    `json:"current"` // id
}

// Ended: DELETE sessions.
type Ended struct {
	Ended int `json:"ended"`
}

// A Proof is a password proved again.
type Proof struct {
	Protocol  string `json:"protocol"`
	Handshake string `json:"handshake"`
	Message   Bytes  `json:"message"` // M1 or KE3
}

// A Change: PUT password, POST recovery.
type Change struct {
	Proof    Proof       `json:"proof"`
	Password Credential  `json:"password"`
	Backup   Bytes       `json:"backup,omitempty"`
	Recovery *Credential `json:"recovery,omitempty"`
	Spare    Bytes       `json:"spare,omitempty"`
	Device   string      `json:"device,omitempty"`
}

// ProofOnly: POST recovery/spare, DELETE account.
type ProofOnly struct {
	Proof  Proof  `json:"proof"`
	Device string `json:"device,omitempty"`
}

// Spare answers recovery/spare.
type Spare struct {
	M2    Bytes `json:"m2"`
	Spare Bytes `json:"spare"`
}

// Backup: PUT backup.
type Backup struct {
	Backup Bytes `json:"backup"`
}

// An Event is something that happened to an account.
type Event struct {
	When    time.Time `json:"when"`
	What    string    `json:"what"`
	How     string    `json:"how,omitempty"`
	Session string    `json:"session,omitempty"`
}

// Trail: GET trail.
type Trail struct {
	Events []Event `json:"events"` // oldest first
}
