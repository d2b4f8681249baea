package schedule_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"pgregory.net/rapid"
)

// chain is the slow reference of one ratchet, each step derived once.
type chain struct {
	keys []schedule.Key
	next []byte
}

func TestWindowIsTheModel(t *testing.T) {
	t.Parallel()
	s, _, encryption := newTree(t, 4)
	var chains [2]chain
	for kind := range chains {
		chains[kind].next = slowRatchet(s, slowLeafSecret(s, encryption, 0, 4, 2), schedule.Kind(kind), 0)
	}
	key := func(kind schedule.Kind, g uint32) schedule.Key {
		c := &chains[kind]
		for j := uint32(len(c.keys)); j <= g; j++ {
			c.keys = append(c.keys, schedule.Key{
				Key:   s.DeriveTreeSecret(c.next, "key", j, s.KeySize()),
				Nonce: s.DeriveTreeSecret(c.next, "nonce", j, s.NonceSize()),
			})
			c.next = s.DeriveTreeSecret(c.next, "secret", j, s.HashSize())
		}
		return c.keys[g]
	}
	const w, f = schedule.Window, schedule.MaxForward
	steps := []int64{1, 1, 1, 2, 3, 7, 0, -1, -2, -5, -w + 1, -w, -w - 1, w - 1, w, w + 1, f, f + 1, f + 2}

	rapid.Check(t, func(rt *rapid.T) {
		keys := schedule.NewSecretTree(s, bytes.Clone(encryption), 4)
		models := [2]*window{newWindow(), newWindow()}
		store := make(map[tree.LeafIndex][]byte)
		var interior []byte
		for range rapid.IntRange(1, 30).Draw(rt, "messages") {
			kind := schedule.Kind(rapid.IntRange(0, 1).Draw(rt, "kind"))
			model := models[kind]
			if rapid.IntRange(0, 9).Draw(rt, "send") == 0 {
				g, got, err := keys.NextKey(2, kind)
				if err != nil || int64(g) != model.newest+1 || !equal(got, key(kind, g)) {
					rt.Fatalf("next key: generation %d after %d: %v", g, model.newest, err)
				}
				model.use(g)
			} else {
				g := uint32(max(0, model.newest+rapid.SampledFrom(steps).Draw(rt, "step")))
				o, err := keys.Peek(2, kind, g)
				if want := model.want(g); !errors.Is(err, want) {
					rt.Fatalf("generation %d after %d: error %v, want %v", g, model.newest, err, want)
				} else if want == nil {
					if !equal(o.Key(), key(kind, g)) {
						rt.Fatalf("generation %d after %d: wrong key", g, model.newest)
					}
					if rapid.IntRange(0, 3).Draw(rt, "forged") == 0 {
						o.Discard()
					} else if err := o.Commit(); err != nil {
						rt.Fatal(err)
					} else {
						model.use(g)
					}
				}
			}
			// Only what Changes names is written, and the tree is read back.
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				changed, leaves := keys.Changes()
				if changed {
					interior = keys.InteriorRecord()
				}
				for _, leaf := range leaves {
					store[leaf] = keys.LeafRecord(leaf)
				}
				keys.Saved()
				var err error
				keys, err = schedule.RestoreSecretTree(s, interior, func(leaf tree.LeafIndex) ([]byte, error) {
					return store[leaf], nil
				})
				if err != nil {
					rt.Fatal(err)
				}
			}
		}
	})
}

// "Delayed and Reordered Application Messages" (15.3): a generation too far ahead
// is refused before anything is derived for it.
func TestTooFarAheadCostsNothing(t *testing.T) {
	_, keys, _ := newTree(t, 1024)
	for _, g := range []uint32{schedule.MaxForward + 1, 1<<32 - 1} {
		allocs := testing.AllocsPerRun(5, func() {
			if _, err := keys.Peek(700, schedule.Application, g); !errors.Is(err, schedule.ErrTooFarAhead) {
				t.Errorf("generation %d: %v", g, err)
			}
		})
		if allocs > 15 {
			t.Errorf("generation %d was refused after %v allocations", g, allocs)
		}
	}
	commit(t, peek(t, keys, 700, schedule.Application, schedule.MaxForward))
	commit(t, peek(t, keys, 700, schedule.Application, 2*schedule.MaxForward+1))
	_, err := keys.Peek(700, schedule.Application, 3*schedule.MaxForward+3)
	refused(t, err, schedule.ErrTooFarAhead)
}

