package tree

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

func TestVectorsTreeMath(t *testing.T) {
	const file = "tree-math.json"
	var cases []struct {
		Leaves  uint32       `json:"n_leaves"`
		Nodes   uint32       `json:"n_nodes"`
		Root    NodeIndex    `json:"root"`
		Left    []*NodeIndex `json:"left"`
		Right   []*NodeIndex `json:"right"`
		Parent  []*NodeIndex `json:"parent"`
		Sibling []*NodeIndex `json:"sibling"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for _, c := range cases {
		ok := t.Run(fmt.Sprint(c.Leaves), func(t *testing.T) {
			if n := NodeCount(c.Leaves); n != c.Nodes {
				t.Errorf("%d nodes, want %d", n, c.Nodes)
			}
			if r := Root(c.Leaves); r != c.Root {
				t.Errorf("root %d, want %d", r, c.Root)
			}
			if len(c.Left) != int(c.Nodes) || len(c.Right) != int(c.Nodes) || len(c.Parent) != int(c.Nodes) || len(c.Sibling) != int(c.Nodes) {
				t.Fatal("incomplete case")
			}
			same := func(name string, x NodeIndex, got NodeIndex, ok bool, want *NodeIndex) {
				if ok != (want != nil) || ok && got != *want {
					t.Errorf("%s of %d: %d, %v", name, x, got, ok)
				}
			}
			for x := range NodeIndex(c.Nodes) {
				if x.IsLeaf() != (c.Left[x] == nil) || x.IsLeaf() != (c.Right[x] == nil) {
					t.Errorf("%d: is it a leaf?", x)
				}
				if !x.IsLeaf() {
					same("left", x, x.Left(), true, c.Left[x])
					same("right", x, x.Right(), true, c.Right[x])
				}
				p, ok := x.Parent(c.Leaves)
				same("parent", x, p, ok, c.Parent[x])
				s, ok := x.Sibling(c.Leaves)
				same("sibling", x, s, ok, c.Sibling[x])
			}
		})
		if ok {
			ran++
		}
	}
	mlstest.Report(t, file, ran, len(cases))
}

func TestVectorsTreeOperations(t *testing.T) {
	const file = "tree-operations.json"
	var cases []struct {
		Suite      suite.ID    `json:"cipher_suite"`
		Before     mlstest.Hex `json:"tree_before"`
		Proposal   mlstest.Hex `json:"proposal"`
		Sender     LeafIndex   `json:"proposal_sender"`
		HashBefore mlstest.Hex `json:"tree_hash_before"`
		After      mlstest.Hex `json:"tree_after"`
		HashAfter  mlstest.Hex `json:"tree_hash_after"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for i, c := range cases {
		ok := t.Run(fmt.Sprint(i), func(t *testing.T) {
			before := mustParse(t, c.Suite, c.Before)
			if !bytes.Equal(before.RootHash(), c.HashBefore) {
				t.Error("tree hash before")
			}
			after := before.Clone()
			apply(t, after, c.Proposal, c.Sender)
			if !bytes.Equal(syntax.Marshal(after), c.After) {
				t.Error("tree after")
			}
			if !bytes.Equal(after.RootHash(), c.HashAfter) {
				t.Error("tree hash after")
			}
			if !bytes.Equal(syntax.Marshal(before), c.Before) || !bytes.Equal(before.RootHash(), c.HashBefore) {
				t.Error("a change of a clone changed the original")
			}
		})
		if ok {
			ran++
		}
	}
	mlstest.Report(t, file, ran, len(cases))
}

// apply does to t what an Add, Update or Remove proposal says. Package message,
// which reads them all, imports this one.
func apply(t *testing.T, tree *Tree, proposal []byte, sender LeafIndex) {
	t.Helper()
	r := syntax.NewReader(proposal)
	l := new(LeafNode)
	var err error
	switch kind := ProposalType(r.Uint16()); kind {
	case ProposalAdd: // a KeyPackage: version, cipher suite, init key, leaf node, extensions, signature
		if r.Uint16() != uint16(MLS10) || r.Uint16() != uint16(tree.Suite().ID()) {
			t.Fatal("a KeyPackage for another group")
		}
		r.Vector()
		l.Unmarshal(r)
		var e Extensions
		e.Unmarshal(r)
		r.Vector()
		tree.Add(l)
	case ProposalUpdate:
		l.Unmarshal(r)
		err = tree.Update(sender, l)
	case ProposalRemove:
		err = tree.Remove(LeafIndex(r.Uint32()))
	default:
		t.Fatalf("proposal %d", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

type validationCase struct {
	Suite       suite.ID      `json:"cipher_suite"`
	Tree        mlstest.Hex   `json:"tree"`
	GroupID     mlstest.Hex   `json:"group_id"`
	Resolutions [][]NodeIndex `json:"resolutions"`
	Hashes      []mlstest.Hex `json:"tree_hashes"`
}

func (c *validationCase) rules() *Rules {
	return &Rules{GroupID: c.GroupID, MaxLifetime: math.MaxUint64}
}

func TestVectorsTreeValidation(t *testing.T) {
	t.Parallel()
	const file = "tree-validation.json"
	var cases []validationCase
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for i, c := range cases {
		ok := t.Run(fmt.Sprint(i), func(t *testing.T) {
			tree := mustParse(t, c.Suite, c.Tree)
			if n := int(NodeCount(tree.LeafCount())); len(c.Resolutions) != n || len(c.Hashes) != n {
				t.Fatalf("%d nodes", n)
			}
			for x := range NodeIndex(len(c.Hashes)) {
				if got := tree.Resolution(x); !slices.Equal(got, c.Resolutions[x]) {
					t.Errorf("resolution of %d: %d, want %d", x, got, c.Resolutions[x])
				}
				if !bytes.Equal(tree.Hash(x), c.Hashes[x]) {
					t.Errorf("tree hash of %d", x)
				}
			}
			if err := tree.Validate(c.Hashes[tree.Root()], c.rules()); err != nil {
				t.Error(err)
			}
			if !bytes.Equal(syntax.Marshal(tree), c.Tree) {
				t.Error("written differently")
			}
			if err := slowParentHashes(tree); err != nil {
				t.Error("bottom up:", err)
			}
		})
		if ok {
			ran++
		}
	}
	mlstest.Report(t, file, ran, len(cases))
}

func mustSuite(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustParse(t testing.TB, id suite.ID, b []byte) *Tree {
	t.Helper()
	tree, err := Parse(mustSuite(t, id), b)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
