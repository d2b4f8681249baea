package authentication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/problem"
)

// answer is what the directory says of a label. Without proof and err it was not asked.
type answer struct {
	proof   *proof
	err     error // ErrUnproved
	warning error // what Config.Warn is told of
}

var (
	errSilent  = fmt.Errorf("the directory does not answer: %w", context.DeadlineExceeded)
	errStopped = fmt.Errorf("somebody else was refused: %w", context.Canceled)
)

// away reports whether an error says nothing but that the directory could not be asked.
func away(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, problem.ErrUnavailable)
}

// lookups asks about labels, each once, Config.Parallel of them at a time.
type lookups struct {
	*Service
	labels []string
	// refused says why an answer for a label ends it: nobody is asked about any more,
	// but for labels before that one, which are under way already. nil: nothing does.
	refused func(i int, a answer) error
	// silence ends it when no answer comes for so long; 0: it does not.
	silence time.Duration

	mu      sync.Mutex
	next    int
	ended   bool
	pending map[int]context.CancelCauseFunc
	answers []answer // by label
}

// ask returns when no request is under way any more.
func (l *lookups) ask(ctx context.Context) []answer {
	l.answers, l.pending = make([]answer, len(l.labels)), map[int]context.CancelCauseFunc{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answered := func() {}
	if l.silence > 0 {
		timer := time.AfterFunc(l.silence, func() { cancel(errSilent) })
		defer timer.Stop()
		answered = func() { timer.Reset(l.silence) }
	}
	var all sync.WaitGroup
	for range min(l.cfg.Parallel, len(l.labels)) {
		all.Go(func() {
			for {
				i, one, ok := l.begin(ctx)
				if !ok {
					return
				}
				a := l.prove(one, l.labels[i])
				answered()
				l.end(i, a)
			}
		})
	}
	all.Wait()
	return l.answers
}

// begin takes the next label.
func (l *lookups) begin(ctx context.Context) (i int, one context.Context, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.next == len(l.labels) {
		return 0, nil, false
	}
	i = l.next
	l.next++
	one, l.pending[i] = context.WithCancelCause(ctx)
	return i, one, true
}

// end takes an answer. Labels are begun in their order, so that whoever comes before one
// who is refused has been asked about: of several who are refused, it is always the same
// one who is the first, whatever comes in first.
func (l *lookups) end(i int, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[i] = a
	l.pending[i](nil)
	delete(l.pending, i)
	if l.refused == nil {
		return
	}
	err := l.refused(i, a)
	if err == nil {
		return
	}
	l.ended = true
	if away(err) {
		return // those under way may know more
	}
	for j, cancel := range l.pending {
		if j > i {
			cancel(errStopped)
		}
	}
}
