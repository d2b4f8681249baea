package evidence

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/provider"
)

// Keys are the keys of a provider that a verdict rests on.
type Keys uint8

// The keys of a provider.
const (
	SignatureKey Keys = 1 << iota // of the KEYTRANS log; part of the fingerprint
	AuditLogKey                   // of the audit log's checkpoints
	RootKeys                      // of the provider document
)

// A Verdict is what a verified evidence file shows.
type Verdict struct {
	Kind        Kind
	Proved      bool                 // nobody need be believed
	Domain      string               // as the document says
	Fingerprint provider.Fingerprint // of the log that is accused
	Keys        Keys                 // the keys that convict; of a Stated, those that signed what is attached
	Entry       uint64               // position of the log entry; the first where several are meant
	Text        string               // one sentence for people

	// Of a Stated only.
	Claim    Claim
	Observer string // verifier key of the observer: name+hash+base64, "anonymous" for a name if it has none
	Time     uint64 // of the statement, by the observer's clock, in ms since the Unix epoch

	own      *Document
	document *provider.Document
	pair     [2]*Document // of TwoDocuments
}

// MaxDetached is the greatest length of a detached part, in bytes: more than an
// AuditorUpdate that can be served takes.
const MaxDetached = 4 << 20

// Verify verifies e, offline. Evidence that rests on a client's saved proof is
// ErrMissing: see VerifyWith.
func (e *Evidence) Verify() (*Verdict, error) { return e.VerifyWith(nil) }

// VerifyWith verifies e, offline, with saved to verify clients' saved proofs.
func (e *Evidence) VerifyWith(saved SavedVerifier) (*Verdict, error) {
	if e.Body == nil || e.Body.kind() != e.Kind {
		return nil, fmt.Errorf("%w: %s has the body of another kind", ErrMalformed, e.Kind)
	}
	if len(e.Detached) > MaxDetached {
		return nil, fmt.Errorf("%w: a detached part of %d bytes", ErrTooLarge, len(e.Detached))
	}
	c, err := newCourt(&e.Document)
	if err != nil {
		return nil, err
	}
	c.saved, c.detached = saved, e.Detached
	c.verdict = &Verdict{Kind: e.Kind, Proved: e.Kind != Stated, Domain: c.document.Domain, own: c.own, document: c.document}
	if c.verdict.Fingerprint, err = c.document.Fingerprint(); err != nil {
		return nil, invalid("%w", err)
	}
	if err := e.Body.verify(c); err != nil {
		return nil, err
	}
	return c.verdict, nil
}

// assemble makes evidence of a body under the document in an envelope, and
// verifies it.
func assemble(document []byte, body Body) (*Evidence, error) {
	x, _, err := documentOf(document, nil)
	if err != nil {
		return nil, err
	}
	e := &Evidence{Kind: body.kind(), Document: *x, Body: body}
	if _, err := e.Append(nil); errors.Is(err, ErrTooLarge) {
		e.detach()
	}
	if _, err := e.Append(nil); err != nil {
		return nil, err
	}
	if _, err := e.Verify(); err != nil {
		return nil, err
	}
	return e, nil
}

// detach takes the part out of the body that may lie beside the file.
func (e *Evidence) detach() {
	switch x := e.Body.(type) {
	case *BadUpdateBody:
		e.Detached, x.Update = x.Update, nil
	case *BadLeafBody:
		e.Detached, x.Leaf.Hash, x.Leaf.Leaf = x.Leaf.Leaf, x.Leaf.hash(), nil
	}
}

// Concerns reports whether the verdict is about the log of a document that the
// caller has pinned: domain and fingerprint are the same, and the keys that convict
// are in that document, or enough of its root keys have signed the document of the
// evidence. Otherwise it returns ErrForeign: anybody can make evidence against keys
// of their own, under any name and with any fingerprint. Of two documents, either
// may be the pinned one: there the root keys decide.
func (v *Verdict) Concerns(known *provider.Document) error {
	if known.Domain != v.Domain {
		return fmt.Errorf("%w: %s, not %s", ErrForeign, v.Domain, known.Domain)
	}
	roots := known.Roots()
	authentic := v.own.by(roots) >= roots.Threshold
	if v.Kind == TwoDocuments {
		for _, x := range v.pair {
			if !authentic && x.by(roots) < roots.Threshold {
				return fmt.Errorf("%w: its documents are not signed by the known root keys", ErrForeign)
			}
		}
		return nil
	}
	fingerprint, err := known.Fingerprint()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if fingerprint != v.Fingerprint {
		return fmt.Errorf("%w: the log %s, not %s", ErrForeign, v.Fingerprint, fingerprint)
	}
	// A statement is about the audit log too, whatever signed what is attached.
	if (v.Keys&AuditLogKey != 0 || !v.Proved) && !authentic && known.AuditLog != v.document.AuditLog {
		return fmt.Errorf("%w: audit log key %s, not %s", ErrForeign, v.document.AuditLog.Key, known.AuditLog.Key)
	}
	return nil
}

// by returns how many of the given root keys signed x.
func (x *Document) by(roots provider.Roots) (n int) {
	for _, key := range roots.Keys {
		for _, s := range x.Signatures {
			if provider.VerifyPayload(x.Payload, key, s.Signature[:]) {
				n++
				break
			}
		}
	}
	return n
}

// Lines returns the verdict for people, a fact a line: what is shown, how strong
// that is, who is accused, and how to check that it is who one thinks.
func (v *Verdict) Lines() []string {
	lines := []string{"shows        " + v.Text}
	if v.Proved {
		lines = append(lines, "strength     proved: only the holder of the provider's "+v.Keys.String()+" can have made this; nobody need be believed")
	} else {
		lines = append(lines,
			"strength     attested: what is attached was verified; for the rest its observer is to be believed",
			"observer     "+v.Observer,
			"observed     "+Time(v.Time))
	}
	lines = append(lines,
		"accused      "+v.Domain,
		"fingerprint  "+v.Fingerprint.String(),
		fmt.Sprintf("log entry    %d", v.Entry))
	if v.Keys&AuditLogKey != 0 || !v.Proved {
		lines = append(lines, "audit log    "+v.document.AuditLog.Key)
	}
	var ids []string
	for _, key := range v.document.RootKeys {
		ids = append(ids, provider.KeyID(ed25519.PublicKey(key)))
	}
	lines = append(lines, fmt.Sprintf("root keys    %d of %s", v.document.RootThreshold, strings.Join(ids, ", ")))
	return append(lines,
		"check        anybody can accuse a provider of their own making under any name: compare the",
		"             fingerprint and the root keys with those that you, or people you trust, have pinned")
}

// String names keys: "audit log key".
func (k Keys) String() string {
	var names []string
	for _, n := range []struct {
		key  Keys
		name string
	}{{SignatureKey, "signature key"}, {AuditLogKey, "audit log key"}, {RootKeys, "root keys"}} {
		if k&n.key != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return "no key"
	}
	return strings.Join(names, " and ")
}

// Time writes a time in ms since the Unix epoch for people.
func Time(ms uint64) string {
	const last = 253402300799999 // the end of the year 9999
	if ms > last {
		return fmt.Sprintf("%d ms after 1970", ms)
	}
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02 15:04:05.000 UTC")
}
