package combined

import (
	"fmt"
	"math"

	"github.com/kith-kt/kith/proto/treemath"
)

// A fact is where a version was shown to be included and to be missing, in this
// response, by ladders that take part in the omission of redundant lookups.
type fact struct {
	version  uint32
	included uint64 // leftmost entry with an inclusion; math.MaxUint64: none
	missing  uint64 // rightmost entry with a non-inclusion, plus one; 0: none
}

func (v *View) fact(version uint32) *fact {
	for i := range v.facts {
		if v.facts[i].version == version {
			return &v.facts[i]
		}
	}
	return nil
}

// redundant reports whether the outcome of looking version up in entry pos
// follows from a lookup further left or right ("Binary Ladder" of
// "Greatest-Version Search", second optimization).
func (v *View) redundant(pos uint64, version uint32) (included, known bool) {
	f := v.fact(version)
	switch {
	case f == nil:
		return false, false
	case f.included < pos:
		return true, true
	default:
		return false, f.missing > pos+1
	}
}

func (v *View) learn(pos uint64, version uint32, included bool) {
	f := v.fact(version)
	if f == nil {
		v.facts = append(v.facts, fact{version, math.MaxUint64, 0})
		f = &v.facts[len(v.facts)-1]
	}
	if included {
		f.included = min(f.included, pos)
	} else {
		f.missing = max(f.missing, pos+1)
	}
}

// searchLadder obtains a search binary ladder for a target version from an
// entry. It returns how the greatest version there compares with the target:
// -1, 0 or +1.
func (v *View) searchLadder(pos uint64, target uint32, omit bool) (int, error) {
	if _, err := v.Timestamp(pos); err != nil {
		return 0, err
	}
	v.target = target
	v.ladder = treemath.AppendBaseLadder(v.ladder[:0], target)
	v.asked = v.asked[:0]
	outcome := 0
	for _, version := range v.ladder {
		if omit {
			if included, known := v.redundant(pos, version); known {
				if !treemath.Ends(target, version, included) {
					continue
				}
				outcome = ending(included)
				break
			}
		}
		v.asked = append(v.asked, version)
	}
	found, err := v.src.Lookups(pos, v.asked, v.ended)
	if err != nil {
		return 0, err
	}
	for i, included := range found {
		if omit {
			v.learn(pos, v.asked[i], included)
		}
		if treemath.Ends(target, v.asked[i], included) {
			outcome = ending(included)
		}
	}
	return outcome, nil
}

// ending is what the last lookup of a ladder that ends early says of the
// greatest version.
func ending(included bool) int {
	if included {
		return +1
	}
	return -1
}

// suppose notes what a search binary ladder would have shown in an entry that is
// not inspected, where the greatest version is given.
func (v *View) suppose(pos uint64, target, greatest uint32, exists bool) {
	v.ladder = treemath.AppendBaseLadder(v.ladder[:0], target)
	for _, version := range v.ladder {
		included, known := v.redundant(pos, version)
		if !known {
			included = exists && version <= greatest
			v.learn(pos, version, included)
		}
		if treemath.Ends(target, version, included) {
			return
		}
	}
}

// monitoringLadder obtains a monitoring binary ladder for a target version from
// an entry, of which every lookup must show inclusion ("Monitoring the Tree",
// "Binary Ladder").
func (v *View) monitoringLadder(pos uint64, target uint32) error {
	v.ladder = treemath.AppendMonitoringLadder(v.ladder[:0], target)
	return v.inclusions(pos, v.ladder)
}

// inclusions looks versions up in an entry, all of which must be included.
func (v *View) inclusions(pos uint64, versions []uint32) error {
	if _, err := v.Timestamp(pos); err != nil {
		return err
	}
	found, err := v.src.Lookups(pos, versions, never)
	if err != nil {
		return err
	}
	for i, included := range found {
		if !included {
			return fmt.Errorf("%w: version %d is missing from entry %d", ErrProof, versions[i], pos)
		}
	}
	return nil
}

func never(uint32, bool) bool { return false }

// expectGreatest obtains a search binary ladder that must be consistent with
// the given version being the greatest in an entry, or with no version existing.
func (v *View) expectGreatest(pos uint64, version uint32, exists, omit bool) error {
	want := 0
	if !exists {
		version, want = 0, -1
	}
	outcome, err := v.searchLadder(pos, version, omit)
	if err != nil {
		return err
	}
	if outcome != want {
		return fmt.Errorf("%w: the greatest version in entry %d is not the one expected", ErrProof, pos)
	}
	return nil
}
