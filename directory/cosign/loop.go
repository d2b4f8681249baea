package cosign

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A loop asks one cosigner.
type loop struct {
	c       *Collector
	target  Target
	witness *checkpoint.Witness
	asker   *asker // nil: it has no address
	cancel  context.CancelFunc

	// Of the loop alone.
	size uint64 // of the last checkpoint that the cosigner is known to have; 0: unknown

	mu    sync.Mutex
	state Standing
}

func newLoop(c *Collector, target Target) (*loop, error) {
	witness, err := checkpoint.NewWitness(target.Key)
	if err != nil {
		return nil, err
	}
	l := &loop{c: c, target: target, witness: witness, state: Standing{Target: target}}
	if target.Address != "" {
		l.asker, err = newAsker(&c.config, target.Address)
	}
	l.recall()
	return l, err
}

// recall finds what the cosigner did before the loop began. The caller holds c.mu.
func (l *loop) recall() {
	for _, r := range l.c.rounds {
		for _, sig := range r.signed.Others {
			if seconds, err := l.witness.Verify(r.Checkpoint, sig); err == nil {
				l.state.Size, l.state.Time = r.Size, time.Unix(int64(seconds), 0)
			}
		}
	}
}

func (l *loop) stop() {
	if l.cancel != nil {
		l.cancel()
	}
}

// run asks for every new checkpoint, and for the newest again when its
// cosignature grows old, until ctx ends.
func (l *loop) run(ctx context.Context) {
	if l.asker == nil {
		return
	}
	defer l.asker.close()
	failures := 0
	for {
		r, wait := l.work()
		if r == nil {
			if !l.sleep(ctx, wait, true) {
				return
			}
			continue
		}
		err := l.ask(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errAgain) {
			continue
		}
		l.note(r, err)
		if err == nil {
			failures = 0
			continue
		}
		failures++
		if !l.sleep(ctx, l.backoff(failures, err), false) {
			return
		}
	}
}

// work returns the checkpoint to ask for; or nil, and after what time there will
// be something to ask for if no other checkpoint comes.
func (l *loop) work() (*round, time.Duration) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if len(l.c.rounds) == 0 {
		return nil, time.Hour
	}
	newest := l.c.rounds[len(l.c.rounds)-1]
	at, ok := newest.times[l.target.Key]
	if !ok {
		return newest, 0
	}
	if left := l.c.refresh() - l.c.config.Now().Sub(at); left > 0 {
		return nil, left
	}
	return newest, 0
}

// refresh returns the age at which a cosignature is asked for again. The caller
// holds c.mu.
func (c *Collector) refresh() time.Duration {
	if c.config.Refresh > 0 {
		return c.config.Refresh
	}
	if lag := c.crew.targets.MaxLag; lag > 0 {
		return min(DefaultRefresh, lag/3)
	}
	return DefaultRefresh
}

// sleep waits, at most until there is another checkpoint if changes say so. It
// reports whether to go on.
func (l *loop) sleep(ctx context.Context, d time.Duration, changes bool) bool {
	var changed <-chan struct{}
	if changes {
		l.c.mu.Lock()
		changed = l.c.changed
		l.c.mu.Unlock()
		// What came before the channel was taken is found by asking once more.
		if r, _ := l.work(); r != nil {
			return true
		}
	}
	select {
	case <-l.c.config.After(d):
	case <-changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// backoff returns how long to leave the cosigner alone: with jitter, so that many
// logs do not come back to it at once.
func (l *loop) backoff(failures int, err error) time.Duration {
	config := &l.c.config
	d := config.Backoff << min(failures-1, 20)
	if d <= 0 || d > config.MaxBackoff {
		d = config.MaxBackoff
	}
	if later := (*laterError)(nil); errors.As(err, &later) {
		d = min(max(d, later.after), config.MaxBackoff)
	}
	return d/2 + rand.N(d/2+1)
}
