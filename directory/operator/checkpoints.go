package operator

import (
	"context"
	"sync"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/auditlog/tiled"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// checkpoints sign the audit log.
type checkpoints struct {
	signer *checkpoint.Signer
	mu     sync.Mutex // held while signing
	size   uint64     // of the newest that was signed; 0: none
}

// Checkpoint returns the newest signed checkpoint, with the cosignatures it has so
// far; nil: none was signed.
func (op *Operator) Checkpoint() []byte { return op.cosigners.Newest() }

// SignCheckpoint signs a checkpoint of the newest head now, unless it has one, and
// lets the cosigners know.
// All of them are consistent: the store only grows, and the high-water mark saw
// every head that is signed.
func (op *Operator) SignCheckpoint() ([]byte, error) {
	c := &op.checkpoint
	c.mu.Lock()
	defer c.mu.Unlock()
	snap, err := op.sequencer.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	size := snap.Head().Size
	if c.size == size {
		return op.Checkpoint(), nil
	}
	log, err := tiled.NewAppender(size, directory.HashReader{AuditLog: snap})
	if err != nil {
		return nil, err
	}
	signed, err := c.signer.Sign(size, log.Root())
	if err != nil {
		return nil, err
	}
	if err := op.cosigners.Offer(signed); err != nil {
		return nil, err
	}
	c.size = size
	return op.Checkpoint(), nil
}

// runCheckpoints signs a checkpoint after the log has grown, and not more often
// than OpenOptions.CheckpointInterval.
func (op *Operator) runCheckpoints(ctx context.Context) error {
	for {
		changed := op.sequencer.Changed()
		if _, err := op.SignCheckpoint(); err != nil {
			op.options.Logger.Error("no checkpoint could be signed", "error", err)
		}
		select {
		case <-op.options.After(op.options.CheckpointInterval):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
