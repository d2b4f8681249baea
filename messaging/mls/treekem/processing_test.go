package treekem_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// "Processing a Commit" (12.4.2), "Synchronizing Views of the Tree" (7.5) and
// "Update Paths" (7.6): what is refused before anything is decrypted.
func TestMergeRefuses(t *testing.T) {
	s := newScene(t)
	if len(s.path().Nodes) != 3 {
		t.Fatal("the scene is not as described")
	}
	for _, c := range []struct {
		name   string
		change func(*treekem.UpdatePath)
		want   error
	}{
		{"leaf node source key_package", func(p *treekem.UpdatePath) { p.LeafNode.Source = tree.SourceKeyPackage }, treekem.ErrSource},
		{"leaf node source update", func(p *treekem.UpdatePath) { p.LeafNode.Source = tree.SourceUpdate }, treekem.ErrSource},
		{"a node too few", func(p *treekem.UpdatePath) { p.Nodes = p.Nodes[:2] }, treekem.ErrShape},
		{"no nodes", func(p *treekem.UpdatePath) { p.Nodes = nil }, treekem.ErrShape},
		{"a node too many", func(p *treekem.UpdatePath) {
			p.Nodes = append(p.Nodes, treekem.UpdatePathNode{EncryptionKey: s.fresh()})
		}, treekem.ErrShape},
		{"very many nodes", func(p *treekem.UpdatePath) {
			p.Nodes = append(p.Nodes, make([]treekem.UpdatePathNode, 1000)...)
		}, treekem.ErrShape},
		{"a ciphertext too few", func(p *treekem.UpdatePath) {
			n := &p.Nodes[1]
			n.EncryptedPathSecret = n.EncryptedPathSecret[1:]
		}, treekem.ErrShape},
		{"a ciphertext too many", func(p *treekem.UpdatePath) {
			n := &p.Nodes[0]
			n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret[0])
		}, treekem.ErrShape},
		{"a ciphertext for the added leaf", func(p *treekem.UpdatePath) {
			n := &p.Nodes[2]
			n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret[0])
		}, treekem.ErrShape},
		{"the sender's present key", func(p *treekem.UpdatePath) {
			p.LeafNode.EncryptionKey = s.base.Leaf(sender).EncryptionKey
		}, treekem.ErrKeyReused},
		{"another leaf's key", func(p *treekem.UpdatePath) {
			p.LeafNode.EncryptionKey = s.base.Leaf(6).EncryptionKey
		}, treekem.ErrKeyReused},
		{"the key that the node has", func(p *treekem.UpdatePath) {
			p.Nodes[2].EncryptionKey = s.base.EncryptionKey(s.base.Root())
		}, treekem.ErrKeyReused},
		{"the key of a node elsewhere", func(p *treekem.UpdatePath) {
			p.Nodes[0].EncryptionKey = s.base.EncryptionKey(9)
		}, treekem.ErrKeyReused},
		{"the same key in two nodes", func(p *treekem.UpdatePath) {
			p.Nodes[0].EncryptionKey = p.Nodes[1].EncryptionKey
		}, treekem.ErrKeyReused},
		{"the leaf's key in a node", func(p *treekem.UpdatePath) {
			p.Nodes[0].EncryptionKey = p.LeafNode.EncryptionKey
		}, treekem.ErrKeyReused},
		{"no key", func(p *treekem.UpdatePath) { p.Nodes[1].EncryptionKey = nil }, suite.ErrKey},
		{"a key of low order", func(p *treekem.UpdatePath) { p.Nodes[1].EncryptionKey = make([]byte, 32) }, suite.ErrKey},
		{"a leaf key of low order", func(p *treekem.UpdatePath) { p.LeafNode.EncryptionKey = make([]byte, 32) }, suite.ErrKey},
		{"another parent hash", func(p *treekem.UpdatePath) {
			p.LeafNode.ParentHash = bytes.Repeat([]byte{1}, 32)
		}, treekem.ErrParentHash},
		{"no parent hash", func(p *treekem.UpdatePath) { p.LeafNode.ParentHash = nil }, treekem.ErrParentHash},
		{"another public key", func(p *treekem.UpdatePath) { p.Nodes[0].EncryptionKey = s.fresh() }, treekem.ErrParentHash},
		{"another public key of the root", func(p *treekem.UpdatePath) { p.Nodes[2].EncryptionKey = s.fresh() }, treekem.ErrParentHash},
	} {
		path := s.path()
		c.change(path)
		_, err := treekem.Merge(s.s, s.base.Clone(), sender, path, s.added)
		refused(t, c.name, err, c.want)
	}

	for _, sender := range []tree.LeafIndex{8, 9, 1<<32 - 1} {
		_, err := treekem.Merge(s.s, s.base.Clone(), sender, s.path(), s.added)
		refused(t, "no such sender", err, treekem.ErrSender)
	}
	blank := s.base.Clone()
	if err := blank.SetLeaf(sender, nil); err != nil {
		t.Fatal(err)
	}
	_, err := treekem.Merge(s.s, blank, sender, s.path(), s.added)
	refused(t, "a blank sender", err, treekem.ErrSender)
	_, err = treekem.Merge(s.s, s.base.Clone(), 0, s.path(), s.added)
	refused(t, "the path of another leaf", err, treekem.ErrPath)
	_, err = treekem.Merge(s.s, s.base.Clone(), sender, s.path(), nil)
	refused(t, "the added leaf is not excluded", err, treekem.ErrShape)
	if _, err := treekem.Merge(s.s, s.base.Clone(), sender, s.path(), s.added); err != nil {
		t.Errorf("the path as it was sent: %v", err)
	}
}

