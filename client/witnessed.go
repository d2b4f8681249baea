package client

import (
	"context"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// Defaults of Policy.
const (
	DefaultMaxCosignatureAge = 10 * time.Minute
	DefaultMaxWitnessLag     = time.Minute
)

// A Binder shows how heads are tied to what witnesses saw. client/remote is one.
//
// Binding returns an encoded checkpoint.Binding of the head of a size, in entries.
// It is not verified and may be the work of an attacker, but its size is bounded
// by the implementation.
type Binder interface {
	Binding(ctx context.Context, size uint64) ([]byte, error)
}

// A Pending is a head that no checkpoint with enough cosignatures covers yet.
type Pending struct {
	Size      uint64
	Root      wire.HashValue
	Signature []byte // of the TreeHead
	Since     uint64 // when it was verified, ms since the Unix epoch, by the user's clock

	// The newest head that was seen while this one waits, and since when: the next
	// one to wait does so from then on.
	NewestSize  uint64
	NewestSince uint64
}

// A Covered is the newest part of the log that a checkpoint with enough
// cosignatures was seen to cover.
type Covered struct {
	Size uint64         // in entries
	Root wire.HashValue // of the log tree with Size leaves
	When uint64         // when that was last seen, ms since the Unix epoch, by the user's clock
}

// Pending returns the oldest head that waits to be covered, or nil. It is not to
// be changed.
func (s *State) Pending() *Pending { return s.pending }

// Covered returns the newest part of the log that is known to be covered, or nil.
// It is not to be changed.
func (s *State) Covered() *Covered { return s.covered }

// witnessed returns the state after a checkpoint with enough cosignatures was
// seen to cover the log up to a size, at most that of the head.
func (s *State) witnessed(size uint64, root wire.HashValue, now time.Time) *State {
	next := s.clone()
	if s.covered == nil || size >= s.covered.Size {
		next.covered = &Covered{size, root, clock(now)}
	}
	since := clock(now)
	if p := s.pending; p != nil && p.Size <= size {
		next.pending = nil
		if p.NewestSize > size { // a head beyond the checkpoint was seen before
			since = min(since, p.NewestSince)
		}
	}
	return next.waitingSince(since, now)
}

// waiting returns the state in which the head waits to be covered, if it is not,
// and no older one does.
func (s *State) waiting(now time.Time) *State { return s.waitingSince(clock(now), now) }

func (s *State) waitingSince(since uint64, now time.Time) *State {
	size := s.head.Tree.TreeSize
	if s.covered != nil && s.covered.Size >= size {
		return s
	}
	next := s.clone()
	if s.pending == nil {
		next.pending = &Pending{size, s.head.Root, s.head.Tree.Signature, since, size, since}
		return next
	}
	p := *s.pending
	if size > p.NewestSize {
		p.NewestSize, p.NewestSince = size, clock(now)
	}
	// The clock may have gone back.
	p.Since, p.NewestSince = min(p.Since, clock(now)), min(p.NewestSince, clock(now))
	next.pending = &p
	return next
}

// clock is a time in ms since the Unix epoch.
func clock(now time.Time) uint64 { return uint64(max(0, now.UnixMilli())) }
