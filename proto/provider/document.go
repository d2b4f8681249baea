// Package provider is the signed provider document, what a provider publishes
// about itself at /.well-known/kith.json ("Trust" in docs/architecture.md):
// which log is its own, under which rules, watched by whom, reached where.
//
// The document is JSON, signed over its exact bytes in an envelope in the
// manner of DSSE (github.com/secure-systems-lab/dsse, "Protocol") by m of n
// Ed25519 root keys that live offline. The root keys and m stand in the document
// itself, so that a document replaces them: it must then be signed by m of the
// keys before and by its own m.
//
// A client pins what it accepted as a Pinned, follows higher versions with
// Follow, and asks its user before it accepts a change that loosens something
// (Compare).
package provider

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// Path is where a provider serves its envelope.
const Path = "/.well-known/kith.json"

// PayloadType names the document in its envelope, with the version of its format.
const PayloadType = "application/vnd.kith.provider.v1+json"

// Bounds of an envelope and of what it holds.
const (
	MaxSize     = 256 << 10 // bytes of an envelope
	MaxRootKeys = 16
	MaxEntries  = 64 // addresses, auditors, witnesses
)

// Errors of this package, found with errors.Is.
var (
	// ErrMalformed is an envelope or document that does not parse or contradicts itself.
	ErrMalformed = errors.New("malformed provider document")
	// ErrSignature is an envelope that too few root keys signed.
	ErrSignature = errors.New("provider document is not signed by enough root keys")
	// ErrExpired is a document whose time is over.
	ErrExpired = errors.New("provider document has expired")
	// ErrNotYet is a document issued in the future; perhaps our clock is slow.
	ErrNotYet = errors.New("provider document was issued in the future")
	// ErrRollback is a document older than the one accepted before, or another of the same version.
	ErrRollback = errors.New("provider document goes back")
	// ErrDomain is a document of another domain.
	ErrDomain = errors.New("provider document is for another domain")
)

// A Document is what a provider says about itself.
type Document struct {
	Domain        string           `json:"domain"`         // in canonical form (label.Domain)
	DraftRevision string           `json:"draft_revision"` // of draft-ietf-keytrans-protocol, such as "526cc8a"
	Version       uint64           `json:"version"`        // from 1, rises with every change
	Issued        time.Time        `json:"issued"`
	Expires       time.Time        `json:"expires"`
	Configuration strictjson.Bytes `json:"configuration"` // wire.Configuration in TLS format, of heads and new log entries
	// Former are the log's Configurations before, oldest first: those of auditors
	// that were replaced. Each holds from where the one before ends; the leaves of
	// the audit log name theirs by its digest.
	Former    []strictjson.Bytes `json:"former_configurations,omitempty"`
	AuditLog  AuditLog           `json:"audit_log"`
	Addresses []string           `json:"addresses"` // base addresses of the service, most preferred first

	Auditors         []Auditor `json:"auditors,omitempty"`
	AuditorThreshold int       `json:"auditor_threshold,omitempty"` // cosignatures of auditors a checkpoint needs, at most as many as have a Cosigner
	Witnesses        []Witness `json:"witnesses,omitempty"`
	WitnessThreshold int       `json:"witness_threshold,omitempty"`  // cosignatures of witnesses a checkpoint needs, at most len(Witnesses)
	MaxWitnessLagMS  uint64    `json:"max_witness_lag_ms,omitempty"` // between a head and the cosigned checkpoint it is bound to, in ms; needed with either threshold

	Limits Limits `json:"limits"`

	RootKeys      []strictjson.Bytes `json:"root_keys"` // Ed25519, 32 bytes each
	RootThreshold int                `json:"root_threshold"`

	Successor  *Successor  `json:"successor,omitempty"`  // the log that follows this one
	Retirement *Retirement `json:"retirement,omitempty"` // this log ends
}

// An AuditLog is the RFC 6962 log of a provider's log entries.
type AuditLog struct {
	Origin string `json:"origin"` // the first line of its checkpoints
	Key    string `json:"key"`    // note verifier key, "name+hash+base64"
}

// An Auditor recomputes every root of the log. It signs heads with one key, which
// in ThirdPartyAuditing mode is the one in the Configuration, and cosigns
// checkpoints with another. It has one of them, or both.
type Auditor struct {
	Name      string           `json:"name"`
	Address   string           `json:"address,omitempty"` // base address of its service, where checkpoints are sent and sightings handed in
	PublicKey strictjson.Bytes `json:"public_key,omitempty"`
	Cosigner  string           `json:"cosigner,omitempty"` // note verifier key, "name+hash+base64"
}

