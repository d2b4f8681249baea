package group

import (
	"fmt"
	"math/bits"
	"strconv"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// nodes puts those nodes of t that are others than in the tree stored so far. Nodes
// are never changed, only replaced, so that comparing pointers is enough.
func (c *changes) nodes(t *tree.Tree) {
	before := c.saved.tree
	count := tree.NodeCount(t.LeafCount())
	if before != nil {
		count = max(count, tree.NodeCount(before.LeafCount()))
	}
	for x := range tree.NodeIndex(count) {
		if x.IsLeaf() {
			now, then := t.Leaf(x.Leaf()), leafOf(before, x)
			switch {
			case now == then:
			case now == nil:
				c.put(nodeKey(x), nil)
			default:
				c.put(nodeKey(x), syntax.Marshal(now))
			}
			continue
		}
		now, then := t.Parent(x), parentOf(before, x)
		switch {
		case now == then:
		case now == nil:
			c.put(nodeKey(x), nil)
		default:
			c.put(nodeKey(x), syntax.Marshal(now))
		}
	}
	c.saved.tree = t
}

func leafOf(t *tree.Tree, x tree.NodeIndex) *tree.LeafNode {
	if t == nil {
		return nil
	}
	return t.Leaf(x.Leaf())
}

func parentOf(t *tree.Tree, x tree.NodeIndex) *tree.ParentNode {
	if t == nil {
		return nil
	}
	return t.Parent(x)
}

// sparse bounds how much wider a stored tree may be than it has nodes, so that a
// damaged record does not claim memory: any tree of 65,536 leaves is allowed, and
// wider ones where one in 64 is there.
const sparse = 64

// assemble reads the current tree from its nodes.
func (l *loader) assemble(s *suite.Suite) (*tree.Tree, error) {
	leaves := map[tree.LeafIndex]*tree.LeafNode{}
	parents := map[tree.NodeIndex]*tree.ParentNode{}
	last := tree.LeafIndex(0)
	err := l.under(recordNode, func(name string, value []byte) error {
		n, err := strconv.ParseUint(name, 16, 32)
		if x := tree.NodeIndex(n); err != nil || nodeKey(x) != recordNode+name {
			return fmt.Errorf("no node index")
		} else if x.IsLeaf() {
			leaf := new(tree.LeafNode)
			leaves[x.Leaf()] = leaf
			last = max(last, x.Leaf())
			return syntax.Unmarshal(value, leaf)
		} else {
			parents[x] = new(tree.ParentNode)
			return syntax.Unmarshal(value, parents[x])
		}
	})
	if err != nil {
		return nil, err
	}
	// The last leaf of a tree is in its right half: "Adding and Removing Leaves" (7.7).
	width := uint64(1) << bits.Len32(uint32(last))
	if last == 0 {
		width = 1
	}
	if width > max(1<<16, sparse*uint64(len(leaves)+len(parents))) {
		return nil, fmt.Errorf("a tree of %d leaves, of which %d are there", width, len(leaves))
	}
	allLeaves, allParents := make([]*tree.LeafNode, width), make([]*tree.ParentNode, width-1)
	for i, leaf := range leaves {
		allLeaves[i] = leaf
	}
	for x, parent := range parents {
		if uint64(x>>1) >= uint64(len(allParents)) {
			return nil, fmt.Errorf("node %d beyond a tree of %d leaves", x, width)
		}
		allParents[x>>1] = parent
	}
	return tree.Assemble(s, allLeaves, allParents)
}

// delta is how a tree differs from another that is stored: its width, and the nodes
// that are not the same, blank ones included.
type delta struct {
	width   uint32
	leaves  map[tree.LeafIndex]*tree.LeafNode
	parents map[tree.NodeIndex]*tree.ParentNode
}

// differences returns what makes t out of base. parents: or the leaves alone.
func differences(base, t *tree.Tree, parents bool) *delta {
	d := &delta{t.LeafCount(), map[tree.LeafIndex]*tree.LeafNode{}, map[tree.NodeIndex]*tree.ParentNode{}}
	for i := range tree.LeafIndex(d.width) {
		now, then := t.Leaf(i), base.Leaf(i)
		if now != then && (now == nil || then == nil || !now.Equal(then)) {
			d.leaves[i] = now
		}
	}
	if !parents {
		return d
	}
	for x := tree.NodeIndex(1); uint64(x) < uint64(tree.NodeCount(d.width)); x += 2 {
		if now := t.Parent(x); now != base.Parent(x) {
			d.parents[x] = now
		}
	}
	return d
}

// apply returns the tree that differs from base by d. Nodes that are the same are
// shared. parents is as it was for differences.
func (d *delta) apply(s *suite.Suite, base *tree.Tree, parents bool) (*tree.Tree, error) {
	// A tree grows by what is added, at most.
	if w := uint64(d.width); w == 0 || w&(w-1) != 0 || w > max(1<<16, sparse*uint64(int(base.LeafCount())+len(d.leaves))) {
		return nil, fmt.Errorf("a tree of %d leaves", d.width)
	}
	leaves, inner := make([]*tree.LeafNode, d.width), make([]*tree.ParentNode, d.width-1)
	for i := range leaves {
		leaf, differs := d.leaves[tree.LeafIndex(i)]
		if !differs {
			leaf = base.Leaf(tree.LeafIndex(i))
		}
		leaves[i] = leaf
	}
	for i := range inner {
		x := tree.NodeIndex(2*i + 1)
		if parent, differs := d.parents[x]; differs {
			inner[i] = parent
		} else if parents {
			inner[i] = base.Parent(x)
		}
	}
	return tree.Assemble(s, leaves, inner)
}

// Marshal writes d.
func (d *delta) Marshal(w *syntax.Writer) {
	w.Uint32(d.width)
	syntax.WriteList(w, ordered(d.leaves), func(w *syntax.Writer, i tree.LeafIndex) {
		w.Uint32(uint32(i))
		w.Optional(d.leaves[i] != nil)
		if d.leaves[i] != nil {
			d.leaves[i].Marshal(w)
		}
	})
	syntax.WriteList(w, ordered(d.parents), func(w *syntax.Writer, x tree.NodeIndex) {
		w.Uint32(uint32(x))
		w.Optional(d.parents[x] != nil)
		if d.parents[x] != nil {
			d.parents[x].Marshal(w)
		}
	})
}

// Unmarshal reads d.
func (d *delta) Unmarshal(r *syntax.Reader) {
	*d = delta{r.Uint32(), map[tree.LeafIndex]*tree.LeafNode{}, map[tree.NodeIndex]*tree.ParentNode{}}
	syntax.ReadList(r, func(r *syntax.Reader) struct{} {
		i := tree.LeafIndex(r.Uint32())
		d.leaves[i] = nil
		if r.Optional() {
			var leaf tree.LeafNode
			leaf.Unmarshal(r)
			var err error
			if d.leaves[i], err = leaf.Copy(); err != nil { // the record has secrets too
				r.Fail(err)
			}
		}
		return struct{}{}
	})
	syntax.ReadList(r, func(r *syntax.Reader) struct{} {
		x := tree.NodeIndex(r.Uint32())
		d.parents[x] = nil
		if r.Optional() {
			var parent tree.ParentNode
			parent.Unmarshal(r)
			d.parents[x] = parent.Copy()
		}
		return struct{}{}
	})
}
