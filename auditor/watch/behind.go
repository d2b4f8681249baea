package watch

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/auditor/pass"
)

// errBehind is a checkpoint of the log as it was: a cache serves that, or a replica
// that is behind.
var errBehind = errors.New("the provider serves the log as it was before")

// smaller judges a checkpoint that is smaller than one seen. If another tree stands
// under it than under the audited log at that size, that is a fork. If not, it is
// something the provider did sign once: the error is errBehind until it was asked
// often enough and for long enough.
func (w *Watch) smaller(m *pass.Misbehaviour) (*pass.Misbehaviour, error) {
	signed, err := w.log.Verifier.Open(m.Checkpoint)
	if err != nil {
		return nil, err
	}
	if signed.Size <= w.archive.Size() {
		here, err := w.archive.Checkpoint(signed.Size)
		if err != nil {
			return nil, err
		}
		if here.Root != signed.Root {
			return &pass.Misbehaviour{
				Kind: pass.Fork, Entry: max(signed.Size, 1) - 1, Checkpoint: m.Checkpoint, Previous: m.Previous,
				Err: fmt.Errorf("%w: %w", pass.ErrFork, ErrConflict),
			}, nil
		}
	}
	if w.o.Copy || w.counts(&w.trouble.behind, w.o.Now()) {
		return m, nil
	}
	return nil, fmt.Errorf("log entry %d: %w: %w", signed.Size, errBehind, m.Err)
}
