package pass

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// A Pass is one walk from where an auditor was to the newest checkpoint.
type Pass struct {
	Log    *Log
	Source Source
	// Save is called before the first entry, after every 256 at most and at the
	// end, and may keep the Progress, or not. nil: nothing is kept.
	Save func(p Progress, last bool) error
	// Each is told after every entry how far the pass is. nil: nobody is.
	Each func(done, size uint64)

	// Leaf is given every leaf once it was audited, in order, before Save is called
	// for it. nil: nobody is.
	Leaf func(pos uint64, encoded, update []byte) error
	// Have is how many leaves Leaf was given before. Those from there up to where
	// the audit was are read again first, and given to Leaf without their update.
	Have uint64
}

// A Result is what a pass has done.
type Result struct {
	Progress Progress // of every entry under Checkpoint if there was no error
	Signed   *checkpoint.Signed
	// Offered is a checkpoint that the log has signed, and of which could not be read
	// whether it continues the one seen; nil if that was not so.
	Offered []byte
	Entries uint64 // audited in this pass
	Leaves  uint64 // added and removed by them
	Bytes   uint64 // of pages of updates
}

// Run walks. When it returns an error, Result.Progress is as far as it came, and
// may be gone on from. Misbehaviour is a *Misbehaviour, all other errors are the
// Source's, Save's or the context's.
func (p *Pass) Run(ctx context.Context, from Progress) (r Result, err error) {
	r.Progress = from
	note, err := p.Source.Checkpoint(ctx)
	if err != nil {
		return r, err
	}
	previous := from.Seen
	signed, tree, err := p.open(ctx, from, note)
	if err == nil {
		r.Signed = signed
		r.Progress.Seen = note
		err = p.walk(ctx, &r, tree)
	} else if _, bad := errors.AsType[*Misbehaviour](err); !bad {
		r.Offered = note
	}
	if m, ok := errors.AsType[*Misbehaviour](err); ok {
		if m.Kind != BadCheckpoint {
			m.Checkpoint = note
		}
		if m.Kind == Fork || m.Kind == Rollback {
			m.Previous = previous
		}
		p.proveLeaf(m, tree)
	}
	return r, err
}

// open verifies a checkpoint and that its log continues the one seen.
func (p *Pass) open(ctx context.Context, from Progress, note []byte) (*checkpoint.Signed, *tiles, error) {
	size := from.State.Size()
	signed, err := p.Log.Verifier.Open(note)
	if err != nil {
		return nil, nil, &Misbehaviour{Kind: BadCheckpoint, Entry: size, Err: err, Tile: "checkpoint", Data: note}
	}
	tree := newTiles(ctx, p.Source, signed.Checkpoint)
	if from.Seen == nil {
		if size > 0 {
			return nil, nil, fmt.Errorf("%w: entries without a checkpoint", ErrProgress)
		}
		return signed, tree, nil
	}
	seen, err := p.Log.Verifier.Open(from.Seen)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: checkpoint: %w", ErrProgress, err)
	}
	if size > seen.Size {
		return nil, nil, fmt.Errorf("%w: beyond its checkpoint", ErrProgress)
	}
	if signed.Size < seen.Size {
		return nil, nil, &Misbehaviour{Kind: Rollback, Entry: signed.Size, Err: fmt.Errorf("%w: %d entries after %d", ErrRollback, signed.Size, seen.Size)}
	}
	var proof []checkpoint.Hash
	if seen.Size > 0 && seen.Size < signed.Size {
		if proof, err = tlog.ProveTree(int64(signed.Size), int64(seen.Size), tree.hashes()); err != nil {
			return nil, nil, tree.bad(seen.Size-1, err)
		}
	}
	if err := checkpoint.CheckConsistency(seen.Checkpoint, signed.Checkpoint, proof); err != nil {
		return nil, nil, &Misbehaviour{Kind: Fork, Entry: max(seen.Size, 1) - 1, Err: fmt.Errorf("%w: %w", ErrFork, err)}
	}
	return signed, tree, nil
}

