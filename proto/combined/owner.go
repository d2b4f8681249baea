package combined

import (
	"fmt"

	"github.com/kith-kt/kith/proto/treemath"
)

// InitEntries returns the entries that an owner inspects who starts at entry
// start ("Owner Algorithm", first algorithm, step 1): start itself, then those of
// its direct path to its left, from its parent up, before the first expired one.
// It asks for the timestamps from the root to start. ErrRequest is a start that
// is expired or not distinguished.
func (v *View) InitEntries(start uint64) ([]uint64, error) {
	if start >= v.size {
		return nil, fmt.Errorf("%w: start %d in a tree of size %d", ErrRequest, start, v.size)
	}
	d, err := v.descend(start)
	if err != nil {
		return nil, err
	}
	if !d.distinguished {
		return nil, fmt.Errorf("%w: start %d is not distinguished", ErrRequest, start)
	}
	ms, err := v.Timestamp(start)
	if err != nil {
		return nil, err
	}
	if v.expired(ms) {
		return nil, fmt.Errorf("%w: start %d is expired", ErrRequest, start)
	}
	entries := []uint64{start}
	for pos, ok := treemath.LeftBound(start); ok; pos, ok = treemath.LeftBound(pos) {
		ms, err := v.Timestamp(pos) // known from the descent
		if err != nil {
			return nil, err
		}
		if v.expired(ms) {
			break
		}
		entries = append(entries, pos)
	}
	return entries, nil
}

// OwnerInit initializes an owner's state ("Owner Algorithm", first algorithm).
// greatest holds the greatest version that exists in each of InitEntries(start),
// up to the first in which the label does not exist. It returns InitEntries.
//
// The owner's History begins with greatest[0] at start, or empty.
func (v *View) OwnerInit(start uint64, greatest []uint32) ([]uint64, error) {
	entries, err := v.InitEntries(start)
	if err != nil {
		return nil, err
	}
	if len(greatest) > len(entries) {
		return nil, fmt.Errorf("%w: %d greatest versions for %d entries", ErrProof, len(greatest), len(entries))
	}
	for i := 1; i < len(greatest); i++ {
		if greatest[i] > greatest[i-1] {
			return nil, fmt.Errorf("%w: greatest versions do not descend", ErrProof)
		}
	}
	for i, pos := range entries {
		version, exists := uint32(0), i < len(greatest)
		if exists {
			version = greatest[i]
		}
		if err := v.expectGreatest(pos, version, exists, false); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// An OwnerWalk is how far owner monitoring came.
type OwnerWalk struct {
	Verified []uint64 // distinguished entries inspected, ascending
	Start    uint64   // the rightmost of them, or the start advertised if there is none
	Done     bool     // Start has reached the rightmost distinguished entry
}

// OwnerMonitor walks the distinguished entries to the right of start ("Owner
// Algorithm", second algorithm). expected gives the greatest version of the label
// in an entry: for a directory its index, for an owner its own History, which is
// thereby checked.
//
// stop is the stop condition, asked in each entry before its ladder: StopAt for a
// directory, Replay.Exhausted for a user. Once true, it stays true further right.
func (v *View) OwnerMonitor(start uint64, expected GreatestAt, stop func(pos uint64) bool) (OwnerWalk, error) {
	w := ownerMonitor{View: v, expected: expected, stop: stop, OwnerWalk: OwnerWalk{Start: start}}
	if start >= v.size {
		return w.OwnerWalk, fmt.Errorf("%w: start %d in a tree of size %d", ErrRequest, start, v.size)
	}
	if err := w.walk(treemath.Root(v.size), 0, v.right); err != nil {
		return OwnerWalk{Start: start}, err
	}
	rightmost, ok := v.RightmostDistinguished()
	w.Done = !ok || w.Start >= rightmost
	return w.OwnerWalk, nil
}

type ownerMonitor struct {
	*View
	OwnerWalk
	expected GreatestAt
	stop     func(pos uint64) bool
}

func (w *ownerMonitor) walk(pos, left, right uint64) error {
	if !w.wide(left, right) { // step 1
		return nil
	}
	if pos > w.Start {
		if next, ok := treemath.Left(pos); ok { // step 3
			ms, err := w.Timestamp(pos)
			if err != nil {
				return err
			}
			if err := w.walk(next, left, ms); err != nil {
				return err
			}
		}
		if w.stop(pos) { // step 4
			return nil
		}
		version, exists := w.expected(pos)
		if err := w.expectGreatest(pos, version, exists, false); err != nil { // step 5
			return err
		}
		w.Verified = append(w.Verified, pos)
		w.Start = pos
	}
	next, ok := treemath.Right(pos, w.size) // steps 2 and 6
	if !ok {
		return nil
	}
	ms, err := w.Timestamp(pos)
	if err != nil {
		return err
	}
	return w.walk(next, ms, right)
}

// StopAt is a directory's stop condition for OwnerMonitor: limit ladders were
// given, or the greatest version in an entry is greater than the one the owner
// advertised (nil: none).
func StopAt(limit int, advertised *uint32, greatest GreatestAt) func(pos uint64) bool {
	return func(pos uint64) bool {
		if limit--; limit < 0 {
			return true
		}
		version, exists := greatest(pos)
		return exists && (advertised == nil || version > *advertised)
	}
}
