package login

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// What guesses cost. A failure counts from the moment a login begins, so that many
// at once are charged like many in a row; success takes it back.
const (
	free       = 5                // attempts without a wait
	firstWait  = time.Second      // after the first beyond these; then it doubles
	pairWait   = 15 * time.Minute // most, for one name from one network
	netWait    = 15 * time.Minute // most, for one network at all names
	nameMany   = 20               // attempts at one name after which a network has no more than one free
	netFree    = 100
	forget     = 24 * time.Hour // a count is halved as often as this has passed
	remembered = 1 << 16        // counts of each kind
)

// A throttle slows guessing down, per name and network, and per network. Guesses
// from elsewhere never make anybody wait: they only leave fewer free attempts. So
// nobody can be locked out. It knows nothing of accounts: names that have none are
// counted alike. Names are remembered by their hash.
type throttle struct {
	mu     sync.Mutex
	counts *simplelru.LRU[[32]byte, count]
}

// A count is how many attempts failed, and until when the next is refused.
type count struct {
	failures int
	until    time.Time
	last     time.Time
}

func newThrottle() *throttle {
	counts, err := simplelru.NewLRU[[32]byte, count](3*remembered, nil)
	if err != nil {
		panic("login: " + err.Error())
	}
	return &throttle{counts: counts}
}

// A scale is one of the things that are counted.
type scale struct {
	key  [32]byte
	free int
	most time.Duration // 0: only counted
}

// scales returns what an attempt is counted under. One from a known device is
// counted by the device alone: nobody else's guesses slow it down, and what it
// guesses itself does.
func scales(name string, network netip.Prefix, device [32]byte, known bool) []scale {
	key := func(kind byte, parts ...string) [32]byte {
		h := sha256.New()
		h.Write([]byte{kind})
		for _, p := range parts {
			h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
			h.Write([]byte(p))
		}
		return [32]byte(h.Sum(nil))
	}
	if known {
		return []scale{{key('d', name, string(device[:])), free, pairWait}}
	}
	from := network.String()
	return []scale{
		{key('p', name, from), free, pairWait},
		{key('n', name), nameMany, 0},
		{key('w', from), netFree, netWait},
	}
}

// charge counts an attempt, or refuses it with a ThrottledError.
func (t *throttle) charge(now time.Time, scales []scale) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	crowded := false
	for _, s := range scales {
		if c, ok := t.counts.Get(s.key); ok {
			wait = max(wait, c.until.Sub(now))
			crowded = crowded || s.most == 0 && c.failures >= s.free
		}
	}
	if wait > 0 {
		return &ThrottledError{After: wait}
	}
	for i, s := range scales {
		if i == 0 && crowded {
			s.free = 1
		}
		c, _ := t.counts.Get(s.key)
		for ; c.failures > 0 && now.Sub(c.last) >= forget; c.last = c.last.Add(forget) {
			c.failures /= 2
		}
		c.failures++
		c.last = now
		if over := c.failures - s.free; over >= 0 && s.most > 0 {
			c.until = now.Add(min(s.most, firstWait<<min(over, 20)))
		}
		t.counts.Add(s.key, c)
	}
	return nil
}

// forgive takes an attempt back that was good: the name's own counts are dropped,
// the network's is lowered.
func (t *throttle) forgive(scales []scale) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range scales {
		if i == 0 {
			t.counts.Remove(s.key)
			continue
		}
		if c, ok := t.counts.Get(s.key); ok && c.failures > 0 {
			c.failures--
			c.until = time.Time{}
			t.counts.Add(s.key, c)
		}
	}
}
