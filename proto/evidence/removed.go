package evidence

import (
	"fmt"

	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// RemovalBound returns the position of the leaf that shows, by its timestamp, that
// no entry from added to removed-1 was distinguished when removed was added; any is
// false if no leaf is needed for that. timestamp is asked for entries of the
// frontier of the log of removed entries, and for removed. ErrNothing: one of them
// was distinguished.
func RemovalBound(window, added, removed uint64, timestamp func(position uint64) (uint64, error)) (position uint64, any bool, err error) {
	if added >= removed {
		return 0, false, fmt.Errorf("evidence: entry %d is not after entry %d", removed, added)
	}
	right, err := timestamp(removed)
	if err != nil {
		return 0, false, err
	}
	left := uint64(0)
	for _, pos := range treemath.Frontier(removed) {
		if right < left {
			return 0, false, nothing("timestamps go back, which other evidence shows")
		}
		if right-left < window {
			return position, any, nil
		}
		if pos >= added {
			break
		}
		if left, err = timestamp(pos); err != nil {
			return 0, false, err
		}
		position, any = pos, true
	}
	return 0, false, nothing("an entry from %d to %d was distinguished", added, removed-1)
}

// A Removal is what an auditor has of an early removal.
type Removal struct {
	Checkpoint []byte // signed, as served; all leaves stand under it
	Key        wire.VRFOutput
	Before     *Included // leaf Added-1; nil if Added is entry 0
	Added      Included  // leaf of the entry that last added Key
	Removed    Included  // leaf of the entry that removed it
	Bound      *Included // leaf of the position that RemovalBound returns, nil if it returns none

	AddedUpdate   []byte // encoded AuditorUpdates of the two entries
	RemovedUpdate []byte
}

// NewEarlyRemoval returns evidence that a leaf was removed before its time.
func NewEarlyRemoval(document []byte, r Removal) (*Evidence, error) {
	under, err := CheckpointOf(document, r.Checkpoint)
	if err != nil {
		return nil, err
	}
	single := func(update []byte) (before, after prefixtree.SingleProof, err error) {
		u, err := wire.ParseAuditorUpdate(update, wire.Format{})
		if err == nil {
			before, after, err = prefixtree.Single(u, r.Key)
		}
		if err != nil {
			err = invalid("%w", err)
		}
		return before, after, err
	}
	before, added, err := single(r.AddedUpdate)
	if err != nil {
		return nil, fmt.Errorf("update that added the leaf: %w", err)
	}
	_, removed, err := single(r.RemovedUpdate)
	if err != nil {
		return nil, fmt.Errorf("update that removed the leaf: %w", err)
	}
	body := &EarlyRemovalBody{
		Checkpoint: under, Key: r.Key, Commitment: added.Commitment,
		Before: r.Before, Added: r.Added, Removed: r.Removed, Bound: r.Bound,
		InAdded: lookupOf(added), InRemoved: lookupOf(removed),
	}
	if r.Before != nil {
		in := lookupOf(before)
		body.InBefore = &in
	}
	return assemble(document, body)
}
