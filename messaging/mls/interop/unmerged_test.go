package interop

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/tree"
)

// unmergedAlike reports whether ts-mls takes a tree for a valid one (see
// TestUnmergedLeaves): all nodes with keys over an unmerged leaf have the same list of
// such leaves.
func unmergedAlike(t *tree.Tree) bool {
	for _, n := range parents(t) {
		for _, leaf := range t.Parent(n).UnmergedLeaves {
			for _, over := range leaf.Node().DirectPath(t.LeafCount()) {
				if p := t.Parent(over); p != nil && !slices.Equal(p.UnmergedLeaves, t.Parent(n).UnmergedLeaves) {
					return false
				}
			}
		}
	}
	return true
}

// parents are the parent nodes that have keys.
func parents(t *tree.Tree) (all []tree.NodeIndex) {
	for n := tree.NodeIndex(1); uint32(n) < 2*t.LeafCount()-1; n += 2 {
		if t.Parent(n) != nil {
			all = append(all, n)
		}
	}
	return all
}
