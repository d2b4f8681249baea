package treekem_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

func TestPrivateIsStored(t *testing.T) {
	s := newScene(t)
	for i, m := range s.members {
		encoded := syntax.Marshal(m.private)
		var read treekem.Private
		if err := syntax.Unmarshal(encoded, &read); err != nil {
			t.Fatal(err)
		}
		if err := read.Check(s.s, s.tree); err != nil || read.Leaf() != i {
			t.Errorf("leaf %d is read as %d: %v", i, read.Leaf(), err)
		}
		if !bytes.Equal(syntax.Marshal(&read), encoded) {
			t.Errorf("keys of leaf %d are read and written differently", i)
		}
		clear(encoded)
		if err := read.Check(s.s, s.tree); err != nil {
			t.Errorf("keys of leaf %d changed with the buffer: %v", i, err)
		}
	}
}

func TestDamagedPrivate(t *testing.T) {
	private := func(leaf uint32, nodes ...uint32) []byte {
		var w syntax.Writer
		w.Uint32(leaf)
		syntax.WriteList(&w, nodes, func(w *syntax.Writer, n uint32) {
			w.Uint32(n)
			w.Vector([]byte("key"))
		})
		return w.Bytes()
	}
	var p treekem.Private
	for _, good := range [][]byte{private(1, 1, 2, 3), private(1, 2), private(1, 2, 7, 1<<31-1), private(1<<31-1, 1<<32-2)} {
		if err := syntax.Unmarshal(good, &p); err != nil {
			t.Errorf("%x: %v", good, err)
		}
	}
	for name, bad := range map[string][]byte{
		"empty":                  {},
		"truncated":              private(1, 1, 2)[:12],
		"trailing":               append(private(1, 2), 0),
		"no key of the leaf":     private(1, 1, 3),
		"no keys":                private(1),
		"another leaf's":         private(1, 0, 2),
		"not on the direct path": private(1, 2, 5),
		"descending":             private(1, 2, 1),
		"twice":                  private(1, 1, 2, 2),
		"leaf out of range":      private(1<<31, 0),
	} {
		refused(t, name, syntax.Unmarshal(bad, &p), syntax.ErrSyntax)
	}
}

func TestCheckFindsForeignKeys(t *testing.T) {
	s := newScene(t)
	other := s.members[2].private
	for n, name := range map[tree.NodeIndex]string{0: "leaf", 1: "parent", 7: "root"} {
		p := s.members[0].private.Clone()
		treekem.SetKey(p, n, bytes.Clone(other.Key(4)))
		refused(t, name, p.Check(s.s, s.tree), treekem.ErrKeyMismatch)
	}
	p := s.members[0].private.Clone()
	treekem.SetKey(p, 1, []byte("no key"))
	refused(t, "no key", p.Check(s.s, s.tree), treekem.ErrKeyMismatch)
	blank := s.tree.Clone()
	if err := blank.Update(1, blank.Leaf(1)); err != nil {
		t.Fatal(err)
	}
	refused(t, "blank node", s.members[0].private.Check(s.s, blank), treekem.ErrKeyMismatch)
}

// Nodes that are blank, or not there any more, have no key that is worth keeping.
func TestPrune(t *testing.T) {
	s := newScene(t)
	p := s.members[4].private
	root, parent := bytes.Clone(p.Key(7)), p.Key(9)
	if root == nil || parent == nil {
		t.Fatal("the scene is not as described")
	}
	blank := s.tree.Clone()
	if err := blank.Update(5, blank.Leaf(5)); err != nil {
		t.Fatal(err)
	}
	kept := p.Clone()
	p.Prune(blank)
	if p.Key(7) != nil || p.Key(9) != nil || p.Key(8) == nil {
		t.Error("keys of blank nodes were kept, or that of the leaf was not")
	}
	if !bytes.Equal(parent, make([]byte, len(parent))) {
		t.Error("a dropped key is still in memory")
	}
	if !bytes.Equal(kept.Key(7), root) {
		t.Error("a copy lost its key")
	}

	half := s.tree.Clone()
	for i := tree.LeafIndex(4); i < 7; i++ {
		if err := half.Remove(i); err != nil {
			t.Fatal(err)
		}
	}
	p = s.members[2].private
	had := p.Key(7) != nil
	p.Prune(half)
	if !had || p.Key(7) != nil || p.Key(4) == nil {
		t.Error("the key of a node that is not in the tree was kept")
	}
}

