package watch

import (
	"time"
)

// A Finding is something that a provider did wrong, as this auditor saw it.
type Finding struct {
	ID     string    `json:"id"`     // 12 hexadecimal digits, the same for the same finding
	Kind   string    `json:"kind"`   // a pass.Kind or one of this package's
	Proved bool      `json:"proved"` // the evidence needs nobody's word
	Final  bool      `json:"final"`  // the auditor signs nothing more for this provider
	Domain string    `json:"domain"`
	Entry  uint64    `json:"entry"`          // position of the log entry
	Step   int       `json:"step,omitempty"` // of "Auditing", where one was not passed
	Text   string    `json:"text"`           // one sentence, for people
	File   string    `json:"file"`           // path of the evidence; "": it could not be kept
	Found  time.Time `json:"found"`          // by this computer's clock
}

// Kinds of findings besides those of package pass.
const (
	KindFuture  = "future"  // the log is ahead of the clock by more than max_ahead
	KindStale   = "stale"   // the newest entry is older than max_behind
	KindStalled = "stalled" // the checkpoint does not go on, or is ahead of what can be read
	KindGossip  = "gossip"  // somebody else had seen something else
)

// A Misbehaved is the end of a Watch: its provider was caught. Unwrap gives the
// *pass.Misbehaviour, if this auditor saw it itself just now.
type Misbehaved struct {
	Finding Finding
	Err     error
}

func (m *Misbehaved) Error() string {
	if m.Err != nil {
		return m.Err.Error()
	}
	return m.Finding.Text
}

// Unwrap returns the cause.
func (m *Misbehaved) Unwrap() error { return m.Err }