// "Update Paths" (7.6): each ciphertext is for one node of the resolution, under
// the provisional GroupContext.
func TestOpenRefuses(t *testing.T) {
	s := newScene(t)
	open := func(path *treekem.UpdatePath, by tree.LeafIndex, context []byte) error {
		received, err := treekem.Merge(s.s, s.base.Clone(), sender, path, s.added)
		if err != nil {
			t.Fatal(err)
		}
		before := syntax.Marshal(s.members[by].private)
		_, _, err = received.Open(s.members[by].private, context)
		if !bytes.Equal(syntax.Marshal(s.members[by].private), before) {
			t.Errorf("opening changed the keys of leaf %d", by)
		}
		return err
	}
	good := context(s.mine)
	for _, by := range []tree.LeafIndex{0, 2, 3, 4, 5, 6} {
		if err := open(s.path(), by, good); err != nil {
			t.Errorf("leaf %d: %v", by, err)
		}
		refused(t, "another context", open(s.path(), by, good[1:]), treekem.ErrPathSecret)
		for i := range 3 {
			p := s.path()
			for j := range p.Nodes[i].EncryptedPathSecret {
				b := p.Nodes[i].EncryptedPathSecret[j].Ciphertext
				b[len(b)-1] ^= 1
			}
			err := open(p, by, good)
			lowest := by == 0 && i == 0 || (by == 2 || by == 3) && i == 1 || by >= 4 && i == 2
			if (err != nil) != lowest {
				t.Errorf("leaf %d, ciphertexts of node %d: %v", by, i, err)
			}
			if err != nil {
				refused(t, "damaged ciphertext", err, treekem.ErrPathSecret)
			}
		}
	}
	p := s.path()
	c := p.Nodes[1].EncryptedPathSecret
	c[0], c[1] = c[1], c[0]
	refused(t, "ciphertexts in another order", open(p, 3, good), treekem.ErrPathSecret)

	refused(t, "the sender itself", open(s.path(), sender, good), treekem.ErrNotRecipient)
	received, err := treekem.Merge(s.s, s.base.Clone(), sender, s.path(), s.added)
	if err != nil {
		t.Fatal(err)
	}
	for name, leaf := range map[string]tree.LeafIndex{
		"the leaf that is added": 7, "a leaf that is not there": 8, "a leaf far away": 1<<31 - 1,
	} {
		_, _, err := received.Open(treekem.NewPrivate(leaf, make([]byte, 32)), good)
		refused(t, name, err, treekem.ErrNotRecipient)
	}
}

