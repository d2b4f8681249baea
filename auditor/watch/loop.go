package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kith-kt/kith/auditor/mirror"
	"github.com/kith-kt/kith/auditor/pass"
)

// saveEvery is how much work may be lost by being killed.
const saveEvery = 5 * time.Second

// ErrShort is a provider whose log does not reach as far as was asked.
var ErrShort = errors.New("the provider's log does not reach that far")

// Run makes pass after pass until ctx ends, which is nil, or the provider was
// caught, which is a *Misbehaved. A provider that cannot be reached is asked again.
func (w *Watch) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var telling sync.WaitGroup // alerts that take long keep nobody from auditing
	defer telling.Wait()
	defer stop()
	told := make(chan struct{}, 1)
	tick := time.NewTicker(w.o.Poll)
	defer tick.Stop()
	for {
		_, err := w.Pass(ctx)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		if m, ok := errors.AsType[*Misbehaved](err); ok {
			telling.Wait()
			w.Deliver(ctx)
			return m
		}
		if err != nil {
			w.o.Logger.Warn("not audited; will try again", "domain", w.domain(), "error", err.Error())
		}
		select {
		case told <- struct{}{}:
			telling.Go(func() {
				w.deliver(ctx, 1)
				<-told
			})
		default: // the last time is not over
		}
		select {
		case <-tick.C:
		case <-w.caught:
		case <-ctx.Done():
			return nil
		}
	}
}

