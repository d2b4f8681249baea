package combined

import (
	"fmt"

	"github.com/kith-kt/kith/proto/treemath"
)

// A LabelUpdate says which new versions of a label a log entry added.
type LabelUpdate struct {
	Position uint64  // the log entry that added them
	Greatest uint32  // the new greatest version
	Previous *uint32 // the greatest version before; nil: the label did not exist

	// PreviousPosition is the entry that added version *Previous. Unused if
	// Previous is nil.
	PreviousPosition uint64
	// At gives the greatest version in earlier entries, from the owner's start
	// on: a directory's index or an owner's History. Unused if Previous is nil.
	At GreatestAt
}

// LabelUpdate verifies that new versions of a label were inserted correctly
// ("Updating a Label", "Algorithm"). It reports whether the entry is
// distinguished. If it is not, the owner adds (Position, Greatest) to its
// monitoring map; in both cases it adds them to its History.
//
// That Position is to the right of the previous update and of the owner's start
// is for the owner to check, and a directory sees to it.
func (v *View) LabelUpdate(u LabelUpdate) (distinguished bool, err error) {
	switch {
	case u.Position >= v.size:
		return false, fmt.Errorf("%w: update at %d in a tree of size %d", ErrRequest, u.Position, v.size)
	case u.Previous != nil && *u.Previous >= u.Greatest:
		return false, fmt.Errorf("%w: update from version %d to %d", ErrRequest, *u.Previous, u.Greatest)
	case u.Previous != nil && u.PreviousPosition >= u.Position:
		return false, fmt.Errorf("%w: update at %d after one at %d", ErrRequest, u.Position, u.PreviousPosition)
	case u.Previous != nil && u.Greatest-*u.Previous > maxNew || u.Previous == nil && u.Greatest >= maxNew:
		return false, fmt.Errorf("%w: update to version %d adds too many", ErrRequest, u.Greatest)
	}
	if u.Position > 0 {
		if err := v.previousTree(&u); err != nil {
			return false, err
		}
	}
	d, err := v.descend(u.Position)
	if err != nil {
		return false, err
	}
	if !d.distinguished { // step 4
		if err := v.expectGreatest(u.Position, u.Greatest, true, true); err != nil {
			return false, err
		}
	}
	// Steps 3 and 4: new versions that the ladder does not look up.
	if more := additional(u.Previous, u.Greatest); len(more) > 0 {
		if err := v.inclusions(u.Position, more); err != nil {
			return false, err
		}
	}
	return d.distinguished, nil
}

// maxNew bounds the versions of one label that one entry may add; their VRF
// proofs fill UpdateResponse.binary_ladder before that.
const maxNew = 255

// previousTree is steps 1 and 2: what is left of a greatest-version search in
// the tree before the update.
func (v *View) previousTree(u *LabelUpdate) error {
	d, err := v.descend(u.Position - 1)
	if err != nil {
		return err
	}
	if d.distinguished {
		return nil
	}
	// The entries of the previous frontier are the ancestors of its last one
	// that are not to its right. Those above the edge are distinguished.
	pos := d.edge
	for pos >= u.Position {
		pos, _ = treemath.Left(pos)
	}
	if parent, ok := treemath.LeftBound(pos); ok && u.Previous != nil {
		// A greatest-version search would have begun there.
		version, exists := u.At(parent)
		v.suppose(parent, *u.Previous, version, exists)
	}
	for ok := true; ok; pos, ok = treemath.Right(pos, u.Position) {
		if u.Previous == nil {
			err = v.expectGreatest(pos, 0, false, true)
		} else if pos <= u.PreviousPosition { // step 2.1
			version, exists := u.At(pos)
			v.suppose(pos, *u.Previous, version, exists)
		} else {
			err = v.expectGreatest(pos, *u.Previous, true, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
