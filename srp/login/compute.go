package login

import (
	"context"
	"slices"
	"sync"

	"github.com/kith-kt/kith/srp"
)

// A gate bounds expensive computations: so many run, so many wait in each line, and
// the rest is turned away at once. Whoever stands in an earlier line goes first, so
// that a flood of first steps keeps out neither those who have begun nor, whatever
// it does, those who come from a device that logged in before.
type gate struct {
	most  int // in a line
	mu    sync.Mutex
	free  int
	lines [lines][]chan struct{}
}

// The lines, first served first.
const (
	lineKnown  = iota // from a known device
	lineSecond        // second steps
	lineFirst         // first steps
	lineFill          // ephemerals, made beforehand
	lines
)

// line returns where a handshake waits for a step.
func (h *handshake) line(step int) int {
	if h.known {
		return lineKnown
	}
	return step
}

func newGate(running, waiting int) *gate { return &gate{free: running, most: waiting} }

// run computes, or returns ErrBusy or the context's error.
func (g *gate) run(ctx context.Context, line int, compute func() error) error {
	if err := g.enter(ctx, line); err != nil {
		return err
	}
	defer g.leave()
	return compute()
}

func (g *gate) enter(ctx context.Context, line int) error {
	g.mu.Lock()
	if g.free > 0 { // then nobody waits
		g.free--
		g.mu.Unlock()
		return nil
	}
	if len(g.lines[line]) >= g.most {
		g.mu.Unlock()
		return ErrBusy
	}
	turn := make(chan struct{})
	g.lines[line] = append(g.lines[line], turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	i := slices.Index(g.lines[line], turn)
	if i >= 0 {
		g.lines[line] = slices.Delete(g.lines[line], i, i+1)
	}
	g.mu.Unlock()
	if i < 0 { // its turn came at that moment
		g.leave()
	}
	return ctx.Err()
}

// leave gives the place to who is next.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, line := range g.lines {
		if len(line) > 0 {
			close(line[0])
			g.lines[i] = slices.Delete(line, 0, 1)
			return
		}
	}
	g.free++
}

// ephemerals is how many (b, g^b) of a profile are kept ready.
const ephemerals = 64

// A well keeps ephemerals of one profile ready, made while nothing else is to do.
type well struct {
	profile *srp.Profile
	ready   chan *srp.Ephemeral
}

// take returns an ephemeral that was made beforehand, or makes one.
func (w *well) take(s *Service) (*srp.Ephemeral, error) {
	select {
	case e := <-w.ready:
		return e, nil
	default:
		return w.profile.NewEphemeral(s.config.Rand)
	}
}
