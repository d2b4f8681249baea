package tree

import "fmt"

// "Adding and Removing Leaves" (7.7), and what the proposals Add (12.1.1),
// Update (12.1.2) and Remove (12.1.3) do to the tree.

// Add puts l in the leftmost blank leaf, extends the tree to the right if there
// is none, and returns its index. All nodes above list it as unmerged.
func (t *Tree) Add(l *LeafNode) LeafIndex {
	i := t.NextLeaf()
	if uint64(i) == uint64(len(t.leaves)) {
		t.extend()
	}
	for x, root := i.Node(), t.Root(); x != root; {
		x = x.above()
		if p := t.parents[x>>1]; p != nil {
			t.parents[x>>1] = p.withUnmerged(i)
		}
	}
	t.setLeaf(i, l)
	return i
}

// NextLeaf returns the index at which [Tree.Add] would put a leaf.
func (t *Tree) NextLeaf() LeafIndex {
	for uint64(t.free) < uint64(len(t.leaves)) && t.leaves[t.free] != nil {
		t.free++
	}
	return t.free
}

// Update replaces leaf i, which must not be blank, and makes all nodes above it blank.
func (t *Tree) Update(i LeafIndex, l *LeafNode) error {
	if err := t.present(i); err != nil {
		return err
	}
	t.blankPath(i)
	t.setLeaf(i, l)
	return nil
}

// Remove makes leaf i, which must not be blank, and all nodes above it blank, and
// truncates the tree while its right half has no leaf that is not blank. A tree
// whose last member was removed has one blank leaf.
func (t *Tree) Remove(i LeafIndex) error {
	if err := t.present(i); err != nil {
		return err
	}
	t.blankPath(i)
	t.setLeaf(i, nil)
	t.truncate()
	return nil
}

// SetLeaf replaces leaf i, which may be blank, and leaves the nodes above as they
// are. It is the last step of an update path, see [Tree.SetPath].
func (t *Tree) SetLeaf(i LeafIndex, l *LeafNode) error {
	if uint64(i) >= uint64(len(t.leaves)) {
		return fmt.Errorf("%w: %d", ErrIndex, i)
	}
	t.setLeaf(i, l)
	return nil
}

// extend doubles the tree: a blank root above what was the tree and a blank subtree.
func (t *Tree) extend() {
	n := len(t.leaves)
	t.leaves = append(t.leaves, make([]*LeafNode, n)...)
	t.parents = append(t.parents, make([]*ParentNode, n)...)
	t.hashes = append(t.hashes, make([][]byte, 2*n)...)
}

// truncate halves the tree as long as no leaf of its right half is in use.
func (t *Tree) truncate() {
	last := len(t.leaves) - 1 // the rightmost leaf in use
	for last > 0 && t.leaves[last] == nil {
		last--
	}
	n := len(t.leaves)
	for n > 1 && last < n/2 {
		n /= 2
	}
	t.leaves, t.parents, t.hashes = t.leaves[:n], t.parents[:n-1], t.hashes[:2*n-1]
}
