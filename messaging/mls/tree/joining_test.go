package tree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// eventful returns a group with blanks, unmerged leaves and renewed paths:
//
//	             7[5]
//	      3             11[5]
//	  1       5       9[5]    _
//	0   1   2   3   4   5   6   _
func eventful(t testing.TB) *team {
	g := grown(t, x25519, 5) // leaf 4 has not committed
	g.add()                  // 5
	g.add()                  // 6
	g.commit(4)
	g.remove(5)
	g.commit(6)
	g.commit(4)
	g.commit(0)
	g.commit(4)
	if i := g.add(); i != 5 {
		t.Fatalf("leaf %d", i)
	}
	return g
}

func TestEventfulTreeIsValid(t *testing.T) {
	g := eventful(t)
	if err := g.validate(); err != nil {
		t.Fatal(err)
	}
	var lists []string
	for i, p := range g.tree.parents {
		if p != nil {
			lists = append(lists, fmt.Sprint(2*i+1, p.UnmergedLeaves))
		}
	}
	if want := []string{"1 []", "3 []", "5 []", "7 [5]", "11 [5]"}; !slices.Equal(lists, want) {
		t.Errorf("%v, want %v", lists, want)
	}
}

func TestTreesOfAllSuitesAreValid(t *testing.T) {
	t.Parallel()
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			g := grown(t, id, 5)
			g.update(1)
			g.remove(2)
			g.add()
			g.commit(4)
			g.add()
			if err := g.validate(); err != nil {
				t.Fatal(err)
			}
			again, err := Parse(g.s, syntax.Marshal(g.tree))
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Validate(g.tree.RootHash(), g.rules()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// "Verify the integrity of the ratchet tree" (12.4.3.1), rule by rule. Each change
// leaves the leaf nodes' signatures, and what else is not meant, as they should be.
func TestTreeValidation(t *testing.T) {
	for _, rule := range []struct {
		name   string
		change func(*team)
		want   error
	}{
		{"leaf not signed", func(g *team) {
			l := *g.tree.Leaf(5)
			l.Signature = bytes.Clone(l.Signature)
			l.Signature[5] ^= 1
			g.must(g.tree.SetLeaf(5, &l))
		}, suite.ErrSignature},
		{"leaf of another place", func(g *team) { g.must(g.tree.Update(2, g.tree.Leaf(1))); g.must(g.tree.Remove(1)) }, suite.ErrSignature},
		{"leaf of another group", func(g *team) { g.id = []byte("another") }, suite.ErrSignature},
		{"leaf without a capability", func(g *team) {
			g.change(5, func(l *LeafNode) { l.Capabilities.Versions = nil })
		}, ErrUnsupported},
		{"leaf that nobody can encrypt to", func(g *team) {
			g.change(5, func(l *LeafNode) { l.EncryptionKey = make([]byte, 32) })
		}, suite.ErrKey},
		{"parent that nobody can encrypt to", func(g *team) {
			keys := [][]byte{g.key(), g.key(), {1, 2, 3}}
			h, err := g.tree.SetPath(0, keys)
			g.must(err)
			g.change(0, func(l *LeafNode) { l.EncryptionKey, l.ParentHash = g.key(), h })
		}, suite.ErrKey},

		{"parent hash: another key", func(g *team) {
			g.changeParent(3, func(p *ParentNode) { p.EncryptionKey = g.key() })
		}, ErrParentHash},
		{"parent hash: another parent hash", func(g *team) {
			g.changeParent(3, func(p *ParentNode) { p.ParentHash = make([]byte, 32) })
		}, ErrParentHash},
		{"parent hash: a parent more", func(g *team) {
			g.tree.parents[9>>1] = &ParentNode{EncryptionKey: g.key(), UnmergedLeaves: []LeafIndex{5}}
			g.tree.forget(4)
		}, ErrParentHash},
		{"parent hash: the sibling was replaced", func(g *team) {
			g.change(5, func(*LeafNode) {}) // not in P's list when it was made
			g.change(1, func(l *LeafNode) { l.EncryptionKey = g.key() })
		}, ErrParentHash},
		{"parent hash: the leaf's was replaced", func(g *team) {
			g.change(4, func(l *LeafNode) { l.ParentHash = make([]byte, 32) })
		}, ErrParentHash},
		{"parent hash: the leaf has none any more", func(g *team) {
			g.change(4, func(l *LeafNode) { l.Source, l.EncryptionKey = SourceUpdate, g.key() })
		}, ErrParentHash},
		{"parent hash: the parent forgot an unmerged leaf on the side of its descendant", func(g *team) {
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = nil })
		}, ErrParentHash},
		{"parent hash: a member whom nobody knows to be new", func(g *team) {
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = nil })
			g.changeParent(11, func(p *ParentNode) { p.UnmergedLeaves = nil })
		}, ErrParentHash},

		{"unmerged leaves: not sorted", func(g *team) {
			g.add()
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{7, 5} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: one twice", func(g *team) {
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{5, 5} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: one is blank", func(g *team) {
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{5, 7} })
			g.changeParent(11, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{5, 7} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: one is to the left of the subtree", func(g *team) {
			g.changeParent(11, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{3, 5} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: one is to the right of the subtree", func(g *team) {
			g.changeParent(1, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{2} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: one is not in the tree", func(g *team) {
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{5, 8} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: one overflows", func(g *team) {
			g.changeParent(7, func(p *ParentNode) { p.UnmergedLeaves = []LeafIndex{5, 1<<31 + 6} })
		}, ErrUnmergedLeaves},
		{"unmerged leaves: a node between does not know", func(g *team) {
			g.changeParent(11, func(p *ParentNode) { p.UnmergedLeaves = nil })
		}, ErrUnmergedLeaves},

		{"keys: two leaves encrypted to with one", func(g *team) {
			g.change(5, func(l *LeafNode) { l.EncryptionKey = g.tree.Leaf(0).EncryptionKey })
		}, ErrDuplicateKey},
		{"keys: two leaves signing with one", func(g *team) {
			g.signers[5] = g.signers[0]
			g.change(5, func(l *LeafNode) { l.SignatureKey = g.signers[0].Public() })
		}, ErrDuplicateKey},
		{"keys: leaf and parent", func(g *team) {
			g.change(5, func(l *LeafNode) { l.EncryptionKey = g.tree.Parent(7).EncryptionKey })
		}, ErrDuplicateKey},
		{"keys: two parents", func(g *team) {
			key := g.key()
			h, err := g.tree.SetPath(0, [][]byte{key, g.key(), key})
			g.must(err)
			g.change(0, func(l *LeafNode) { l.EncryptionKey, l.ParentHash = g.key(), h })
		}, ErrDuplicateKey},

		{"credentials: not supported by the others", func(g *team) {
			g.change(5, func(l *LeafNode) {
				l.Credential = Credential{Type: CredentialX509, Certificates: [][]byte{{1}}}
				l.Capabilities.Credentials = []CredentialType{CredentialX509, CredentialBasic}
			})
		}, ErrUnsupported},
		{"credentials: not supporting those of the others", func(g *team) {
			g.sample.Capabilities.Credentials = []CredentialType{CredentialBasic, CredentialX509}
			for i := range g.tree.LeafCount() {
				if g.tree.Leaf(LeafIndex(i)) != nil {
					g.update(LeafIndex(i))
				}
			}
			g.change(5, func(l *LeafNode) {
				l.Credential = Credential{Type: CredentialX509, Certificates: [][]byte{{1}}}
				l.Capabilities.Credentials = []CredentialType{CredentialX509}
			})
		}, ErrUnsupported},
	} {
		t.Run(rule.name, func(t *testing.T) {
			g := eventful(t)
			rule.change(g)
			if err := g.validate(); !errors.Is(err, rule.want) {
				t.Errorf("%v, want %v", err, rule.want)
			}
		})
	}
}

