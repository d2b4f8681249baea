package pass

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// A Kind is a class of misbehaviour.
type Kind string

// What a provider can do wrong.
const (
	Fork          Kind = "fork"          // two signed checkpoints that no one log has
	Rollback      Kind = "rollback"      // a checkpoint smaller than one before
	BadCheckpoint Kind = "checkpoint"    // not signed by the log, or malformed
	BadTile       Kind = "tile"          // hashes that do not stand under the checkpoint
	BadLeaf       Kind = "leaf"          // an entry of the audit log that does not
	BadFeed       Kind = "feed"          // pages of updates that are cut or miscounted
	BadUpdate     Kind = "update"        // not the update that the leaf commits to
	BadStep       Kind = "step"          // an update that an auditor must not sign for
	BadRoot       Kind = "root"          // a leaf that does not follow from the updates
	Reconfigured  Kind = "configuration" // a leaf of another Configuration
)

// A Misbehaviour is something that an honest provider does not serve, with what
// was served. Unwrap gives its cause, an *auditor.Finding for BadStep.
type Misbehaviour struct {
	Kind  Kind
	Entry uint64 // position of the log entry; the first where several are meant
	Err   error

	Checkpoint []byte            // signed, under which the rest was served; nil for BadCheckpoint
	Previous   []byte            // signed, seen before; for Fork and Rollback
	Leaf       []byte            // of the audit log at Entry
	LeafProof  []checkpoint.Hash // of Leaf under Checkpoint, where it stands there
	Update     []byte            // served for Entry
	Tile       string            // path below /log/ of what was served
	Data       []byte            // served at Tile
}

func (m *Misbehaviour) Error() string {
	if _, ok := errors.AsType[*auditor.Finding](m.Err); ok { // it names the entry itself
		return m.Err.Error()
	}
	return fmt.Sprintf("log entry %d: %s: %v", m.Entry, m.Kind, m.Err)
}

// Unwrap returns the cause.
func (m *Misbehaviour) Unwrap() error { return m.Err }

// Step returns the number of the step of "Auditing" that was not passed, 0 if it
// was none of them.
func (m *Misbehaviour) Step() int {
	if f, ok := errors.AsType[*auditor.Finding](m.Err); ok {
		return f.Step
	}
	return 0
}

// Causes within a Misbehaviour, besides those of packages auditor and checkpoint.
var (
	ErrRollback      = errors.New("checkpoint is smaller than one before")
	ErrFork          = errors.New("checkpoint is not of the log of the one before")
	ErrTile          = errors.New("tile does not stand under the checkpoint")
	ErrLeaf          = errors.New("leaf is not the one in the tile of hashes")
	ErrPage          = errors.New("page of updates is malformed")
	ErrShort         = errors.New("updates end before the checkpoint")
	ErrUpdate        = errors.New("update is not the one that the leaf commits to")
	ErrFollows       = errors.New("leaf does not follow from the update")
	ErrConfiguration = errors.New("leaf is of another configuration")
)
