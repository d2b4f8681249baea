package client_test

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/evidence"
	"pgregory.net/rapid"
)

// TestWitnessedProperty lets entries, checkpoints, cosignatures and time come as
// they may. A lookup passes only if two witnesses cosigned the checkpoint served in
// the last 30 s, if the head is no more than 5 s ahead of it, and if this head was
// not seen, ahead of its checkpoint, more than 5 s before. If all that is so, and no
// other head ahead of the checkpoint was seen before that either, it does pass.
func TestWitnessedProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := trailed(t)
		c := witnessed(a, nil)
		at := map[string]uint64{"w1": a.l.Time, "w2": a.l.Time} // of cosignatures of the checkpoint served, in ms
		waiting := uint64(0)                                    // since when a head has been ahead of it; 0: none has
		seen := map[uint64]uint64{}                             // since when heads were, by size
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				a.l.Publish(nil)
			case 1:
				a.l.Advance(rapid.SampledFrom([]uint64{1, 900, 4_000, 12_000}).Draw(rt, "ms"))
			case 2:
				if a.l.Size() > a.size {
					a.sign()
					clear(at)
					waiting = 0
				}
			case 3:
				name := rapid.SampledFrom([]string{"w1", "w2", "w3"}).Draw(rt, "who")
				a.cosign(a.l.Time, name)
				at[name] = a.l.Time
			case 4:
				now, ahead := a.l.Time, a.l.Size() > a.size
				// Exactly at a bound either may be: cosignatures have whole seconds.
				fresh, certain := 0, 0
				for _, ms := range at {
					if now-ms/1000*1000 <= 31_000 {
						fresh++
					}
					if now-ms/1000*1000 <= 30_000 {
						certain++
					}
				}
				lag := a.l.Entries[a.l.Size()-1].Timestamp - a.l.Entries[a.size-1].Timestamp
				late := ahead && (lag > 5_000 || waiting != 0 && now-waiting > 5_000)
				if ahead && waiting == 0 {
					waiting = now
				}
				if seen[a.l.Size()] == 0 {
					seen[a.l.Size()] = now
				}
				again := ahead && now-seen[a.l.Size()] > 5_000
				l, err := c.Lookup(t.Context(), "alice", client.Options{})
				switch {
				case errors.Is(err, client.ErrClock):
					return // the log stood still for a minute
				case err != nil && !errors.Is(err, client.ErrPolicy):
					rt.Fatal(err)
				case err == nil && (fresh < 2 || again || ahead && lag > 5_000):
					rt.Fatalf("passed with cosignatures of %v at %d, head %d, checkpoint %d, waiting since %d: %+v", at, now, a.l.Size(), a.size, waiting, l.Checks)
				case err != nil && certain >= 2 && !late:
					rt.Fatalf("%v with cosignatures of %v at %d, head %d, checkpoint %d, waiting since %d", err, at, now, a.l.Size(), a.size, waiting)
				}
			}
		}
	})
}

// TestTwoHeadsHaveAFile: two signed heads of one size convict the log before
// anybody, and not only before who saw the first.
func TestTwoHeadsHaveAFile(t *testing.T) {
	a := trailed(t)
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	fork := a.l.Truncated(8)
	for fork.Size() < a.l.Size() {
		fork.Value("alice", "the attacker's key")
	}
	forked := witnessed(a, func(config *client.Config) { config.Service, config.State = fork, c.State() })
	_, err := forked.Lookup(t.Context(), "alice", client.Options{})
	wantKind(t, err, client.Forked)
	m, _ := errors.AsType[*client.Misbehaviour](err)
	e, err := evidence.Parse(m.File)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Verify(); err != nil || v.Kind != evidence.TwoHeads || !v.Proved || v.Entry != a.l.Size()-1 {
		t.Errorf("%+v, %v", v, err)
	}
}
