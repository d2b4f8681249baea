package directory

import (
	"fmt"
	"sync"

	"github.com/kith-kt/kith/proto/problem"
)

// A queue holds the updates that wait, in the order they came.
type queue struct {
	mu      sync.Mutex
	waiting []*pending
	places  int           // taken: waiting, being evaluated, or being sequenced
	limit   int           // of places
	closed  bool          // nothing is taken any more
	filled  chan struct{} // of room one: something waits
}

func (q *queue) init(limit int) { q.limit, q.filled = limit, make(chan struct{}, 1) }

// reserve takes a place for an update that is about to be evaluated.
func (q *queue) reserve() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return fmt.Errorf("%w: stopping", problem.ErrUnavailable)
	}
	if q.places >= q.limit {
		return fmt.Errorf("%w: %d updates are waiting", problem.ErrUnavailable, q.places)
	}
	q.places++
	return nil
}

// cancel gives a reserved place back.
func (q *queue) cancel() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.places--
}

// push puts an update into its reserved place.
func (q *queue) push(p *pending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.places--
		return fmt.Errorf("%w: stopping", problem.ErrUnavailable)
	}
	q.waiting = append(q.waiting, p)
	q.signal()
	return nil
}

// take takes everything that waits.
func (q *queue) take() []*pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// putBack puts updates that did not fit before those that came since.
func (q *queue) putBack(rest []*pending) {
	if len(rest) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(rest, q.waiting...)
	q.signal()
}

// resolve tells a waiting update its outcome.
func (q *queue) resolve(p *pending, placement *Placement, err error) {
	p.outcome <- outcome{placement, err}
	q.cancel()
}

// close refuses everything from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

func (q *queue) signal() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}
