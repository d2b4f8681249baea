package evidence

import (
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
	Observer string // verifier key of the observer: name+hash+base64
	Time     uint64 // of the statement, by the observer's clock, in ms since the Unix epoch

	document *provider.Document
	payload  []byte
}
