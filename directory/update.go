package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// An Update asks for new versions of one label, as its owner authorised them.
type Update struct {
	Label []byte
	// Greatest is the greatest version of the label that the owner knows of;
	// nil: none. It is compared when the update is sequenced.
	Greatest *uint32
	// Values are the new versions, 1 to 255.
	Values [][]byte
}

// A Placement is where an Update went. It is handed out when the entry is
// durable and the high-water mark stands above it.
type Placement struct {
	Position uint64 // log entry that created the new versions
	First    uint32 // the first new version
	Count    int    // number of new versions
}

// ErrStale is an update that does not follow the newest version of its label.
// It is found in a StaleError.
var ErrStale = errors.New("update does not follow the newest version")

// A StaleError says what the greatest version of the label was when the update
// was sequenced. That version is durable and may be shown.
type StaleError struct {
	Greatest *uint32 // nil: the label has no version
}

func (e *StaleError) Error() string {
	if e.Greatest == nil {
		return ErrStale.Error() + ": there is none"
	}
	return fmt.Sprintf("%v, which is %d", ErrStale, *e.Greatest)
}

// Unwrap makes errors.Is(err, ErrStale) true.
func (e *StaleError) Unwrap() error { return ErrStale }

func stale(versions uint32) *StaleError {
	if versions == 0 {
		return &StaleError{}
	}
	greatest := versions - 1
	return &StaleError{&greatest}
}

// A pending update waits for its log entry.
type pending struct {
	first   uint32 // version of values[0]
	values  []*prepared
	outcome chan outcome // of room one
}

type outcome struct {
	placement *Placement
	err       error
}

func (p *pending) label() []byte { return p.values[0].Label }

// Submit queues an update and waits until it is durable and may be shown, or
// until ctx ends: then the update may still happen. A StaleError says that the
// label has moved on.
func (s *Sequencer) Submit(ctx context.Context, update *Update) (*Placement, error) {
	first, err := s.admit(update)
	if err != nil {
		return nil, err
	}
	if err := s.queue.reserve(); err != nil {
		return nil, err
	}
	p, err := s.evaluate(ctx, update, first)
	if err != nil {
		s.queue.cancel()
		return nil, err
	}
	if err := s.queue.push(p); err != nil {
		return nil, err
	}
	select {
	case o := <-p.outcome:
		return o.placement, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// admit turns away what cannot succeed, before it costs anything, and returns
// the first new version.
func (s *Sequencer) admit(u *Update) (first uint32, err error) {
	switch {
	case len(u.Label) > wire.MaxLabelSize:
		return 0, fmt.Errorf("%w: label of %d bytes", problem.ErrTooLarge, len(u.Label))
	case len(u.Values) == 0 || len(u.Values) > maxChanges:
		return 0, fmt.Errorf("%w: an update of %d values", problem.ErrRefused, len(u.Values))
	}
	if u.Greatest != nil {
		if uint64(*u.Greatest)+uint64(len(u.Values)) >= math.MaxUint32 {
			return 0, fmt.Errorf("%w: no versions are left", problem.ErrRefused)
		}
		first = *u.Greatest + 1
	}
	snap, err := s.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Release()
	n, err := snap.Versions(u.Label, snap.Head().Size)
	if err == nil && n > first {
		err = stale(n)
	}
	return first, err
}

// evaluate prepares the new versions, on as many cores as there are.
func (s *Sequencer) evaluate(ctx context.Context, u *Update, first uint32) (*pending, error) {
	p := &pending{first: first, outcome: make(chan outcome, 1)}
	label := bytes.Clone(u.Label)
	for i, value := range u.Values {
		select {
		case s.cores <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		v, err := s.preparer.prepare(label, first+uint32(i), bytes.Clone(value))
		<-s.cores
		if err != nil {
			return nil, err
		}
		p.values = append(p.values, v)
	}
	return p, nil
}
