package directory

import (
	"context"
	"time"
)

// heartbeatRetry is how long after a heartbeat that failed the next one is
// tried: a disk that is full stays so for a while, and every attempt costs.
const heartbeatRetry = time.Second

// Run sequences submitted updates and writes heartbeats until ctx ends. Updates
// that were submitted before are still committed; later ones are turned away
// with problem.ErrUnavailable. A failed commit is told to those who waited for
// it, and the next one starts from what the store then holds.
func (s *Sequencer) Run(ctx context.Context) error {
	last := s.config.Now().Add(-s.config.Interval)
	var failed error // of the newest heartbeat
	for {
		beat, err := s.untilHeartbeat()
		if failed != nil {
			beat = max(beat, heartbeatRetry)
		}
		if err != nil {
			s.queue.close()
			for _, p := range s.queue.take() {
				s.queue.resolve(p, nil, err)
			}
			return err
		}
		select {
		case <-s.queue.filled:
			// Others may join until an interval has passed since the commit before.
			if wait := s.config.Interval - s.config.Now().Sub(last); wait > 0 {
				select {
				case <-s.config.After(wait):
				case <-ctx.Done():
				}
			}
			last = s.config.Now()
			s.sequence(context.WithoutCancel(ctx), s.queue.take())
		case <-s.config.After(beat):
			if failed = s.Heartbeat(ctx); failed != nil && ctx.Err() == nil {
				s.config.Logger.Error("heartbeat failed", "error", failed)
			}
		case <-ctx.Done():
			s.queue.close()
			for rest := s.queue.take(); len(rest) > 0; rest = s.queue.take() {
				s.sequence(context.WithoutCancel(ctx), rest)
			}
			return nil
		}
	}
}

// sequence puts updates into log entries and commits them. Those that do not fit
// go back to the queue.
func (s *Sequencer) sequence(ctx context.Context, waiting []*pending) {
	if len(waiting) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes, rest, err := s.sequenceLocked(ctx, waiting)
	if err != nil {
		s.config.Logger.Error("commit failed", "updates", len(waiting), "error", err)
		for _, p := range waiting {
			s.queue.resolve(p, nil, err)
		}
		return
	}
	for p, o := range outcomes {
		s.queue.resolve(p, o.placement, o.err)
	}
	s.queue.putBack(rest)
}

func (s *Sequencer) sequenceLocked(ctx context.Context, waiting []*pending) (map[*pending]outcome, []*pending, error) {
	b, done, err := s.build()
	if err != nil {
		return nil, nil, err
	}
	defer done()
	outcomes := make(map[*pending]outcome, len(waiting))
	rest := waiting
	for range s.config.MaxEntries {
		var placed int
		if rest, placed, err = s.gather(b, rest, outcomes); err != nil {
			return nil, nil, err
		}
		if placed == 0 {
			break
		}
	}
	if len(b.batch.Entries) > 0 {
		err = s.commit(ctx, b)
	}
	return outcomes, rest, err
}

// gather makes one log entry of the first updates that fit into it: at most
// maxChanges versions, and at most one update of each label.
func (s *Sequencer) gather(b *builder, waiting []*pending, outcomes map[*pending]outcome) (rest []*pending, placed int, err error) {
	var values []*prepared
	labels := map[string]bool{}
	pos := b.batch.Head.Size
	for _, p := range waiting {
		if labels[string(p.label())] || len(values)+len(p.values) > maxChanges {
			rest = append(rest, p)
			continue
		}
		n, err := b.count(p.label())
		if err != nil {
			return nil, 0, err
		}
		if n != p.first {
			outcomes[p] = outcome{err: stale(n)}
			continue
		}
		labels[string(p.label())] = true
		b.note(p.label(), n+uint32(len(p.values)))
		values = append(values, p.values...)
		outcomes[p] = outcome{placement: &Placement{Position: pos, First: p.first, Count: len(p.values)}}
	}
	if len(values) == 0 {
		return rest, 0, nil
	}
	return rest, len(values), b.entry(s.now(), values)
}

// untilHeartbeat returns how long the newest entry may still be the newest.
func (s *Sequencer) untilHeartbeat() (time.Duration, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Release()
	due, now := s.heartbeatDue(snap.Head()), s.now()
	if due <= now {
		return s.config.Interval, nil
	}
	return min(time.Duration(min(due-now, 1<<40))*time.Millisecond, 24*time.Hour), nil
}

// heartbeatDue returns when a head grows too old to be the newest, in ms since
// the Unix epoch: half of max_behind, so that one may fail.
func (s *Sequencer) heartbeatDue(head Head) uint64 {
	due := head.Timestamp + max(s.config.Log.MaxBehind/2, 1)
	if due < head.Timestamp {
		return 1<<64 - 1
	}
	return due
}

// Heartbeat writes an entry without changes if the newest entry is older than
// half of Configuration.max_behind. Run does so in time; after a downtime it is
// to be called before anything is served.
func (s *Sequencer) Heartbeat(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, done, err := s.build()
	if err != nil {
		return err
	}
	defer done()
	now := s.now()
	if now < s.heartbeatDue(b.batch.Head) {
		return nil
	}
	if err := b.entry(now, nil); err != nil {
		return err
	}
	return s.commit(ctx, b)
}
