package watch

import (
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

	SignedSize   uint64 // of the newest head that the provider took
	CosignedSize uint64 // of the newest checkpoint that was cosigned
	CosignedAt   time.Time

	Findings   []Finding // oldest first
	Misbehaved bool      // one of them is final
}
