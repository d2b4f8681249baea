package client

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Classes of fault that are not the directory's proven misbehaviour.
var (
	// ErrState is saved state that cannot be used: damaged, of another
	// version, or of another log. It is never repaired by forgetting.
	ErrState = errors.New("saved state is unusable")
	// ErrClock is a tree head too far from the local clock; see ClockError.
	ErrClock = errors.New("clocks disagree")
	// ErrPolicy is an answer that is proved but does not meet the user's policy.
	ErrPolicy = errors.New("policy not met")
	// ErrUnacknowledged is a reset of a contact's record chain that the user has not acknowledged.
	ErrUnacknowledged = errors.New("the record was not signed by the key you knew, and you have not acknowledged it")
	// ErrArgument is a request that cannot be made: a label too long, an unknown contact.
	ErrArgument = errors.New("request cannot be made")
	// ErrOvertaken is an update that others overtook more often than the client retries.
	ErrOvertaken = errors.New("update was overtaken too often")
	// ErrNotOwned is a label that the user does not own.
	ErrNotOwned = errors.New("not a label you own")
)

// A ClockError is a tree head whose rightmost entry lies outside
// max_ahead and max_behind of the local clock ("Full Tree Head Verification").
// It is an ErrClock.
type ClockError struct {
	Head  time.Time // of the rightmost log entry
	Local time.Time // when the response was received
	Limit time.Duration
}

// Off returns by how much the log is ahead of (positive) or behind the local clock.
func (e *ClockError) Off() time.Duration { return e.Head.Sub(e.Local) }

func (e *ClockError) Error() string {
	direction := "ahead of"
	off := e.Off()
	if off < 0 {
		direction, off = "behind", -off
	}
	return fmt.Sprintf("the log is %s %s your clock (at most %s is allowed): your clock or theirs is wrong by %s",
		off.Round(time.Millisecond), direction, e.Limit, (off - e.Limit).Round(time.Millisecond))
}

// Unwrap makes errors.Is(err, ErrClock) true.
func (e *ClockError) Unwrap() error { return ErrClock }

// A Kind is a way a directory misbehaves.
type Kind string

// The kinds of misbehaviour.
const (
	Forked       Kind = "fork"          // a signed log that does not continue the one seen before
	RolledBack   Kind = "rollback"      // a log shorter than the one seen before
	BadProof     Kind = "bad proof"     // a response that does not add up
	BadSignature Kind = "bad signature" // a head or value not signed by the pinned key
	BadAuditor   Kind = "bad auditor"   // no acceptable auditor head where one is configured
	Withheld     Kind = "withheld"      // a label proved before is not answered now
	Rewritten    Kind = "rewritten"     // a proved version that now has another value, or is gone
	Unexpected   Kind = "unexpected"    // a version of an owned label that its owner did not publish
)

// A Misbehaviour is a finding against the directory. It is found with errors.As.
type Misbehaviour struct {
	Kind     Kind
	Detail   string // in plain words, lower case
	Evidence []byte // a saved proof (see Saved) of what was asked and answered, or nil
	Against  []byte // a second saved proof that contradicts what the user retained, or nil
	File     []byte // what proves it to anybody: an evidence file (see proto/evidence), or nil
	Err      error  // the fault underneath, or nil
}

func (e *Misbehaviour) Error() string {
	return fmt.Sprintf("the directory misbehaved: %s: %s", e.Kind, e.Detail)
}

// Unwrap returns the fault underneath.
func (e *Misbehaviour) Unwrap() error { return e.Err }

// declined reports whether err is the directory's declining for one of the
// reasons. A finding is not, whatever it wraps: it says more.
func declined(err error, reasons ...error) bool {
	if _, found := errors.AsType[*Misbehaviour](err); found {
		return false
	}
	return slices.ContainsFunc(reasons, func(reason error) bool { return errors.Is(err, reason) })
}

// misbehaved wraps err, unless it already is a finding.
func misbehaved(kind Kind, err error, format string, args ...any) error {
	var m *Misbehaviour
	if errors.As(err, &m) {
		return err
	}
	detail := fmt.Sprintf(format, args...)
	if err != nil {
		detail = fmt.Sprintf("%s: %v", detail, err)
	}
	return &Misbehaviour{Kind: kind, Detail: detail, Err: err}
}
