package treekem_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
	"pgregory.net/rapid"
)

// Groups that grow, shrink and heal in any order keep the tree invariant, and all
// members agree on every commit secret.
func TestGroupsKeepTheTreeInvariant(t *testing.T) {
	t.Parallel()
	s := get(t, testSuite)
	rapid.Check(t, func(rt *rapid.T) {
		g := newGroup(rt, s, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 9).Draw(rt, "members"))
		for range rapid.IntRange(1, 6).Draw(rt, "commits") {
			everybody := g.everybody()
			sender := rapid.SampledFrom(everybody).Draw(rt, "sender")
			c := changes{add: rapid.IntRange(0, 3).Draw(rt, "add")}
			for _, i := range everybody {
				if i == sender {
					continue
				}
				switch rapid.IntRange(0, 9).Draw(rt, "fate") {
				case 0, 1:
					c.remove = append(c.remove, i)
				case 2:
					c.update = append(c.update, i)
				}
			}
			g.commit(sender, c)
		}
	})
}

func TestEverySuiteMakesPaths(t *testing.T) {
	t.Parallel()
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, get(t, id), 1, 3)
			g.commit(0, changes{})
			g.commit(2, changes{add: 2})
			g.commit(1, changes{remove: []tree.LeafIndex{0}, update: []tree.LeafIndex{3}})
		})
	}
}

// A resolution so large that it is shared out among goroutines.
func TestLargeResolution(t *testing.T) {
	t.Parallel()
	g := newGroup(t, get(t, testSuite), 2, 70)
	g.commit(33, changes{add: 3})
	g.commit(72, changes{remove: []tree.LeafIndex{33}})
}

// A group of one has no path: its commit_secret is path_secret[0], fresh each time.
func TestPathOfTheOnlyMember(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 3, 1)
	var last []byte
	for range 2 {
		clone := g.tree.Clone()
		created, err := treekem.Create(g.s, clone, 0, *clone.Leaf(0), g.members[0].signer, groupID, g.rand)
		if err != nil {
			t.Fatal(err)
		}
		path, err := created.Encrypt(context(clone), nil)
		if err != nil {
			t.Fatal(err)
		}
		secret := created.CommitSecret()
		if len(path.Nodes) != 0 || len(secret) != g.s.HashSize() || bytes.Equal(secret, last) {
			t.Errorf("%d nodes, commit secret %x after %x", len(path.Nodes), secret, last)
		}
		if len(path.LeafNode.ParentHash) != 0 {
			t.Errorf("parent hash %x in a group of one", path.LeafNode.ParentHash)
		}
		last = bytes.Clone(secret)
	}
}

// "Synchronizing Views of the Tree" (7.5): the sender's leaf has a fresh key, says
// that it comes from a commit, and is signed; the rest is what the caller said.
func TestNewLeafNode(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 4, 3)
	clone := g.tree.Clone()
	leaf := *clone.Leaf(1)
	leaf.Extensions = tree.Extensions{{Type: 0x1a1a, Data: []byte("grease")}}
	leaf.Lifetime = tree.Lifetime{NotBefore: 1, NotAfter: 2}
	if _, err := treekem.Create(g.s, clone, 1, leaf, g.members[1].signer, groupID, g.rand); err != nil {
		t.Fatal(err)
	}
	got := clone.Leaf(1)
	if got.Source != tree.SourceCommit || bytes.Equal(got.EncryptionKey, leaf.EncryptionKey) ||
		len(got.ParentHash) != g.s.HashSize() || len(got.Extensions) != 1 || got.Lifetime != (tree.Lifetime{}) {
		t.Errorf("the new leaf node is %+v", got)
	}
	if err := got.VerifySignature(g.s, groupID, 1); err != nil {
		t.Error(err)
	}
	if g.tree.Leaf(1).Source != tree.SourceKeyPackage {
		t.Error("the leaf node of the tree before was changed")
	}
}

// "Ratchet Tree Evolution" (7.4): path_secret[0] and the leaf's key are random. A
// source that fails, or runs dry, makes no path.
func TestPathNeedsRandomness(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 5, 3)
	broken := errors.New("no randomness")
	for n := range 2 * g.s.HashSize() {
		rand := io.MultiReader(bytes.NewReader(make([]byte, n)), iotest.ErrReader(broken))
		_, err := treekem.Create(g.s, g.tree.Clone(), 1, *g.tree.Leaf(1), g.members[1].signer, groupID, rand)
		refused(t, "short of randomness", err, broken)
	}
}

