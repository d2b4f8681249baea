package gossip

import (
	"errors"
	"slices"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/wire"
)

// maxRoots is how far back a list of roots is looked for: its sender may not have
// looked at the log for a while, and that is no sign of anything.
const maxRoots = 64

// distinguished returns as many of our distinguished roots as were sent, and counts
// lists that have none in common with ours. A list that is older than ours is
// not one of these: it is looked for further back.
func (d *Desk) distinguished(l *log, now *audited, theirs []wire.HashValue) ([]wire.HashValue, error) {
	ours, err := d.roots(l, now.signed.Size)
	if err != nil {
		return nil, err
	}
	n := min(len(theirs), len(ours))
	recent := ours[len(ours)-n:]
	if gossip.CompareRoots(recent, theirs[len(theirs)-n:]) == nil {
		return recent, nil
	}
	for at := range ours { // an older list, which begins before or among ours
		if end := slices.Index(theirs, ours[at]); end >= 0 {
			k := min(len(theirs)-end, len(ours)-at)
			if (at == 0 || end == 0) && slices.Equal(theirs[end:end+k], ours[at:at+k]) {
				return recent, nil
			}
			break
		}
	}
	d.apart++
	return recent, nil
}

// roots returns the roots of the log at its rightmost distinguished entries, left to
// right.
func (d *Desk) roots(l *log, size uint64) ([]wire.HashValue, error) {
	if len(d.recent) > 0 && d.recentOf == size {
		return d.recent, nil
	}
	v, err := combined.NewView(timestamps{d.view}, combined.ParamsOf(l.config()), size, 0, nil)
	if err != nil {
		return nil, err
	}
	positions, err := v.Distinguished(combined.Recent{Count: maxRoots}, nil)
	if err != nil {
		return nil, err
	}
	roots := make([]wire.HashValue, len(positions))
	for i, pos := range positions {
		leaf, err := d.view.Archive().Leaf(pos)
		if err != nil {
			return nil, err
		}
		roots[i] = leaf.Root
	}
	d.recent, d.recentOf = roots, size
	return roots, nil
}

// timestamps is the combined.Source of an archive: it has no prefix trees.
type timestamps struct{ view View }

func (t timestamps) Timestamp(pos uint64) (uint64, error) {
	leaf, err := t.view.Archive().Leaf(pos)
	return leaf.Timestamp, err
}

func (timestamps) Lookups(uint64, []uint32, func(uint32, bool) bool) ([]bool, error) {
	return nil, errors.ErrUnsupported
}