// walk audits all entries under the checkpoint.
func (p *Pass) walk(ctx context.Context, r *Result, tree *tiles) error {
	save := func(last bool) error {
		if p.Save == nil {
			return nil
		}
		return p.Save(r.Progress, last)
	}
	// From now on no log is taken that does not continue this checkpoint.
	if err := save(r.Progress.State.Size() == r.Signed.Size); err != nil {
		return err
	}
	if err := p.fill(ctx, r.Progress.State, tree); err != nil {
		return err
	}
	updates := newPages(p.Source, p.Log.Configuration.Format())
	for r.Progress.State.Size() < r.Signed.Size {
		pos := r.Progress.State.Size()
		b, err := tree.bundle(pos)
		if err != nil {
			return err
		}
		for ; pos < b.first+uint64(len(b.leaves)); pos++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			update, err := updates.take(ctx, pos)
			if err != nil {
				return err
			}
			i := pos - b.first
			next, changed, err := p.entry(r.Progress, &b.leaves[i], update)
			if err != nil {
				if m, ok := errors.AsType[*Misbehaviour](err); ok {
					m.Leaf, m.Update = b.encoded[i], update.encoded
				}
				return err
			}
			if p.Leaf != nil {
				if err := p.Leaf(pos, b.encoded[i], update.encoded); err != nil {
					return err
				}
			}
			r.Progress = next
			r.Entries, r.Leaves, r.Bytes = r.Entries+1, r.Leaves+changed, updates.bytes
			if p.Each != nil {
				p.Each(pos+1, r.Signed.Size)
			}
		}
		if err := save(r.Progress.State.Size() == r.Signed.Size); err != nil {
			return err
		}
	}
	return nil
}

// Read gives Leaf the leaves from Have on that stand under a checkpoint, which the
// caller trusts. It audits nothing.
func (p *Pass) Read(ctx context.Context, c checkpoint.Checkpoint) error {
	return p.leaves(ctx, c.Size, newTiles(ctx, p.Source, c), func(*checkpoint.Leaf) error { return nil })
}

// fill gives Leaf what it does not have of the log as far as it was audited.
func (p *Pass) fill(ctx context.Context, s auditor.State, tree *tiles) error {
	if p.Leaf == nil {
		return nil
	}
	return p.leaves(ctx, s.Size(), tree, func(leaf *checkpoint.Leaf) error {
		if leaf.Position == s.Size()-1 && (leaf.Root != s.Root() || leaf.PrefixRoot != s.PrefixRoot()) {
			return fmt.Errorf("%w: the log has another root at size %d", ErrProgress, s.Size())
		}
		return nil
	})
}

func (p *Pass) leaves(ctx context.Context, size uint64, tree *tiles, check func(*checkpoint.Leaf) error) error {
	for pos := p.Have; pos < size; {
		b, err := tree.bundle(pos)
		if err != nil {
			return err
		}
		for ; pos < min(size, b.first+uint64(len(b.leaves))); pos++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			i := pos - b.first
			if err := check(&b.leaves[i]); err != nil {
				return err
			}
			if err := p.Leaf(pos, b.encoded[i], nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry audits one entry: the leaf, the update, and the roots that follow.
func (p *Pass) entry(from Progress, leaf *checkpoint.Leaf, update *update) (to Progress, changed uint64, err error) {
	s := from.State
	bad := func(kind Kind, err error) (Progress, uint64, error) {
		return from, 0, &Misbehaviour{Kind: kind, Entry: s.Size(), Err: err}
	}
	configured, ok := p.Log.Configured(from.Configured, leaf.Configuration)
	if !ok {
		return bad(Reconfigured, ErrConfiguration)
	}
	if n := len(update.encoded); uint64(n) != uint64(leaf.UpdateSize) {
		return bad(BadUpdate, fmt.Errorf("%w: %d bytes, not %d", ErrUpdate, n, leaf.UpdateSize))
	}
	if update.digest != leaf.Update {
		return bad(BadUpdate, ErrUpdate)
	}
	if update.err != nil {
		return bad(BadUpdate, update.err)
	}
	u := update.parsed
	next, err := s.Step(u)
	if err != nil {
		return bad(BadStep, err)
	}
	follows := func(what string) error { return fmt.Errorf("%w: %s", ErrFollows, what) }
	switch {
	case leaf.Position != s.Size():
		return bad(BadRoot, follows("position"))
	case leaf.Timestamp != next.Timestamp():
		return bad(BadRoot, follows("timestamp"))
	case leaf.PrefixRoot != next.PrefixRoot():
		return bad(BadRoot, follows("root of the prefix tree"))
	case leaf.Root != next.Root():
		return bad(BadRoot, follows("root of the log tree"))
	}
	return Progress{next, from.Seen, configured}, uint64(len(u.Added) + len(u.Removed)), nil
}

// proveLeaf adds the proof that the log has signed the leaf.
func (p *Pass) proveLeaf(m *Misbehaviour, tree *tiles) {
	if m.Leaf == nil || m.Kind == BadLeaf || tree == nil {
		return
	}
	if proof, err := tlog.ProveRecord(tree.tree.N, int64(m.Entry), tree.hashes()); err == nil {
		m.LeafProof = proof
	}
}
