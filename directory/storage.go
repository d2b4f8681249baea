package directory

import (
	"context"
	"errors"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// Faults of a store.
var (
	// ErrConflict is a Commit whose Prev is no longer the head of the store.
	ErrConflict = errors.New("store: the head has moved on")
	// ErrNotFound is an entry, node, value or key that the store does not hold.
	ErrNotFound = errors.New("store: not found")
	// ErrErased is a value that was erased.
	ErrErased = errors.New("store: value was erased")
	// ErrCorrupt is a store that contradicts itself.
	ErrCorrupt = errors.New("store: corrupt")
	// ErrLocked is a store that another process, or this one, has open.
	ErrLocked = errors.New("store: in use by another process")
	// ErrReadOnly is a write to a store that cannot be written.
	ErrReadOnly = errors.New("store: not writable")
	// ErrFull is a write that found no room on the disk. Nothing of it was kept.
	ErrFull = errors.New("store: no space left")
	// ErrClosed is a use of a store after Close.
	ErrClosed = errors.New("store: closed")
)

// A Head is the state of a log after Size entries. The zero Head is that of a
// log that was never initialised.
type Head struct {
	Size       uint64         // number of log entries
	Root       wire.HashValue // of the log tree with Size leaves
	Timestamp  uint64         // of the rightmost entry, ms since the Unix epoch
	PrefixRoot wire.HashValue // of the rightmost entry
	Signature  []byte         // TreeHead.signature
}

// TreeHead returns h as it is served.
func (h *Head) TreeHead() wire.TreeHead {
	return wire.TreeHead{TreeSize: h.Size, Signature: h.Signature}
}

// A Place is where one version of a label was created: the log entry, and the
// rank of its leaf among the leaves that the entry added, in ascending order of
// VRF output (AuditorUpdate.added[Index]).
type Place struct {
	Position uint64
	Index    uint8
}

// A Value is one version of a label as it is stored.
type Value struct {
	Label   []byte
	Version uint32
	Opening wire.Opening
	Value   []byte // UpdateValue.value
	Suffix  []byte // UpdateValue.suffix: empty outside ThirdPartyManagement
}

// An Entry is one new log entry with all that belongs to it.
type Entry struct {
	Log       wire.LogEntry
	Page      []byte  // of the prefix tree (package prefixtree)
	AuditLeaf []byte  // of the audit log (package checkpoint)
	Values    []Value // Values[i] belongs to the i-th added leaf in ascending order of VRF output; at most 255
}

// A Batch is what one Commit writes: entries that follow Prev, in order.
type Batch struct {
	Prev    Head // the head that the batch was built on; compared by Size and Root
	Head    Head // the head after Entries
	Entries []Entry

	// LogNodes are the nodes of the log tree that Entries completed, leaves
	// included, in the order of logtree.StoredIndex; the first one has index
	// logtree.StoredCount(Prev.Size).
	LogNodes []wire.HashValue
	// AuditNodes are the same for the audit log, in the order of
	// tlog.StoredHashIndex.
	AuditNodes []wire.HashValue

	// Meta are values to write in the same step, as PutMeta does.
	Meta map[string][]byte
}

// A Store keeps one log. It is safe for concurrent use. directory/store/storetest
// holds the conformance suite.
type Store interface {
	// Snapshot returns a consistent view of the newest committed head. It is
	// cheap enough to take one for every request, and must be released.
	Snapshot() (Snapshot, error)

	// Commit writes the whole batch durably or nothing of it. It fails with
	// ErrConflict unless batch.Prev is the head. Versions of a label are
	// consecutive, from 0; a batch that breaks this is refused.
	Commit(ctx context.Context, batch *Batch) error

	// Erase deletes the value and the opening of one version, durably. Erasing
	// twice is no error.
	Erase(ctx context.Context, label []byte, version uint32) error

	// PutMeta writes small named values durably, in one step; nil deletes.
	PutMeta(ctx context.Context, values map[string][]byte) error

	// Close refuses new snapshots and waits until those held are released.
	Close() error
}

// A Snapshot is a view of one committed head. Everything it returns is
// read-only and valid until Release. It is safe for concurrent use.
type Snapshot interface {
	// Head returns the head of the view.
	Head() Head
	// Release gives the view up. Calling it again does nothing.
	Release()

	Trees
	Labels
	AuditLog

	// Meta returns a value written by Store.PutMeta, or nil.
	Meta(key string) ([]byte, error)
}

// Trees reads the combined tree.
type Trees interface {
	// Page returns the prefix tree page of log entry pos (prefixtree.Pages).
	Page(pos uint64) ([]byte, error)
	// LogEntry returns log entry pos.
	LogEntry(pos uint64) (wire.LogEntry, error)
	// LogNodes returns the values of nodes of the log tree, each of which is
	// complete in the view.
	LogNodes(nodes []logtree.Node) ([]wire.HashValue, error)
}

// Labels reads the label index and the values.
type Labels interface {
	// Versions returns how many versions of label the log entries before size
	// created; 0: the label was unknown then. A size at or above that of the
	// head counts every version.
	Versions(label []byte, size uint64) (uint32, error)
	// Places returns where the versions [lo, hi) of label were created, in
	// order, and fewer if there are fewer.
	Places(label []byte, lo, hi uint32) ([]Place, error)
	// Value returns the version of label created at a place that Places
	// returned, or ErrErased.
	Value(label []byte, version uint32, at Place) (*Value, error)
	// EachLabel calls f for every label, in an order of the store's own, with
	// the places of its versions, until f returns an error, and returns that.
	// The arguments are only valid during the call.
	EachLabel(f func(label []byte, places []Place) error) error
}

// AuditLog reads the audit log.
type AuditLog interface {
	// AuditNodes returns nodes of the audit log by tlog.StoredHashIndex.
	AuditNodes(indexes []int64) ([]wire.HashValue, error)
	// AuditLeaves returns the leaves [lo, hi) of the audit log, in order.
	AuditLeaves(lo, hi uint64) ([][]byte, error)
}
