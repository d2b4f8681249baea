package watch

import (
	"slices"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// A Status is how a Watch stands, for people and programs.
type Status struct {
	Domain      string
	Fingerprint string
	Address     string // where the log is read
	Mode        wire.DeploymentMode
	SignsHeads  bool   // heads of the log need this auditor's signature
	Cosigner    string // verifier key of this auditor's cosignatures; "": it has none

	Size       uint64 // log entries audited
	Start      uint64 // first entry that was audited; those before were trusted
	Timestamp  uint64 // of the last audited entry, ms since the Unix epoch
	Root       wire.HashValue
	PrefixRoot wire.HashValue
	Seen       uint64 // size of the newest checkpoint that was verified
	Leaves     uint64 // added and removed by entries audited since Open

	LastPass time.Time // when the log was last found in order up to its checkpoint; zero: not yet
	Fault    string    // why the last pass was not finished; "": it was
	Failures uint64    // passes since Open that were not finished

	SignedSize   uint64 // of the newest head that the provider took since Open
	CosignedSize uint64 // of the newest checkpoint that was cosigned
	CosignedAt   time.Time

	Findings   []Finding // oldest first
	Misbehaved bool      // one of them is final, and was found or holds since Open
}

// Status returns how the Watch stands.
func (w *Watch) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Findings = slices.Clone(w.findings)
	s.Misbehaved = w.final != nil
	return s
}

func (w *Watch) set(change func(*Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}

// begin fills in the status from what Open read.
func (w *Watch) begin() {
	w.set(func(s *Status) {
		w.measure(s)
		s.Domain, s.Address = w.domain(), w.source.Address()
		if w.cosigner != nil {
			s.Cosigner = w.cosigner.VerifierKey()
		}
		s.CosignedSize, s.CosignedAt = w.cosigned.size, w.cosigned.at
	})
}

// measure fills in how far the auditor has come; whoever calls it makes the pass.
func (w *Watch) measure(s *Status) {
	state := w.progress.State
	s.Size, s.Start, s.Timestamp = state.Size(), state.Start(), state.Timestamp()
	s.Root, s.PrefixRoot = state.Root(), state.PrefixRoot()
	s.Mode, s.SignsHeads = w.log.Configuration.Mode, w.signs()
	if f, err := w.pinned.Document.Fingerprint(); err == nil {
		s.Fingerprint = f.String()
	}
	if w.progress.Seen != nil {
		if signed, err := w.log.Verifier.Open(w.progress.Seen); err == nil {
			s.Seen = signed.Size
		}
	}
}
