package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// Limits bound what the requests of one network cost, whatever they are. What wrong
// passwords cost on top is for package login. Zero fields take their default.
type Limits struct {
	// RequestsPerMinute and Burst bound the requests of one network. Default 1200
	// and 600; a negative rate: no limit.
	RequestsPerMinute int
	Burst             int
	// Networks is how many networks are remembered; the one that was longest away
	// is forgotten first. Default 65536.
	Networks int
	// Concurrent bounds the requests in work at a time. Default 128.
	Concurrent int64
	// Bodies bounds the bodies that are being received at a time, each of at most
	// auth.MaxBody octets. Default 1024.
	Bodies int64
	// PerNetwork bounds the requests of one network that are received or in work at
	// a time. Default 64.
	PerNetwork int
	// Body is how long a body may take to arrive. Default 10 seconds.
	Body time.Duration
}

func (l *Limits) setDefaults() error {
	if l.RequestsPerMinute == 0 {
		l.RequestsPerMinute = 1200
	}
	for n, normal := range map[*int]int{&l.Burst: 600, &l.Networks: 1 << 16, &l.PerNetwork: 64} {
		if *n == 0 {
			*n = normal
		}
	}
	for n, normal := range map[*int64]int64{&l.Concurrent: 128, &l.Bodies: 1024} {
		if *n == 0 {
			*n = normal
		}
	}
	if l.Body == 0 {
		l.Body = 10 * time.Second
	}
	if min(l.Burst, l.Networks, l.PerNetwork) < 1 || min(l.Concurrent, l.Bodies, int64(l.Body)) < 1 {
		return errors.New("httpapi: a limit is negative")
	}
	return nil
}

// A limiter knows what the networks that came last have done.
type limiter struct {
	Limits
	bodies  *semaphore.Weighted
	working *semaphore.Weighted

	mu      sync.Mutex
	budgets *simplelru.LRU[netip.Prefix, *rate.Limiter]
	open    map[netip.Prefix]int // requests that are received or in work
}

func newLimiter(l Limits) (*limiter, error) {
	if err := l.setDefaults(); err != nil {
		return nil, err
	}
	budgets, err := simplelru.NewLRU[netip.Prefix, *rate.Limiter](l.Networks, nil)
	if err != nil {
		return nil, err
	}
	return &limiter{
		Limits: l, budgets: budgets, open: map[netip.Prefix]int{},
		bodies: semaphore.NewWeighted(l.Bodies), working: semaphore.NewWeighted(l.Concurrent),
	}, nil
}

// enter takes a request in, or returns a login.ThrottledError. leave ends what
// enter began.
func (l *limiter) enter(from netip.Prefix, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.RequestsPerMinute > 0 {
		b, ok := l.budgets.Get(from)
		if !ok {
			b = rate.NewLimiter(rate.Limit(float64(l.RequestsPerMinute)/60), l.Burst)
			l.budgets.Add(from, b)
		}
		if !b.AllowN(now, 1) {
			return &login.ThrottledError{After: time.Minute / time.Duration(l.RequestsPerMinute)}
		}
	}
	if l.open[from] >= l.PerNetwork {
		return &login.ThrottledError{After: time.Second}
	}
	l.open[from]++
	return nil
}

func (l *limiter) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] <= 0 {
		delete(l.open, from)
	}
}

// receive replaces a body by its octets, so that who sends slowly keeps none of
// those waiting who are served.
func (l *limiter) receive(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if !l.bodies.TryAcquire(1) {
		return login.ErrBusy
	}
	defer l.bodies.Release(1)
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Now().Add(l.Body)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: the connection is gone", auth.ErrMalformed)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, auth.MaxBody))
	if err != nil {
		w.Header().Set("Connection", "close") // what else is on its way is not read
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return errTooLarge
		}
		return fmt.Errorf("%w: the body did not arrive", auth.ErrMalformed)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: the connection is gone", auth.ErrMalformed)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return nil
}

// Middleware puts a handler of another package behind the limits. decline is told of
// login.ErrThrottled, login.ErrBusy or auth.ErrMalformed; the handler finds the
// whole body received.
func (l Limits) Middleware(address func(*http.Request) netip.Addr, decline func(http.ResponseWriter, *http.Request, error)) (func(http.Handler) http.Handler, error) {
	limits, err := newLimiter(l)
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := limits.within(w, r, daemon.Network(address(r)), func() { next.ServeHTTP(w, r) }); err != nil {
				decline(w, r, err)
			}
		})
	}, nil
}

// within receives a request, and has it served.
func (l *limiter) within(w http.ResponseWriter, r *http.Request, from netip.Prefix, serve func()) error {
	if err := l.enter(from, time.Now()); err != nil {
		return err
	}
	defer l.leave(from)
	if err := l.receive(w, r); err != nil {
		return err
	}
	if !l.working.TryAcquire(1) {
		return login.ErrBusy
	}
	defer l.working.Release(1)
	serve()
	return nil
}
