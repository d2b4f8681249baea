package evidence

import "github.com/kith-kt/kith/proto/wire"

// A BadLeafBody is a leaf under a checkpoint that cannot stand there.
type BadLeafBody struct {
	Checkpoint SignedCheckpoint
	Position   uint64
	Leaf       Included
}

// A BadTimestampsBody is two leaves, ascending by position, under one checkpoint.
type BadTimestampsBody struct {
	Checkpoint     SignedCheckpoint
	Earlier, Later Included
}

// A BadUpdateBody is a leaf, the leaf before it unless it is the first, and the
// AuditorUpdate that it commits to.
type BadUpdateBody struct {
	Checkpoint SignedCheckpoint
	Before     *Included // nil: Leaf is of entry 0
	Leaf       Included
	Update     []byte // encoded AuditorUpdate; nil: it is detached
}

// A BadRootBody is a leaf, the leaf before it unless it is the first, and the full
// subtrees of the log tree before the entry.
type BadRootBody struct {
	Checkpoint SignedCheckpoint
	Before     *Included // nil: Leaf is of entry 0
	Leaf       Included
	Subtrees   []wire.HashValue // left to right
}

// An Entry is what an auditor has of a log entry that is wrong.
type Entry struct {
	Position   uint64
	Checkpoint []byte           // signed, as served
	Before     *Included        // leaf Position-1, nil if Position is 0
	Leaf       Included         // leaf Position
	Update     []byte           // encoded AuditorUpdate as served; nil: not there
	Subtrees   []wire.HashValue // full subtrees of the log tree of size Position; nil: not known
}

// NewEntry returns the first of BadLeaf, BadTimestamps, BadUpdate and BadRoot that
// an entry shows. ErrNothing: none, so it takes a statement, or it is an early
// removal.
func NewEntry(document []byte, e Entry) (*Evidence, error) { return nil, ErrMissing }

// NewBadTimestamps returns evidence of two leaves, not necessarily neighbours, that
// stand under the signed checkpoint and whose timestamps go back.
func NewBadTimestamps(document, note []byte, earlier, later Included) (*Evidence, error) {
	return nil, ErrMissing
}
