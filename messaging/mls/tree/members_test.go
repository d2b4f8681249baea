package tree

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// "Leaf Node Validation" (7.3), uniqueness and mutual support, after a change. few
// and many changes are looked at in two ways.
func TestValidateChanges(t *testing.T) {
	for _, rule := range []struct {
		name   string
		change func(*team)
		want   error
	}{
		{"nothing", func(*team) {}, nil},
		{"an Add", func(g *team) { g.add() }, nil},
		{"an Update", func(g *team) { g.update(2) }, nil},
		{"a Remove", func(g *team) { g.remove(2) }, nil},
		{"a Commit", func(g *team) { g.commit(1) }, nil},
		{"an Update with the signature key it had", func(g *team) { g.change(3, func(l *LeafNode) { l.EncryptionKey = g.key() }) }, nil},
		{"a Remove, and an Add with the same keys", func(g *team) {
			l := g.tree.Leaf(3)
			g.remove(3)
			g.tree.Add(l)
		}, nil},
		{"an Add with an encryption key of a member", func(g *team) {
			l := g.leaf(g.signer(), SourceKeyPackage)
			l.EncryptionKey = g.tree.Leaf(1).EncryptionKey
			g.tree.Add(l)
		}, ErrDuplicateKey},
		{"an Add with an encryption key of a parent", func(g *team) {
			l := g.leaf(g.signer(), SourceKeyPackage)
			l.EncryptionKey = g.tree.Parent(1).EncryptionKey
			g.tree.Add(l)
		}, ErrDuplicateKey},
		{"an Add with a signature key of a member", func(g *team) { g.tree.Add(g.leaf(g.signers[2], SourceKeyPackage)) }, ErrDuplicateKey},
		{"two Adds with one signature key", func(g *team) {
			s := g.signer()
			g.tree.Add(g.leaf(s, SourceKeyPackage))
			g.tree.Add(g.leaf(s, SourceKeyPackage))
		}, ErrDuplicateKey},
		{"an Update with a signature key of another member", func(g *team) {
			g.must(g.tree.Update(1, g.leaf(g.signers[2], SourceUpdate)))
		}, ErrDuplicateKey},
		{"a path with a key of a leaf", func(g *team) {
			keys := make([][]byte, len(g.tree.FilteredDirectPath(0)))
			for k := range keys {
				keys[k] = g.key()
			}
			keys[len(keys)-1] = g.tree.Leaf(3).EncryptionKey
			_, err := g.tree.SetPath(0, keys)
			g.must(err)
		}, ErrDuplicateKey},
		{"a path with a key of a parent that stays", func(g *team) {
			keys := make([][]byte, len(g.tree.FilteredDirectPath(0)))
			for k := range keys {
				keys[k] = g.key()
			}
			keys[0] = g.tree.Parent(5).EncryptionKey
			_, err := g.tree.SetPath(0, keys)
			g.must(err)
		}, ErrDuplicateKey},
		{"a path with a key twice", func(g *team) {
			keys := make([][]byte, len(g.tree.FilteredDirectPath(0)))
			for k := range keys {
				keys[k] = g.key()
			}
			keys[0] = keys[1]
			_, err := g.tree.SetPath(0, keys)
			g.must(err)
		}, ErrDuplicateKey},
		{"a path through a blank, with a key of a leaf", func(g *team) {
			_, err := g.tree.SetPath(4, [][]byte{g.tree.Leaf(0).EncryptionKey, g.key(), g.key()})
			g.must(err)
		}, ErrDuplicateKey},
		{"an Add with a credential that others do not support", func(g *team) {
			l := g.leaf(g.signer(), SourceKeyPackage)
			l.Credential.Type = 0xf001
			l.Capabilities.Credentials = []CredentialType{CredentialBasic, 0xf001}
			g.tree.Add(l)
		}, ErrUnsupported},
		{"an Add that does not support the credentials of others", func(g *team) {
			l := g.leaf(g.signer(), SourceKeyPackage)
			l.Capabilities.Credentials = []CredentialType{0x0a0a}
			g.tree.Add(l)
		}, ErrUnsupported},
	} {
		for _, more := range []int{0, fewChanges + 1} {
			g := eventful(t)
			before := g.tree.Clone()
			rule.change(g)
			for range more {
				g.tree.Add(g.leaf(g.signer(), SourceKeyPackage))
			}
			if err := g.tree.ValidateChanges(before); !errors.Is(err, rule.want) {
				t.Errorf("%s, and %d more: %v, want %v", rule.name, more, err, rule.want)
			}
		}
	}
}

