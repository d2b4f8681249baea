package tree

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Trees that somebody tampered with: the fast checks and the slow ones agree,
// and the many that are still valid are those that were not touched where it counts.
func TestTamperedTrees(t *testing.T) {
	t.Parallel()
	s := mustSuite(t, x25519)
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(s)
		for range rapid.IntRange(2, 24).Draw(t, "steps") {
			if err := p.step(rapid.Uint32().Draw(t, "what"), rapid.Uint32().Draw(t, "where")); err != nil {
				t.Fatal(err)
			}
		}
		tree := p.fast
		for range rapid.IntRange(1, 2).Draw(t, "changes") {
			tamper(t, tree, p)
		}
		for x := range tree.hashes {
			tree.hashes[x] = nil
		}
		sound := tree.validateUnmergedLeaves() == nil
		if sound != slowUnmergedLeaves(tree) {
			t.Fatalf("unmerged leaves: %v", sound)
		}
		if !sound {
			refused++
			return
		}
		fast, slow := tree.validateParentHashes(), slowParentHashes(tree)
		if (fast == nil) != (slow == nil) {
			t.Fatalf("from the top: %v; from the bottom: %v", fast, slow)
		}
		if fast != nil {
			refused++
		}
	})
	if refused == 0 {
		t.Error("no tree was refused")
	}
}

func tamper(t *rapid.T, tree *Tree, p *pair) {
	i := LeafIndex(rapid.Uint32Range(0, tree.LeafCount()-1).Draw(t, "leaf"))
	var parents []int
	for k, q := range tree.parents {
		if q != nil {
			parents = append(parents, k)
		}
	}
	kind := rapid.IntRange(0, 8).Draw(t, "kind")
	if kind >= 3 && len(parents) == 0 {
		kind %= 3
	}
	var q ParentNode
	var k int
	if kind >= 3 {
		k = rapid.SampledFrom(parents).Draw(t, "parent")
		q = *tree.parents[k]
	}
	switch kind {
	case 0: // blank a leaf
		tree.leaves[i] = nil
	case 1: // put a leaf in
		tree.leaves[i] = p.leaf(SourceKeyPackage)
	case 2: // replace a leaf, but keep the parent hash
		if l := tree.leaves[i]; l != nil {
			m := *l
			m.EncryptionKey = p.key()
			tree.leaves[i] = &m
		}
	case 3: // another key
		q.EncryptionKey = p.key()
		tree.parents[k] = &q
	case 4: // blank a parent
		tree.parents[k] = nil
	case 5: // another parent hash
		q.ParentHash = p.key()
		tree.parents[k] = &q
	case 6: // a leaf more among the unmerged
		at := rapid.IntRange(0, len(q.UnmergedLeaves)).Draw(t, "at")
		q.UnmergedLeaves = slices.Insert(slices.Clip(q.UnmergedLeaves), at, i)
		tree.parents[k] = &q
	case 7: // a leaf less
		if n := len(q.UnmergedLeaves); n > 0 {
			at := rapid.IntRange(0, n-1).Draw(t, "at")
			q.UnmergedLeaves = slices.Delete(slices.Clone(q.UnmergedLeaves), at, at+1)
			tree.parents[k] = &q
		}
	case 8: // a leaf that nobody above knows to be new
		if tree.leaves[i] == nil {
			tree.leaves[i] = p.leaf(SourceUpdate)
			for _, x := range i.Node().DirectPath(tree.LeafCount()) {
				if r := tree.parents[x>>1]; r != nil && rapid.Bool().Draw(t, "knows") {
					tree.parents[x>>1] = r.withUnmerged(i)
				}
			}
		}
	}
}
