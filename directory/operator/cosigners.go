package operator

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/cosign"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// openCosigners makes the collector of cosignatures. Who cosigns is in the provider
// document.
func (op *Operator) openCosigners() error {
	vkey := op.checkpoint.signer.VerifierKey()
	verifier, err := checkpoint.NewVerifier(vkey)
	if err != nil {
		return err
	}
	kept, err := op.keptCheckpoint(verifier)
	if err != nil {
		return err
	}
	interval := op.options.CheckpointInterval
	op.cosigners, err = cosign.New(cosign.Config{
		Log: verifier, LogKey: vkey,
		Proof: op.consistency,
		Keep: func(ctx context.Context, note []byte) error {
			return directory.PutCosigned(ctx, op.store, note)
		},
		Kept:       kept,
		Timeout:    op.options.CosignTimeout,
		Backoff:    min(cosign.DefaultBackoff, interval),
		MaxBackoff: min(cosign.DefaultMaxBackoff, max(6*interval, time.Second)),
		TLS:        op.options.CosignTLS,
		Now:        op.options.Now, After: op.options.After, Logger: op.options.Logger,
	})
	if err != nil {
		return err
	}
	op.registry.MustRegister(op.cosigners)
	op.setCosigners(op.document.Load())
	return nil
}

// setCosigners reads who cosigns from a provider document. Nothing in it keeps the
// log from being served.
func (op *Operator) setCosigners(d *document) {
	targets := cosign.TargetsOf(d.Document)
	if err := op.cosigners.SetTargets(targets); err != nil {
		op.options.Logger.Error("no cosignatures are collected: the provider document names cosigners that cannot be asked", "error", err)
		return
	}
	if lag := targets.MaxLag; lag > 0 && lag < 2*op.options.CheckpointInterval {
		op.options.Logger.Warn("checkpoints are too far apart for max_witness_lag_ms: clients will often refuse heads",
			"interval", op.options.CheckpointInterval, "lag", lag)
	}
}

// keptCheckpoint returns the cosigned checkpoint that was kept, if it is one of
// this log.
func (op *Operator) keptCheckpoint(verifier *checkpoint.Verifier) ([]byte, error) {
	snap, err := op.sequencer.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	kept, err := directory.Cosigned(snap)
	if err == nil && kept == nil {
		return nil, nil
	}
	var signed *checkpoint.Signed
	if err == nil {
		signed, err = verifier.Open(kept)
	}
	if err == nil && (signed.Size == 0 || signed.Size > snap.Head().Size) {
		err = fmt.Errorf("it is of size %d", signed.Size)
	}
	if err == nil {
		var root tlog.Hash
		if root, err = tlog.TreeHash(int64(signed.Size), directory.HashReader{AuditLog: snap}); err == nil && root != signed.Root {
			err = fmt.Errorf("it has another root at size %d", signed.Size)
		}
	}
	if err != nil { // what clients are shown is signed and collected again
		op.options.Logger.Error("the cosigned checkpoint in the store is not one of this log, and left alone", "error", err)
		return nil, nil
	}
	return kept, nil
}

// consistency proves that the audit log of size to begins with that of size from.
func (op *Operator) consistency(_ context.Context, from, to uint64) ([]checkpoint.Hash, error) {
	snap, err := op.sequencer.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	if size := snap.Head().Size; from == 0 || from >= to || to > size {
		return nil, fmt.Errorf("no proof from size %d to %d of %d", from, to, size)
	}
	return tlog.ProveTree(int64(to), int64(from), directory.HashReader{AuditLog: snap})
}

// Cosigned returns the newest checkpoint that has the cosignatures which the
// provider document asks for; nil: none has, or it asks for none. It outlives a
// restart.
func (op *Operator) Cosigned() []byte { return op.cosigners.Met() }

// Cosigners returns how the witnesses and cosigning auditors stand.
func (op *Operator) Cosigners() ([]cosign.Standing, cosign.Summary) {
	return op.cosigners.Standings(), op.cosigners.Summary()
}
