// Package record is Kith's account record: the value that stands at a label in
// the directory ("Account record" in docs/architecture.md). To the log it is
// opaque; to clients it is a chain of signed statements about one person.
//
// # Encoding
//
// In the presentation language of draft-ietf-keytrans-protocol, where the
// bounds of a vector count elements:
//
//	enum { imported(1), claim(2), owner(3), reset(4), closed(5), (255) } Kind;
//
//	struct {
//	  uint16 cipher_suite;            // an MLS cipher suite (RFC 9420)
//	  opaque signature_key<1..2^16-1>;
//	} MLSKey;
//
//	struct {
//	  opaque id<1..2^8-1>;            // unique in the record, at most 64 bytes
//	  opaque name<0..2^8-1>;          // UTF-8
//	  opaque signature_key[32];       // Ed25519
//	  optional<MLSKey> mls;
//	} Device;
//
//	struct {
//	  uint16 type;                    // a KeyType
//	  opaque data<1..2^24-1>;
//	} PublishedKey;
//
//	struct {
//	  opaque context<1..2^8-1>;       // "kith account record 1"
//	  opaque domain<1..2^8-1>;
//	  opaque label<1..2^8-1>;
//	  uint32 version;                 // of the label in the log
//	  optional<opaque[32]> previous;  // SHA-256 of the record before; absent at version 0
//	  Kind kind;
//	  optional<opaque[32]> account_key;   // Ed25519; absent exactly when imported
//	  Device devices<0..2^8-1>;
//	  PublishedKey keys<0..2^8-1>;
//	  optional<opaque[32]> recovery_key;  // Ed25519
//	  optional<Label> moved_to;           // opaque<1..2^8-1>, another label
//	} Body;
//
//	struct {
//	  Body body;
//	  optional<opaque[64]> account_signature;  // absent exactly when imported
//	  optional<opaque[64]> previous_signature; // by the account key before, when it differs
//	} Record;
//
// A record has one encoding of at most MaxSize bytes. Parse accepts that one
// only.
//
// # Signatures
//
// Both signatures are Ed25519 over a fixed string that names the role (see
// sign.go) followed by the encoded Body. The account signature is made by the
// account key the record names. While the key stays, it is also the previous
// account key's signature; when it changes, the previous key signs too. Kind
// is what the writer says about the record and is never believed: Next derives
// what happened from the signatures.
package record

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
)

// Context starts every record, so that no other signed thing can pass for one.
const Context = "kith account record 1"

// Bounds of a record.
const (
	MaxSize     = 1 << 20 // bytes, encoded
	MaxDevices  = 255
	MaxKeys     = 255
	MaxDeviceID = 64  // bytes
	MaxName     = 255 // bytes of UTF-8
)

// Errors of this package, found with errors.Is.
var (
	// ErrMalformed is a record that does not parse, or not in its one form.
	ErrMalformed = errors.New("malformed account record")
	// ErrMisplaced is a record made for another domain, label or version.
	ErrMisplaced = errors.New("account record belongs elsewhere")
	// ErrSignature is a record that its own account key did not sign.
	ErrSignature = errors.New("account record is not signed by its own account key")
	// ErrOrder is a record offered at a version that is already behind the pinned state.
	ErrOrder = errors.New("account record out of order")
	// ErrInvalid is a record that cannot be built as asked.
	ErrInvalid = errors.New("invalid account record")
)

// A Hash is the SHA-256 of an encoded record, signatures included.
type Hash [sha256.Size]byte

// HashOf returns the hash by which the next record refers to this one.
func HashOf(encoded []byte) Hash { return sha256.Sum256(encoded) }

// A Key is an Ed25519 public key.
type Key [ed25519.PublicKeySize]byte

// KeyOf returns the public half of an Ed25519 private key.
func KeyOf(priv ed25519.PrivateKey) Key { return Key(priv.Public().(ed25519.PublicKey)) }

// A Signature is an Ed25519 signature.
type Signature [ed25519.SignatureSize]byte

// A Kind is what the writer of a record says it is. It is never believed.
type Kind uint8

// The kinds of record.
const (
	Imported Kind = 1 // asserted by the provider; no account key, no signature
	Claimed  Kind = 2 // a person takes a label that nobody held
	Owner    Kind = 3 // the holder of the account key changes something
	Reset    Kind = 4 // a person without the previous key starts again
	Closed   Kind = 5 // the holder gives the label up
)

// String returns the kind as it stands in documents: "imported".
func (k Kind) String() string {
	switch k {
	case Imported:
		return "imported"
	case Claimed:
		return "claim"
	case Owner:
		return "owner"
	case Reset:
		return "reset"
	case Closed:
		return "closed"
	}
	return "unknown"
}

// An MLSKey is a device's signature key for messaging (RFC 9420).
type MLSKey struct {
	CipherSuite  uint16
	SignatureKey []byte // 1 to 65535 bytes
}

// A Device is one of the devices of an account.
type Device struct {
	ID           []byte // 1 to MaxDeviceID bytes, unique in the record
	Name         string // UTF-8 without control characters, up to MaxName bytes
	SignatureKey Key
	MLS          *MLSKey // nil: not used for messaging
}

// A Record is the signed account record of one version of one label.
type Record struct {
	Domain   string // of the provider, in canonical form
	Label    string // in canonical form (package label)
	Version  uint32 // of the label in the log
	Previous *Hash  // nil at version 0, and where the record before is not known
	Kind     Kind

	Account  *Key // nil exactly when Kind is Imported
	Devices  []Device
	Keys     []PublishedKey // in the owner's order of preference, none twice
	Recovery *Key           // nil: none
	MovedTo  string         // "" : nowhere; else another label

	AccountSignature  *Signature // by Account
	PreviousSignature *Signature // by the account key before, when it differs
}

// Key returns the published keys of one type, in order of preference.
func (r *Record) Key(t KeyType) []PublishedKey {
	var out []PublishedKey
	for _, k := range r.Keys {
		if k.Type == t {
			out = append(out, k)
		}
	}
	return out
}

// Device returns the device with an id, or nil.
func (r *Record) Device(id []byte) *Device {
	for i := range r.Devices {
		if string(r.Devices[i].ID) == string(id) {
			return &r.Devices[i]
		}
	}
	return nil
}
