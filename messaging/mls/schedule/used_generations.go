package schedule

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Which generations of a ratchet were used is what its owner sent, and what all
// others received. AppAck (draft-ietf-mls-extensions) tells it to the group.

// Span is the generations [First, Last], both ends included.
type Span struct{ First, Last uint32 }

// maxLost bounds the spans that a ratchet keeps of what was lost, 8 bytes each. If
// there are more, the oldest two become one, and what was received between them
// counts as lost.
const maxLost = 256

// lose notes that [first, last], which lies behind all that was lost before, was
// given up.
func (r *ratchet) lose(first, last uint32) {
	if n := len(r.lost); n > 0 && uint64(r.lost[n-1].Last)+1 == uint64(first) {
		r.lost[n-1].Last = last
		return
	}
	r.lost = append(r.lost, Span{first, last})
	if len(r.lost) > maxLost {
		r.lost[1].First = r.lost[0].First
		r.lost = slices.Delete(r.lost, 0, 1)
	}
}

// used returns what of [0, next) is neither unused nor lost.
func (r *ratchet) used() []Span {
	var out []Span
	from := uint64(0)
	gap := func(first, last uint32) {
		if from < uint64(first) {
			out = append(out, Span{uint32(from), first - 1})
		}
		from = uint64(last) + 1
	}
	// All that is unused lies behind all that was lost: the window has passed it.
	for _, l := range r.lost {
		gap(l.First, l.Last)
	}
	for _, k := range r.unused {
		gap(k.generation, k.generation)
	}
	if from < r.next {
		out = append(out, Span{uint32(from), uint32(r.next - 1)})
	}
	return out
}

// Used returns which generations of a leaf's ratchet were used, ascending and as
// few spans as there are gaps. It fails with ErrNoLeaf and ErrRecord.
func (t *SecretTree) Used(leaf tree.LeafIndex, kind Kind) ([]Span, error) {
	ratchets, err := t.ratchets(leaf)
	if err != nil || ratchets == nil {
		return nil, err
	}
	return ratchets[kind].used(), nil
}
