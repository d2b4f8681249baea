package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// figure returns the tree of a drawing in RFC 9420: names of leaves and parents in
// order, "_" for a blank, unmerged leaves in brackets.
func figure(s *suite.Suite, drawing string) *Tree {
	fields := strings.Fields(drawing)
	t := New(s)
	for len(t.leaves) < (len(fields)+1)/2 {
		t.extend()
	}
	name := func(i int) string { n, _, _ := strings.Cut(fields[i], "["); return n }
	for i, f := range fields {
		switch {
		case f == "_":
		case i%2 == 0:
			t.leaves[i/2] = &LeafNode{EncryptionKey: []byte(f), Source: SourceUpdate}
		default:
			p := &ParentNode{EncryptionKey: []byte(name(i))}
			if _, list, ok := strings.Cut(strings.TrimSuffix(f, "]"), "["); ok {
				for l := range t.leaves {
					if name(2*l) == list {
						p.UnmergedLeaves = append(p.UnmergedLeaves, LeafIndex(l))
					}
				}
			}
			t.parents[i/2] = p
		}
	}
	return t
}

// "A Tree with Blanks and Unmerged Leaves" (4.1.1).
func TestFigureOfResolutions(t *testing.T) {
	tree := figure(mustSuite(t, x25519), "A _ B X[B] _ _ D _ E Y F _ _ _ H")
	for x, want := range map[NodeIndex]string{3: "X B", 4: "", 12: "", 7: "X B Y H", 0: "A", 5: "D", 9: "Y", 13: "H"} {
		var names []string
		for _, y := range tree.Resolution(x) {
			names = append(names, string(tree.EncryptionKey(y)))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("resolution of %d: %s, want %s", x, got, want)
		}
	}
}

// "A Complete Tree with Five Members, with Labels for Blank Parent Nodes" (4.1.2),
// and its table.
func TestFigureOfPaths(t *testing.T) {
	tree := figure(mustSuite(t, x25519), "A T B _ _ _ _ W E X F Y G _ _")
	const labels = "ATBU?V?WEXFYGZH" // of all nodes, blank or not
	names := func(path []NodeIndex) string {
		var b strings.Builder
		for _, x := range path {
			b.WriteByte(labels[x])
		}
		return b.String()
	}
	for _, row := range []struct{ leaf, direct, copath, filtered string }{
		{"A", "TUW", "BVY", "TW"},
		{"B", "TUW", "AVY", "TW"},
		{"E", "XYW", "FZU", "XYW"},
		{"F", "XYW", "EZU", "XYW"},
		{"G", "ZYW", "HXU", "YW"},
	} {
		x := NodeIndex(strings.Index(labels, row.leaf))
		var filtered []NodeIndex
		for _, n := range tree.FilteredDirectPath(x.Leaf()) {
			filtered = append(filtered, n.Node)
		}
		got := fmt.Sprintf("%s %s %s", names(x.DirectPath(8)), names(x.Copath(8)), names(filtered))
		if want := fmt.Sprintf("%s %s %s", row.direct, row.copath, row.filtered); got != want {
			t.Errorf("%s: %s, want %s", row.leaf, got, want)
		}
	}
}

// "Extending the Tree to Make Room for a Third Member" and "Cleaning Up after
// Removing Member C" (7.7).
func TestFigureOfExtendingAndTruncating(t *testing.T) {
	s := mustSuite(t, x25519)
	tree := figure(s, "A X B")
	if i := tree.Add(&LeafNode{EncryptionKey: []byte("C")}); i != 2 {
		t.Errorf("C is leaf %d", i)
	}
	if !sameKeys(tree, figure(s, "A X B _ C _ _")) {
		t.Error("extended")
	}
	tree = figure(s, "A X B Y C _ _")
	if err := tree.Remove(2); err != nil {
		t.Fatal(err)
	}
	if !sameKeys(tree, figure(s, "A X B")) {
		t.Error("truncated")
	}
}

func sameKeys(a, b *Tree) bool {
	keys := func(t *Tree) (list []string) {
		for x := range NodeIndex(NodeCount(t.LeafCount())) {
			list = append(list, string(t.EncryptionKey(x)))
		}
		return list
	}
	return slices.Equal(keys(a), keys(b))
}

// "Evolution of Parent Hashes" (Appendix B): the four steps, and the table of what
// is valid with respect to what at the end.
func TestFigureOfParentHashes(t *testing.T) {
	g := newTeam(t, x25519)
	g.add()
	g.add()
	g.commit(0)
	g.add()
	g.add()
	g.commit(1)
	g.commit(2)
	if err := g.validate(); err != nil {
		t.Fatal(err)
	}
	root := slowCopy(g.tree)
	nodes := root.inOrder()
	for _, row := range []struct {
		d, p  NodeIndex
		valid bool
	}{{0, 1, false}, {2, 1, true}, {4, 5, true}, {6, 5, false}, {1, 3, false}, {5, 3, true}} {
		if got := root.valid(g.s, nodes[row.d], nodes[row.p]); got != row.valid {
			t.Errorf("%d with respect to %d, slowly: %v", row.d, row.p, got)
		}
		sibling, _ := row.d.Sibling(4)
		if got := g.tree.linked(g.tree.Parent(row.p), row.d, sibling); got != row.valid {
			t.Errorf("%d with respect to %d: %v", row.d, row.p, got)
		}
	}
}
