package combined

import (
	"fmt"

	"github.com/kith-kt/kith/proto/treemath"
)

// Fixed searches for one version of a label ("Fixed-Version Search",
// "Algorithm"). It returns the terminal entry of the search: the one in which
// the version is the greatest, or else the leftmost one inspected in which a
// greater version exists, which then includes this one. ErrNotFound and
// ErrExpired are the outcomes of an unsuccessful search.
func (v *View) Fixed(version uint32) (terminal uint64, err error) {
	var s fixedSearch
	left, right := uint64(0), v.right // bounding timestamps of pos
	for pos, ok := treemath.Root(v.size), true; ok; {
		ms, err := v.Timestamp(pos)
		if err != nil {
			return 0, err
		}
		goRight := true
		if v.expired(ms) { // step 1
			s.expired = true
		} else {
			if v.wide(left, right) {
				s.distinguished(pos)
			}
			outcome, err := v.searchLadder(pos, version, true) // step 2
			if err != nil {
				return 0, err
			}
			switch {
			case outcome == 0: // step 5
				if s.expired && !(s.hasDistinguished && s.leftmost <= pos) {
					return 0, fmt.Errorf("%w: version %d in entry %d", ErrExpired, version, pos)
				}
				return pos, nil
			case outcome > 0: // step 4; entries inspected later are further left
				s.greater, s.hasGreater = pos, true
				goRight = false
			}
		}
		if goRight {
			left = ms
			pos, ok = treemath.Right(pos, v.size)
		} else {
			right = ms
			pos, ok = treemath.Left(pos)
		}
	}
	return v.fixedEnd(version, &s)
}

// A fixedSearch is what step 6 remembers of the entries inspected.
type fixedSearch struct {
	expired          bool   // some entry on the way was
	leftmost         uint64 // of the unexpired distinguished ones
	hasDistinguished bool
	greater          uint64 // leftmost entry with a greater version
	hasGreater       bool
}

func (s *fixedSearch) distinguished(pos uint64) {
	if !s.hasDistinguished || pos < s.leftmost {
		s.leftmost, s.hasDistinguished = pos, true
	}
}

// fixedEnd is step 6.
func (v *View) fixedEnd(version uint32, s *fixedSearch) (uint64, error) {
	if !s.hasGreater {
		return 0, fmt.Errorf("%w: version %d", ErrNotFound, version)
	}
	// An entry that is itself the leftmost unexpired distinguished one has
	// nothing to its left that an owner has checked.
	if s.expired && !(s.hasDistinguished && s.leftmost < s.greater) {
		return 0, fmt.Errorf("%w: version %d before entry %d", ErrExpired, version, s.greater)
	}
	v.asked = append(v.asked[:0], version)
	found, err := v.src.Lookups(s.greater, v.asked, never)
	if err != nil {
		return 0, err
	}
	if !found[0] {
		return 0, fmt.Errorf("%w: version %d was skipped or removed before entry %d", ErrNotFound, version, s.greater)
	}
	return s.greater, nil
}
