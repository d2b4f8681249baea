package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A terminal is what the results of all searches that end at one node say about
// it: a leaf, or a stand-in.
type terminal struct {
	known      bool // a search has ended here
	key        *wire.VRFOutput
	commitment *wire.HashValue // nil: a stand-in
}

// add takes in the result of a search for key that is known to end at depth,
// with the leaf's commitment if it is an inclusion.
func (t *terminal) add(key *wire.VRFOutput, commitment *wire.HashValue, r *wire.PrefixSearchResult, depth int) error {
	if int(r.Depth) != depth {
		return fmt.Errorf("%w: a search passes the end of another", ErrProof)
	}
	var leaf *wire.VRFOutput
	switch r.ResultType {
	case wire.Inclusion:
		leaf = key
	case wire.NonInclusionLeaf:
		leaf, commitment = &r.Leaf.VRFOutput, &r.Leaf.Commitment
		if same := commonBits(leaf, key); same < depth || same == 8*len(key) {
			return fmt.Errorf("%w: a search ends at a leaf off its path, or its own", ErrProof)
		}
	case wire.NonInclusionParent:
		commitment = nil
	default:
		return fmt.Errorf("%w: result type %d", ErrProof, r.ResultType)
	}
	if !t.known {
		t.known, t.key, t.commitment = true, leaf, commitment
		return nil
	}
	agree := t.commitment == nil && commitment == nil ||
		t.commitment != nil && commitment != nil && *t.key == *leaf && *t.commitment == *commitment
	if !agree {
		return fmt.Errorf("%w: searches disagree about the node where they end", ErrProof)
	}
	return nil
}

// value sets out to the value of the node.
func (t *terminal) value(out *wire.HashValue, pre *preimage) {
	if t.commitment == nil {
		*out = wire.HashValue{}
		return
	}
	pre.leaf(out, t.key, t.commitment)
}
