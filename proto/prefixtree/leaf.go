package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// Leaf returns the leaf of a rank among those that log entry pos added, in
// ascending order of VRF output: AuditorUpdate.added[rank].
func Leaf(pages Pages, pos uint64, rank uint8) (wire.PrefixLeaf, error) {
	p, err := loadPage(pages, pos)
	if err != nil {
		return wire.PrefixLeaf{}, err
	}
	_, leaves, err := p.header()
	if err != nil {
		return wire.PrefixLeaf{}, err
	}
	if int(rank) >= leaves {
		return wire.PrefixLeaf{}, fmt.Errorf("log entry %d: %w: rank %d of %d leaves", pos, ErrAbsent, rank, leaves)
	}
	key, commitment := p.leaf(leafBase + uint16(rank))
	return wire.PrefixLeaf{VRFOutput: *key, Commitment: *commitment}, nil
}
