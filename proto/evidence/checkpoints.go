package evidence

import (
	"bytes"
	"fmt"
	"math/bits"

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

// NewTwoCheckpoints returns evidence that two signed checkpoints, as served, are of
// one size and two roots.
func NewTwoCheckpoints(document, a, b []byte) (*Evidence, error) {
	pair, err := checkpointPair(document, a, b)
	if err != nil {
		return nil, err
	}
	if bytes.Compare(pair[0].Root[:], pair[1].Root[:]) > 0 {
		pair[0], pair[1] = pair[1], pair[0]
	}
	return assemble(document, &TwoCheckpointsBody{pair[0], pair[1]})
}

func checkpointPair(document, a, b []byte) (pair [2]SignedCheckpoint, err error) {
	if pair[0], err = CheckpointOf(document, a); err == nil {
		pair[1], err = CheckpointOf(document, b)
	}
	return pair, err
}

func (x *TwoCheckpointsBody) kind() Kind       { return TwoCheckpoints }
func (x *TwoCheckpointsBody) encode(w *writer) { x.A.encode(w); x.B.encode(w) }
func (x *TwoCheckpointsBody) decode(r *reader) { x.A.decode(r); x.B.decode(r) }

func (x *TwoCheckpointsBody) verify(c *court) error {
	if err := c.checkpoints(&x.A, &x.B); err != nil {
		return err
	}
	switch order := bytes.Compare(x.A.Root[:], x.B.Root[:]); {
	case x.A.Size != x.B.Size:
		return nothing("checkpoints of sizes %d and %d", x.A.Size, x.B.Size)
	case order == 0:
		return nothing("two checkpoints of one root")
	case order > 0:
		return invalid("the checkpoints are not in order")
	}
	return c.found(max(x.A.Size, 1)-1, "signed two checkpoints of size %d with different roots", x.A.Size)
}

func (c *court) checkpoints(a, b *SignedCheckpoint) error {
	if err := c.checkpoint(a); err != nil {
		return err
	}
	return c.checkpoint(b)
}

// A TwoLeavesBody is one position under two checkpoints, the smaller first.
type TwoLeavesBody struct {
	Position     uint64
	A, B         SignedCheckpoint
	LeafA, LeafB Included
}

// NewTwoLeaves returns evidence that under the signed checkpoints a and b, of two
// sizes, two different leaves stand at position. See FirstDifference and Include.
func NewTwoLeaves(document []byte, position uint64, a []byte, leafA Included, b []byte, leafB Included) (*Evidence, error) {
	pair, err := checkpointPair(document, a, b)
	if err != nil {
		return nil, err
	}
	if pair[0].Size > pair[1].Size {
		pair[0], pair[1], leafA, leafB = pair[1], pair[0], leafB, leafA
	}
	return assemble(document, &TwoLeavesBody{position, pair[0], pair[1], leafA, leafB})
}

func (x *TwoLeavesBody) kind() Kind { return TwoLeaves }

func (x *TwoLeavesBody) encode(w *writer) {
	w.u64(x.Position)
	x.A.encode(w)
	x.B.encode(w)
	x.LeafA.encode(w)
	x.LeafB.encode(w)
}

func (x *TwoLeavesBody) decode(r *reader) {
	x.Position = r.u64()
	x.A.decode(r)
	x.B.decode(r)
	x.LeafA.decode(r)
	x.LeafB.decode(r)
}

func (x *TwoLeavesBody) verify(c *court) error {
	if err := c.checkpoints(&x.A, &x.B); err != nil {
		return err
	}
	if x.A.Size >= x.B.Size {
		return invalid("checkpoints of sizes %d and %d are not in order", x.A.Size, x.B.Size)
	}
	if err := c.included(&x.A, x.Position, &x.LeafA); err != nil {
		return err
	}
	if err := c.included(&x.B, x.Position, &x.LeafB); err != nil {
		return err
	}
	if x.LeafA.hash() == x.LeafB.hash() {
		return nothing("leaf %d is the same under both checkpoints", x.Position)
	}
	return c.found(x.Position, "signed checkpoints of sizes %d and %d with two different leaves for entry %d", x.A.Size, x.B.Size, x.Position)
}

// FirstDifference returns the first position below size at which two audit logs
// have different leaves, size being at most that of either; ok is false if there
// is none. It reads at most two hashes for each level of the tree from either.
func FirstDifference(size uint64, a, b tlog.HashReader) (position uint64, ok bool, err error) {
	if size > checkpoint.MaxSize {
		return 0, false, fmt.Errorf("evidence: a log of %d leaves", size)
	}
	differ := func(level int, index uint64) (bool, error) {
		at := []int64{tlog.StoredHashIndex(level, int64(index))}
		x, err := a.ReadHashes(at)
		if err != nil {
			return false, err
		}
		y, err := b.ReadHashes(at)
		if err != nil {
			return false, err
		}
		if len(x) != 1 || len(y) != 1 {
			return false, fmt.Errorf("evidence: %d and %d hashes were read, not 1", len(x), len(y))
		}
		return x[0] != y[0], nil
	}
	for start := uint64(0); start < size; {
		level := bits.Len64(size-start) - 1
		index := start >> level
		bad, err := differ(level, index)
		if err != nil {
			return 0, false, err
		}
		if !bad {
			start += 1 << level
			continue
		}
		for ; level > 0; level-- {
			if bad, err = differ(level-1, 2*index); err != nil {
				return 0, false, err
			}
			if index *= 2; !bad {
				index++
			}
		}
		return index, true, nil
	}
	return 0, false, nil
}

// Include proves a leaf in the tree of size leaves whose hashes r reads. leaf may
// be nil: then its hash is read.
func Include(r tlog.HashReader, size, position uint64, leaf []byte) (x Included, err error) {
	if size > checkpoint.MaxSize || position >= size {
		return x, fmt.Errorf("evidence: no leaf %d in a tree of size %d", position, size)
	}
	if x.Leaf = leaf; leaf == nil {
		read, err := r.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(position))})
		if err != nil {
			return x, err
		}
		if len(read) != 1 {
			return x, fmt.Errorf("evidence: %d hashes were read, not 1", len(read))
		}
		x.Hash = read[0]
	}
	x.Proof, err = tlog.ProveRecord(int64(size), int64(position), r)
	return x, err
}
