package gossip

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// The ways two lists of roots do not show the same log.
var (
	// ErrIncomparable is two lists of different length, or empty ones.
	ErrIncomparable = errors.New("lists of roots cannot be compared")
	// ErrNoOverlap is two lists without a valid overlap: two users see different
	// logs, or one is far behind the other.
	ErrNoOverlap = errors.New("no valid overlap of the lists of roots")
)

// CompareRoots checks that of two lists of roots of equal length, left to right,
// one's end is the other's beginning, with at least one root in common ("Detecting
// Forks", compare_roots). A failure is a suspicion, not evidence: nobody signed the
// lists.
func CompareRoots(a, b []wire.HashValue) error {
	n := len(a)
	if n != len(b) || n == 0 {
		return fmt.Errorf("%w: %d and %d roots", ErrIncomparable, len(a), len(b))
	}
	for x := range n {
		if slices.Equal(a[:n-x], b[x:]) || slices.Equal(b[:n-x], a[x:]) {
			return nil
		}
	}
	return ErrNoOverlap
}
