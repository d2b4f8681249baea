package tree

import (
	"fmt"
	"slices"
)

// "Ratchet Tree Nodes" (4.1.1) defines the resolution, "Paths through a Ratchet
// Tree" (4.1.2) the filtered direct path.

// Resolution returns the nodes, none blank, that together cover all that is not
// blank from n downwards.
func (t *Tree) Resolution(n NodeIndex) []NodeIndex { return t.resolve(nil, n) }

func (t *Tree) resolve(to []NodeIndex, n NodeIndex) []NodeIndex {
	if n.IsLeaf() {
		if t.Leaf(n.Leaf()) != nil {
			to = append(to, n)
		}
		return to
	}
	if p := t.Parent(n); p != nil {
		to = append(to, n)
		for _, l := range p.UnmergedLeaves {
			to = append(to, l.Node())
		}
		return to
	}
	return t.resolve(t.resolve(to, n.Left()), n.Right())
}

// resolvesToNothing reports whether the resolution of n is empty.
func (t *Tree) resolvesToNothing(n NodeIndex) bool {
	if t.IsBlank(n) && !n.IsLeaf() {
		return t.resolvesToNothing(n.Left()) && t.resolvesToNothing(n.Right())
	}
	return t.IsBlank(n)
}

// PathNode is a node of a filtered direct path, and its child on the copath,
// whose resolution is not empty.
type PathNode struct{ Node, Copath NodeIndex }

// FilteredDirectPath returns the filtered direct path of leaf i, from the bottom.
func (t *Tree) FilteredDirectPath(i LeafIndex) []PathNode {
	if uint64(i) >= uint64(len(t.leaves)) {
		return nil
	}
	var path []PathNode
	for x, root := i.Node(), t.Root(); x != root; x = x.above() {
		if sibling := x.beside(); !t.resolvesToNothing(sibling) {
			path = append(path, PathNode{x.above(), sibling})
		}
	}
	return path
}

// SetPath applies the nodes of an update path of leaf i ("Synchronizing Views of
// the Tree" (7.5)): it makes the direct path blank, gives the nodes of the
// filtered direct path the public keys, from the bottom, with no unmerged leaves
// and their parent hashes, and returns the parent hash that the leaf has to have,
// which is empty in a tree of one member. The leaf itself is set afterwards, with
// [Tree.SetLeaf].
//
// It returns ErrPath, and changes nothing, unless there is one key for each node.
func (t *Tree) SetPath(i LeafIndex, keys [][]byte) (parentHash []byte, err error) {
	if uint64(i) >= uint64(len(t.leaves)) {
		return nil, fmt.Errorf("%w: %d", ErrIndex, i)
	}
	path := t.FilteredDirectPath(i)
	if len(keys) != len(path) {
		return nil, fmt.Errorf("%w: %d keys for %d nodes", ErrPath, len(keys), len(path))
	}
	t.blankPath(i)
	parentHash = []byte{} // of the root
	for k, step := range slices.Backward(path) {
		t.parents[step.Node>>1] = &ParentNode{EncryptionKey: keys[k], ParentHash: parentHash}
		// No leaf is unmerged at the new node, so its sibling is as it was.
		parentHash = t.parentHash(keys[k], parentHash, t.Hash(step.Copath))
	}
	return parentHash, nil
}
