package cosign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// Faults of cosigners, found with errors.Is.
var (
	// ErrAhead is a cosigner that says it has cosigned more than the log has.
	ErrAhead = errors.New("it has seen a larger log under this key")
	// ErrFork is a cosigner that says it has cosigned another tree of the size.
	ErrFork = errors.New("it has seen another tree of this size under this key")
	// ErrRefused is a cosigner that does not cosign: it does not know the log, or
	// trust its key, or accept its proof.
	ErrRefused = errors.New("it refuses")
	// ErrAnswer is an answer that is none of those of the protocol.
	ErrAnswer = errors.New("its answer makes no sense")
)

// errAgain is a checkpoint that was overtaken: the newest is still to be asked for.
var errAgain = errors.New("another checkpoint is signed")

// maxAsks is how often a cosigner is asked in a row, as long as it answers with
// another size each time.
const maxAsks = 3

// maxAhead is how far a cosigner's clock may be ahead of ours: clients allow no more.
const maxAhead = time.Minute

// ask asks for a cosignature of a checkpoint, verifies it, and keeps it.
func (l *loop) ask(ctx context.Context, r *round) error {
	size := r.Size
	if l.size > size {
		return l.ahead(l.size)
	}
	for range maxAsks {
		request := checkpoint.AddCheckpoint{Old: l.size, Checkpoint: r.bare}
		if l.size > 0 && l.size < size {
			var err error
			if request.Proof, err = l.c.config.Proof(ctx, l.size, size); err != nil {
				return fmt.Errorf("cosign: proof from size %d to %d: %w", l.size, size, err)
			}
		}
		body, err := request.Append(nil)
		if err != nil {
			return err
		}
		answer, err := l.asker.post(ctx, body)
		if behind := (*sizeError)(nil); errors.As(err, &behind) {
			switch {
			case behind.size == l.size && behind.size == size:
				return fmt.Errorf("%w: %d", ErrFork, size)
			case behind.size == l.size:
				return fmt.Errorf("%w: it answers 409 with the size %d it was sent", ErrAnswer, behind.size)
			case behind.size > size:
				return l.ahead(behind.size)
			}
			l.size = behind.size
			continue
		}
		if err != nil {
			l.size = 0 // it may have lost its memory: let it tell its size
			return err
		}
		return l.take(r, answer)
	}
	l.size = 0
	return fmt.Errorf("%w: it answers 409 again and again, each time with another size", ErrAnswer)
}

// ahead judges a cosigner's size that is beyond the checkpoint it was asked for.
// Another checkpoint may have been signed meanwhile.
func (l *loop) ahead(size uint64) error {
	l.c.mu.Lock()
	newest := l.c.rounds[len(l.c.rounds)-1].Size
	l.c.mu.Unlock()
	if size <= newest {
		l.size = size
		return errAgain
	}
	l.size = 0
	return fmt.Errorf("%w: of %d leaves, it has %d here; if the cosigner does not err, another copy of this log is running", ErrAhead, size, newest)
}

// take keeps the cosignature of the loop's cosigner among the lines of an answer.
func (l *loop) take(r *round, answer []byte) error {
	lines, err := checkpoint.ParseLines(answer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	all, err := checkpoint.AddCosignatures(r.bare, lines...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	signed, err := l.c.config.Log.Open(all)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	fault := fmt.Errorf("%w: no cosignature by %s among %d", ErrAnswer, l.witness.Name(), len(lines))
	for _, sig := range signed.Others {
		if !l.witness.Made(sig) {
			continue
		}
		seconds, err := l.witness.Verify(signed.Checkpoint, sig)
		if err != nil {
			fault = fmt.Errorf("%w: %w", ErrAnswer, err)
			continue
		}
		if ahead := time.Unix(int64(min(seconds, 1<<40)), 0).Sub(l.c.config.Now()); ahead > maxAhead {
			fault = fmt.Errorf("%w: its clock, or ours, is wrong: its cosignature is from %v in the future", ErrAnswer, ahead.Round(time.Second))
			continue
		}
		if err := l.c.add(r, l.target.Key, lineOf(sig)); err != nil {
			return err
		}
		l.size = r.Size
		l.cosigned(r.Size, seconds)
		return nil
	}
	return fault
}

// lineOf returns the line of a signature, with its newline.
func lineOf(sig note.Signature) []byte { return []byte("— " + sig.Name + " " + sig.Base64 + "\n") }
