package evidence

import (
	"crypto/sha256"
	"errors"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/wire"
)

// A BadUpdateBody is a leaf, the leaf before it unless it is the first, and the
// AuditorUpdate that it commits to.
type BadUpdateBody struct {
	Checkpoint SignedCheckpoint
	Before     *Included // nil: Leaf is of entry 0
	Leaf       Included
	Update     []byte // encoded AuditorUpdate; nil: it is detached
}

func (x *BadUpdateBody) kind() Kind { return BadUpdate }

func (x *BadUpdateBody) encode(w *writer) {
	x.Checkpoint.encode(w)
	encodeOptional(w, x.Before)
	x.Leaf.encode(w)
	w.present(x.Update != nil)
	if x.Update != nil {
		w.opaque16("update", x.Update)
	}
}

func (x *BadUpdateBody) decode(r *reader) {
	x.Checkpoint.decode(r)
	x.Before = decodeOptional(r)
	x.Leaf.decode(r)
	if r.present() {
		if x.Update = r.opaque16(); x.Update == nil {
			x.Update = []byte{}
		}
	}
}

func (x *BadUpdateBody) verify(c *court) error {
	if err := c.checkpoint(&x.Checkpoint); err != nil {
		return err
	}
	prev, leaf, err := c.pair(&x.Checkpoint, x.Before, &x.Leaf)
	if err != nil {
		return err
	}
	update := x.Update
	if update == nil {
		if update = c.detached; update == nil {
			return missing("the update of %d bytes that lies beside the file", leaf.UpdateSize)
		}
	}
	if uint64(len(update)) != uint64(leaf.UpdateSize) || sha256.Sum256(update) != leaf.Update {
		return invalid("the update is not the one that leaf %d commits to", leaf.Position)
	}
	if why := judgeUpdate(prev, leaf, update); why != "" {
		return c.found(leaf.Position, "committed, for entry %d, to an update %s", leaf.Position, why)
	}
	return nothing("the update leads from the leaf before to leaf %d", leaf.Position)
}

// judgeUpdate takes the steps of "Auditing" that need no more than the two leaves.
// It returns which one failed, or "".
func judgeUpdate(prev, leaf *checkpoint.Leaf, update []byte) string {
	u, err := wire.ParseAuditorUpdate(update, wire.Format{})
	if err != nil {
		return "that is no AuditorUpdate"
	}
	if prev == nil {
		prev = new(checkpoint.Leaf) // before the first entry the prefix tree is empty
	}
	if u.Timestamp < prev.Timestamp {
		return "that goes back in time (step 1 of \"Auditing\")"
	}
	before, after, err := prefixtree.EvaluateUpdate(u)
	switch {
	case errors.Is(err, prefixtree.ErrOrder):
		return "whose leaves are not in order (step 2 of \"Auditing\")"
	case errors.Is(err, prefixtree.ErrPresent):
		return "that adds a leaf which is there already (step 3 of \"Auditing\")"
	case errors.Is(err, prefixtree.ErrAbsent):
		return "that removes a leaf which is not there (step 4 of \"Auditing\")"
	case err != nil:
		return "whose proof no prefix tree has (step 6 of \"Auditing\")"
	case before != prev.PrefixRoot:
		return "that does not start from the prefix tree of the entry before (step 6 of \"Auditing\")"
	case u.Timestamp != leaf.Timestamp:
		return "of another time than the entry's"
	case after != leaf.PrefixRoot:
		return "that leads to another prefix tree than the entry's (step 7 of \"Auditing\")"
	}
	return ""
}
