package combined

import (
	"slices"

	"github.com/kith-kt/kith/proto/treemath"
)

// SearchVersions returns the versions in SearchResponse.binary_ladder, and in
// Credential.binary_ladder, for a target version, in the order of the field
// ("Search").
func SearchVersions(target uint32) []uint32 { return treemath.BaseLadder(target) }

// OwnerInitVersions returns the versions in OwnerInitResponse.binary_ladder,
// ascending, given its greatest_versions: version zero, and all versions in the
// search binary ladder of any of these ("Owner Algorithm", first algorithm,
// step 3).
func OwnerInitVersions(greatest []uint32) []uint32 {
	versions := []uint32{0}
	for i, g := range greatest {
		if i == 0 || g != greatest[i-1] {
			versions = treemath.AppendBaseLadder(versions, g)
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions)
}

// UpdateVersions returns the versions in UpdateResponse.binary_ladder,
// ascending, when the greatest version goes from previous (nil: there was none)
// to greatest: the search binary ladder of the new greatest version and every
// new version, without the ladder of the previous one, or without version zero
// ("Updating a Label", "Algorithm").
//
// greatest must be greater than *previous. The field holds at most 255
// versions, so an entry that adds more than about 190 versions of one label
// cannot be answered for; the caller limits both.
func UpdateVersions(previous *uint32, greatest uint32) []uint32 {
	known := []uint32{0}
	first := uint32(0)
	if previous != nil {
		known = treemath.BaseLadder(*previous)
		first = *previous + 1
	}
	versions := treemath.BaseLadder(greatest)
	for v := uint64(first); v <= uint64(greatest); v++ {
		versions = append(versions, uint32(v))
	}
	slices.Sort(versions)
	versions = slices.Compact(versions)
	return slices.DeleteFunc(versions, func(v uint32) bool { return slices.Contains(known, v) })
}

// additional returns the new versions, ascending, that a search binary ladder
// for the greatest of them does not look up ("Updating a Label", steps 3 and 4).
func additional(previous *uint32, greatest uint32) []uint32 {
	ladder := treemath.BaseLadder(greatest)
	first := uint64(0)
	if previous != nil {
		first = uint64(*previous) + 1
	}
	var versions []uint32
	for v := first; v <= uint64(greatest); v++ {
		if !slices.Contains(ladder, uint32(v)) {
			versions = append(versions, uint32(v))
		}
	}
	return versions
}
