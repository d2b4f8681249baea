package login

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// TestGateLetsKnownDevicesGoFirst: whatever waits at the gate, those from known
// devices go before second steps, and these before first ones; in a line the first
// come go first, and a full line turns away its own only.
func TestGateLetsKnownDevicesGoFirst(t *testing.T) {
	g := newGate(1, 2)
	if err := g.enter(t.Context(), lineFirst); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []int
	var all sync.WaitGroup
	ask := func(line int) {
		before := g.waiting(line)
		all.Go(func() {
			if err := g.run(t.Context(), line, func() error {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, line)
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		for g.waiting(line) == before { // until it waits
		}
	}
	for _, line := range []int{lineFirst, lineSecond, lineFirst, lineKnown, lineSecond} {
		ask(line)
	}
	for _, line := range []int{lineFirst, lineSecond} {
		if err := g.enter(t.Context(), line); !errors.Is(err, ErrBusy) {
			t.Errorf("line %d: %v", line, err)
		}
	}
	ask(lineKnown)
	g.leave()
	all.Wait()
	if want := []int{lineKnown, lineKnown, lineSecond, lineSecond, lineFirst, lineFirst}; !slices.Equal(order, want) {
		t.Errorf("went in order %v, not %v", order, want)
	}
	if a, b := (&handshake{known: true}).line(lineFirst), (&handshake{}).line(lineFirst); a != lineKnown || b != lineFirst {
		t.Errorf("a known device waits in line %d, another in line %d", a, b)
	}
	if g.free != 1 {
		t.Errorf("%d places are free of 1", g.free)
	}
}

// TestGateForgetsWhoGaveUp: who gives up costs nobody a place, not even at the moment
// when it would have been its turn.
func TestGateForgetsWhoGaveUp(t *testing.T) {
	g := newGate(1, 1)
	for i := range 2000 {
		if err := g.enter(t.Context(), lineFirst); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = g.run(ctx, i%lines, func() error { return nil }) })
		for g.waiting(i%lines) == 0 { // until it waits
		}
		all.Go(g.leave)
		cancel()
		all.Wait()
		if g.free != 1 || g.waiting(i%lines) > 0 {
			t.Fatalf("round %d: %d places are free of 1, %d wait", i, g.free, g.waiting(i%lines))
		}
	}
}

func (g *gate) waiting(line int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.lines[line])
}
