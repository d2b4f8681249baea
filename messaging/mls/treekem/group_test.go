package treekem_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

const testSuite = suite.X25519_AES128GCM_SHA256_Ed25519

var groupID = []byte("group")

// group is a ratchet tree with the private keys of all its members, who all have
// the same view. It fails its test when they would not.
type group struct {
	t       failer
	s       *suite.Suite
	rand    io.Reader
	tree    *tree.Tree
	members map[tree.LeafIndex]*member
}

type member struct {
	signer  suite.Signer
	private *treekem.Private
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// newLeaf returns the leaf node of a KeyPackage, unsigned, and its owner's keys.
func newLeaf(t failer, s *suite.Suite, rand io.Reader) (*tree.LeafNode, []byte, suite.Signer) {
	t.Helper()
	_, signer, err := s.GenerateSigner(rand)
	if err != nil {
		t.Fatal(err)
	}
	priv, pub, err := s.GenerateKeyPair(rand)
	if err != nil {
		t.Fatal(err)
	}
	return &tree.LeafNode{
		EncryptionKey: pub,
		SignatureKey:  signer.Public(),
		Credential:    tree.BasicCredential([]byte("somebody")),
		Source:        tree.SourceKeyPackage,
	}, priv, signer
}

// newGroup returns a group of n members that knows no keys but the leaves'.
func newGroup(t failer, s *suite.Suite, seed uint64, n int) *group {
	t.Helper()
	g := &group{t: t, s: s, rand: mlstest.Rand(seed), tree: tree.New(s), members: map[tree.LeafIndex]*member{}}
	for range n {
		leaf, priv, signer := newLeaf(t, s, g.rand)
		i := g.tree.Add(leaf)
		g.members[i] = &member{signer: signer, private: treekem.NewPrivate(i, priv)}
	}
	return g
}

// everybody returns the members' indices, ascending.
func (g *group) everybody() []tree.LeafIndex {
	var all []tree.LeafIndex
	for i := range g.members {
		all = append(all, i)
	}
	slices.Sort(all)
	return all
}

// context stands for the provisional GroupContext.
func context(t *tree.Tree) []byte { return append([]byte("context "), t.RootHash()...) }

// changes are the proposals of a commit.
type changes struct {
	remove []tree.LeafIndex
	update []tree.LeafIndex
	add    int
}

// commit lets sender change the group and renew its path. Everybody processes it,
// and those added join by what a Welcome would tell them.
func (g *group) commit(sender tree.LeafIndex, c changes) {
	g.t.Helper()
	s, base := g.s, g.tree.Clone()
	current := make(map[tree.LeafIndex]*treekem.Private)
	for i, m := range g.members {
		current[i] = m.private
	}
	for _, i := range c.update {
		leaf := *base.Leaf(i)
		priv, pub, err := s.GenerateKeyPair(g.rand)
		if err != nil {
			g.t.Fatal(err)
		}
		leaf.EncryptionKey, leaf.Source = pub, tree.SourceUpdate
		if err := base.Update(i, &leaf); err != nil {
			g.t.Fatal(err)
		}
		current[i] = current[i].WithLeafKey(priv)
	}
	for _, i := range c.remove {
		if err := base.Remove(i); err != nil {
			g.t.Fatal(err)
		}
		delete(g.members, i)
	}
	var added []tree.LeafIndex
	var keys [][]byte
	for range c.add {
		leaf, priv, signer := newLeaf(g.t, s, g.rand)
		i := base.Add(leaf)
		added, keys = append(added, i), append(keys, priv)
		g.members[i] = &member{signer: signer}
	}

	mine := base.Clone()
	created, err := treekem.Create(s, mine, sender, *base.Leaf(sender), g.members[sender].signer, groupID, g.rand)
	if err != nil {
		g.t.Fatal(err)
	}
	checkSecrets(g.t, s, created)
	path, err := created.Encrypt(context(mine), added)
	if err != nil {
		g.t.Fatal(err)
	}
	for i, m := range g.members {
		switch {
		case i == sender:
			m.private = created.Private()
		case slices.Contains(added, i):
			private, err := treekem.FromWelcome(s, mine, i, keys[slices.Index(added, i)], sender, created.PathSecret(i))
			if err != nil {
				g.t.Fatalf("leaf %d joins: %v", i, err)
			}
			m.private = private
		default:
			theirs := base.Clone()
			received, err := treekem.Merge(s, theirs, sender, path, added)
			if err != nil {
				g.t.Fatalf("leaf %d: %v", i, err)
			}
			if !bytes.Equal(theirs.RootHash(), mine.RootHash()) {
				g.t.Fatalf("leaf %d has another tree than the sender", i)
			}
			private, secret, err := received.Open(current[i], context(theirs))
			if err != nil {
				g.t.Fatalf("leaf %d: %v", i, err)
			}
			if !bytes.Equal(secret, created.CommitSecret()) {
				g.t.Fatalf("leaf %d has another commit secret", i)
			}
			current[i].Erase()
			m.private = private
		}
	}
	for _, i := range c.remove {
		if received, err := treekem.Merge(s, base.Clone(), sender, path, added); err != nil {
			g.t.Fatal(err)
		} else if _, _, err := received.Open(current[i], context(mine)); !errors.Is(err, treekem.ErrPath) {
			g.t.Fatalf("leaf %d was removed, and opens the path: %v", i, err)
		}
	}
	g.tree = mine
	g.checkInvariant()
}

// checkInvariant compares what every member knows with the tree invariant ("Ratchet
// Tree Nodes" (4.1.1), "Views of a Ratchet Tree" (4.2)): the private key of a node
// is known to the members below it that are not unmerged there, and to nobody else.
func (g *group) checkInvariant() {
	g.t.Helper()
	for i, m := range g.members {
		if err := m.private.Check(g.s, g.tree); err != nil {
			g.t.Fatalf("leaf %d: %v", i, err)
		}
		for n := range tree.NodeIndex(tree.NodeCount(g.tree.LeafCount())) {
			want := n == i.Node()
			if p := g.tree.Parent(n); p != nil {
				want = n.Contains(i.Node()) && !slices.Contains(p.UnmergedLeaves, i)
			}
			if has := m.private.Key(n) != nil; has != want {
				g.t.Fatalf("leaf %d has the key of node %d: %v, want %v", i, n, has, want)
			}
		}
	}
}

// checkSecrets compares the path secrets and public keys of a new path with their
// definition in "Ratchet Tree Evolution" (7.4).
func checkSecrets(t failer, s *suite.Suite, created *treekem.Created) {
	t.Helper()
	secrets, publics := treekem.Secrets(created)
	for n, pub := range publics {
		_, want, err := s.DeriveKeyPair(s.DeriveSecret(slowPathSecret(s, secrets[0], n), "node"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pub, want) || !bytes.Equal(secrets[n], slowPathSecret(s, secrets[0], n)) {
			t.Fatalf("node_pub[%d] is %x, want %x", n, pub, want)
		}
	}
	if want := slowPathSecret(s, secrets[0], len(publics)); !bytes.Equal(created.CommitSecret(), want) {
		t.Fatalf("commit_secret is %x, want %x", created.CommitSecret(), want)
	}
}

// slowPathSecret is path_secret[n].
func slowPathSecret(s *suite.Suite, first []byte, n int) []byte {
	if n == 0 {
		return first
	}
	return s.DeriveSecret(slowPathSecret(s, first, n-1), "path")
}

func refused(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}
