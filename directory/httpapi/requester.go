package httpapi

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/proto/problem"
)

// A requester is whom a limit holds for: the bearer of a token that exists, else
// an IPv4 address or an IPv6 network of 64 bits. A token that does not exist
// makes nobody a new requester.
type requester struct {
	token  string // its ID
	prefix netip.Prefix
}

func (h *handler) requester(r *http.Request) requester {
	if secret, err := bearer(r); err == nil && secret != "" && h.config.TokenID != nil {
		if id, ok := h.config.TokenID(secret); ok {
			return requester{token: id}
		}
	}
	return requester{prefix: daemon.Network(h.address(r))}
}

// address returns where a request comes from.
func (h *handler) address(r *http.Request) netip.Addr {
	return daemon.Address(r, h.config.TrustProxy)
}

// A budget is what a requester may spend on one kind of request.
type budget int

const (
	searches budget = iota
	updates
	reads
	budgets // how many there are
)

// A limiter holds the budgets of the requesters that came last.
type limiter struct {
	rates  [budgets]rate.Limit
	bursts [budgets]int

	mu    sync.Mutex
	known *simplelru.LRU[requester, *[budgets]*rate.Limiter]
}

func newLimiter(l Limits) (*limiter, error) {
	known, err := simplelru.NewLRU[requester, *[budgets]*rate.Limiter](l.Requesters, nil)
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
		rates:  [budgets]rate.Limit{perMinute(l.SearchesPerMinute), perMinute(l.UpdatesPerMinute), perMinute(l.ReadsPerMinute)},
		bursts: [budgets]int{l.SearchBurst, l.UpdateBurst, l.ReadBurst},
		known:  known,
	}, nil
}

// spend takes one request from a budget of who, or returns a problem.RateLimit.
func (l *limiter) spend(who requester, b budget, now time.Time) error {
	if l.rates[b] == rate.Inf {
		return nil
	}
	reservation := l.of(who)[b].ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reservation.CancelAt(now)
	return &problem.RateLimit{RetryAfter: wait}
}

// charge takes n requests more from a budget, for one that turned out to cost as
// much: those to come wait.
func (l *limiter) charge(who requester, b budget, n int, now time.Time) {
	if n > 0 && l.rates[b] != rate.Inf {
		l.of(who)[b].ReserveN(now, min(n, l.bursts[b]))
	}
}

func (l *limiter) of(who requester) *[budgets]*rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if all, ok := l.known.Get(who); ok {
		return all
	}
	all := new([budgets]*rate.Limiter)
	for b := range all {
		all[b] = rate.NewLimiter(l.rates[b], l.bursts[b])
	}
	l.known.Add(who, all)
	return all
}
