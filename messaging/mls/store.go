package mls

import (
	"errors"
	"fmt"
)

// Store is where a [Client] keeps what it must not lose, and what it must lose
// for good: group states, messages' keys, the private halves of KeyPackages. It
// is a map from keys (printable ASCII, at most 160 bytes) to values (never empty; at
// most some hundred bytes for a message, the whole tree for a commit).
//
// A client hands out bytes only after the Apply that records them has returned,
// so everything rests on these promises:
//
//   - Apply is atomic: after it, and after any crash during it, either the whole
//     batch is there or nothing of it.
//   - Apply is durable: once it has returned nil, a loss of power does not undo
//     it. A store that only queues the write makes keys and nonces be used twice.
//   - Apply compares first: if a key in Expect has not exactly the value given
//     (nil: the key is absent), nothing is written and the error wraps
//     [ErrConflict]. That is how two programs with one store are kept from
//     sending with the same keys.
//   - Any other error means that it is unknown whether the batch is there. The
//     client then forgets what it has in memory and reads again.
//   - Get and List show the batches applied so far and no others. A value read is
//     the caller's own, and so is a batch once Apply has returned.
//   - What is overwritten or deleted is gone: journals, old versions and copies
//     are erased as soon as the medium allows. Forward secrecy (RFC 9420, "Deletion
//     Schedule", 9.2) ends where this promise does.
//
// The client's keys begin with "group/", "keypackage/", "left/", "reinit/" and "restored/"; what the
// application keeps with [Config.Keep] begins with "app/".
//
// Values are secret keys in the clear: encrypt the medium. A store put back from a
// backup is opened with [Restore], never with [NewClient]: see there why.
//
// Methods are called from several goroutines at once. Package storetest checks a
// Store against this contract.
type Store interface {
	// Get returns the value of key, or nil if there is none.
	Get(key string) ([]byte, error)
	// List returns the keys that begin with prefix, in ascending order of bytes.
	List(prefix string) ([]string, error)
	// Apply does what Batch says, atomically and durably.
	Apply(b Batch) error
}

// Batch is one atomic change of a [Store]. A key is at most once in Expect, and at
// most once in Write.
type Batch struct {
	Expect []Record // must be there beforehand; a nil Value: must not be there
	Write  []Record // is there afterwards; a nil Value: is not there
}

// Record is one key with its value.
type Record struct {
	Key   string
	Value []byte
}

var (
	// ErrStore is wrapped around every error of the Store.
	ErrStore = errors.New("mls: store")
	// ErrConflict means that somebody else has changed the group in the store
	// since it was read: another handle, in this program or another. Nothing was
	// sent; the next call reads the group again.
	ErrConflict = errors.New("mls: changed by another program on this store: nothing was sent, try again")
	// ErrCorrupt means that what the store gave back is not what was put there:
	// records are missing, mixed, or cannot be read. What a newer version wrote is
	// [ErrFormat] instead.
	ErrCorrupt = errors.New("mls: the store's records are damaged")
)

func storeError(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrStore, doing, err)
}
