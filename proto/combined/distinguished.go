package combined

import (
	"fmt"

	"github.com/kith-kt/kith/proto/treemath"
)

// wide reports whether an entry whose bounding timestamps are left and right is
// distinguished ("Reasonable Monitoring Window", step 2).
func (v *View) wide(left, right uint64) bool {
	return right >= left && right-left >= v.params.ReasonableMonitoringWindow
}

// RightmostDistinguished returns the rightmost distinguished log entry, and
// false if there is none. It lies on the frontier, so every timestamp that
// decides is known.
func (v *View) RightmostDistinguished() (pos uint64, ok bool) {
	left, next := uint64(0), treemath.Root(v.size)
	for v.wide(left, v.right) {
		pos, ok = next, true
		i, known := v.find(pos)
		if !known {
			panic("combined: frontier entry without a timestamp")
		}
		left = v.stamps[i].ms
		if next, known = treemath.Right(pos, v.size); !known {
			break
		}
	}
	return pos, ok
}

// MustMonitor reports whether, in Contact Monitoring mode, a user whose search
// ended at this terminal entry must monitor the label: it is to the right of the
// rightmost distinguished entry ("Monitoring the Tree").
func (v *View) MustMonitor(terminal uint64) bool {
	rightmost, ok := v.RightmostDistinguished()
	return !ok || terminal > rightmost
}

// A descent is what is learned on the way from the root to an entry, asking for
// the timestamp of each entry on its direct path until one that is not
// distinguished is established.
type descent struct {
	// distinguished says whether the target is; else edge is the first entry on
	// the way that is not (the target itself, perhaps).
	distinguished bool
	edge          uint64
	// right is the first distinguished entry on the target's direct path, from
	// its parent up, that is to its right, if hasRight.
	right    uint64
	hasRight bool
}

func (v *View) descend(target uint64) (descent, error) {
	var d descent
	if target >= v.size {
		return d, fmt.Errorf("%w: entry %d in a tree of size %d", ErrRequest, target, v.size)
	}
	left, right := uint64(0), v.right
	for pos := treemath.Root(v.size); ; {
		if !v.wide(left, right) {
			d.edge = pos
			return d, nil
		}
		if pos == target {
			d.distinguished = true
			return d, nil
		}
		ms, err := v.Timestamp(pos)
		if err != nil {
			return d, err
		}
		if target < pos {
			d.right, d.hasRight = pos, true
			right = ms
			pos, _ = treemath.Left(pos)
		} else {
			left = ms
			pos, _ = treemath.Right(pos, v.size)
		}
	}
}

// IsDistinguished reports whether a log entry is distinguished, asking for the
// timestamps on the way to it that are not known.
func (v *View) IsDistinguished(pos uint64) (bool, error) {
	d, err := v.descend(pos)
	return d.distinguished, err
}