// begins waits until no pass is made and returns what lets the next one begin.
func (w *Watch) begins(ctx context.Context) (ends func(), err error) {
	select {
	case <-w.passing:
		return func() { w.passing <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Pass audits up to the newest checkpoint and signs for it. Its error is a
// *Misbehaved, or why the pass was not finished.
func (w *Watch) Pass(ctx context.Context) (pass.Result, error) {
	ends, err := w.begins(ctx)
	if err != nil {
		return pass.Result{}, err
	}
	defer ends()
	return w.pass(ctx)
}

// Await returns once size entries were audited: it makes a pass, or waits for the
// one that is being made. Its error is a *Misbehaved, ErrShort, or why the pass was
// not finished.
func (w *Watch) Await(ctx context.Context, size uint64) error {
	if w.Audited() >= size {
		return w.Misbehaved()
	}
	ends, err := w.begins(ctx)
	if err != nil {
		return err
	}
	defer ends()
	if w.Audited() >= size {
		return w.Misbehaved()
	}
	if _, err := w.pass(ctx); err != nil {
		return err
	}
	if w.Audited() < size {
		return fmt.Errorf("%w: %d entries, not %d", ErrShort, w.Audited(), size)
	}
	return nil
}

// pass makes one pass, and says in the status how it went.
func (w *Watch) pass(ctx context.Context) (r pass.Result, err error) {
	err = w.judge(ctx)
	if err == nil {
		err = w.Misbehaved()
	}
	if err != nil {
		return pass.Result{Progress: w.progress}, err
	}
	r, err = w.audit(ctx)
	if e := w.judge(ctx); e != nil { // what somebody brought meanwhile
		err = e
	}
	if _, ok := errors.AsType[*Misbehaved](err); !ok {
		if e := w.lookAtClock(ctx, &r, err); e != nil {
			err = e
		}
	}
	if err == nil {
		err = w.restoredError()
	}
	if err == nil {
		err = w.postHead(ctx)
	}
	now := w.o.Now()
	w.set(func(s *Status) {
		w.measure(s)
		s.Leaves += r.Leaves
		if err == nil {
			s.LastPass, s.Fault = now, ""
		} else if !errors.Is(err, context.Canceled) {
			s.Fault = err.Error()
			s.Failures++
		}
	})
	if err == nil && r.Entries > 0 {
		w.o.Logger.Info("audited", "domain", w.domain(), "entries", r.Entries, "leaves", r.Leaves, "size", r.Progress.State.Size())
	}
	w.mu.Lock()
	close(w.grown)
	w.grown = make(chan struct{})
	w.mu.Unlock()
	return r, err
}

// Grown returns a channel that is closed when the next pass ends, however it ends.
func (w *Watch) Grown() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.grown
}

// audit takes the watch to the newest checkpoint.
func (w *Watch) audit(ctx context.Context) (pass.Result, error) {
	if err := w.refresh(ctx); err != nil {
		return pass.Result{Progress: w.progress}, err
	}
	r, err := w.walk(ctx)
	if m, ok := errors.AsType[*pass.Misbehaviour](err); ok && m.Kind == pass.Reconfigured {
		// Perhaps it was announced while we read.
		before := w.log
		if e := w.refresh(ctx); e != nil {
			return r, errors.Join(err, e)
		}
		if w.log != before {
			first := r
			r, err = w.walk(ctx)
			r.Entries, r.Leaves, r.Bytes = r.Entries+first.Entries, r.Leaves+first.Leaves, r.Bytes+first.Bytes
		}
	}
	if r.Signed != nil {
		w.trouble.behind = since{}
	}
	m, ok := errors.AsType[*pass.Misbehaviour](err)
	if ok && m.Kind == pass.Rollback {
		var e error
		if m, e = w.smaller(m); e != nil {
			return r, e
		}
		err = m
	}
	if !ok || errors.Is(err, pass.ErrShort) {
		return r, err
	}
	if w.o.Copy && !mirror.Provable(m) {
		return r, fmt.Errorf("the copy at %s is damaged: %w", w.source.Address(), err)
	}
	return r, w.catchPass(ctx, m)
}

// walk makes the pass proper, and keeps what it audited.
func (w *Watch) walk(ctx context.Context) (pass.Result, error) {
	if w.archive.Next() != w.archive.Size() { // a pass before could not keep it
		if err := w.archive.Revert(); err != nil {
			return pass.Result{Progress: w.progress}, err
		}
	}
	run := pass.Pass{
		Log: w.log, Source: w.source, Each: w.o.Each, Leaf: w.keep, Have: w.archive.Next(),
		Save: func(p pass.Progress, last bool) error {
			if !bytes.Equal(p.Seen, w.saved.Seen) {
				w.lookBackAt(p.Seen)
			}
			if last || !bytes.Equal(p.Seen, w.saved.Seen) || time.Since(w.savedAt) >= saveEvery {
				return w.save(p)
			}
			return nil
		},
	}
	r, err := run.Run(ctx, w.progress)
	w.progress = r.Progress
	if e := w.save(r.Progress); e != nil {
		return r, errors.Join(err, e)
	}
	if err != nil || r.Signed == nil || r.Signed.Size == 0 {
		return r, err
	}
	if !bytes.Equal(r.Progress.Seen, w.audited) {
		if err := w.folder.write(checkpointFile, r.Progress.Seen); err != nil {
			return r, err
		}
		w.mu.Lock()
		w.audited = r.Progress.Seen
		w.mu.Unlock()
	}
	return r, nil
}

// keep keeps an audited leaf and its update. An archive that was ahead of the
// progress, after a crash, has the leaf already: then it must be the same.
func (w *Watch) keep(pos uint64, encoded, update []byte) error {
	if pos < w.archive.Next() {
		known, err := w.archive.Encoded(pos)
		if err == nil && !bytes.Equal(known, encoded) {
			err = fmt.Errorf("%w: leaf %d in %s is not the one that was audited again", pass.ErrProgress, pos, w.folder.path(archiveFolder))
		}
		if err != nil {
			return err
		}
	} else if err := w.archive.Append(encoded); err != nil {
		return err
	}
	if update == nil {
		return nil
	}
	return w.updates.add(pos, update)
}

// save keeps how far the auditor has come: what was audited first, then that it
// was.
func (w *Watch) save(p pass.Progress) error {
	if p.Seen == nil {
		return nil
	}
	if err := w.archive.Commit(); err != nil {
		return err
	}
	if bytes.Equal(p.Seen, w.saved.Seen) && p.State.Size() == w.savedSize {
		return nil
	}
	// The leaves that a state remembers are many: they are written one by one, and
	// no state is kept besides the newest.
	if err := replaceWith(w.folder.dir, progressFile, func(out io.Writer) error { return p.WriteTo(out, w.log) }); err != nil {
		return err
	}
	w.saved, w.savedSize, w.savedAt = pass.Progress{Seen: p.Seen}, p.State.Size(), time.Now()
	oldest, ok := p.State.Oldest()
	if !ok {
		oldest = p.State.Size()
	}
	w.progress = p
	w.set(w.measure)
	return w.updates.forget(oldest)
}
