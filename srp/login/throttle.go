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
	siteFree   = 20               // for one name from one region of many networks
	netFree    = 100
	netWait    = time.Minute // most, for one network at all names
	regionFree = 1000
	regionWait = 10 * time.Second // most, for one region at all names
	nameMany   = 20               // attempts at one name after which a network has no more than one free
	joinFree   = 30               // registrations of one network
	joinSite   = 100              // of one region
	forget     = 24 * time.Hour   // a count is halved as often as this has passed
	remembered = 1 << 16          // counts of each kind
)

// kinds are what is counted apart, so that a flood of one makes nothing else be
// forgotten.
const kinds = "pqnwWdjJoO"

// A throttle slows guessing down, per name and network, and per network. Guesses
// from elsewhere never make anybody wait: they only leave fewer free attempts. So
// nobody can be locked out by who is not in the same network, nor at all on a
// device that is known. It knows nothing of accounts: names that have none are
// counted alike. Names are remembered by their hash.
type throttle struct {
	mu     sync.Mutex
	counts map[byte]*simplelru.LRU[[32]byte, count]
}

// A count is how many attempts failed, and until when the next is refused.
type count struct {
	failures int
	until    time.Time
	last     time.Time
}

func newThrottle() *throttle {
	t := &throttle{counts: map[byte]*simplelru.LRU[[32]byte, count]{}}
	for _, kind := range []byte(kinds) {
		counts, err := simplelru.NewLRU[[32]byte, count](remembered, nil)
		if err != nil {
			panic("login: " + err.Error())
		}
		t.counts[kind] = counts
	}
	return t
}

// A scale is one of the things that are counted.
type scale struct {
	kind byte
	key  [32]byte
	free int
	most time.Duration // 0: only counted
	own  bool          // success wipes it out
}

func newScale(kind byte, free int, most time.Duration, parts ...string) scale {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write([]byte(p))
	}
	return scale{kind, [32]byte(h.Sum(nil)), free, most, kind == 'p' || kind == 'd'}
}

// scales returns what an attempt is counted under. One from a known device is
// counted by the device alone: nobody else's guesses slow it down, and what it
// guesses itself does.
func scales(name string, network netip.Prefix, device string, known bool) []scale {
	if known {
		return []scale{newScale('d', free, pairWait, name, device)}
	}
	from := network.String()
	all := []scale{
		newScale('p', free, pairWait, name, from),
		newScale('n', nameMany, 0, name),
		newScale('w', netFree, netWait, from),
	}
	if wide := region(network); wide != network {
		all = append(all, newScale('q', siteFree, pairWait, name, wide.String()), newScale('W', regionFree, regionWait, wide.String()))
	}
	return all
}

// joins returns what a registration is counted under: who has many networks makes no
// more accounts than who has few.
func joins(what string, network netip.Prefix) []scale {
	all := []scale{newScale('j', joinFree, pairWait, what, network.String())}
	if wide := region(network); wide != network {
		all = append(all, newScale('J', joinSite, pairWait, what, wide.String()))
	}
	return all
}

// evaluations returns what an answer to a RegistrationRequest is counted under. With
// it, and one KE2 of the name, a guess can be checked: so it costs what a guess does,
// and no login takes it back. It is counted apart: the login that follows does not
// wait for it.
func evaluations(name string, network netip.Prefix) []scale {
	all := append(joins("opaque", network),
		newScale('o', free, pairWait, name, network.String()),
		newScale('n', nameMany, 0, name),
	)
	if wide := region(network); wide != network {
		all = append(all, newScale('O', siteFree, pairWait, name, wide.String()))
	}
	return all
}

// get returns a count as it is now: grown old, and never further ahead than a wait
// can be, for the clock may have gone back.
func (t *throttle) get(s scale, now time.Time) count {
	c, _ := t.counts[s.kind].Get(s.key)
	if c.last.After(now) {
		c.last = now
	}
	if latest := now.Add(s.most); c.until.After(latest) {
		c.until = latest
		t.counts[s.kind].Add(s.key, c)
	}
	for ; c.failures > 0 && now.Sub(c.last) >= forget; c.last = c.last.Add(forget) {
		c.failures /= 2
	}
	return c
}

// charged is what an attempt was charged, to be taken back.
type charged struct {
	scale
	before, after time.Time // until
}

// charge counts an attempt, or refuses it with a ThrottledError.
func (t *throttle) charge(now time.Time, scales []scale) ([]charged, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	crowded := false
	for _, s := range scales {
		c := t.get(s, now)
		wait = max(wait, c.until.Sub(now))
		crowded = crowded || s.most == 0 && c.failures >= s.free
	}
	if wait > 0 {
		return nil, &ThrottledError{After: wait}
	}
	var all []charged
	for _, s := range scales {
		c := t.get(s, now)
		if (s.kind == 'p' || s.kind == 'o') && crowded {
			s.free = 1
		}
		one := charged{scale: s, before: c.until}
		c.failures++
		c.last = now
		if over := c.failures - s.free; over >= 0 && s.most > 0 {
			c.until = now.Add(min(s.most, firstWait<<min(over, 20)))
		}
		one.after = c.until
		t.counts[s.kind].Add(s.key, c)
		all = append(all, one)
	}
	return all, nil
}

// forgive takes an attempt back that was good: the name's own count is wiped out,
// the others are as if it had not been. So nobody buys guesses at other names by
// logging in to one of their own.
func (t *throttle) forgive(all []charged) { t.undo(all, true) }

// refund takes an attempt back that was not looked at.
func (t *throttle) refund(all []charged) { t.undo(all, false) }

func (t *throttle) undo(all []charged, good bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range all {
		counts := t.counts[one.kind]
		if good && one.own {
			counts.Remove(one.key)
			continue
		}
		if c, ok := counts.Get(one.key); ok && c.failures > 0 {
			c.failures--
			if c.until.Equal(one.after) {
				c.until = one.before
			}
			counts.Add(one.key, c)
		}
	}
}
