package treekem_test

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

var sizes = []int{2, 16, 128, 1024}

// fullGroup is a group in which all parent nodes have keys, and the last member
// has those above it, so that a path has one ciphertext for each node. The others'
// keys are not kept up to date.
func fullGroup(b *testing.B, n int) *group {
	g := newGroup(b, get(b, testSuite), 1, n)
	for i := 1; i < n; i += 2 {
		last := tree.LeafIndex(i)
		created, err := treekem.Create(g.s, g.tree, last, *g.tree.Leaf(last), g.members[last].signer, groupID, g.rand)
		if err != nil {
			b.Fatal(err)
		}
		g.members[last].private = created.Private()
	}
	return g
}

func makePath(b *testing.B, g *group) (*tree.Tree, *treekem.UpdatePath) {
	clone := g.tree.Clone()
	created, err := treekem.Create(g.s, clone, 0, *clone.Leaf(0), g.members[0].signer, groupID, g.rand)
	if err != nil {
		b.Fatal(err)
	}
	path, err := created.Encrypt(context(clone), nil)
	if err != nil {
		b.Fatal(err)
	}
	return clone, path
}

func eachGroup(b *testing.B, f func(b *testing.B, g *group)) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("full/%d", n), func(b *testing.B) { f(b, fullGroup(b, n)) })
		b.Run(fmt.Sprintf("leaves/%d", n), func(b *testing.B) { f(b, newGroup(b, get(b, testSuite), 1, n)) })
	}
}

// Create and Encrypt.
func BenchmarkCreatePath(b *testing.B) {
	eachGroup(b, func(b *testing.B, g *group) {
		for b.Loop() {
			makePath(b, g)
		}
	})
}

// Merge and Open, by the last member.
func BenchmarkProcessPath(b *testing.B) {
	eachGroup(b, func(b *testing.B, g *group) {
		mine, path := makePath(b, g)
		last := g.members[tree.LeafIndex(len(g.members)-1)].private
		provisional := context(mine)
		for b.Loop() {
			received, err := treekem.Merge(g.s, g.tree.Clone(), 0, path, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := received.Open(last, provisional); err != nil {
				b.Fatal(err)
			}
		}
	})
}
