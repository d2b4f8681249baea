package evidence

import (
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// An EarlyRemovalBody shows that a leaf of the prefix tree was not there before
// entry Added, was there after it, is no longer there after entry Removed, and that
// no entry from Added to the one before Removed was distinguished.
//
// One leaf shows the last: a position on the frontier of the log of Removed entries
// is an ancestor of every later entry in the implicit search tree. If it is before
// Added, and less than the window older than Removed, then the bounds of every entry
// from Added on are closer together than the window.
type EarlyRemovalBody struct {
	Checkpoint SignedCheckpoint
	Key        wire.VRFOutput
	Commitment wire.HashValue // that was added, and removed

	Before  *Included // leaf of the entry before Added, nil if that is entry 0
	Added   Included
	Removed Included
	// Bound is a leaf before Added and on the frontier of the log of Removed
	// entries, whose timestamp is less than the Reasonable Monitoring Window before
	// that of Removed. nil: Removed's timestamp itself is less than the window.
	Bound *Included

	InBefore  *Lookup // of Key in the prefix tree of Before, nil if Before is
	InAdded   Lookup  // an inclusion
	InRemoved Lookup
}

// A Lookup is the search for one key in a prefix tree.
type Lookup struct {
	Result     wire.PrefixSearchResult
	Commitment wire.HashValue   // of an inclusion
	Elements   []wire.HashValue // as in a PrefixProof of this search alone: as many as the path is deep
}

// root returns the root of the tree that a lookup of key is in.
func (x *Lookup) root(key wire.VRFOutput) (wire.HashValue, error) {
	proof := &wire.PrefixProof{Results: []wire.PrefixSearchResult{x.Result}, Elements: x.Elements}
	root, err := prefixtree.Evaluate([]wire.VRFOutput{key}, func(int) *wire.HashValue { return &x.Commitment }, proof)
	if err != nil {
		return root, invalid("%w", err)
	}
	return root, nil
}

// has reports whether a lookup found the commitment.
func (x *Lookup) has(commitment wire.HashValue) bool {
	return x.Result.ResultType == wire.Inclusion && x.Commitment == commitment
}

func lookupOf(s prefixtree.SingleProof) Lookup {
	return Lookup{s.Proof.Results[0], s.Commitment, s.Proof.Elements}
}

func (x *EarlyRemovalBody) kind() Kind { return EarlyRemoval }

func (x *EarlyRemovalBody) encode(w *writer) {
	x.Checkpoint.encode(w)
	w.fixed(x.Key[:])
	w.fixed(x.Commitment[:])
	encodeOptional(w, x.Before)
	x.Added.encode(w)
	x.Removed.encode(w)
	encodeOptional(w, x.Bound)
	if (x.InBefore != nil) != (x.Before != nil) {
		w.fail("a lookup in the tree before goes with the leaf before")
	}
	if x.InBefore != nil {
		x.InBefore.encode(w)
	}
	x.InAdded.encode(w)
	x.InRemoved.encode(w)
}

func (x *EarlyRemovalBody) decode(r *reader) {
	x.Checkpoint.decode(r)
	x.Key, x.Commitment = r.hash(), r.hash()
	x.Before = decodeOptional(r)
	x.Added.decode(r)
	x.Removed.decode(r)
	x.Bound = decodeOptional(r)
	if x.Before != nil {
		x.InBefore = new(Lookup)
		x.InBefore.decode(r)
	}
	x.InAdded.decode(r)
	x.InRemoved.decode(r)
}

func (x *EarlyRemovalBody) verify(c *court) error {
	if err := c.checkpoint(&x.Checkpoint); err != nil {
		return err
	}
	prev, added, err := c.pair(&x.Checkpoint, x.Before, &x.Added)
	if err != nil {
		return err
	}
	removed, err := c.leaf(&x.Checkpoint, &x.Removed)
	if err != nil {
		return err
	}
	if added.Position >= removed.Position {
		return invalid("leaves %d and %d are not in order", added.Position, removed.Position)
	}
	// The leaf was added by entry Added: in the empty tree before entry 0 it was not.
	if prev != nil {
		if err := x.InBefore.in(prev, x.Key); err != nil {
			return err
		}
		if x.InBefore.has(x.Commitment) {
			return nothing("the leaf was in the prefix tree before entry %d", added.Position)
		}
	}
	if err := x.InAdded.in(added, x.Key); err != nil {
		return err
	}
	if !x.InAdded.has(x.Commitment) {
		return invalid("the leaf is not in the prefix tree of entry %d", added.Position)
	}
	if err := x.InRemoved.in(removed, x.Key); err != nil {
		return err
	}
	if x.InRemoved.has(x.Commitment) {
		return nothing("the leaf is still in the prefix tree of entry %d", removed.Position)
	}
	if err := c.undistinguished(x, added, removed); err != nil {
		return err
	}
	return c.found(removed.Position, "removed, by entry %d, a version that entry %d had added, before a distinguished entry had published it", removed.Position, added.Position)
}

// in verifies that the lookup is in the prefix tree of a leaf.
func (x *Lookup) in(leaf *checkpoint.Leaf, key wire.VRFOutput) error {
	root, err := x.root(key)
	if err == nil && root != leaf.PrefixRoot {
		err = invalid("a search is not in the prefix tree of entry %d", leaf.Position)
	}
	return err
}

// undistinguished verifies that no entry from added to the one before removed was
// distinguished when removed was added, under the Configuration of removed.
func (c *court) undistinguished(x *EarlyRemovalBody, added, removed *checkpoint.Leaf) error {
	config, ok := c.config(removed.Configuration)
	if !ok {
		return missing("a document that knows the Configuration of leaf %d", removed.Position)
	}
	left := uint64(0)
	if x.Bound != nil {
		bound, err := c.leaf(&x.Checkpoint, x.Bound)
		if err != nil {
			return err
		}
		if bound.Position >= added.Position || !onFrontier(bound.Position, removed.Position) {
			return invalid("leaf %d does not bound the entries from %d to %d", bound.Position, added.Position, removed.Position)
		}
		left = bound.Timestamp
	}
	if removed.Timestamp < left {
		return nothing("timestamps go back, which other evidence shows")
	}
	if removed.Timestamp-left >= config.ReasonableMonitoringWindow {
		return nothing("an entry may have been distinguished in between")
	}
	return nil
}

// onFrontier reports whether a position is on the frontier of a log of size entries.
func onFrontier(position, size uint64) bool {
	if position >= size {
		return false
	}
	_, bounded := treemath.RightBound(position, size)
	return !bounded
}
