package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// conflictWait is how long whoever brings a checkpoint of another log waits for it to
// be judged, while a pass is being made.
const conflictWait = 5 * time.Second

// A conflict is a checkpoint that the log signed, and that is not of the log audited.
// It is in the folder until it is judged.
type conflict struct {
	note     []byte
	signed   *checkpoint.Signed
	previous []byte // the one of the same size that was cosigned, nil if there is none
}

// conflicts keeps a conflict, and judges it as soon as no pass is made. Nothing is
// cosigned before.
func (w *Watch) conflicts(c *conflict) error {
	if err := w.folder.write(conflictFile, c.note); err != nil {
		w.o.Logger.Error("a checkpoint of another log could not be kept", "domain", w.domain(), "error", err.Error())
	}
	w.mu.Lock()
	if w.conflicting == nil {
		w.conflicting = c
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), w.o.conflictWait)
	defer cancel()
	ends, err := w.begins(ctx)
	if err != nil {
		return fmt.Errorf("%w; that is judged when the pass that is being made ends", ErrConflict)
	}
	defer ends()
	if err := w.judge(ctx); err != nil {
		return err
	}
	return ErrConflict
}

// inConflict returns what is not judged yet.
func (w *Watch) inConflict() *conflict {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conflicting
}

// judge makes evidence of what waits for it: that ends the Watch. Whoever calls it
// makes the pass.
func (w *Watch) judge(ctx context.Context) error {
	c := w.inConflict()
	if c == nil || c.signed.Size > w.Audited() || ctx.Err() != nil {
		return nil
	}
	here, err := w.archive.Checkpoint(c.signed.Size)
	if err != nil {
		return err
	}
	var found *Misbehaved
	if here.Root != c.signed.Root {
		m := &pass.Misbehaviour{
			Kind: pass.Fork, Entry: max(c.signed.Size, 1) - 1, Checkpoint: c.note, Previous: w.Checkpoint(),
			Err: fmt.Errorf("%w: %w", pass.ErrFork, ErrConflict),
		}
		if c.previous != nil {
			m.Previous = c.previous
		}
		err = w.catchPass(ctx, m)
		found, _ = errors.AsType[*Misbehaved](err)
	}
	w.mu.Lock()
	w.conflicting = nil
	w.mu.Unlock()
	if found == nil || found.Finding.File != "" {
		if e := os.Remove(w.folder.path(conflictFile)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			w.o.Logger.Error("a checkpoint that was judged could not be removed", "domain", w.domain(), "error", e.Error())
		}
	}
	return err
}

// loadConflict reads what was not judged before.
func (w *Watch) loadConflict() error {
	b, err := w.folder.read(conflictFile)
	if err != nil || b == nil {
		return err
	}
	signed, err := w.log.Verifier.Open(b)
	if err != nil {
		return fmt.Errorf("%s: %w", w.folder.path(conflictFile), err)
	}
	w.conflicting = w.conflictOf(b, signed)
	return nil
}

// conflictOf is called by whoever cosigns.
func (w *Watch) conflictOf(note []byte, signed *checkpoint.Signed) *conflict {
	c := &conflict{note: note, signed: signed}
	if w.cosigned.size == signed.Size {
		c.previous = w.cosigned.note
	}
	return c
}
