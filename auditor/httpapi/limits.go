package httpapi

import (
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/internal/daemon"
)

// Limits bound what strangers cost, each of them being an IPv4 address or an IPv6
// network of 64 bits. Zero fields take their default, negative rates mean no limit.
type Limits struct {
	SightingsPerMinute int // default 60
	SightingBurst      int // default 30
	ReadsPerMinute     int // of everything else; default 3000
	ReadBurst          int // default 1000
	// Strangers is how many are remembered; the one that was longest away is
	// forgotten first. Default 65536.
	Strangers int
	// Comparing bounds the sightings that are compared at a time, Receiving those
	// that are being received, of which one stranger gets an eighth. Default 4 and 64.
	Comparing, Receiving int
}

func (l *Limits) setDefaults() {
	for _, f := range []struct {
		value  *int
		normal int
	}{
		{&l.SightingsPerMinute, 60}, {&l.SightingBurst, 30}, {&l.ReadsPerMinute, 3000}, {&l.ReadBurst, 1000},
		{&l.Strangers, 65536}, {&l.Comparing, 4}, {&l.Receiving, 64},
	} {
		if *f.value == 0 {
			*f.value = f.normal
		}
	}
}

// A budget is what a stranger may spend on one kind of request.
type budget int

const (
	sightings budget = iota
	reads
	budgets // how many there are
)

// A limiter holds the budgets of the strangers that came last, in memory only.
type limiter struct {
	rates  [budgets]rate.Limit
	bursts [budgets]int

	mu        sync.Mutex
	known     *simplelru.LRU[netip.Prefix, *[budgets]*rate.Limiter]
	receiving int
	of        map[netip.Prefix]int // of receiving
	room      int
}

func newLimiter(l Limits) (*limiter, error) {
	known, err := simplelru.NewLRU[netip.Prefix, *[budgets]*rate.Limiter](l.Strangers, nil)
	if err != nil {
		return nil, err
	}
	perMinute := func(n int) rate.Limit {
		if n < 0 {
			return rate.Inf
		}
		return rate.Limit(float64(n) / 60)
	}
	return &limiter{
		rates:  [budgets]rate.Limit{perMinute(l.SightingsPerMinute), perMinute(l.ReadsPerMinute)},
		bursts: [budgets]int{l.SightingBurst, l.ReadBurst},
		known:  known, of: map[netip.Prefix]int{}, room: l.Receiving,
	}, nil
}

// spend takes one request from a budget of who. If there is none, it says how long
// to wait.
func (l *limiter) spend(who netip.Prefix, b budget, now time.Time) (wait time.Duration) {
	if l.rates[b] == rate.Inf {
		return 0
	}
	l.mu.Lock()
	all, ok := l.known.Get(who)
	if !ok {
		all = new([budgets]*rate.Limiter)
		for i := range all {
			all[i] = rate.NewLimiter(l.rates[i], l.bursts[i])
		}
		l.known.Add(who, all)
	}
	l.mu.Unlock()
	reservation := all[b].ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// receive reports whether there is room for a body of who; if so, done makes it free.
func (l *limiter) receive(who netip.Prefix) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.receiving >= l.room || l.of[who] >= max(l.room/8, 1) {
		return nil, false
	}
	l.receiving++
	l.of[who]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.receiving--
		if l.of[who]--; l.of[who] == 0 {
			delete(l.of, who)
		}
	}, true
}

// stranger returns where a request comes from. Behind a trusted proxy that is what
// the proxy itself added to X-Forwarded-For, the last of its addresses: all others
// are the requester's own words.
func (h *handler) stranger(r *http.Request) netip.Prefix {
	if h.config.TrustProxy {
		if fields := r.Header.Values("X-Forwarded-For"); len(fields) > 0 {
			last := fields[len(fields)-1]
			last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
			if a, err := netip.ParseAddr(last); err == nil {
				return daemon.Network(a)
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	a, _ := netip.ParseAddr(host)
	return daemon.Network(a)
}

// seconds rounds a wait up, for Retry-After.
func seconds(wait time.Duration) string {
	return strconv.Itoa(max(int(math.Ceil(wait.Seconds())), 1))
}
