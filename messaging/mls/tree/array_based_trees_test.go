package tree

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The arithmetic against a tree of linked nodes, whose indices are those of an
// in-order traversal, for all nodes of all trees of up to 256 leaves.
func TestArithmeticIsThatOfATree(t *testing.T) {
	for depth := range 9 {
		leaves := uint32(1) << depth
		root := slowTree(depth, 0)
		nodes := root.inOrder()
		index := make(map[*slow]NodeIndex)
		for i, n := range nodes {
			index[n] = NodeIndex(i)
		}
		if NodeCount(leaves) != uint32(len(nodes)) || Root(leaves) != index[root] {
			t.Fatalf("%d leaves: count or root", leaves)
		}
		for i, l := range root.leaves() {
			if x := LeafIndex(i).Node(); x != index[l] || x.Leaf() != LeafIndex(i) {
				t.Fatalf("leaf %d is node %d", i, index[l])
			}
		}
		for x, n := range nodes {
			x := NodeIndex(x)
			var path, copath []NodeIndex
			for _, p := range root.directPath(n) {
				_, off := p.child(n)
				path, copath = append(path, index[p]), append(copath, index[off])
			}
			if got := x.DirectPath(leaves); !slices.Equal(got, path) {
				t.Fatalf("%d leaves, direct path of %d: %d, want %d", leaves, x, got, path)
			}
			if got := x.Copath(leaves); !slices.Equal(got, copath) {
				t.Fatalf("%d leaves, copath of %d: %d, want %d", leaves, x, got, copath)
			}
			below := n.leaves()
			if lo, hi := x.Leaves(); uint32(lo) != below[0].index || int(hi-lo) != len(below) {
				t.Fatalf("leaves of %d: [%d, %d)", x, lo, hi)
			}
			height := 0
			for m := n; m.left != nil; m = m.left {
				height++
			}
			if x.Level() != height {
				t.Fatalf("level of %d: %d, want %d", x, x.Level(), height)
			}
		}
		for x, n := range nodes {
			for y, m := range nodes {
				if leaves > 32 {
					break
				}
				if NodeIndex(x).Contains(NodeIndex(y)) != n.contains(m) {
					t.Fatalf("does %d contain %d?", x, y)
				}
				lowest := root
				for lowest.left != nil {
					if lowest.left.contains(n) && lowest.left.contains(m) {
						lowest = lowest.left
					} else if lowest.right.contains(n) && lowest.right.contains(m) {
						lowest = lowest.right
					} else {
						break
					}
				}
				if got := CommonAncestor(NodeIndex(x), NodeIndex(y)); got != index[lowest] {
					t.Fatalf("common ancestor of %d and %d: %d, want %d", x, y, got, index[lowest])
				}
			}
		}
	}
}

// The largest tree has 2^31 leaves: nothing overflows there.
func TestArithmeticOfTheLargestTree(t *testing.T) {
	const leaves = 1 << 31
	rapid.Check(t, func(t *rapid.T) {
		l := LeafIndex(rapid.Uint32Range(0, leaves-1).Draw(t, "leaf"))
		path, copath := l.Node().DirectPath(leaves), l.Node().Copath(leaves)
		if len(path) != 31 || path[30] != Root(leaves) || len(copath) != 31 {
			t.Fatalf("paths %d, %d", path, copath)
		}
		at := l.Node()
		for k, p := range path {
			if got, ok := at.Parent(leaves); !ok || got != p || p.Level() != k+1 {
				t.Fatalf("parent of %d: %d", at, got)
			}
			s, ok := at.Sibling(leaves)
			if !ok || s != copath[k] || s == at || s.Level() != k {
				t.Fatalf("sibling of %d: %d", at, s)
			}
			if p.Left() != min(at, s) || p.Right() != max(at, s) || !p.Contains(l.Node()) || s.Contains(l.Node()) {
				t.Fatalf("children of %d", p)
			}
			at = p
		}
		m := LeafIndex(rapid.Uint32Range(0, leaves-1).Draw(t, "other"))
		a := CommonAncestor(l.Node(), m.Node())
		if lo, hi := a.Leaves(); l < lo || m < lo || l >= hi || m >= hi {
			t.Fatalf("common ancestor %d of %d and %d", a, l, m)
		}
		if l != m && (a.Left().Contains(l.Node()) == a.Left().Contains(m.Node())) {
			t.Fatalf("common ancestor %d of %d and %d is not the lowest", a, l, m)
		}
	})
}
