package tree

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// benchTeam returns a group of n members who all have committed.
func benchTeam(b *testing.B, n int) *team {
	g := newTeam(b, x25519)
	for range n {
		g.add()
	}
	for i := range n {
		g.commit(LeafIndex(i))
	}
	return g
}

func BenchmarkTree(b *testing.B) {
	for _, n := range []int{2, 16, 128, 1024} {
		b.Run(fmt.Sprint("members=", n), func(b *testing.B) {
			g := benchTeam(b, n)
			if err := g.validate(); err != nil {
				b.Fatal(err)
			}
			encoded, hash := syntax.Marshal(g.tree), g.tree.RootHash()
			l := g.leaf(g.signer(), SourceUpdate)
			keys := make([][]byte, len(g.tree.FilteredDirectPath(0)))
			for k := range keys {
				keys[k] = g.key()
			}
			bench := func(name string, f func(b *testing.B)) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						f(b)
					}
				})
			}
			bench("parse", func(b *testing.B) { mustParse(b, x25519, encoded) })
			bench("marshal", func(*testing.B) { syntax.Marshal(g.tree) })
			bench("parse+hash", func(b *testing.B) { mustParse(b, x25519, encoded).RootHash() })
			bench("parse+validate", func(b *testing.B) {
				if err := mustParse(b, x25519, encoded).Validate(hash, g.rules()); err != nil {
					b.Fatal(err)
				}
			})
			bench("parse+validate-unsigned", func(b *testing.B) {
				t := mustParse(b, x25519, encoded)
				t.RootHash()
				if t.validateUnmergedLeaves() != nil || t.validateParentHashes() != nil || t.validateKeys() != nil || t.validateCredentials() != nil {
					b.Fatal("invalid")
				}
			})
			bench("clone", func(*testing.B) { g.tree.Clone() })
			bench("leaf+roothash", func(b *testing.B) {
				if err := g.tree.SetLeaf(0, l); err != nil {
					b.Fatal(err)
				}
				g.tree.RootHash()
			})
			bench("clone+update+check+roothash", func(b *testing.B) {
				t := g.tree.Clone()
				if t.Update(0, l) != nil || t.ValidateChanges(g.tree) != nil {
					b.Fatal("invalid")
				}
				t.RootHash()
			})
			bench("clone+path+check+roothash", func(b *testing.B) {
				t := g.tree.Clone()
				if _, err := t.SetPath(0, keys); err != nil {
					b.Fatal(err)
				}
				if t.SetLeaf(0, l) != nil || t.ValidateChanges(g.tree) != nil {
					b.Fatal("invalid")
				}
				t.RootHash()
			})
		})
	}
}

// Adding everybody to a new group, without hashes in between.
func BenchmarkAdd1024(b *testing.B) {
	g := newTeam(b, x25519)
	l := g.leaf(g.signer(), SourceKeyPackage)
	b.ReportAllocs()
	for b.Loop() {
		t := New(g.s)
		for range 1024 {
			t.Add(l)
		}
		t.RootHash()
	}
}
