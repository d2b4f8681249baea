package watch

import (
	"context"
	"slices"
	"time"
)

// Bounds of telling an alert of a finding.
const (
	alertTimeout = 30 * time.Second
	alertTries   = 3           // before Run returns; else at every pass
	lastWords    = time.Minute // for all of them, before Run returns
)

// deliver tells the alerts of findings that they were not told of. It tries some
// times, and remembers whom it reached.
func (w *Watch) deliver(ctx context.Context, tries int) {
	for try := range tries {
		if try > 0 {
			t := time.NewTimer(time.Second << try)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
		}
		if w.deliverOnce(ctx) {
			return
		}
	}
}

// Deliver tells the alerts of findings that they were not told of, as Run does
// before it returns: for a minute at most.
func (w *Watch) Deliver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	w.deliver(ctx, alertTries)
}

// deliverOnce reports whether nothing is left to be told.
func (w *Watch) deliverOnce(ctx context.Context) (done bool) {
	done = true
	for _, f := range w.Findings() {
		w.mu.Lock()
		names := slices.Clone(w.pending[f.ID])
		w.mu.Unlock()
		for _, a := range w.o.Alerts {
			if !slices.Contains(names, a.Name) {
				continue
			}
			if ctx.Err() != nil {
				return false
			}
			if err := tell(ctx, a, f); err != nil {
				w.o.Logger.Warn("alert not delivered; will try again", "domain", w.domain(), "alert", a.Name, "finding", f.ID, "error", err.Error())
				done = false
				continue
			}
			w.mu.Lock()
			w.pending[f.ID] = slices.DeleteFunc(w.pending[f.ID], func(name string) bool { return name == a.Name })
			err := w.folder.addLine(findingsFile, record{Told: f.ID, By: a.Name})
			w.mu.Unlock()
			if err != nil {
				w.o.Logger.Error("that an alert was delivered could not be kept", "domain", w.domain(), "alert", a.Name, "error", err.Error())
			}
		}
	}
	return done
}

func tell(ctx context.Context, a Alert, f Finding) error {
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	return a.Tell(ctx, f)
}
