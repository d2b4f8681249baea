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
	if s.pending != nil && s.pending.Size <= size {
		next.pending = nil
	}
	return next.waiting(now)
}

// waiting returns the state in which the head waits to be covered, if it is not,
// and no older one does.
func (s *State) waiting(now time.Time) *State {
	size := s.head.Tree.TreeSize
	switch {
	case s.covered != nil && s.covered.Size >= size:
		return s
	case s.pending != nil && s.pending.Since <= clock(now):
		return s
	}
	next := s.clone()
	if s.pending != nil { // the clock went back
		pending := *s.pending
		pending.Since = clock(now)
		next.pending = &pending
		return next
	}
	next.pending = &Pending{size, s.head.Root, s.head.Tree.Signature, clock(now)}
	return next
}

// clock is a time in ms since the Unix epoch.
func clock(now time.Time) uint64 { return uint64(max(0, now.UnixMilli())) }
