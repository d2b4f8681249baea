package treemath

// MaxVersion is the greatest version of a label. Ladders skip lookups of
// greater ones as if they were shown to be missing ("Binary Ladder").
const MaxVersion = 1<<32 - 1

// MaxLadder bounds the number of lookups of a ladder.
const MaxLadder = 64

// AppendBaseLadder appends to dst the versions that are looked up, in order, to
// establish that n is the greatest version of a label: powers of two minus one
// up to the first that is missing, then a binary search between the last two.
func AppendBaseLadder(dst []uint32, n uint32) []uint32 {
	greatest := uint64(n)
	lower, upper := uint64(0), uint64(0)
	for {
		if upper <= MaxVersion {
			dst = append(dst, uint32(upper))
		}
		if upper > greatest {
			break
		}
		lower, upper = upper, upper<<1|1
	}
	for lower+1 < upper {
		v := (lower + upper) / 2
		if v <= MaxVersion {
			dst = append(dst, uint32(v))
		}
		if v <= greatest {
			lower = v
		} else {
			upper = v
		}
	}
	return dst
}

// BaseLadder returns the versions that are looked up, in order, to establish
// that n is the greatest version of a label.
func BaseLadder(n uint32) []uint32 { return AppendBaseLadder(nil, n) }

// AppendSearchLadder appends to dst the lookups of a search binary ladder for
// target version t, as far as it goes when the greatest version is t.
//
// If it is not, the ladder is the same up to and including the first lookup
// after which [Ends] reports true, and stops there. Versions for which
// leftIncluded or rightMissing report true were shown to be included in an
// entry to the left, or missing in one to the right, in the same response, and
// are left out; a nil function leaves nothing out.
func AppendSearchLadder(dst []uint32, t uint32, leftIncluded, rightMissing func(v uint32) bool) []uint32 {
	start := len(dst)
	dst = AppendBaseLadder(dst, t)
	kept := dst[:start]
	for _, v := range dst[start:] {
		if leftIncluded != nil && leftIncluded(v) || rightMissing != nil && rightMissing(v) {
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

// SearchLadder returns the lookups of a search binary ladder for target version
// t that are still to be made when the greatest version is t; see
// [AppendSearchLadder].
func SearchLadder(t uint32, leftIncluded, rightMissing func(v uint32) bool) []uint32 {
	return AppendSearchLadder(nil, t, leftIncluded, rightMissing)
}

// Ends reports whether a search binary ladder for target version t ends with
// this lookup of version v: an inclusion of a version greater than the target,
// or a non-inclusion of one that is not.
func Ends(t, v uint32, included bool) bool { return included == (v > t) }

// AppendMonitoringLadder appends to dst the lookups of a monitoring binary
// ladder for target version t. All of them are inclusions in an honest log.
func AppendMonitoringLadder(dst []uint32, t uint32) []uint32 {
	return AppendSearchLadder(dst, t, nil, func(v uint32) bool { return v > t })
}

// MonitoringLadder returns the lookups of a monitoring binary ladder for target
// version t, none of them greater than t.
func MonitoringLadder(t uint32) []uint32 { return AppendMonitoringLadder(nil, t) }
