package login

import (
	"context"

	"github.com/kith-kt/kith/srp"
)

// A gate bounds expensive computations: so many run, so many wait, and the rest is
// turned away at once.
type gate struct {
	places  chan struct{}
	waiting chan struct{}
}

func newGate(running, waiting int) *gate {
	return &gate{make(chan struct{}, running), make(chan struct{}, running+waiting)}
}

// run computes, or returns ErrBusy or the context's error.
func (g *gate) run(ctx context.Context, compute func() error) error {
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return ErrBusy
	}
	select {
	case g.places <- struct{}{}:
		defer func() { <-g.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return compute()
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
