package tree

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Assemble returns the tree of these nodes, for a store that keeps them one by one:
// leaves[i] is leaf i, parents[i] is node 2*i+1, nil is blank. There must be a power
// of two of leaves, and one parent less; otherwise the error is ErrRatchetTree. The
// slices are the tree's from here on. Nothing else is checked: see [Tree.RootHash].
func Assemble(s *suite.Suite, leaves []*LeafNode, parents []*ParentNode) (*Tree, error) {
	n := len(leaves)
	if n == 0 || n&(n-1) != 0 || len(parents) != n-1 {
		return nil, fmt.Errorf("%w: %d leaves, %d parents", ErrRatchetTree, n, len(parents))
	}
	return &Tree{suite: s, leaves: leaves, parents: parents, hashes: make([][]byte, 2*n-1)}, nil
}
