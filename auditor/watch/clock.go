package watch

import (
	"sync"
	"time"
)

// jumpLimit is how far the clock may move against the monotonic one, between two
// looks, before it has jumped.
const jumpLimit = 5 * time.Second

// A clock is this computer's, and knows when somebody sets it.
type clock struct {
	now       func() time.Time
	monotonic func() time.Duration

	mu       sync.Mutex
	wall     time.Time     // at the last look
	mono     time.Duration // at the last look
	steadyAt time.Duration // since when it did not jump
}

func newClock(now func() time.Time, monotonic func() time.Duration) *clock {
	if monotonic == nil {
		start := time.Now()
		monotonic = func() time.Duration { return time.Since(start) }
	}
	c := &clock{now: now, monotonic: monotonic}
	c.wall, c.mono = now().Round(0), monotonic()
	c.steadyAt = c.mono
	return c
}

// look returns the time, how far the clock jumped since the last look (0: it did
// not), and for how long it has not.
func (c *clock) look() (now time.Time, jump, steady time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.now().Round(0), c.monotonic() // Round strips the monotonic part
	jump = wall.Sub(c.wall) - (mono - c.mono)
	c.wall, c.mono = wall, mono
	if jump.Abs() <= jumpLimit {
		jump = 0
	} else {
		c.steadyAt = mono
	}
	return wall, jump, mono - c.steadyAt
}
