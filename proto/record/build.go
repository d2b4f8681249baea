package record

import (
	"crypto/ed25519"
	"fmt"
)

// A Link is what a new record must know of the newest one at its label.
type Link struct {
	Version uint32 // of the newest record
	Hash    *Hash  // of its encoding; nil when it is not known (erased)
}

// Content is what the holder of a label chooses.
type Content struct {
	Devices  []Device
	Keys     []PublishedKey
	Recovery *Key
	MovedTo  string
}

// NewImported builds the encoded record by which a provider asserts keys for a
// label that nobody holds. last is nil for a label without records.
func NewImported(domain, label string, last *Link, keys []PublishedKey) ([]byte, error) {
	r, err := follow(domain, label, last)
	if err != nil {
		return nil, err
	}
	r.Kind, r.Keys = Imported, keys
	return r.Encode()
}

// NewClaim builds the encoded record with which a person takes a label that
// nobody holds: a new one, an imported one, or one that was closed.
func NewClaim(domain, label string, last *Link, c Content, account ed25519.PrivateKey) ([]byte, error) {
	return build(domain, label, last, Claimed, c, account, nil)
}

// NewReset builds the encoded record with which a person who has lost the
// account key starts again. With a recovery key named before, recovery signs
// as the previous key; else it is nil. Contacts see a reset either way.
func NewReset(domain, label string, last *Link, c Content, account, recovery ed25519.PrivateKey) ([]byte, error) {
	return build(domain, label, last, Reset, c, account, recovery)
}

// NewOwner builds the encoded record with which a holder changes something.
// account is the account key from now on, previous the one before; they are
// the same unless the key changes.
func NewOwner(domain, label string, last Link, c Content, account, previous ed25519.PrivateKey) ([]byte, error) {
	if last.Hash == nil {
		return nil, fmt.Errorf("%w: an owner's record names the record before it; without it, start again with a reset", ErrInvalid)
	}
	return build(domain, label, &last, Owner, c, account, previous)
}

// NewClosed builds the encoded record with which a holder gives a label up;
// movedTo is where they went, or "".
func NewClosed(domain, label string, last Link, movedTo string, account ed25519.PrivateKey) ([]byte, error) {
	return build(domain, label, &last, Closed, Content{MovedTo: movedTo}, account, account)
}

func build(domain, label string, last *Link, kind Kind, c Content, account, previous ed25519.PrivateKey) ([]byte, error) {
	r, err := follow(domain, label, last)
	if err != nil {
		return nil, err
	}
	r.Kind = kind
	r.Devices, r.Keys, r.Recovery, r.MovedTo = c.Devices, c.Keys, c.Recovery, c.MovedTo
	if err := r.Sign(account, previous); err != nil {
		return nil, err
	}
	return r.Encode()
}

func follow(domain, label string, last *Link) (*Record, error) {
	r := &Record{Domain: domain, Label: label}
	if last != nil {
		if last.Version == 1<<32-1 {
			return nil, fmt.Errorf("%w: the label has no versions left", ErrInvalid)
		}
		r.Version, r.Previous = last.Version+1, last.Hash
	}
	return r, nil
}

// LinkOf returns the link that the successor of an encoded record needs.
func LinkOf(version uint32, encoded []byte) Link {
	h := HashOf(encoded)
	return Link{Version: version, Hash: &h}
}
