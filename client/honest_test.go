package client_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// TestHonestLog lets users with memories of every age use a log that grows by
// random steps, and expects that nothing is ever held against it.
func TestHonestLog(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		rng := rand.New(rand.NewPCG(1, 2))
		labels := []string{"alice", "bob", "carol"}
		states := []*client.State{newState(t, l), newState(t, l), newState(t, l)}
		owner := newState(t, l)
		steps := 120
		if testing.Short() {
			steps = 40
		}
		for step := range steps {
			l.Advance(rng.Uint64N(900))
			if rng.IntN(3) == 0 {
				l.Publish(nil)
			} else {
				label := labels[rng.IntN(len(labels))]
				var values [][]byte
				for range 1 + rng.IntN(3) {
					values = append(values, fmt.Appendf(nil, "%s's key %d", label, len(l.Labels[label])+len(values)))
				}
				skip := 0
				if l.Leaf != nil {
					skip = rng.IntN(2)
				}
				l.PublishSkipping(skip, map[string][][]byte{label: values})
			}
			l.AuditorBehind = rng.Uint64N(4)
			i := rng.IntN(len(states))
			label := labels[rng.IntN(len(labels))]
			states[i] = use(t, l, states[i], label, rng)
			if step%3 == 0 {
				owner = own(t, l, owner, labels[0])
			}
		}
		if len(owner.Owned(labels[0]).Monitor) > 5 {
			t.Errorf("the owner's monitoring map grew to %d", len(owner.Owned(labels[0]).Monitor))
		}
	})
}

// use makes one random request.
func use(t *testing.T, l *testlog.Log, s *client.State, label string, rng *rand.Rand) *client.State {
	all := l.Labels[label]
	switch op := rng.IntN(5); {
	case op == 0:
		_, next, err := walk(t, l, s, nil)
		if err != nil {
			t.Fatalf("walking: %v", err)
		}
		return next
	case op == 1 && s.Contact(label) != nil && len(s.Contact(label).Monitor) > 0:
		_, next, err := contactMonitor(t, l, s, label)
		if err != nil {
			t.Fatalf("monitoring %s: %v", label, err)
		}
		return next
	case len(all) == 0:
		if _, _, err := search(t, l, s, label, nil); !errors.Is(err, problem.ErrNoAnswer) {
			t.Fatalf("searching a label that does not exist: %v", err)
		}
		return s
	case op == 2:
		v := uint32(rng.IntN(len(all)))
		f, next, err := search(t, l, s, label, &v)
		if all[v].Skipped {
			if err == nil {
				t.Fatal("a skipped version was found")
			}
			return s
		}
		if err != nil {
			t.Fatalf("searching version %d of %s: %v", v, label, err)
		}
		if string(f.Value) != string(all[v].Update.Value) || f.Version != v {
			t.Fatalf("version %d of %s is %q", v, label, f.Value)
		}
		return next
	}
	f, next := mustSearch(t, l, s, label, nil)
	if v := uint32(len(all) - 1); f.Version != v || string(f.Value) != string(all[v].Update.Value) {
		t.Fatalf("greatest version of %s is %d, %q", label, f.Version, f.Value)
	}
	if f.Watched != (len(next.Contact(label).Monitor) > 0) && s.Contact(label) == nil {
		t.Fatal("a result to be watched is not in the monitoring map")
	}
	return next
}

// own goes through what an owner does, from the beginning if need be.
func own(t *testing.T, l *testlog.Log, s *client.State, label string) *client.State {
	t.Helper()
	if s.Owned(label) == nil {
		_, next, err := walk(t, l, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		start, ok := next.RightmostDistinguished()
		if !ok {
			t.Fatal("no distinguished entry")
		}
		if _, s, err = ownerInit(t, l, next, label, start); err != nil {
			t.Fatalf("initialising: %v", err)
		}
	}
	for {
		g, ok := s.Owned(label).Greatest()
		if n := len(l.Labels[label]); n == 0 || ok && int(g.Version) == n-1 {
			break
		}
		u, next, err := update(t, l, s, label)
		if err != nil {
			t.Fatalf("learning of new versions: %v", err)
		}
		if u.Own {
			t.Fatal("somebody else's version is called own")
		}
		s = next
	}
	for {
		w, next, err := ownerMonitor(t, l, s, label)
		if err != nil {
			t.Fatalf("owner monitoring: %v", err)
		}
		s = next
		if w.Done {
			return s
		}
	}
}

// TestOwnerPages has the directory answer in pages of one ladder.
func TestOwnerPages(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		s := own(t, l, newState(t, l), "alice")
		for i := range 40 {
			l.Advance(700)
			if i%10 == 3 {
				u, next, err := update(t, l, s, "alice", value("alice", uint32(i)))
				if err != nil || !u.Own {
					t.Fatalf("updating: %v", err)
				}
				s = next
			} else {
				l.Publish(nil)
			}
		}
		l.PageLimit = 1
		pages := 0
		for done := false; !done; pages++ {
			before := s.Owned("alice").Verified
			w, next, err := ownerMonitor(t, l, s, "alice")
			if err != nil {
				t.Fatal(err)
			}
			if done = w.Done; !done && w.Verified <= before {
				t.Fatal("a page without progress")
			}
			s = next
		}
		if pages < 5 {
			t.Errorf("only %d pages", pages)
		}
		if rightmost, _ := s.RightmostDistinguished(); s.Owned("alice").Verified != rightmost {
			t.Errorf("verified up to %d, not %d", s.Owned("alice").Verified, rightmost)
		}
	})
}

// TestSearchFirstAndReturning looks at what a user keeps.
func TestSearchFirstAndReturning(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		l.Advance(100).Publish(nil)
		l.Advance(100).Value("alice", "one") // entry 2; entries 0 and 1 are distinguished whatever the window
		f, s := mustSearch(t, l, newState(t, l), "alice", nil)
		if f.Same || f.Size != 3 || string(f.Value) != "one" {
			t.Fatalf("first search: %+v", f)
		}
		if contact := l.Config.Mode == wire.ContactMonitoring; f.Watched != contact || f.Terminal != 2 {
			t.Errorf("watched is %v at terminal %d", f.Watched, f.Terminal)
		}
		if f, s = mustSearch(t, l, s, "alice", nil); !f.Same {
			t.Error("the head did not change, yet another one was sent")
		}
		l.Advance(2000).Value("alice", "two")
		f, s = mustSearch(t, l, s, "alice", nil)
		if f.Same || f.Version != 1 || s.Head().Tree.TreeSize != 4 {
			t.Errorf("after an update: %+v", f)
		}
		if (s.Head().Auditor != nil) != (l.Auditor != nil) {
			t.Error("the auditor's head was not retained")
		}
	})
}
