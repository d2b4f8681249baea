package evil

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/kith-kt/kith/directory/operator"
)

// head returns the size of a folder's log, the timestamp of its last entry (ms
// since the Unix epoch) and how many versions a label has.
func head(dir, label string) (size, timestamp uint64, versions uint32, err error) {
	op, err := operator.Open(dir, operator.OpenOptions{Offline: true})
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, op.Close()) }()
	snap, err := op.Store().Snapshot()
	if err != nil {
		return 0, 0, 0, err
	}
	defer snap.Release()
	h := snap.Head()
	versions, err = snap.Versions([]byte(label), h.Size)
	return h.Size, h.Timestamp, versions, err
}

// LieRemovingEarly publishes a version of a label and takes it out again, with one
// entry in between, before any distinguished log entry has shown it: an owner who
// comes by once in a monitoring window has never had to see it. It returns the log
// entries that added and removed it.
//
// The entry in between is the trap: who compares with the previous entry alone,
// or only remembers when a version was last seen, lets it pass.
func LieRemovingEarly(dir, label string, value []byte, now time.Time) (added, removed uint64, err error) {
	size, last, versions, err := head(dir, label)
	if err != nil {
		return 0, 0, err
	}
	at := max(uint64(now.UnixMilli()), last)
	// All entries up to the next power of two, and from there to the removal, are
	// of one time. So none from there on can be distinguished, since the entries
	// that bound it on both sides are as old as it is.
	added = uint64(2) << bits.Len64(size)
	lies := make([]Entry, added-size)
	v := Version{Label: label, Version: versions, Value: value}
	lies = append(lies, Entry{Added: []Version{v}}, Entry{}, Entry{Removed: []Version{v}})
	for i := range lies {
		lies[i].Timestamp = at
	}
	return added, added + 2, Lie(dir, lies...)
}

// LieGoingBack appends an entry that is older than the one before it, by ms
// milliseconds. It returns its position.
func LieGoingBack(dir string, ms uint64) (uint64, error) {
	size, last, _, err := head(dir, "")
	if err != nil {
		return 0, err
	}
	if last < ms {
		return 0, fmt.Errorf("the last entry is of %d ms since 1970", last)
	}
	return size, Lie(dir, Entry{Timestamp: last - ms})
}

// LieAhead appends an entry of a time that has not come. It returns its position.
func LieAhead(dir string, then time.Time) (uint64, error) {
	size, _, _, err := head(dir, "")
	if err != nil {
		return 0, err
	}
	return size, Lie(dir, Entry{Timestamp: uint64(then.UnixMilli())})
}
