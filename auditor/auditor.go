// Package auditor watches a log: it follows every log entry and signs for the
// tree that follows from them (draft-ietf-keytrans-protocol, "Auditing").
//
// This file and its neighbours are the pure step: a State, and Step, which takes
// a State over one AuditorUpdate or refuses it with a Finding. There is no clock,
// disk or network here, and no State ever changes: to refuse is to keep the old
// one.
//
//	state := auditor.New(config.ReasonableMonitoringWindow)
//	for update := range updates {
//		next, err := auditor.Step(state, update)
//		if err != nil {
//			return err // a *Finding: what the log did, and where
//		}
//		state = next
//	}
//	head, err := auditor.SignHead(state, config, signer)
package auditor

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// What a log can do wrong; each is found inside a Finding.
var (
	// ErrTimestamp is a timestamp before that of the previous log entry.
	ErrTimestamp = errors.New("timestamp is before that of the previous log entry")
	// ErrEarlyRemoval is the removal of a leaf that no distinguished log entry
	// is known to have published.
	ErrEarlyRemoval = errors.New("removed leaf was not published in a distinguished log entry")
	// ErrRoot is a proof from another prefix tree than the previous entry's.
	ErrRoot = errors.New("proof is not from the prefix tree of the previous log entry")
	// ErrFull is an entry beyond the greatest size of a log.
	ErrFull = errors.New("log is full")
)

// ErrState is a State that cannot be resumed, or not for that configuration.
var ErrState = errors.New("auditor state")

// A Finding is an AuditorUpdate that an auditor must not sign for. Unwrap gives
// one of this package's errors or of prefixtree's.
type Finding struct {
	Entry uint64 // position of the log entry
	Step  int    // of "Auditing", 1 to 7
	Err   error
}

func (f *Finding) Error() string {
	return fmt.Sprintf("log entry %d: auditing step %d: %v", f.Entry, f.Step, f.Err)
}

// Unwrap returns what was found.
func (f *Finding) Unwrap() error { return f.Err }

// An Evaluated is an AuditorUpdate with what follows from it alone, whatever the
// log was before. That is most of the work of a Step, and may be done ahead, and of
// several updates at a time.
type Evaluated struct {
	*wire.AuditorUpdate
	before, after wire.HashValue // roots of the prefix tree
	err           error
}

// Evaluate evaluates the proof of an update. What is wrong with it, Step says.
func Evaluate(u *wire.AuditorUpdate) *Evaluated {
	e := &Evaluated{AuditorUpdate: u}
	e.before, e.after, e.err = prefixtree.EvaluateUpdate(u)
	return e
}

// Step takes s over the next log entry: steps 1 to 7 of "Auditing". Every error
// is a *Finding. s stays as it is and may be stepped again.
func Step(s State, u *wire.AuditorUpdate) (State, error) { return s.Step(Evaluate(u)) }

// Step is the function Step for an update that is evaluated already.
func (s State) Step(u *Evaluated) (State, error) {
	found := func(step int, err error) (State, error) {
		return State{}, &Finding{Entry: s.size, Step: step, Err: err}
	}
	if s.size >= treemath.MaxSize {
		return found(7, ErrFull)
	}
	if u.Timestamp < s.Timestamp() {
		return found(1, ErrTimestamp)
	}
	before, after, err := u.before, u.after, u.err
	switch {
	case errors.Is(err, prefixtree.ErrOrder):
		return found(2, err)
	case errors.Is(err, prefixtree.ErrPresent):
		return found(3, err)
	case errors.Is(err, prefixtree.ErrAbsent):
		return found(4, err)
	}
	published, any := s.distinguished(u.Timestamp)
	if len(u.Removed) > 0 && !s.mayRemove(u.Removed, published, any) {
		return found(5, ErrEarlyRemoval)
	}
	switch {
	case errors.Is(err, prefixtree.ErrDepth):
		return found(7, err)
	case err != nil:
		return found(6, err)
	case before != s.prefixRoot:
		return found(6, ErrRoot)
	}
	next, err := s.append(wire.LogEntry{Timestamp: u.Timestamp, PrefixTree: after})
	if err != nil {
		return found(7, err)
	}
	next.recent = s.recent
	if any {
		next.recent = next.recent.after(published)
	}
	next.recent = next.recent.with(s.size, u.Added)
	return next, nil
}

// append returns the state after one more log entry, without its recent leaves.
func (s *State) append(entry wire.LogEntry) (next State, err error) {
	log, err := logtree.NewAppender(s.size, s.full)
	if err != nil {
		return next, err
	}
	log.Append(nil, logtree.LeafHash(entry))
	next = State{
		window:     s.window,
		start:      s.start,
		size:       s.size + 1,
		prefixRoot: entry.PrefixTree,
		full:       log.FullSubtrees(),
	}
	// Each entry of the new frontier was on the old one, but for the new entry.
	old := treemath.Frontier(s.size)
	for _, pos := range treemath.Frontier(next.size) {
		if pos == s.size {
			next.frontier = append(next.frontier, entry.Timestamp)
			continue
		}
		for i := range old {
			if old[i] == pos {
				next.frontier = append(next.frontier, s.frontier[i])
			}
		}
	}
	return next, nil
}

// SignHead signs for everything that s has been taken over: step 8. The signer's
// key must be the configuration's auditor key, and the window the one of s.
func SignHead(s State, c *wire.Configuration, signer suite.Signer) (*wire.AuditorTreeHead, error) {
	if s.size == 0 {
		return nil, fmt.Errorf("%w: no log entries to sign for", ErrState)
	}
	if c.ReasonableMonitoringWindow != s.window {
		return nil, fmt.Errorf("%w: made with a monitoring window of %d ms, not %d", ErrState, s.window, c.ReasonableMonitoringWindow)
	}
	return suite.SignAuditorTreeHead(signer, c, s.Timestamp(), s.size, s.Root())
}
