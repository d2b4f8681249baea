package provider

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// A Change is one difference between two documents.
type Change struct {
	Field   string // as in the document or in the draft's Configuration
	Loosens bool   // it asks for the user's acceptance
	Text    string // for a person
}

// FieldLog is the Field of the change to another log: another suite or other
// keys. What was verified about the old log says nothing about the new one.
const FieldLog = "log"

// Loosens reports whether a user must accept one of the changes.
func Loosens(changes []Change) bool {
	for _, c := range changes {
		if c.Loosens {
			return true
		}
	}
	return false
}

// Compare lists what a document changes, for a client that accepted the old
// one. A change loosens when a client would trust on less than before, or on
// somebody else.
func Compare(before, after *Document) ([]Change, error) {
	a, err := before.Config()
	if err != nil {
		return nil, err
	}
	b, err := after.Config()
	if err != nil {
		return nil, err
	}
	var c changes
	if FingerprintOf(a) != FingerprintOf(b) {
		c.loosens(FieldLog, "this is another log: %s, it was %s", FingerprintOf(b), FingerprintOf(a))
	}
	c.configuration(a, b)
	c.former(before, after, FingerprintOf(a) == FingerprintOf(b))
	c.watchers(before, after)
	c.rest(before, after)
	return c, nil
}

type changes []Change

func (c *changes) loosens(field, format string, args ...any) {
	*c = append(*c, Change{field, true, fmt.Sprintf(format, args...)})
}

func (c *changes) notes(field, format string, args ...any) {
	*c = append(*c, Change{field, false, fmt.Sprintf(format, args...)})
}

// configuration compares what the draft calls long-term configuration. The
// draft foresees that auditors follow one another; everything else of it is meant to stay.
func (c *changes) configuration(a, b *wire.Configuration) {
	if a.Mode != b.Mode {
		// An auditor that joins is no exception: from then on users trust the one
		// the provider chose, and no longer watch what they looked up themselves.
		c.loosens("mode", "the deployment mode changes from %s to %s", modeName(a.Mode), modeName(b.Mode))
	}
	if !bytes.Equal(a.LeafPublicKey, b.LeafPublicKey) {
		c.loosens("leaf_public_key", "the key that signs updates changes")
	}
	if a.Mode == wire.ThirdPartyAuditing && b.Mode == wire.ThirdPartyAuditing {
		if !bytes.Equal(a.AuditorPublicKey, b.AuditorPublicKey) {
			c.loosens("auditor_public_key", "another auditor signs the heads")
		}
		if b.AuditorStartPos > a.AuditorStartPos {
			c.loosens("auditor_start_pos", "the auditor vouches from entry %d on, it was %d", b.AuditorStartPos, a.AuditorStartPos)
		} else if b.AuditorStartPos < a.AuditorStartPos {
			c.notes("auditor_start_pos", "the auditor vouches from entry %d on, it was %d", b.AuditorStartPos, a.AuditorStartPos)
		}
		c.raised("max_auditor_lag", "the auditor may be behind by", a.MaxAuditorLag, b.MaxAuditorLag)
	}
	c.raised("max_ahead", "heads may be ahead of the clock by", a.MaxAhead, b.MaxAhead)
	c.raised("max_behind", "heads may be behind the clock by", a.MaxBehind, b.MaxBehind)
	if a.ReasonableMonitoringWindow != b.ReasonableMonitoringWindow {
		c.loosens("reasonable_monitoring_window", "the reasonable monitoring window changes from %s to %s", ms(a.ReasonableMonitoringWindow), ms(b.ReasonableMonitoringWindow))
	}
	if x, y := lifetime(a), lifetime(b); x != y {
		c.loosens("maximum_lifetime", "the maximum lifetime of entries changes from %s to %s", x, y)
	}
}