func TestCreateRefuses(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 6, 3)
	leaf := *g.tree.Leaf(1)
	for _, sender := range []tree.LeafIndex{3, 4, 1<<32 - 1} {
		_, err := treekem.Create(g.s, g.tree.Clone(), sender, leaf, g.members[1].signer, groupID, g.rand)
		refused(t, "no such leaf", err, treekem.ErrSender)
	}
	_, err := treekem.Create(g.s, g.tree.Clone(), 1, leaf, g.members[2].signer, groupID, g.rand)
	refused(t, "another member's signature key", err, tree.ErrSignatureKey)
}

// "Joining via External Commits" (12.4.3.2): the sender takes the leftmost blank
// leaf, or extends the tree.
func TestExternalCommit(t *testing.T) {
	for _, c := range []struct {
		name    string
		members int
		remove  []tree.LeafIndex
		want    tree.LeafIndex
	}{
		{"leftmost blank", 5, []tree.LeafIndex{1, 3}, 1},
		{"a blank at the end", 3, nil, 3},
		{"extends the tree", 4, nil, 4},
		{"joins the only member", 1, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGroup(t, get(t, testSuite), 7, c.members)
			if c.members > 1 {
				g.commit(0, changes{})
				g.commit(tree.LeafIndex(c.members-1), changes{remove: c.remove})
			}
			leaf, _, signer := newLeaf(t, g.s, g.rand)
			mine := g.tree.Clone()
			created, err := treekem.CreateExternal(g.s, mine, *leaf, signer, groupID, g.rand)
			if err != nil {
				t.Fatal(err)
			}
			if created.Sender() != c.want || created.Private().Leaf() != c.want {
				t.Errorf("joined at leaf %d, want %d", created.Sender(), c.want)
			}
			path, err := created.Encrypt(context(mine), nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range g.members {
				theirs := g.tree.Clone()
				received, err := treekem.MergeExternal(g.s, theirs, path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if received.Sender() != c.want || !bytes.Equal(theirs.RootHash(), mine.RootHash()) {
					t.Errorf("leaf %d sees the joiner at %d, in another tree", i, received.Sender())
				}
				private, secret, err := received.Open(m.private, context(theirs))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(secret, created.CommitSecret()) {
					t.Errorf("leaf %d has another commit secret", i)
				}
				m.private = private
			}
			g.tree = mine
			g.members[c.want] = &member{signer: signer, private: created.Private()}
			g.checkInvariant()
			_, err = treekem.MergeExternal(g.s, g.tree.Clone(), path, nil)
			refused(t, "the same path again", err, treekem.ErrKeyReused)
		})
	}
}

// The path of a Welcome's signer tells each new member the secret of the lowest
// node above both, and nothing to anybody who is not there.
func TestPathSecretOfTheLowestCommonNode(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 8, 7)
	clone := g.tree.Clone()
	created, err := treekem.Create(g.s, clone, 2, *clone.Leaf(2), g.members[2].signer, groupID, g.rand)
	if err != nil {
		t.Fatal(err)
	}
	secrets, _ := treekem.Secrets(created)
	for leaf, want := range map[tree.LeafIndex][]byte{
		0: secrets[1], 1: secrets[1], 2: nil, 3: secrets[0], 4: secrets[2], 6: secrets[2], 7: nil, 8: nil,
	} {
		if got := created.PathSecret(leaf); !bytes.Equal(got, want) {
			t.Errorf("leaf %d is told %x, want %x", leaf, got, want)
		}
	}
}

// "Synchronizing Views of the Tree" (7.5): outdated key material is deleted.
func TestCreatedIsErased(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 9, 4)
	clone := g.tree.Clone()
	created, err := treekem.Create(g.s, clone, 2, *clone.Leaf(2), g.members[2].signer, groupID, g.rand)
	if err != nil {
		t.Fatal(err)
	}
	private := created.Private()
	secrets, _ := treekem.Secrets(created)
	secrets = slices.Clone(secrets)
	created.Erase()
	for i, secret := range secrets {
		if !bytes.Equal(secret, make([]byte, len(secret))) {
			t.Errorf("path secret %d outlived its use", i)
		}
	}
	if err := private.Check(g.s, clone); err != nil {
		t.Errorf("the keys went with the path secrets: %v", err)
	}
}

// A key of the tree that nobody can be sure of decrypting with stops the commit.
func TestEncryptToBadKey(t *testing.T) {
	g := newGroup(t, get(t, testSuite), 10, 12)
	leaf, _, _ := newLeaf(t, g.s, mlstest.Rand(1))
	leaf.EncryptionKey = make([]byte, 32) // a point of low order
	if err := g.tree.SetLeaf(7, leaf); err != nil {
		t.Fatal(err)
	}
	created, err := treekem.Create(g.s, g.tree, 2, *g.tree.Leaf(2), g.members[2].signer, groupID, g.rand)
	if err != nil {
		t.Fatal(err)
	}
	_, err = created.Encrypt(context(g.tree), nil)
	refused(t, "low order", err, suite.ErrKey)
}
