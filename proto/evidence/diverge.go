package evidence

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A CheckpointsDivergeBody is two checkpoints, the smaller first, and the consistency
// proof that the greater has for another root of the smaller size. Nothing need be
// known of what stands under the smaller one.
type CheckpointsDivergeBody struct {
	A, B  SignedCheckpoint
	Root  checkpoint.Hash   // of the first A.Size leaves under B
	Proof []checkpoint.Hash // RFC 6962 consistency proof from there to B
}

// NewCheckpointsDiverge returns evidence that the greater of two signed checkpoints,
// as served, does not continue the smaller one. root and proof are those of the
// greater one's log at the size of the smaller one.
func NewCheckpointsDiverge(document, a, b []byte, root checkpoint.Hash, proof []checkpoint.Hash) (*Evidence, error) {
	pair, err := checkpointPair(document, a, b)
	if err != nil {
		return nil, err
	}
	if pair[0].Size > pair[1].Size {
		pair[0], pair[1] = pair[1], pair[0]
	}
	return assemble(document, &CheckpointsDivergeBody{pair[0], pair[1], root, proof})
}

func (x *CheckpointsDivergeBody) kind() Kind { return CheckpointsDiverge }

func (x *CheckpointsDivergeBody) encode(w *writer) {
	x.A.encode(w)
	x.B.encode(w)
	w.fixed(x.Root[:])
	hashes(w, "hashes of a proof", x.Proof, maxPath)
}

func (x *CheckpointsDivergeBody) decode(r *reader) {
	x.A.decode(r)
	x.B.decode(r)
	x.Root = r.hash()
	x.Proof = readHashes[checkpoint.Hash](r, "hashes of a proof", maxPath)
}

func (x *CheckpointsDivergeBody) verify(c *court) error {
	if err := c.checkpoints(&x.A, &x.B); err != nil {
		return err
	}
	if x.A.Size == 0 || x.A.Size >= x.B.Size {
		return invalid("checkpoints of sizes %d and %d are not in order", x.A.Size, x.B.Size)
	}
	if err := tlog.CheckTree(x.Proof, int64(x.B.Size), x.B.Root, int64(x.A.Size), x.Root); err != nil {
		return invalid("the proof is not of the tree of size %d: %w", x.B.Size, err)
	}
	if x.Root == x.A.Root {
		return nothing("the checkpoint of size %d continues that of size %d", x.B.Size, x.A.Size)
	}
	return c.found(x.A.Size-1, "signed checkpoints of sizes %d and %d, and the greater does not continue the smaller", x.A.Size, x.B.Size)
}
