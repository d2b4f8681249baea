package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// ErrStart is an auditor that starts too late for those who hold a head of the
// auditor before.
var ErrStart = errors.New("the auditor starts too late")

// Log returns the Configuration in force: that of the newest head.
func (s *Sequencer) Log() (*wire.Configuration, error) {
	periods, err := s.Periods()
	if err != nil {
		return nil, err
	}
	return periods[len(periods)-1].Log, nil
}

// Periods returns the Configurations that the log had, oldest first.
func (s *Sequencer) Periods() ([]Period, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	return inForce(snap).periods, nil
}

// Reconfigure puts another Configuration in force, which differs in the auditor
// alone. It writes a log entry without changes, the first one under next, together
// with the values of meta, all or nothing. Once that is durable and before anybody
// sees it, shown is called. Until the new auditor has signed a head that covers the
// entry, there are no answers.
//
// The auditor must start at or before the size of the last head of the auditor
// before, or at 0: users compare the two ("Auditor Tree Head Signature", step 1).
// Else the error is ErrStart.
func (s *Sequencer) Reconfigure(ctx context.Context, next *wire.Configuration, meta map[string][]byte, shown func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, done, err := s.build()
	if err != nil {
		return err
	}
	defer done()
	f, err := s.forceOf(b.base)
	if err != nil {
		return err
	}
	if err := checkSuccessor(f.now().Log, next); err != nil {
		return err
	}
	if len(f.periods) >= MaxPeriods {
		return fmt.Errorf("the log has had %d configurations, and may have no more: move to a successor log", len(f.periods))
	}
	if err := checkStart(b.base, next); err != nil {
		return err
	}
	at := b.batch.Head.Size
	period, _, err := newPeriod(at, next)
	if err != nil {
		return err
	}
	b.config, b.digest = next, period.Digest
	if err := b.entry(s.now(), nil); err != nil {
		return err
	}
	stored, err := appendPeriods(nil, append(f.periods[:len(f.periods):len(f.periods)], period))
	if err != nil {
		return err
	}
	b.batch.Meta = map[string][]byte{metaPeriods: stored}
	for key, value := range meta {
		b.batch.Meta[key] = value
	}
	batch, err := b.finish(s.config.Keys.Signer)
	if err != nil {
		return err
	}
	if err := s.config.Store.Commit(ctx, batch); err != nil {
		return err
	}
	if shown != nil {
		shown()
	}
	return s.show()
}

// checkStart checks where a new auditor starts.
func checkStart(snap Snapshot, next *wire.Configuration) error {
	last, err := keptAuditorHead(snap, next.Format())
	if err != nil {
		return err
	}
	limit, of := snap.Head().Size, "the log"
	if last != nil {
		limit, of = last.TreeSize, "the last head of the auditor before"
	}
	if next.AuditorStartPos > limit {
		return fmt.Errorf("%w: at log entry %d, and %s has size %d; who holds that could not go on: start there or before", ErrStart, next.AuditorStartPos, of, limit)
	}
	return nil
}
