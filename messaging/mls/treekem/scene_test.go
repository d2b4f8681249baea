package treekem_test

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// scene is a path that was made and not processed: leaf 1 of seven commits, and
// adds leaf 7. Leaf 3 is unmerged at node 3, and node 5 below it is blank.
type scene struct {
	*group
	base  *tree.Tree // with the proposals applied
	added []tree.LeafIndex
	made  *treekem.Created
	mine  *tree.Tree // the sender's view after it
}

const sender = 1

func newScene(t testing.TB) *scene {
	t.Helper()
	g := newGroup(t, get(t, testSuite), 20, 7)
	g.commit(0, changes{})
	g.commit(4, changes{})
	g.commit(6, changes{remove: []tree.LeafIndex{3}})
	g.commit(2, changes{})
	g.commit(5, changes{add: 1})
	s := &scene{group: g, base: g.tree.Clone()}
	leaf, _, _ := newLeaf(t, g.s, g.rand)
	s.added = []tree.LeafIndex{s.base.Add(leaf)}
	s.mine = s.base.Clone()
	made, err := treekem.Create(g.s, s.mine, sender, *s.base.Leaf(sender), g.members[sender].signer, groupID, g.rand)
	if err != nil {
		t.Fatal(err)
	}
	s.made = made
	return s
}

// path returns the path as a recipient reads it.
func (s *scene) path() *treekem.UpdatePath {
	s.t.Helper()
	path, err := s.made.Encrypt(context(s.mine), s.added)
	if err != nil {
		s.t.Fatal(err)
	}
	read := new(treekem.UpdatePath)
	if err := syntax.Unmarshal(syntax.Marshal(path), read); err != nil {
		s.t.Fatal(err)
	}
	return read
}

// fresh returns a public key that is nowhere.
func (s *scene) fresh() []byte {
	_, pub, err := s.s.GenerateKeyPair(s.rand)
	if err != nil {
		s.t.Fatal(err)
	}
	return pub
}
