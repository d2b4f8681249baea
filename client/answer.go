package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/wire"
)

// An answer is a response on its way to being believed: what every operation
// does before and after its own algorithm.
type answer struct {
	state  *State
	full   *wire.FullTreeHead
	size   uint64 // of the head answered under
	replay *combined.Replay
	view   *combined.View
	result *combined.Result
}

// open checks what can be checked of a FullTreeHead before there is a candidate
// root, and brings the user's view of the tree up to date with the proof.
func (s *State) open(full *wire.FullTreeHead, proof *wire.CombinedTreeProof, known []combined.Known) (*answer, error) {
	a := &answer{state: s, full: full}
	var retained *combined.Retained
	if s.head != nil {
		retained = &s.head.Retained
	}
	switch full.HeadType {
	case wire.HeadSame: // step 1
		if s.head == nil {
			return nil, misbehaved(BadProof, nil, "the response refers to an earlier head, but none was advertised")
		}
		a.size = s.head.Tree.TreeSize
	case wire.HeadUpdated: // step 2.1
		a.size = full.TreeHead.TreeSize
		if s.head != nil && a.size <= s.head.Tree.TreeSize {
			kind := RolledBack
			if a.size == s.head.Tree.TreeSize {
				kind = BadProof
			}
			return nil, misbehaved(kind, nil, "the log now claims %d entries, after it had shown %d", a.size, s.head.Tree.TreeSize)
		}
		if s.log.config.Mode == wire.ThirdPartyAuditing {
			if err := a.openAuditor(); err != nil {
				return nil, err
			}
		}
	default:
		return nil, misbehaved(BadProof, nil, "the response has a head of unknown type %d", full.HeadType)
	}
	var err error
	if a.replay, err = combined.NewReplay(proof, a.size, retained, known); err == nil {
		a.view, err = a.replay.View(s.log.params)
	}
	if err != nil {
		return nil, unproved(err)
	}
	return a, nil
}

// openAuditor is steps 1 and 3 of "Auditor Tree Head Signature".
func (a *answer) openAuditor() error {
	config, head := &a.state.log.config, a.full.AuditorTreeHead
	if head == nil || head.TreeSize == 0 {
		return misbehaved(BadAuditor, nil, "no entry was audited: the auditor has not signed a head yet, or the directory does not pass it on")
	}
	if before := a.state.head; before != nil && before.Auditor != nil && before.Auditor.TreeSize < config.AuditorStartPos {
		return misbehaved(BadAuditor, nil, "the auditor now named began at entry %d, and the one before had only seen %d entries: nobody audited what lies between",
			config.AuditorStartPos, before.Auditor.TreeSize)
	}
	if head.TreeSize > a.size {
		return misbehaved(BadAuditor, nil, "the auditor's head has %d entries, the log only %d", head.TreeSize, a.size)
	}
	return nil
}

// auditorSize is the size of the AuditorTreeHead in the response, or 0.
func (a *answer) auditorSize() uint64 {
	if a.full.AuditorTreeHead == nil {
		return 0
	}
	return a.full.AuditorTreeHead.TreeSize
}

// settle demands that all of the proof was used, computes the candidate root and
// verifies the FullTreeHead with it ("Full Tree Head Verification"). It returns
// the state with the new head, in which nothing else has changed.
func (a *answer) settle(now time.Time) (*State, error) {
	s := a.state
	result, err := a.replay.Finish(a.auditorSize())
	if err != nil {
		return nil, unproved(err)
	}
	a.result = result
	if a.full.HeadType == wire.HeadSame {
		if result.Root != s.head.Root {
			return nil, misbehaved(BadProof, nil, "the proof does not lead to the head that was seen before")
		}
	} else {
		if err := s.log.verifyHead(&a.full.TreeHead, result.Root); err != nil {
			return nil, misbehaved(BadSignature, err, "the log's signature does not fit the tree that this answer leads to")
		}
		if s.log.config.Mode == wire.ThirdPartyAuditing {
			if err := a.settleAuditor(); err != nil {
				return nil, err
			}
		}
	}
	if err := s.log.checkClock(a.view.Rightmost(), now); err != nil {
		return nil, err
	}
	if a.full.HeadType == wire.HeadSame {
		return s, nil
	}
	next := s.clone()
	next.head = &Head{Tree: a.full.TreeHead, Auditor: a.full.AuditorTreeHead, Root: result.Root, Retained: result.Next}
	next.dropExpired()
	return next, nil
}

// settleAuditor is steps 2 and 4 of "Auditor Tree Head Signature".
func (a *answer) settleAuditor() error {
	config, head := &a.state.log.config, a.full.AuditorTreeHead
	rightmost := a.view.Rightmost()
	if head.Timestamp > rightmost {
		return misbehaved(BadAuditor, nil, "the auditor's head is %d ms newer than the log", head.Timestamp-rightmost)
	}
	if lag := rightmost - head.Timestamp; lag > config.MaxAuditorLag {
		return misbehaved(BadAuditor, nil, "the auditor is late: the newest entry that it signed is %s older than that of the log, and %s are allowed; it has stopped, or the directory does not pass its heads on",
			round(duration(lag)), round(duration(config.MaxAuditorLag)))
	}
	if err := a.state.log.verifyAuditor(head, a.result.AuditorRoot); err != nil {
		return misbehaved(BadAuditor, err, "the auditor's signature does not fit the tree that this answer leads to")
	}
	return nil
}

// checkClock holds the rightmost timestamp against the local clock.
func (l *Log) checkClock(rightmost uint64, now time.Time) error {
	local := now.UnixMilli()
	if local < 0 {
		local = 0
	}
	var limit uint64
	switch ms := uint64(local); {
	case rightmost > ms && rightmost-ms > l.config.MaxAhead:
		limit = l.config.MaxAhead
	case rightmost < ms && ms-rightmost > l.config.MaxBehind:
		limit = l.config.MaxBehind
	default:
		return nil
	}
	return &ClockError{Head: millis(rightmost), Local: now, Limit: duration(limit)}
}

// millis is a time given in ms since the Unix epoch; times beyond what time can hold are cut.
func millis(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, 1<<53))).UTC() }

// duration is a duration given in ms, cut to what time can hold.
func duration(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(1<<63-1)/uint64(time.Millisecond))) * time.Millisecond
}

// unproved turns an error of the combined tree, or of a decoder, into a finding.
func unproved(err error) error {
	switch {
	case errors.Is(err, combined.ErrNotFound), errors.Is(err, combined.ErrExpired):
		return misbehaved(BadProof, err, "the response proves that there is no such version, where it should have declined")
	case errors.Is(err, wire.ErrMalformed):
		return misbehaved(BadProof, err, "the response is malformed")
	}
	return misbehaved(BadProof, err, "the proof does not add up")
}

// argument wraps a request that cannot be encoded.
func argument(err error) error { return fmt.Errorf("client: %w: %w", ErrArgument, err) }