// A Witness cosigns checkpoints of the audit log.
type Witness struct {
	Key     string `json:"key"`               // note verifier key
	Address string `json:"address,omitempty"` // base address of its service (C2SP tlog-witness)
}

// Limits are what a requester may expect to be refused above.
type Limits struct {
	MaxValueBytes     uint64 `json:"max_value_bytes"`
	RequestsPerMinute uint64 `json:"requests_per_minute,omitempty"` // per requester; 0: not stated
}

// A Successor is the log that a provider moves to.
type Successor struct {
	Fingerprint Fingerprint `json:"fingerprint"`
	Address     string      `json:"address"`
}

// A Retirement says when a log stops taking updates.
type Retirement struct {
	At      time.Time `json:"at"`
	Message string    `json:"message,omitempty"`
}

// Config returns the log's configuration.
func (d *Document) Config() (*wire.Configuration, error) {
	c, err := wire.ParseConfiguration(d.Configuration, wire.Format{})
	if err != nil {
		return nil, fmt.Errorf("%w: configuration: %w", ErrMalformed, err)
	}
	return c, nil
}

// Roots returns the keys that sign this document's successors.
func (d *Document) Roots() Roots {
	r := Roots{Threshold: d.RootThreshold}
	for _, k := range d.RootKeys {
		r.Keys = append(r.Keys, ed25519.PublicKey(k))
	}
	return r
}

// Fingerprint returns the fingerprint of the document's log.
func (d *Document) Fingerprint() (Fingerprint, error) {
	c, err := d.Config()
	if err != nil {
		return Fingerprint{}, err
	}
	return FingerprintOf(c), nil
}

// CheckTime reports ErrNotYet or ErrExpired at a time, of which the first
// allows for a clock that is slow by up to skew.
func (d *Document) CheckTime(now time.Time, skew time.Duration) error {
	if d.Issued.After(now.Add(skew)) {
		return fmt.Errorf("%w: issued %s, our clock says %s; check the clock", ErrNotYet, d.Issued.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if !now.Before(d.Expires) {
		return fmt.Errorf("%w: on %s, our clock says %s", ErrExpired, d.Expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// Check reports what contradicts the rules of a document. Encode and Open ask it.
func (d *Document) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	if c, err := label.Domain(d.Domain); err != nil || c != d.Domain {
		return bad("domain %q is not in its one form", d.Domain)
	}
	config, err := d.Config()
	if err != nil {
		return err
	}
	switch {
	case d.DraftRevision == "":
		return bad("no draft_revision")
	case d.Version == 0:
		return bad("versions start at 1")
	case !d.Issued.Before(d.Expires):
		return bad("it expires before it is issued")
	case d.AuditLog.Origin == "" || d.AuditLog.Key == "":
		return bad("no audit_log")
	case len(d.Addresses) == 0 || len(d.Addresses) > MaxEntries:
		return bad("%d addresses, not 1 to %d", len(d.Addresses), MaxEntries)
	case len(d.Auditors) > MaxEntries || len(d.Witnesses) > MaxEntries:
		return bad("more than %d auditors or witnesses", MaxEntries)
	case d.WitnessThreshold < 0 || d.WitnessThreshold > len(d.Witnesses):
		return bad("witness_threshold is %d of %d witnesses", d.WitnessThreshold, len(d.Witnesses))
	case d.AuditorThreshold < 0 || d.AuditorThreshold > cosigners(d.Auditors):
		return bad("auditor_threshold is %d of %d cosigning auditors", d.AuditorThreshold, cosigners(d.Auditors))
	case (d.WitnessThreshold > 0 || d.AuditorThreshold > 0) && d.MaxWitnessLagMS == 0:
		return bad("cosignatures are asked for without max_witness_lag_ms")
	case d.Limits.MaxValueBytes == 0:
		return bad("max_value_bytes is 0")
	}
	for _, a := range d.Addresses {
		if err := checkAddress(a); err != nil {
			return bad("address %q: %v", a, err)
		}
	}
	if d.Successor != nil {
		if err := checkAddress(d.Successor.Address); err != nil {
			return bad("successor %q: %v", d.Successor.Address, err)
		}
		if d.Successor.Fingerprint == FingerprintOf(config) {
			return bad("the log is its own successor")
		}
	}
	if err := d.checkFormer(config); err != nil {
		return err
	}
	if err := d.checkWatchers(); err != nil {
		return err
	}
	return d.Roots().check()
}

func checkAddress(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("neither https nor http")
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#"):
		return errors.New("not a plain base address")
	case strings.HasSuffix(s, "/"):
		return errors.New("it ends with a slash; leave it out")
	}
	return nil
}