// "GroupContextExtensions" (12.1.7) and "Proposals" (13.2).
func TestSupportOfAllMembers(t *testing.T) {
	g := newTeam(t, x25519)
	g.sample.Capabilities.Extensions = []ExtensionType{0x0a0a, ExtensionAppDataDictionary}
	g.sample.Capabilities.Proposals = []ProposalType{ProposalSelfRemove}
	g.add()
	g.add()
	dictionary := Extensions{{Type: ExtensionAppDataDictionary}}
	leaving := Extensions{(&RequiredCapabilities{Proposals: []ProposalType{ProposalSelfRemove}}).Extension()}
	if g.tree.ValidateSupport(dictionary) != nil || g.tree.ValidateSupport(leaving) != nil || !g.tree.SupportsProposal(ProposalSelfRemove) {
		t.Error("all members support it")
	}
	g.sample.Capabilities.Extensions, g.sample.Capabilities.Proposals = nil, nil
	i := g.add()
	if err := g.tree.ValidateSupport(dictionary); !errors.Is(err, ErrUnsupported) {
		t.Errorf("extension in use: %v", err)
	}
	if err := g.tree.ValidateSupport(leaving); !errors.Is(err, ErrUnsupported) {
		t.Errorf("proposal required: %v", err)
	}
	if g.tree.SupportsProposal(ProposalSelfRemove) || !g.tree.SupportsProposal(ProposalRemove) {
		t.Error("a member does not support self_remove, and all support remove")
	}
	g.remove(i)
	if !g.tree.SupportsProposal(ProposalSelfRemove) {
		t.Error("a blank leaf was asked")
	}
}

func TestSetPathNeedsAKeyForEachNode(t *testing.T) {
	g := eventful(t)
	f := freeze(g.tree.Clone())
	for _, n := range []int{0, 2, 4} {
		if _, err := g.tree.SetPath(0, make([][]byte, n)); !errors.Is(err, ErrPath) {
			t.Errorf("%d keys: %v", n, err)
		}
	}
	f.tree = g.tree
	if err := f.check(); err != nil {
		t.Error("a path of the wrong length changed the tree")
	}
}

// Nodes that are not on the filtered direct path are made blank as well. In trees
// that members made they are already.
func TestSetPathMakesTheDirectPathBlank(t *testing.T) {
	g := newTeam(t, x25519)
	g.add()
	g.tree = mustParse(t, x25519, nodes(
		append([]byte{1, 1}, syntax.Marshal(g.tree.Leaf(0))...),
		append([]byte{1, 2}, syntax.Marshal(&ParentNode{EncryptionKey: g.key()})...)))
	before := g.tree.RootHash()
	h, err := g.tree.SetPath(0, nil)
	if err != nil || len(h) != 0 || !g.tree.IsBlank(1) || bytes.Equal(g.tree.RootHash(), before) {
		t.Errorf("%x, %v, %v", h, err, g.tree.Parent(1))
	}
}

// Trees share parent nodes, which a new list of unmerged leaves must not reach.
func TestUnmergedLeavesAreCopied(t *testing.T) {
	p := &ParentNode{UnmergedLeaves: append(make([]LeafIndex, 0, 8), 3, 5)}
	for _, c := range []struct {
		leaf LeafIndex
		want []LeafIndex
	}{{1, []LeafIndex{1, 3, 5}}, {4, []LeafIndex{3, 4, 5}}, {6, []LeafIndex{3, 5, 6}}, {5, []LeafIndex{3, 5}}} {
		q := p.withUnmerged(c.leaf)
		if !slices.Equal(q.UnmergedLeaves, c.want) {
			t.Errorf("%d: %d, want %d", c.leaf, q.UnmergedLeaves, c.want)
		}
		p.withUnmerged(7)
		if !slices.Equal(q.UnmergedLeaves, c.want) || !slices.Equal(p.UnmergedLeaves, []LeafIndex{3, 5}) {
			t.Errorf("%d: a list is shared", c.leaf)
		}
	}
}

func TestLeavesThatAreNotThere(t *testing.T) {
	g := eventful(t)
	l := g.leaf(g.signer(), SourceUpdate)
	for _, i := range []LeafIndex{7, 8, 1 << 31, 1<<32 - 1} {
		_, path := g.tree.SetPath(i, nil)
		errs := []error{g.tree.Update(i, l), g.tree.Remove(i)}
		if i != 7 { // which is blank
			errs = append(errs, path, g.tree.SetLeaf(i, l))
		}
		for k, err := range errs {
			if !errors.Is(err, ErrIndex) {
				t.Errorf("leaf %d, %d: %v", i, k, err)
			}
		}
		if g.tree.Leaf(i) != nil || !g.tree.IsBlank(NodeIndex(i)<<1) && i != 1<<31 && i != 1<<32-1 {
			t.Errorf("leaf %d is there", i)
		}
	}
}

func TestTreeWithoutMembers(t *testing.T) {
	g := newTeam(t, x25519)
	g.remove(g.add())
	if g.tree.LeafCount() != 1 || g.tree.MemberCount() != 0 || g.add() != 0 {
		t.Error("the last member leaves one blank leaf behind")
	}
}
