package cosign

import (
	"time"
)

// A Standing says how a cosigner stands.
type Standing struct {
	Target
	Size     uint64    // of the newest checkpoint it is known to have cosigned, in leaves; 0: none
	Time     time.Time // of that cosignature, by the cosigner's clock
	Received time.Time // when it came, by ours; zero: before the start
	Asked    time.Time // when it was last asked, by ours
	Failures uint64    // in a row
	Failed   uint64    // since the start
	Err      error     // of the last attempt, if it failed
}

// note remembers the outcome of an attempt.
func (l *loop) note(r *round, err error) {
	l.mu.Lock()
	before := l.state.Err
	l.state.Asked, l.state.Err = l.c.config.Now(), err
	if err == nil {
		l.state.Failures = 0
	} else {
		l.state.Failures++
		l.state.Failed++
	}
	failures := l.state.Failures
	l.mu.Unlock()
	log := l.c.config.Logger.With("role", l.target.Role, "name", l.target.Name, "size", r.Size)
	switch {
	case err == nil && before != nil:
		log.Info("a cosigner cosigns again")
	case err != nil && (before == nil || before.Error() != err.Error()):
		log.Warn("a cosigner does not cosign", "failures", failures, "error", err)
	}
}

// cosigned remembers a cosignature.
func (l *loop) cosigned(size, seconds uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Size, l.state.Time, l.state.Received = size, time.Unix(int64(seconds), 0), l.c.config.Now()
}

// Standings returns how the cosigners stand, in the order of the targets.
func (c *Collector) Standings() []Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Standing, 0, len(c.crew.targets.List))
	for _, target := range c.crew.targets.List {
		l := c.loops[target]
		if l == nil {
			continue
		}
		l.mu.Lock()
		all = append(all, l.state)
		l.mu.Unlock()
	}
	return all
}

// A Summary says how the cosigning stands.
type Summary struct {
	Newest uint64 // size of the newest checkpoint; 0: none
	Have   int    // cosignatures that it has
	Met    uint64 // size of the newest checkpoint that has what it needs; 0: none, or nothing is needed
	// Since is when the oldest of its cosignatures arrived, by our clock; zero: none
	// since the start.
	Since time.Time
}

// Summary returns how the cosigning stands.
func (c *Collector) Summary() Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s Summary
	if n := len(c.rounds); n > 0 {
		newest := c.rounds[n-1].signed
		s.Newest, s.Have = newest.Size, len(newest.Others)
	}
	if c.met != nil {
		s.Met = c.met.Size
		for _, at := range c.met.times {
			if s.Since.IsZero() || at.Before(s.Since) {
				s.Since = at
			}
		}
	}
	return s
}
