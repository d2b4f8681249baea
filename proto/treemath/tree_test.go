package treemath

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A slowNode is a node of the tree as "Implicit Binary Search Tree" defines it.
type slowNode struct {
	index                 uint64
	parent, left, right   *slowNode
	leftBound, rightBound *uint64 // nearest ancestors to either side
	level                 int
}

// slowTree transcribes: "The index of the root log entry [...] is the greatest
// power of two, minus one, that is less than the size of the log [...] The left
// subtree is the implicit binary search tree of size i_root [...] The right
// subtree is the implicit binary search tree of size n-i_root-1, but offset with
// i_root+1."
func slowTree(n, offset uint64, parent *slowNode, leftBound, rightBound *uint64) *slowNode {
	if n == 0 {
		return nil
	}
	root := uint64(1)
	for root*2 <= n {
		root *= 2
	}
	root--
	x := &slowNode{index: offset + root, parent: parent, leftBound: leftBound, rightBound: rightBound}
	x.left = slowTree(root, offset, x, leftBound, &x.index)
	x.right = slowTree(n-root-1, offset+root+1, x, &x.index, rightBound)
	for _, child := range []*slowNode{x.left, x.right} {
		if child != nil {
			x.level = max(x.level, child.level+1)
		}
	}
	return x
}

func (x *slowNode) each(f func(*slowNode)) {
	if x != nil {
		x.left.each(f)
		f(x)
		x.right.each(f)
	}
}

// slowPath descends to x by the inductive definition, and returns what it passes.
func slowPath(x, n uint64) (path []uint64) {
	offset := uint64(0)
	for {
		root := uint64(math.MaxUint64 / 2)
		for root >= n { // the greatest power of two minus one that is less than n
			root /= 2
		}
		if offset+root == x {
			return path
		}
		path = append(path, offset+root)
		if x < offset+root {
			n = root
		} else {
			offset, n = offset+root+1, n-root-1
		}
	}
}

func equalOptional(t *testing.T, what string, x, n, got uint64, ok bool, want *uint64) {
	t.Helper()
	if ok != (want != nil) || ok && got != *want {
		t.Fatalf("%s(%d) in a tree of %d = %d, %v", what, x, n, got, ok)
	}
}

func indexOf(x *slowNode) *uint64 {
	if x == nil {
		return nil
	}
	return &x.index
}

func TestTreeIsTheProsesTree(t *testing.T) {
	for n := uint64(1); n <= 300; n++ {
		tree := slowTree(n, 0, nil, nil, nil)
		if Root(n) != tree.index {
			t.Fatalf("Root(%d) = %d, want %d", n, Root(n), tree.index)
		}
		var frontier []uint64
		for x := tree; x != nil; x = x.right {
			frontier = append(frontier, x.index)
		}
		if !slices.Equal(Frontier(n), frontier) {
			t.Fatalf("Frontier(%d) = %d, want %d", n, Frontier(n), frontier)
		}
		next := uint64(0)
		tree.each(func(node *slowNode) {
			x := node.index
			if x != next {
				t.Fatalf("the reference is wrong: %d follows %d", x, next)
			}
			next++
			left, ok := Left(x)
			equalOptional(t, "Left", x, n, left, ok, indexOf(node.left))
			right, ok := Right(x, n)
			equalOptional(t, "Right", x, n, right, ok, indexOf(node.right))
			parent, ok := Parent(x, n)
			equalOptional(t, "Parent", x, n, parent, ok, indexOf(node.parent))
			bound, ok := LeftBound(x)
			equalOptional(t, "LeftBound", x, n, bound, ok, node.leftBound)
			bound, ok = RightBound(x, n)
			equalOptional(t, "RightBound", x, n, bound, ok, node.rightBound)
			if HasLeft(x) != (node.left != nil) || HasRight(x, n) != (node.right != nil) {
				t.Fatalf("HasLeft(%d), HasRight(%d, %d) = %v, %v", x, x, n, HasLeft(x), HasRight(x, n))
			}
			if Level(x) != node.level {
				t.Fatalf("Level(%d) = %d, want %d", x, Level(x), node.level)
			}
			var path []uint64
			for a := node.parent; a != nil; a = a.parent {
				path = append(path, a.index)
			}
			if got := DirectPath(x, n); !slices.Equal(got, path) {
				t.Fatalf("DirectPath(%d, %d) = %d, want %d", x, n, got, path)
			}
			slices.Reverse(path)
			if got := PathFromRoot(x, n); !slices.Equal(got, path) {
				t.Fatalf("PathFromRoot(%d, %d) = %d, want %d", x, n, got, path)
			}
		})
		if next != n {
			t.Fatalf("the reference has %d entries, want %d", next, n)
		}
	}
}

// anySize draws sizes of every magnitude, and those around powers of two.
func anySize(t *rapid.T) uint64 {
	k := rapid.IntRange(0, 63).Draw(t, "bits")
	near := rapid.Uint64Range(0, 4).Draw(t, "near")
	n := uint64(1) << k
	if rapid.Bool().Draw(t, "around") {
		return min(max(n+near, 3)-2, MaxSize)
	}
	return rapid.Uint64Range(1, n).Draw(t, "n")
}

func TestPathsInLargeTrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := anySize(t)
		x := rapid.Uint64Range(0, n-1).Draw(t, "x")
		if rapid.Bool().Draw(t, "right edge") {
			x = n - 1 - x%min(n, 5)
		}
		path := slowPath(x, n)
		if got := PathFromRoot(x, n); !slices.Equal(got, path) {
			t.Fatalf("PathFromRoot(%d, %d) = %d, want %d", x, n, got, path)
		}
		if len(path) >= MaxDepth {
			t.Fatalf("a path of %d", len(path))
		}
		if !slices.Equal(Frontier(n), append(slowPath(n-1, n), n-1)) {
			t.Fatalf("Frontier(%d) = %d", n, Frontier(n))
		}
		// The path holds the bounds: the rightmost to the left, the leftmost to the right.
		var left, right *uint64
		for _, a := range path {
			if a < x && (left == nil || a > *left) {
				left = &a
			}
			if a > x && (right == nil || a < *right) {
				right = &a
			}
		}
		if b, ok := LeftBound(x); ok != (left != nil) || ok && b != *left {
			t.Fatalf("LeftBound(%d) = %d, %v", x, b, ok)
		}
		if b, ok := RightBound(x, n); ok != (right != nil) || ok && b != *right {
			t.Fatalf("RightBound(%d, %d) = %d, %v", x, n, b, ok)
		}
		slices.Reverse(path)
		if got := DirectPath(x, n); !slices.Equal(got, path) {
			t.Fatalf("DirectPath(%d, %d) = %d, want %d", x, n, got, path)
		}
		// Walking up and down by single steps gives the same.
		for i, a := range path {
			from := x
			if i > 0 {
				from = path[i-1]
			}
			if p, ok := Parent(from, n); !ok || p != a {
				t.Fatalf("Parent(%d, %d) = %d, %v, want %d", from, n, p, ok, a)
			}
			var child uint64
			var ok bool
			if from < a {
				child, ok = Left(a)
			} else {
				child, ok = Right(a, n)
			}
			if !ok || child != from {
				t.Fatalf("%d is no child of %d in a tree of %d, but %d is", from, a, n, child)
			}
		}
	})
}

func TestWorkedTrees(t *testing.T) {
	// "Using the same example of a log with 50 entries, the frontier would be entries: 31, 47, 49."
	if got := Frontier(50); !slices.Equal(got, []uint64{31, 47, 49}) {
		t.Errorf("Frontier(50) = %d", got)
	}
	// "As new log entries are added [...] until the log roughly doubles in size and a new root is established at entry 63."
	if Root(50) != 31 || Root(63) != 31 || Root(64) != 63 {
		t.Errorf("roots %d, %d, %d", Root(50), Root(63), Root(64))
	}
	// "A binary tree constructed from 14 entries in a log": entry 13 has a left child only.
	if HasRight(13, 14) || !HasLeft(13) || Root(14) != 7 {
		t.Error("the figure of 14 entries does not hold")
	}
	// "Worked Example": 13 entries.
	if got := Frontier(13); !slices.Equal(got, []uint64{7, 11, 12}) {
		t.Errorf("Frontier(13) = %d", got)
	}
	if got := DirectPath(3, 13); !slices.Equal(got, []uint64{7}) {
		t.Errorf("DirectPath(3, 13) = %d", got)
	}
	if got := Frontier(0); len(got) != 0 {
		t.Errorf("Frontier(0) = %d", got)
	}
}

func TestNothingPanicsOutOfRange(t *testing.T) {
	edge := []uint64{0, 1, 2, 5, MaxSize - 1, MaxSize, MaxSize + 1, math.MaxUint64 - 1, math.MaxUint64}
	for _, n := range edge {
		_ = Root(n)
		Frontier(n)
		for _, x := range edge {
			Left(x)
			Right(x, n)
			Parent(x, n)
			LeftBound(x)
			RightBound(x, n)
			DirectPath(x, n)
			PathFromRoot(x, n)
		}
	}
}

// TestAccumulatedTrees pins the paths and frontiers of every tree of up to 1,000 entries.
func TestAccumulatedTrees(t *testing.T) {
	h := sha256.New()
	write := func(path []uint64) {
		binary.Write(h, binary.BigEndian, uint32(len(path)))
		binary.Write(h, binary.BigEndian, path)
	}
	var path []uint64
	for n := uint64(1); n <= 1000; n += 7 {
		write(Frontier(n))
		for x := range n {
			path = AppendPathFromRoot(path[:0], x, n)
			write(path)
		}
	}
	const want = "df1acb99b2db748b0ae377fa1ea01271dec0cff6fccd6fe8d3cf59def7e29145"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("accumulated hash %s", got)
	}
}

func BenchmarkPathFromRoot(b *testing.B) {
	var path []uint64
	for i := 0; b.Loop(); i++ {
		path = AppendPathFromRoot(path[:0], uint64(i)%1_000_003, 1_000_003)
	}
}
