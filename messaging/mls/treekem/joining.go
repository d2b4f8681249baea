package treekem

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// FromWelcome returns the keys of a new member at leaf, whose private key is key
// ("Joining via Welcome Message" (12.4.3.1)). t is the group's tree, validated,
// signer the leaf that sent the Commit, and pathSecret what the Welcome tells for
// the lowest node above both, empty if the Commit had no path. The slices are
// copied. It fails with ErrKeyMismatch unless every private key belongs to the
// public key in the tree.
func FromWelcome(s *suite.Suite, t *tree.Tree, leaf tree.LeafIndex, key []byte, signer tree.LeafIndex, pathSecret []byte) (*Private, error) {
	p := NewPrivate(leaf, key)
	if err := p.Check(s, t); err != nil {
		p.Erase()
		return nil, err
	}
	if len(pathSecret) == 0 {
		return p, nil
	}
	commit, err := p.join(s, t, signer, slices.Clone(pathSecret))
	clear(commit) // the new member's comes with the joiner_secret
	if err != nil {
		p.Erase()
		return nil, err
	}
	return p, nil
}

// join sets the keys of the nodes above both p's leaf and signer.
func (p *Private) join(s *suite.Suite, t *tree.Tree, signer tree.LeafIndex, pathSecret []byte) ([]byte, error) {
	if signer == p.leaf || t.Leaf(signer) == nil {
		return nil, fmt.Errorf("%w: leaf %d", ErrSender, signer)
	}
	if len(pathSecret) != s.HashSize() {
		return nil, fmt.Errorf("%w: %d bytes", ErrPathSecret, len(pathSecret))
	}
	// The copath of the lowest one holds p's leaf, so it is in the filtered path.
	var above []tree.NodeIndex
	for _, step := range t.FilteredDirectPath(signer) {
		if step.Node.Contains(p.leaf.Node()) {
			above = append(above, step.Node)
		}
	}
	return p.climb(s, pathSecret, above, t)
}
