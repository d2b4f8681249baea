package evidence

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// A BadLeafBody is a leaf under a checkpoint that cannot stand there. If only its
// hash is there, it is detached.
type BadLeafBody struct {
	Checkpoint SignedCheckpoint
	Position   uint64
	Leaf       Included
}

func (x *BadLeafBody) kind() Kind { return BadLeaf }

func (x *BadLeafBody) encode(w *writer) {
	x.Checkpoint.encode(w)
	w.u64(x.Position)
	x.Leaf.encode(w)
}

func (x *BadLeafBody) decode(r *reader) {
	x.Checkpoint.decode(r)
	x.Position = r.u64()
	x.Leaf.decode(r)
}

func (x *BadLeafBody) verify(c *court) error {
	if err := c.checkpoint(&x.Checkpoint); err != nil {
		return err
	}
	if err := c.included(&x.Checkpoint, x.Position, &x.Leaf); err != nil {
		return err
	}
	encoded := x.Leaf.Leaf
	if encoded == nil {
		if encoded = c.detached; encoded == nil {
			return missing("the leaf, which lies beside the file")
		}
		if tlog.RecordHash(encoded) != x.Leaf.Hash {
			return invalid("what lies beside the file is not leaf %d", x.Position)
		}
	}
	leaf, err := checkpoint.ParseLeaf(encoded)
	switch {
	case err != nil:
		return c.found(x.Position, "signed a checkpoint over something for entry %d that is no leaf of an audit log", x.Position)
	case leaf.Position != x.Position:
		return c.found(x.Position, "signed a checkpoint in which the leaf of entry %d says that it is of entry %d", x.Position, leaf.Position)
	}
	return nothing("leaf %d is well formed", x.Position)
}

// A BadTimestampsBody is two leaves, ascending by position, under one checkpoint.
type BadTimestampsBody struct {
	Checkpoint     SignedCheckpoint
	Earlier, Later Included
}

// NewBadTimestamps returns evidence of two leaves, not necessarily neighbours, that
// stand under the signed checkpoint and whose timestamps go back.
func NewBadTimestamps(document, note []byte, earlier, later Included) (*Evidence, error) {
	under, err := CheckpointOf(document, note)
	if err != nil {
		return nil, err
	}
	return assemble(document, &BadTimestampsBody{under, earlier, later})
}

func (x *BadTimestampsBody) kind() Kind { return BadTimestamps }

func (x *BadTimestampsBody) encode(w *writer) {
	x.Checkpoint.encode(w)
	x.Earlier.encode(w)
	x.Later.encode(w)
}

func (x *BadTimestampsBody) decode(r *reader) {
	x.Checkpoint.decode(r)
	x.Earlier.decode(r)
	x.Later.decode(r)
}

func (x *BadTimestampsBody) verify(c *court) error {
	if err := c.checkpoint(&x.Checkpoint); err != nil {
		return err
	}
	earlier, err := c.leaf(&x.Checkpoint, &x.Earlier)
	if err != nil {
		return err
	}
	later, err := c.leaf(&x.Checkpoint, &x.Later)
	if err != nil {
		return err
	}
	switch {
	case earlier.Position >= later.Position:
		return invalid("leaves %d and %d are not in order", earlier.Position, later.Position)
	case earlier.Timestamp <= later.Timestamp:
		return nothing("timestamps do not go back")
	}
	return c.found(later.Position, "dated entry %d of its log %d ms before entry %d", later.Position, earlier.Timestamp-later.Timestamp, earlier.Position)
}

// A BadRootBody is a leaf, the leaf before it unless it is the first, and the full
// subtrees of the log tree before the entry.
type BadRootBody struct {
	Checkpoint SignedCheckpoint
	Before     *Included // nil: Leaf is of entry 0
	Leaf       Included
	Subtrees   []wire.HashValue // left to right
}

func (x *BadRootBody) kind() Kind { return BadRoot }

func (x *BadRootBody) encode(w *writer) {
	x.Checkpoint.encode(w)
	encodeOptional(w, x.Before)
	x.Leaf.encode(w)
	hashes(w, "subtrees", x.Subtrees, maxSubtrees)
}

func (x *BadRootBody) decode(r *reader) {
	x.Checkpoint.decode(r)
	x.Before = decodeOptional(r)
	x.Leaf.decode(r)
	x.Subtrees = readHashes[wire.HashValue](r, "subtrees", maxSubtrees)
}

func (x *BadRootBody) verify(c *court) error {
	if err := c.checkpoint(&x.Checkpoint); err != nil {
		return err
	}
	prev, leaf, err := c.pair(&x.Checkpoint, x.Before, &x.Leaf)
	if err != nil {
		return err
	}
	if len(x.Subtrees) != bits.OnesCount64(leaf.Position) {
		return invalid("%d full subtrees of a log tree of size %d", len(x.Subtrees), leaf.Position)
	}
	log, err := logtree.NewAppender(leaf.Position, x.Subtrees)
	if err != nil {
		return invalid("%w", err)
	}
	if prev != nil && log.Root() != prev.Root {
		return invalid("the full subtrees are not of the log tree of leaf %d", prev.Position)
	}
	log.Append(nil, logtree.LeafHash(leaf.LogEntry()))
	if log.Root() == leaf.Root {
		return nothing("the root of leaf %d follows", leaf.Position)
	}
	return c.found(leaf.Position, "has, for the log tree after entry %d, a root in its audit log that does not follow from the entry", leaf.Position)
}

// An Entry is what an auditor has of a log entry that is wrong.
type Entry struct {
	Position   uint64
	Checkpoint []byte           // signed, as served
	Before     *Included        // leaf Position-1, nil if Position is 0
	Leaf       Included         // leaf Position
	Update     []byte           // encoded AuditorUpdate as served; nil: not there
	Subtrees   []wire.HashValue // full subtrees of the log tree of size Position; nil: not known, unless Position is 0
}

// NewEntry returns the first of BadLeaf, BadTimestamps, BadUpdate and BadRoot that
// an entry shows. ErrNothing or ErrMissing: none, so it takes a statement, or it is
// an early removal. ErrInvalid: something of what is there does not hold.
func NewEntry(document []byte, e Entry) (*Evidence, error) {
	under, err := CheckpointOf(document, e.Checkpoint)
	if err != nil {
		return nil, err
	}
	bodies := []Body{&BadLeafBody{under, e.Position, e.Leaf}}
	if e.Before != nil {
		bodies = append(bodies, &BadTimestampsBody{under, *e.Before, e.Leaf})
	}
	if e.Before != nil || e.Position == 0 {
		if e.Update != nil {
			bodies = append(bodies, &BadUpdateBody{under, e.Before, e.Leaf, e.Update})
		}
		if e.Subtrees != nil || e.Position == 0 {
			bodies = append(bodies, &BadRootBody{under, e.Before, e.Leaf, e.Subtrees})
		}
	}
	fault := nothing("entry %d is as it should be, as far as it can be judged", e.Position)
	for _, body := range bodies {
		made, err := assemble(document, body)
		switch {
		case err == nil:
			return made, nil
		case !errors.Is(err, ErrNothing):
			fault = fmt.Errorf("%s: %w", body.kind(), err)
		}
	}
	return nil, fault
}
