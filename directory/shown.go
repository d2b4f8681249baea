package directory

import (
	"sync/atomic"
)

// A shown snapshot is the one of the newest head that may be served. Those who
// read it share it.
type shown struct {
	Snapshot
	force *force
	refs  atomic.Int64 // leases, and one while it is the newest
}

// A lease is one reader's hold on a shown snapshot.
type lease struct {
	Snapshot
	of       *shown
	released atomic.Bool
}

// Release implements Snapshot.
func (l *lease) Release() {
	if !l.released.Swap(true) {
		l.of.unref()
	}
}

func (s *shown) unref() {
	if s.refs.Add(-1) == 0 {
		s.Snapshot.Release()
	}
}

func (s *shown) lease() *lease {
	for {
		n := s.refs.Load()
		if n == 0 {
			return nil
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return &lease{Snapshot: s.Snapshot, of: s}
		}
	}
}

// Snapshot returns a view of the newest head that may be shown: durable, and
// not above the high-water mark.
func (s *Sequencer) Snapshot() (Snapshot, error) {
	for {
		now := s.shown.Load()
		if now == nil {
			return nil, ErrClosed
		}
		if l := now.lease(); l != nil {
			return l, nil
		}
	}
}

// show raises the high-water mark to the newest head of the store and then, not
// before, lets readers see it. The caller holds s.mu.
func (s *Sequencer) show() error {
	snap, err := s.config.Store.Snapshot()
	if err != nil {
		return err
	}
	f, err := s.forceOf(snap)
	if err != nil {
		snap.Release()
		return err
	}
	head := snap.Head()
	if err := s.config.HighWater.Raise(head.Size, head.Root); err != nil {
		snap.Release()
		return err
	}
	next := &shown{Snapshot: snap, force: f}
	next.refs.Store(1)
	if old := s.shown.Swap(next); old != nil {
		old.unref()
	}
	changed := make(chan struct{})
	if old := s.changed.Swap(&changed); old != nil {
		close(*old)
	}
	return nil
}

// Changed returns a channel that is closed when Snapshot would return another
// view. Ask for the channel first, then for the Snapshot.
func (s *Sequencer) Changed() <-chan struct{} { return *s.changed.Load() }