// "Synchronizing Views of the Tree" (7.5): the recipient derives all keys above and
// compares them with those of the path. A sender that sends some members another
// secret than others is found out.
func TestOpenComparesPublicKeys(t *testing.T) {
	for i := range 3 {
		s := newScene(t)
		treekem.SetSecret(s.made, i, mlstest.Bytes(uint64(i), s.s.HashSize()))
		received, err := treekem.Merge(s.s, s.base.Clone(), sender, s.path(), s.added)
		if err != nil {
			t.Fatal(err)
		}
		by := []tree.LeafIndex{0, 2, 6}[i]
		_, _, err = received.Open(s.members[by].private, context(s.mine))
		refused(t, "another path secret", err, treekem.ErrKeyMismatch)
	}
	// The secret fits the lowest node, and nothing above it is what it leads to.
	s := newScene(t)
	clone := s.base.Clone()
	received, err := treekem.Merge(s.s, clone, sender, s.path(), s.added)
	if err != nil {
		t.Fatal(err)
	}
	treekem.ReplaceNode(received, clone.Root(), s.fresh())
	_, _, err = received.Open(s.members[0].private, context(s.mine))
	refused(t, "another key of the root", err, treekem.ErrKeyMismatch)
}

// Path secrets have KDF.Nh bytes.
func TestPathSecretLength(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		s := newScene(t)
		treekem.SetSecret(s.made, 0, make([]byte, n))
		received, err := treekem.Merge(s.s, s.base.Clone(), sender, s.path(), s.added)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = received.Open(s.members[0].private, context(s.mine))
		refused(t, "length of a path secret", err, treekem.ErrPathSecret)
	}
}

// The tree keeps nothing of the buffer that the message was read from.
func TestMergedPathIsACopy(t *testing.T) {
	s := newScene(t)
	encoded := syntax.Marshal(s.path())
	var path treekem.UpdatePath
	if err := syntax.Unmarshal(encoded, &path); err != nil {
		t.Fatal(err)
	}
	merged := s.base.Clone()
	if _, err := treekem.Merge(s.s, merged, sender, &path, s.added); err != nil {
		t.Fatal(err)
	}
	clear(encoded)
	for n := range tree.NodeIndex(tree.NodeCount(merged.LeafCount())) {
		if !bytes.Equal(merged.EncryptionKey(n), s.mine.EncryptionKey(n)) {
			t.Errorf("node %d changed with the buffer", n)
		}
	}
	if !merged.Leaf(sender).Equal(s.mine.Leaf(sender)) {
		t.Error("the leaf node changed with the buffer")
	}
}

func TestUpdatePathIsReadExactly(t *testing.T) {
	s := newScene(t)
	encoded := syntax.Marshal(s.path())
	var p treekem.UpdatePath
	if err := syntax.Unmarshal(encoded, &p); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(syntax.Marshal(&p), encoded) {
		t.Error("an UpdatePath is read and written differently")
	}
	for n := range encoded {
		refused(t, "cut off", syntax.Unmarshal(encoded[:n], &p), syntax.ErrSyntax)
	}
	refused(t, "trailing", syntax.Unmarshal(append(bytes.Clone(encoded), 0), &p), syntax.ErrTrailing)
}

// TestUpdatePathIsBounded: a path is read only if a tree can have it, so that few bytes
// do not become much memory.
func TestUpdatePathIsBounded(t *testing.T) {
	t.Parallel()
	leaf := newScene(t).path().LeafNode
	for what, test := range map[string]struct {
		nodes []int // how many each encrypts to
		want  error
	}{
		"as deep as can be":     {make([]int, 17), nil},
		"too deep":              {make([]int, 18), syntax.ErrTooLong},
		"to all":                {[]int{tree.MaxLeaves / 2, tree.MaxLeaves / 2}, nil},
		"to more than all":      {[]int{tree.MaxLeaves / 2, tree.MaxLeaves/2 + 1}, syntax.ErrTooLong},
		"one node, to too many": {[]int{tree.MaxLeaves + 1}, syntax.ErrTooLong},
	} {
		p := &treekem.UpdatePath{LeafNode: leaf}
		for _, n := range test.nodes {
			p.Nodes = append(p.Nodes, treekem.UpdatePathNode{EncryptedPathSecret: make([]suite.Ciphertext, n)})
		}
		if err := syntax.Unmarshal(syntax.Marshal(p), new(treekem.UpdatePath)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}
