// Package treemath is the integer arithmetic of KEYTRANS
// (draft-ietf-keytrans-protocol, "Implicit Binary Search Tree" and "Binary
// Ladder", with the appendices of the same names).
//
// The entries of a log of n entries, numbered from 0, are read as the nodes of
// a binary search tree that nobody stores:
//
//	               7
//	      .--------+--------.
//	      3                 11
//	  .---+---.         .---+---.
//	  1       5         9       13
//	 / \     / \       / \     /
//	0   2   4   6     8   10  12
//
// An entry whose number ends in k one bits is at level k. In a tree that never
// ends, its parent is found by changing two bits; the tree of n entries is that
// tree with the entries from n on taken out, so the ancestors of an entry are
// its endless ancestors that are smaller than n.
//
// Sizes are at most [MaxSize]; positions are smaller than the size they come
// with. Functions do not panic on anything else, but then mean nothing.
package treemath

import "math/bits"

// MaxSize is the greatest number of entries of a log.
const MaxSize = 1 << 63

// MaxDepth bounds the length of every path and frontier.
const MaxDepth = 64

// Root returns the root of a tree of n entries: the greatest power of two that
// is not greater than n, minus one. n must be at least 1.
func Root(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return 1<<(bits.Len64(n)-1) - 1
}

// Level returns the level of entry x: 0 for even entries, and otherwise one
// more than the level of its left child.
func Level(x uint64) int { return bits.TrailingZeros64(^x) }

// HasLeft reports whether x has a left child, which does not depend on the size.
func HasLeft(x uint64) bool { return x&1 == 1 }

// HasRight reports whether x has a right child in a tree of n entries.
func HasRight(x, n uint64) bool { return x&1 == 1 && x+1 < n }

// Left returns the left child of x, and false if it has none.
func Left(x uint64) (uint64, bool) {
	if !HasLeft(x) {
		return 0, false
	}
	return x ^ 1<<(Level(x)-1), true
}

// Right returns the right child of x in a tree of n entries, and false if it
// has none.
func Right(x, n uint64) (uint64, bool) {
	if !HasRight(x, n) {
		return 0, false
	}
	// The right subtree is a tree of its own, offset by x+1.
	size := min(n-x-1, 1<<Level(x)-1)
	return x + 1 + Root(size), true
}

// Parent returns the parent of x in a tree of n entries, and false if x is the
// root.
func Parent(x, n uint64) (uint64, bool) {
	for top := bits.Len64(n); Level(x) < top; {
		k := Level(x)
		x = (x | 1<<k) &^ (1 << (k + 1))
		if x < n {
			return x, true
		}
	}
	return 0, false
}

// LeftBound returns the nearest ancestor of x to its left, and false if there
// is none. It is the same at every size. The bounds of x are the entries whose
// timestamps decide whether x is distinguished ("Reasonable Monitoring Window"),
// with 0 and the rightmost entry standing in where there is none.
func LeftBound(x uint64) (uint64, bool) {
	// x and what lies below it are the entries between its bounds.
	width := uint64(1) << Level(x)
	if x < width {
		return 0, false
	}
	return x - width, true
}

// RightBound returns the nearest ancestor of x to its right in a tree of n
// entries, and false if there is none, which is to say that x is on the
// frontier.
func RightBound(x, n uint64) (uint64, bool) {
	a := x + 1<<Level(x)
	if a >= n {
		return 0, false
	}
	return a, true
}

// AppendPathFromRoot appends the direct path of x in a tree of n entries to
// dst, root first. It ends with the parent of x and is empty for the root.
func AppendPathFromRoot(dst []uint64, x, n uint64) []uint64 {
	for k := bits.Len64(n) - 1; k > Level(x); k-- {
		if a := x&^(1<<(k+1)-1) | (1<<k - 1); a < n {
			dst = append(dst, a)
		}
	}
	return dst
}

// PathFromRoot returns the direct path of x in a tree of n entries, root first,
// without x itself.
func PathFromRoot(x, n uint64) []uint64 { return AppendPathFromRoot(nil, x, n) }

// AppendDirectPath appends the direct path of x in a tree of n entries to dst,
// its parent first and the root last.
func AppendDirectPath(dst []uint64, x, n uint64) []uint64 {
	for k := Level(x) + 1; k < bits.Len64(n); k++ {
		if a := x&^(1<<(k+1)-1) | (1<<k - 1); a < n {
			dst = append(dst, a)
		}
	}
	return dst
}

// DirectPath returns the direct path of x in a tree of n entries: its parent,
// its parent's parent, and so on to the root. It is empty for the root.
func DirectPath(x, n uint64) []uint64 { return AppendDirectPath(nil, x, n) }

// AppendFrontier appends the frontier of a tree of n entries to dst, root first.
func AppendFrontier(dst []uint64, n uint64) []uint64 {
	for end := uint64(0); n != 0; {
		bit := uint64(1) << (bits.Len64(n) - 1)
		n ^= bit
		end += bit
		dst = append(dst, end-1)
	}
	return dst
}

// Frontier returns the frontier of a tree of n entries: the root, its right
// child, that one's right child, down to entry n-1.
func Frontier(n uint64) []uint64 { return AppendFrontier(nil, n) }