func TestWithLeafKeyLeavesTheOld(t *testing.T) {
	s := newScene(t)
	old := s.members[0].private
	before := syntax.Marshal(old)
	renewed := old.WithLeafKey([]byte("another key"))
	if string(renewed.Key(0)) != "another key" || !bytes.Equal(renewed.Key(7), old.Key(7)) {
		t.Error("the copy has not the new leaf key and the old others")
	}
	renewed.Erase()
	if !bytes.Equal(syntax.Marshal(old), before) {
		t.Error("the old keys changed with the copy")
	}
}

func TestErasePrivate(t *testing.T) {
	s := newScene(t)
	p := s.members[0].private
	replaced := p.Key(1)
	treekem.SetKey(p, 1, []byte("another key"))
	if !bytes.Equal(replaced, make([]byte, 32)) {
		t.Error("a key outlived its replacement")
	}
	leaf, root := p.Key(0), p.Key(7)
	p.Erase()
	refused(t, "erased", p.Check(s.s, s.tree), treekem.ErrKeyMismatch)
	if !bytes.Equal(leaf, make([]byte, 32)) || !bytes.Equal(root, make([]byte, 32)) || p.Key(0) != nil {
		t.Error("keys outlived their erasure")
	}
}

// "Joining via Welcome Message" (12.4.3.1).
func TestFromWelcomeRefuses(t *testing.T) {
	s := newScene(t)
	leaf, key, _ := newLeaf(t, s.s, s.rand)
	base := s.tree.Clone()
	i := base.Add(leaf)
	after := base.Clone()
	made, err := treekem.Create(s.s, after, 2, *base.Leaf(2), s.members[2].signer, groupID, s.rand)
	if err != nil {
		t.Fatal(err)
	}
	secret := made.PathSecret(i)
	join := func(leaf tree.LeafIndex, key []byte, signer tree.LeafIndex, secret []byte) error {
		_, err := treekem.FromWelcome(s.s, after, leaf, key, signer, secret)
		return err
	}
	if err := join(i, key, 2, secret); err != nil {
		t.Fatal(err)
	}
	if err := join(i, key, 2, nil); err != nil {
		t.Errorf("without a path: %v", err)
	}
	refused(t, "another leaf", join(3, key, 2, secret), treekem.ErrKeyMismatch)
	refused(t, "a blank leaf", join(i+1, key, 2, secret), treekem.ErrKeyMismatch)
	refused(t, "another key", join(i, mlstest.Bytes(1, 32), 2, secret), treekem.ErrKeyMismatch)
	refused(t, "no key", join(i, nil, 2, secret), treekem.ErrKeyMismatch)
	refused(t, "another path secret", join(i, key, 2, mlstest.Bytes(1, 32)), treekem.ErrKeyMismatch)
	refused(t, "a path secret of another node", join(i, key, 2, made.PathSecret(0)), treekem.ErrKeyMismatch)
	refused(t, "a short path secret", join(i, key, 2, secret[1:]), treekem.ErrPathSecret)
	refused(t, "a blank signer", join(i, key, i+1, secret), treekem.ErrSender)
	refused(t, "a signer far away", join(i, key, 1<<32-1, secret), treekem.ErrSender)
	refused(t, "signed by the new member", join(i, key, i, secret), treekem.ErrSender)

	if bytes.Equal(secret, make([]byte, 32)) {
		t.Error("joining erased the caller's path secret")
	}
}
