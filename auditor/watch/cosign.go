package watch

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// Errors of Cosign, besides a *Misbehaved.
var (
	// ErrNoCosigner is an auditor without a cosigner key.
	ErrNoCosigner = errors.New("this auditor has no cosigner key")
	// ErrNotAudited is a checkpoint of more than was audited.
	ErrNotAudited = errors.New("the log is not audited that far")
	// ErrBack is a checkpoint smaller than the one cosigned last.
	ErrBack = errors.New("the checkpoint is smaller than the one cosigned last")
	// ErrConflict is a checkpoint of another log than the one audited.
	ErrConflict = errors.New("the checkpoint is not of the log that was audited")
)

// A SizeError says that another size was cosigned last.
type SizeError struct{ Size uint64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the checkpoint cosigned last is of size %d", e.Size)
}

// cosigned is the checkpoint that was cosigned last.
type cosigned struct {
	size uint64
	root checkpoint.Hash
	note []byte // with the cosignature; nil: none
	at   time.Time
}

// loadCosigned reads what was cosigned last.
func (w *Watch) loadCosigned() error {
	b, err := w.folder.read(cosignedFile)
	if err != nil || b == nil {
		return err
	}
	signed, err := w.log.Verifier.Open(b)
	if err != nil {
		return fmt.Errorf("%s: %w", w.folder.path(cosignedFile), err)
	}
	w.cosigned = cosigned{size: signed.Size, root: signed.Root, note: b}
	w.cosignedNote = b
	if w.cosigner == nil {
		return nil
	}
	if witness, err := checkpoint.NewWitness(w.cosigner.VerifierKey()); err == nil {
		for _, sig := range signed.Others {
			if at, err := witness.Verify(signed.Checkpoint, sig); err == nil {
				w.cosigned.at = time.Unix(int64(at), 0)
			}
		}
	}
	return nil
}

// Cosigned returns the newest checkpoint that this auditor cosigned, with the
// cosignature; nil: none yet.
func (w *Watch) Cosigned() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cosignedNote
}

// Cosigner returns the name and verifier key of this auditor's cosignatures, "" if
// it makes none.
func (w *Watch) Cosigner() (name, vkey string) {
	if w.cosigner == nil {
		return "", ""
	}
	return w.cosigner.Name(), w.cosigner.VerifierKey()
}

// Cosign cosigns a signed checkpoint of the log, as served, if all under it was
// audited. older is the size that the asker believes was cosigned last; if it was
// not, the error is a *SizeError. proof is the consistency of the two; one that
// does not hold is checkpoint.ErrProof. Sizes never go back, and no size is cosigned
// with two roots. The cosignature, a line of a note, is durable before it is
// returned.
//
// A checkpoint that the log signed and that is not of the log audited ends the
// Watch: that error is a *Misbehaved, or ErrConflict if a pass that takes long has to
// end first; nothing is cosigned until then. Of a folder that is older than its own
// cosignatures the error is ErrRestored.
func (w *Watch) Cosign(note []byte, older uint64, proof []checkpoint.Hash) (line []byte, err error) {
	if err := w.Misbehaved(); err != nil {
		return nil, err
	}
	signed, err := w.Log().Verifier.Open(note)
	if err != nil {
		return nil, err
	}
	w.cosigning.Lock()
	defer w.cosigning.Unlock()
	if w.inConflict() != nil {
		return nil, ErrConflict
	}
	if signed.Size <= w.Audited() { // whatever else is asked: is it the same log?
		here, err := w.archive.Checkpoint(signed.Size)
		if err != nil {
			return nil, err
		}
		if here.Root != signed.Root {
			return nil, w.conflicts(w.conflictOf(bare(note, signed, w.Log().Verifier), signed))
		}
	}
	w.lookBack(note, signed)
	if err := w.restoredError(); err != nil {
		return nil, err
	}
	switch {
	case older != w.cosigned.size:
		return nil, &SizeError{w.cosigned.size}
	case older > signed.Size:
		return nil, fmt.Errorf("%w: size %d after %d", ErrBack, signed.Size, older)
	case signed.Size > w.Audited():
		return nil, fmt.Errorf("%w: it came to %d", ErrNotAudited, w.Audited())
	}
	before := checkpoint.Checkpoint{Origin: signed.Origin, Size: older, Root: w.cosigned.root}
	if older == 0 {
		before.Root = sha256.Sum256(nil)
	}
	if err := checkpoint.CheckConsistency(before, signed.Checkpoint, proof); err != nil {
		return nil, err
	}
	if w.cosigner == nil {
		return nil, ErrNoCosigner
	}
	if err := w.inTime(signed.Size); err != nil {
		return nil, err
	}
	now := w.o.Now()
	if line, err = w.cosigner.Cosign(signed.Text(), uint64(max(now.Unix(), 0))); err != nil {
		return nil, err
	}
	whole, err := checkpoint.AddCosignatures(bare(note, signed, w.Log().Verifier), line)
	if err != nil {
		return nil, err
	}
	if err := w.folder.write(cosignedFile, whole); err != nil {
		return nil, err
	}
	w.cosigned = cosigned{signed.Size, signed.Root, whole, now}
	w.set(func(s *Status) {
		s.CosignedSize, s.CosignedAt = signed.Size, now
		w.cosignedNote = whole
	})
	return line, nil
}

// bare returns a signed checkpoint with the log's signature alone. Whoever asks can
// write other lines under it, and what is kept is handed to everybody.
func bare(note []byte, signed *checkpoint.Signed, v *checkpoint.Verifier) []byte {
	text := []byte(signed.Text() + "\n")
	for line := range bytes.Lines(bytes.TrimPrefix(note, text)) {
		one := append(text[:len(text):len(text)], line...)
		if _, err := v.Open(one); err == nil {
			return one
		}
	}
	return note
}

// inTime refuses what is ahead of the clock: nobody should believe it yet.
func (w *Watch) inTime(size uint64) error {
	if size == 0 {
		return nil
	}
	leaf, err := w.archive.Leaf(size - 1)
	if err != nil {
		return err
	}
	if now := ms(w.o.Now()); leaf.Timestamp > now && leaf.Timestamp-now > w.Log().Configuration.MaxAhead {
		return fmt.Errorf("log entry %d: %w", size-1, errFuture)
	}
	return nil
}