// However far a sender jumps, no more than Window keys are kept.
func TestWindowBoundsWhatIsKept(t *testing.T) {
	s, keys, _ := newTree(t, 2)
	most := 64 + 2*s.HashSize() + schedule.Window*(6+s.KeySize()+s.NonceSize())
	for g := uint32(schedule.MaxForward); g < 4*schedule.MaxForward; g += schedule.MaxForward {
		commit(t, peek(t, keys, 1, schedule.Application, g))
		if n := len(keys.LeafRecord(1)); n > most {
			t.Fatalf("record of %d bytes at generation %d, want at most %d", n, g, most)
		}
		_, err := keys.Peek(1, schedule.Application, g-schedule.Window)
		refused(t, err, schedule.ErrConsumed)
		peek(t, keys, 1, schedule.Application, g-schedule.Window+1).Discard()
	}
}

// Nor does a message that is not yet known to be genuine hold more than that.
func TestWindowBoundsWhatIsPassedOver(t *testing.T) {
	_, keys, _ := newTree(t, 2)
	if n := schedule.Held(peek(t, keys, 1, schedule.Application, schedule.MaxForward)); n != schedule.Window {
		t.Errorf("%d ratchet secrets held, want %d", n, schedule.Window)
	}
}

// record writes a leaf record whose ratchets are both as given.
func record(leaf tree.LeafIndex, next uint64, secret []byte, unused ...uint32) []byte {
	return recordOf(leaf, next, secret, 16, 12, unused...)
}

// recordOf is record with keys and nonces of any size.
func recordOf(leaf tree.LeafIndex, next uint64, secret []byte, key, nonce int, unused ...uint32) []byte {
	var w syntax.Writer
	w.Uint32(uint32(leaf))
	for range 2 {
		w.Uint64(next)
		w.Vector(secret)
		syntax.WriteList(&w, unused, func(w *syntax.Writer, g uint32) {
			w.Uint32(g)
			w.Vector(make([]byte, key))
			w.Vector(make([]byte, nonce))
		})
		w.Vector(nil) // nothing was lost
	}
	return w.Bytes()
}

// emptyInterior is the interior record of a tree in which every leaf was used.
func emptyInterior(leaves uint32) []byte {
	var w syntax.Writer
	w.Uint32(leaves)
	w.Vector(nil)
	return w.Bytes()
}

// Generations are uint32. After the last one there is no key, not the first again.
func TestRatchetEndsAtTheLastGeneration(t *testing.T) {
	s, _, _ := newTree(t, 2)
	const last = 1<<32 - 1
	stored := record(1, last-1, make([]byte, s.HashSize()))
	restore := func() *schedule.SecretTree {
		keys, err := schedule.RestoreSecretTree(s, emptyInterior(2), func(tree.LeafIndex) ([]byte, error) { return stored, nil })
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	keys := restore()
	for want := uint32(last - 1); ; want++ {
		g, _, err := keys.NextKey(1, schedule.Application)
		if err != nil || g != want {
			t.Fatalf("generation %d, want %d: %v", g, want, err)
		}
		if want == last {
			break
		}
	}
	_, _, err := keys.NextKey(1, schedule.Application)
	refused(t, err, schedule.ErrExhausted)
	for _, g := range []uint32{0, last - 1, last} {
		_, err := keys.Peek(1, schedule.Application, g)
		refused(t, err, schedule.ErrConsumed)
	}

	// The same for a receiver that jumps to the end, and across a restart.
	keys = restore()
	commit(t, peek(t, keys, 1, schedule.Application, last))
	commit(t, peek(t, keys, 1, schedule.Application, last-1))
	stored = keys.LeafRecord(1)
	keys = restore()
	_, _, err = keys.NextKey(1, schedule.Application)
	refused(t, err, schedule.ErrExhausted)
	if g, _, err := keys.NextKey(1, schedule.Handshake); err != nil || g != last-1 {
		t.Errorf("the other ratchet is at %d: %v", g, err)
	}
}