func (c *changes) rest(a, b *Document) {
	if b.RootThreshold < a.RootThreshold {
		c.loosens("root_threshold", "%d root keys are enough to sign, it took %d", b.RootThreshold, a.RootThreshold)
	} else if b.RootThreshold > a.RootThreshold {
		c.notes("root_threshold", "%d root keys must sign, it was %d", b.RootThreshold, a.RootThreshold)
	}
	// Rotation: the keys before signed it, which is what they are for.
	for _, k := range b.RootKeys {
		if !has(a.RootKeys, func(x strictjson.Bytes) bool { return bytes.Equal(x, k) }) {
			c.notes("root_keys", "the root key %s is added", KeyID(ed25519.PublicKey(k)))
		}
	}
	for _, k := range a.RootKeys {
		if !has(b.RootKeys, func(x strictjson.Bytes) bool { return bytes.Equal(x, k) }) {
			c.notes("root_keys", "the root key %s is removed", KeyID(ed25519.PublicKey(k)))
		}
	}
	if a.DraftRevision != b.DraftRevision {
		c.notes("draft_revision", "the protocol revision changes from %s to %s", a.DraftRevision, b.DraftRevision)
	}
	if a.Limits != b.Limits {
		note := c.notes
		if b.Limits.MaxValueBytes > a.Limits.MaxValueBytes || looser(a.Limits.RequestsPerMinute, b.Limits.RequestsPerMinute) {
			note = c.loosens
		}
		note("limits", "limits change: values up to %d bytes (it was %d), %s requests a minute (it was %s)",
			b.Limits.MaxValueBytes, a.Limits.MaxValueBytes, rate(b.Limits.RequestsPerMinute), rate(a.Limits.RequestsPerMinute))
	}
	if strings.Join(a.Addresses, " ") != strings.Join(b.Addresses, " ") {
		c.notes("addresses", "the service is now at %s", strings.Join(b.Addresses, ", "))
	}
	if b.Successor != nil && (a.Successor == nil || *a.Successor != *b.Successor) {
		c.notes("successor", "the log %s at %s is to follow this one", b.Successor.Fingerprint, b.Successor.Address)
	} else if b.Successor == nil && a.Successor != nil {
		c.notes("successor", "no log is to follow this one any more")
	}
	switch {
	case b.Retirement != nil && (a.Retirement == nil || !a.Retirement.At.Equal(b.Retirement.At)):
		c.notes("retirement", "the log takes updates until %s: %s", b.Retirement.At.Format(time.RFC3339), b.Retirement.Message)
	case b.Retirement == nil && a.Retirement != nil:
		c.notes("retirement", "the log does not end any more")
	}
}

// raised: a higher value is looser.
func (c *changes) raised(field, what string, a, b uint64) {
	if b > a {
		c.loosens(field, "%s %s, it was %s", what, ms(b), ms(a))
	} else if b < a {
		c.notes(field, "%s %s, it was %s", what, ms(b), ms(a))
	}
}

// looser compares rates, of which 0 is none stated.
func looser(a, b uint64) bool { return a != 0 && (b == 0 || b > a) }

func rate(n uint64) string {
	if n == 0 {
		return "unstated"
	}
	return fmt.Sprint(n)
}

func modeName(m wire.DeploymentMode) string {
	switch m {
	case wire.ContactMonitoring:
		return "contact monitoring"
	case wire.ThirdPartyManagement:
		return "third-party management"
	case wire.ThirdPartyAuditing:
		return "third-party auditing"
	}
	return fmt.Sprintf("mode %d", m)
}

func lifetime(c *wire.Configuration) string {
	if c.MaximumLifetime == nil {
		return "none"
	}
	return ms(*c.MaximumLifetime)
}

// ms writes a duration in milliseconds for a person; one too long for
// time.Duration stays a number.
func ms(n uint64) string {
	if n > uint64((1<<63-1)/time.Millisecond) {
		return fmt.Sprintf("%d ms", n)
	}
	return (time.Duration(n) * time.Millisecond).String()
}

func keyName(vkey string) string {
	name, _, _ := strings.Cut(vkey, "+")
	return name
}

func has[T any](list []T, match func(T) bool) bool {
	for _, x := range list {
		if match(x) {
			return true
		}
	}
	return false
}
