package logtree

import (
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// positionsOf returns the positions of the one bits of mask.
func positionsOf(mask uint64) (out []uint64) {
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, uint64(bits.TrailingZeros64(mask)))
	}
	return out
}

// TestProofsAreMinimal tries every set of balanced subtrees: the nodes needed are
// the smallest set from which both roots follow, and the only one of that size.
// A set may not contain a node above what is known or above the audited edge: a
// leaf that is beside the computation would not be proved by it.
func TestProofsAreMinimal(t *testing.T) {
	for n := uint64(1); n <= 6; n++ {
		for mask := range uint64(1) << n {
			for prev := range n + 1 {
				for also := range n + 1 {
					checkMinimal(t, n, positionsOf(mask), prev, also)
				}
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Uint64Range(7, 8).Draw(r, "n")
		leaves := positionsOf(rapid.Uint64Range(0, 1<<n-1).Draw(r, "leaves"))
		checkMinimal(r, n, leaves, rapid.Uint64Range(0, n).Draw(r, "prev"), rapid.Uint64Range(0, n).Draw(r, "also"))
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkMinimal(t fataler, n uint64, leaves []uint64, prev, also uint64) {
	t.Helper()
	needed := Needed(leaves, n, prev, also)
	if slow := slowNeeded(n, leaves, prev, also); !slices.Equal(needed, slow) {
		t.Fatalf("Needed(%d, n=%d, prev=%d, also=%d) = %v, want %v", leaves, n, prev, also, needed, slow)
	}
	// Number the balanced subtrees, children first, as bits of a mask.
	tree := slowTree(0, n, nil)
	s := slowSources(tree, leaves, prev, also)
	var nodes []*slowNode
	var number func(x *slowNode)
	number = func(x *slowNode) {
		if x == nil {
			return
		}
		number(x.left)
		number(x.right)
		if x.balanced() {
			nodes = append(nodes, x)
		}
	}
	number(tree)
	set := func(list []*slowNode) (mask uint64) {
		for _, x := range list {
			mask |= 1 << slices.Index(nodes, x)
		}
		return mask
	}
	known := set(s.known)
	required := set(tree.full()) | set(s.audited)
	children := make([]uint64, len(nodes))
	var allowed uint64
	for i, x := range nodes {
		if x.left != nil {
			children[i] = set([]*slowNode{x.left, x.right})
		}
		if !slices.ContainsFunc(s.known, x.contains) && !(x.lo < also && also < x.hi) {
			allowed |= 1 << i
		}
	}
	best, ways, chosen := 65, 0, uint64(0)
	for given := allowed; ; given = (given - 1) & allowed {
		if size := bits.OnesCount64(given); size <= best {
			have := given | known
			for i, c := range children {
				if c != 0 && have&c == c {
					have |= 1 << i
				}
			}
			if have&required == required {
				if size < best {
					best, ways = size, 0
				}
				ways++
				chosen = given
			}
		}
		if given == 0 {
			break
		}
	}
	var smallest []Node
	for i, x := range nodes {
		if chosen>>i&1 == 1 {
			smallest = append(smallest, x.node())
		}
	}
	slices.SortFunc(smallest, func(a, b Node) int { return int(a.Start()) - int(b.Start()) })
	if ways != 1 || !slices.Equal(needed, smallest) {
		t.Fatalf("Needed(%d, n=%d, prev=%d, also=%d) = %v, but the smallest set is %v (one of %d)",
			leaves, n, prev, also, needed, smallest, ways)
	}
}
