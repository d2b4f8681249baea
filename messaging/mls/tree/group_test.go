package tree

import (
	"encoding/binary"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// team is a group as far as this package knows one: a tree of signed leaf nodes,
// with the signers. Private keys for encryption are forgotten.
type team struct {
	testing.TB
	s       *suite.Suite
	tree    *Tree
	id      []byte
	signers map[LeafIndex]suite.Signer
	keys    uint64
	sample  LeafNode // of which new leaf nodes are copies
}

const (
	began = 1_700_000_000
	ends  = began + 90*24*60*60
)

func newTeam(t testing.TB, id suite.ID) *team {
	s := mustSuite(t, id)
	return &team{TB: t, s: s, tree: New(s), id: []byte("a group"), signers: make(map[LeafIndex]suite.Signer),
		sample: LeafNode{
			Credential: BasicCredential([]byte("somebody")),
			Capabilities: Capabilities{
				Versions:     []ProtocolVersion{MLS10},
				CipherSuites: []suite.ID{id},
				Credentials:  []CredentialType{CredentialBasic},
			},
			Lifetime: Lifetime{began, ends},
		}}
}

func (g *team) rules() *Rules { return &Rules{GroupID: g.id, Now: began + 1} }

// key returns a new HPKE public key.
func (g *team) key() []byte {
	g.keys++
	_, pub, err := g.s.DeriveKeyPair(binary.BigEndian.AppendUint64(make([]byte, 56), g.keys))
	if err != nil {
		g.Fatal(err)
	}
	return pub
}

func (g *team) signer() suite.Signer {
	g.keys++
	_, signer, err := g.s.GenerateSigner(mlstest.Rand(g.keys))
	if err != nil {
		g.Fatal(err)
	}
	return signer
}

// leaf returns a leaf node, not signed, for a new member.
func (g *team) leaf(signer suite.Signer, source LeafNodeSource) *LeafNode {
	l := g.sample
	l.Source = source
	l.EncryptionKey, l.SignatureKey = g.key(), signer.Public()
	return &l
}

func (g *team) sign(l *LeafNode, i LeafIndex, signer suite.Signer) *LeafNode {
	if err := l.Sign(g.s, signer, g.id, i); err != nil {
		g.Fatal(err)
	}
	return l
}

func (g *team) add() LeafIndex {
	signer := g.signer()
	i := g.tree.Add(g.sign(g.leaf(signer, SourceKeyPackage), 0, signer))
	g.signers[i] = signer
	return i
}

func (g *team) update(i LeafIndex) {
	g.must(g.tree.Update(i, g.sign(g.leaf(g.signers[i], SourceUpdate), i, g.signers[i])))
}

func (g *team) remove(i LeafIndex) { g.must(g.tree.Remove(i)) }

// commit renews the path of leaf i.
func (g *team) commit(i LeafIndex) {
	keys := make([][]byte, len(g.tree.FilteredDirectPath(i)))
	for k := range keys {
		keys[k] = g.key()
	}
	parentHash, err := g.tree.SetPath(i, keys)
	g.must(err)
	l := g.leaf(g.signers[i], SourceCommit)
	l.ParentHash = parentHash
	g.must(g.tree.SetLeaf(i, g.sign(l, i, g.signers[i])))
}

// change replaces leaf i by a copy that f changed, signed again.
func (g *team) change(i LeafIndex, f func(*LeafNode)) {
	l := *g.tree.Leaf(i)
	f(&l)
	g.must(g.tree.SetLeaf(i, g.sign(&l, i, g.signers[i])))
}

// changeParent replaces node x by a copy that f changed.
func (g *team) changeParent(x NodeIndex, f func(*ParentNode)) {
	p := *g.tree.Parent(x)
	f(&p)
	g.tree.parents[x>>1] = &p
	lo, _ := x.Leaves()
	g.tree.forget(lo)
}

func (g *team) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

func (g *team) validate() error { return g.tree.Validate(g.tree.RootHash(), g.rules()) }

// grown returns a group of n members, all of whose parent nodes are set, in which
// every member was added by the one before.
func grown(t testing.TB, id suite.ID, n int) *team {
	g := newTeam(t, id)
	g.add()
	for i := range n - 1 {
		g.add()
		g.commit(LeafIndex(i))
	}
	return g
}
