package evidence

import "github.com/kith-kt/kith/proto/wire"

// An EarlyRemovalBody shows that a leaf of the prefix tree was not there before
// entry Added, was there after it, is no longer there after entry Removed, and that
// no entry from Added to the one before Removed was distinguished.
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

	InBefore  *Lookup // of Key in the prefix tree of Before
	InAdded   Lookup  // an inclusion
	InRemoved Lookup
}

// A Lookup is the search for one key in a prefix tree.
type Lookup struct {
	Result     wire.PrefixSearchResult
	Commitment wire.HashValue // of an inclusion
	Elements   []wire.HashValue
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

// RemovalBound returns the position of the leaf that shows, by its timestamp, that
// no entry from added to removed-1 was distinguished when removed was added; any is
// false if no leaf is needed for that. timestamp is asked for entries of the
// frontier of the log of removed entries, and for removed. ErrNothing: one of them
// was distinguished.
func RemovalBound(window, added, removed uint64, timestamp func(position uint64) (uint64, error)) (position uint64, any bool, err error) {
	return 0, false, ErrMissing
}

// NewEarlyRemoval returns evidence that a leaf was removed before its time.
func NewEarlyRemoval(document []byte, r Removal) (*Evidence, error) { return nil, ErrMissing }
