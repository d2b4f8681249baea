package tree

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// FuzzTree: whatever bytes come as a ratchet_tree, reading and validating them
// does not panic; what is read is written as it was; the slow checks agree with
// the fast ones; a tree that nobody validated can be changed.
func FuzzTree(f *testing.F) {
	s := mustSuite(f, x25519)
	for _, n := range []int{1, 2, 3, 5} {
		f.Add(syntax.Marshal(grown(f, x25519, n).tree))
	}
	f.Add(syntax.Marshal(eventful(f).tree))
	p := newPair(s) // short keys, so that structure is hit more often
	for range 40 {
		if err := p.step(uint32(p.keys*7), uint32(p.keys*13)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(syntax.Marshal(p.fast))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := Parse(s, b)
		if err != nil {
			if !errors.Is(err, syntax.ErrSyntax) {
				t.Fatalf("another class of error: %v", err)
			}
			return
		}
		if !bytes.Equal(syntax.Marshal(tree), b) {
			t.Fatal("written differently")
		}
		rules := &Rules{GroupID: []byte("a group")}
		valid := tree.Validate(tree.RootHash(), rules)
		if valid != nil && !errors.Is(valid, ErrInvalid) && !errors.Is(valid, syntax.ErrSyntax) &&
			!errors.Is(valid, suite.ErrSignature) && !errors.Is(valid, suite.ErrKey) {
			t.Fatalf("another class of error: %v", valid)
		}
		if tree.LeafCount() <= 16 {
			if !bytes.Equal(slowCopy(tree).treeHash(s), tree.RootHash()) {
				t.Fatal("tree hash")
			}
			sound := tree.validateUnmergedLeaves() == nil
			if sound != slowUnmergedLeaves(tree) {
				t.Fatal("unmerged leaves")
			}
			if sound && (tree.validateParentHashes() == nil) != (slowParentHashes(tree) == nil) {
				t.Fatal("parent hashes")
			}
		}
		change(tree.Clone(), tree)
		if !bytes.Equal(syntax.Marshal(tree), b) {
			t.Fatal("a change of a clone changed the original")
		}
	})
}

// change does one of each thing to a tree that may be invalid.
func change(tree, before *Tree) {
	for x := range NodeIndex(min(64, NodeCount(tree.LeafCount()))) {
		for _, y := range tree.Resolution(x) {
			tree.EncryptionKey(y)
		}
	}
	for i, l := range before.Members() {
		tree.SetPath(i, make([][]byte, len(tree.FilteredDirectPath(i))))
		tree.Update(i, l)
		tree.Add(l)
		tree.ValidateChanges(before)
		tree.Remove(i)
		tree.RootHash()
		if i > 16 {
			break
		}
	}
}
