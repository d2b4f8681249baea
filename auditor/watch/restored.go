package watch

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// ErrRestored is a folder that is older than what its own key has signed: it was put
// back from a copy, or somebody else has the key. Nothing is signed with it any more,
// since nobody knows what else was.
var ErrRestored = errors.New("this folder knows less than what its key has cosigned: it was put back from a copy, or another auditor has the key")

// own returns whether this auditor has cosigned a checkpoint.
func (w *Watch) own(signed *checkpoint.Signed) bool {
	if w.cosigner == nil {
		return false
	}
	witness, err := checkpoint.NewWitness(w.cosigner.VerifierKey())
	if err != nil {
		return false
	}
	for _, sig := range signed.Others {
		if _, err := witness.Verify(signed.Checkpoint, sig); err == nil {
			return true
		}
	}
	return false
}

// lookBack looks whether a signed checkpoint shows that this auditor has cosigned more
// than it knows: then the folder says so from now on, and the alerts are told.
func (w *Watch) lookBack(note []byte, signed *checkpoint.Signed) {
	w.mu.Lock()
	known := max(w.status.CosignedSize, w.restored)
	w.mu.Unlock()
	if signed.Size <= known || !w.own(signed) {
		return
	}
	w.mu.Lock()
	first := w.restored == 0
	w.restored = signed.Size
	w.mu.Unlock()
	if err := w.folder.write(restoredFile, note); err != nil {
		w.o.Logger.Error("that the folder went back could not be kept", "domain", w.domain(), "error", err.Error())
	}
	if first {
		w.note(nil, nil, Finding{Kind: KindRestored, Entry: signed.Size - 1, Text: w.restoredError().Error() + "; nothing is signed until it has a new cosigner key"})
	}
}

// lookBackAt is lookBack for what was seen; nil: nothing was.
func (w *Watch) lookBackAt(note []byte) {
	if note == nil {
		return
	}
	if signed, err := w.Log().Verifier.Open(note); err == nil {
		w.lookBack(note, signed)
	}
}

// restoredError is ErrRestored for a folder of which that is known, else nil.
func (w *Watch) restoredError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.restored == 0 {
		return nil
	}
	return fmt.Errorf("%w (a checkpoint of size %d has its cosignature, and the folder knows of size %d)", ErrRestored, w.restored, w.status.CosignedSize)
}

// loadRestored reads whether the folder went back. With another key that is over.
func (w *Watch) loadRestored() error {
	b, err := w.folder.read(restoredFile)
	if err != nil || b == nil {
		return err
	}
	signed, err := w.log.Verifier.Open(b)
	if err != nil {
		return fmt.Errorf("%s: %w", w.folder.path(restoredFile), err)
	}
	if signed.Size > w.cosigned.size && w.own(signed) {
		w.restored = signed.Size
	}
	return nil
}
