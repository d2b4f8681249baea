package evidence

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A SignedCheckpoint is a checkpoint of the document's audit log and the log's
// signature, without its note: origin and key are the document's, and
// cosignatures are left out.
type SignedCheckpoint struct {
	Size      uint64
	Root      checkpoint.Hash
	Signature [64]byte
}

// A TwoCheckpointsBody is two checkpoints of one size, the lesser root first.
type TwoCheckpointsBody struct{ A, B SignedCheckpoint }

// A TwoLeavesBody is one position under two checkpoints, the smaller first, or
// the one with the lesser root.
type TwoLeavesBody struct {
	Position     uint64
	A, B         SignedCheckpoint
	LeafA, LeafB Included
}

// NewTwoCheckpoints returns evidence that two signed checkpoints, as served, are of
// one size and two roots.
func NewTwoCheckpoints(document, a, b []byte) (*Evidence, error) { return nil, ErrMissing }

// NewTwoLeaves returns evidence that under the signed checkpoints a and b two
// different leaves stand at position. See FirstDifference and Include.
func NewTwoLeaves(document []byte, position uint64, a []byte, leafA Included, b []byte, leafB Included) (*Evidence, error) {
	return nil, ErrMissing
}

// FirstDifference returns the first position below size at which two audit logs
// have different leaves, size being at most that of either; ok is false if there
// is none. It reads at most a hash for each level of the tree, and one leaf hash.
func FirstDifference(size uint64, a, b tlog.HashReader) (position uint64, ok bool, err error) {
	return 0, false, ErrMissing
}

// Include proves a leaf in the tree of size leaves whose hashes r reads. leaf may
// be nil: then its hash is read.
func Include(r tlog.HashReader, size, position uint64, leaf []byte) (Included, error) {
	return Included{}, ErrMissing
}