func TestTreeHashIsCompared(t *testing.T) {
	g := eventful(t)
	h := bytes.Clone(g.tree.RootHash())
	h[0] ^= 1
	for _, h := range [][]byte{h, nil, h[:31]} {
		if err := g.tree.Validate(h, g.rules()); !errors.Is(err, ErrTreeHash) {
			t.Errorf("%x: %v", h, err)
		}
	}
}

func TestTreeIsMeasuredByTheGroup(t *testing.T) {
	g := eventful(t)
	rules := g.rules()
	rules.Extensions = Extensions{{Type: 0xf001}}
	if err := g.tree.Validate(g.tree.RootHash(), rules); !errors.Is(err, ErrUnsupported) {
		t.Errorf("extension in use: %v", err)
	}
	rules = g.rules()
	rules.Now = ends + 1
	if err := g.tree.Validate(g.tree.RootHash(), rules); !errors.Is(err, ErrLifetime) {
		t.Errorf("leaf of a KeyPackage that is over: %v", err)
	}
	rules = g.rules()
	rules.Extensions = Extensions{{ExtensionRequiredCapabilities, []byte{1}}}
	if err := g.tree.Validate(g.tree.RootHash(), rules); !errors.Is(err, syntax.ErrSyntax) {
		t.Errorf("requirements that cannot be read: %v", err)
	}
}

// A list of unmerged leaves is enough to make the hash of a sibling another than
// that at the time of the commit ("Parent Hashes" (7.9), the second figure).
func TestOriginalSiblingTreeHash(t *testing.T) {
	g := newTeam(t, x25519)
	for range 7 {
		g.add()
	}
	g.commit(4) // Y, W
	g.remove(5)
	g.commit(4)
	g.commit(0) // T, U, W
	g.add()     // F
	w := g.tree.Parent(7)
	if !slices.Equal(w.UnmergedLeaves, []LeafIndex{5}) {
		t.Fatalf("W %d", w.UnmergedLeaves)
	}
	before := g.tree.Clone()
	before.leaves[5] = nil
	for i, p := range before.parents {
		if p != nil {
			q := *p
			q.UnmergedLeaves = difference(q.UnmergedLeaves, []LeafIndex{5})
			before.parents[i] = &q
		}
	}
	before.forget(5)
	if bytes.Equal(before.Hash(11), g.tree.Hash(11)) {
		t.Fatal("nothing to see")
	}
	if !bytes.Equal(before.Hash(11), g.tree.originalTreeHash(11, w.UnmergedLeaves)) {
		t.Error("the original tree hash is not that of the tree without F")
	}
	if err := g.validate(); err != nil {
		t.Error(err)
	}
}
