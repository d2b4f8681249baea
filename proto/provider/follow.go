package provider

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// A Pinned is a document that a client has accepted.
type Pinned struct {
	Document *Document
	Digest   [sha256.Size]byte // of its exact bytes
}

// Open reads an envelope on first contact: the document must be signed by
// enough of the root keys it names itself, be for the domain (unless that is
// ""), and be in its time. That the provider is the right one rests on how the
// envelope was reached, or on a fingerprint compared with Document.Fingerprint.
func Open(enveloped []byte, domain string, now time.Time, skew time.Duration) (*Pinned, error) {
	e, err := parseEnvelope(enveloped)
	if err != nil {
		return nil, err
	}
	d, err := e.document()
	if err != nil {
		return nil, err
	}
	if err := e.signedBy(d.Roots(), "document's own root keys"); err != nil {
		return nil, err
	}
	if domain != "" && d.Domain != domain {
		return nil, fmt.Errorf("%w: it is for %q, asked for was %q", ErrDomain, d.Domain, domain)
	}
	if err := d.CheckTime(now, skew); err != nil {
		return nil, err
	}
	return &Pinned{d, sha256.Sum256(e.Payload)}, nil
}

// Reopen reads an envelope that was accepted before and kept: signatures and
// form are checked, its time is not.
func Reopen(enveloped []byte) (*Pinned, error) {
	e, err := parseEnvelope(enveloped)
	if err != nil {
		return nil, err
	}
	d, err := e.document()
	if err != nil {
		return nil, err
	}
	if err := e.signedBy(d.Roots(), "document's own root keys"); err != nil {
		return nil, err
	}
	return &Pinned{d, sha256.Sum256(e.Payload)}, nil
}

// Follow reads an envelope when a document is pinned: it must be signed by
// enough of the pinned root keys and of its own, be for the same domain, in its
// time, and either the same document or of a higher version. The changes say
// what is different; when one of them loosens something (Loosens), the caller
// asks its user before it pins the result.
func (p *Pinned) Follow(enveloped []byte, now time.Time, skew time.Duration) (*Pinned, []Change, error) {
	e, err := parseEnvelope(enveloped)
	if err != nil {
		return nil, nil, err
	}
	if err := e.signedBy(p.Document.Roots(), "root keys known so far"); err != nil {
		return nil, nil, err
	}
	d, err := e.document()
	if err != nil {
		return nil, nil, err
	}
	if err := e.signedBy(d.Roots(), "document's own root keys"); err != nil {
		return nil, nil, err
	}
	if d.Domain != p.Document.Domain {
		return nil, nil, fmt.Errorf("%w: it is for %q, pinned is %q", ErrDomain, d.Domain, p.Document.Domain)
	}
	next := &Pinned{d, sha256.Sum256(e.Payload)}
	switch {
	case d.Version < p.Document.Version:
		return nil, nil, fmt.Errorf("%w: version %d after version %d", ErrRollback, d.Version, p.Document.Version)
	case d.Version == p.Document.Version && next.Digest != p.Digest:
		return nil, nil, fmt.Errorf("%w: there are two documents of version %d", ErrRollback, d.Version)
	}
	if err := d.CheckTime(now, skew); err != nil {
		return nil, nil, err
	}
	changes, err := Compare(p.Document, d)
	if err != nil {
		return nil, nil, err
	}
	return next, changes, nil
}
