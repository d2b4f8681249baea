package login_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kith-kt/kith/srp/login"
)

// busySealer has too much to do.
type busySealer struct{}

func (busySealer) Seal(context.Context, string, []byte) ([]byte, error) { return nil, login.ErrBusy }

// TestBusySealingChargesNobody: who is turned away before anything was sealed has not
// tried anything, and waits for nothing afterwards.
func TestBusySealingChargesNobody(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Sealer = busySealer{} })
	for i := range 30 {
		if _, err := w.BeginSealed(t.Context(), home, "alice"); !errors.Is(err, login.ErrBusy) {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
}
