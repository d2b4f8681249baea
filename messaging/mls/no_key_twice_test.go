package mls_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
)

// TestOldGroupInfoAndOldWelcome: a KeyPackage of last resort leads into an epoch that
// was left only if the note of it is lost. An external Commit into an earlier epoch, on an
// old GroupInfo that the application takes all the same, does not lose it.
func TestOldGroupInfoAndOldWelcome(t *testing.T) {
	forget := func(t *testing.T, alice *mls.Client, a, _ *mls.Group) {
		t.Helper()
		if err := alice.Forget(a.ID()); err != nil {
			t.Fatal(err)
		}
	}
	for name, leave := range map[string]func(t *testing.T, alice *mls.Client, a, b *mls.Group){
		"forgotten": forget,
		"came back": forget,
		"removed": func(t *testing.T, _ *mls.Client, a, b *mls.Group) {
			removal := ok[*mls.Staged](t)(b.Remove(ok[mls.Member](t)(a.Me())))
			ok[mls.Event](t)(a.Receive(removal.Message))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 93)
			bobs := &mls.Memory{}
			bobsConfig := w.config("bob", bobs)
			alice, bob := w.client("alice"), must(t)(mls.NewClient(bobsConfig))
			b := ok[*mls.Group](t)(bob.Create([]byte("group"), nil))
			// Alice is in the group, is removed, and is invited once more.
			last := ok[[]byte](t)(alice.LastResort())
			invite := func() (*mls.Group, []byte) {
				ok[*mls.Staged](t)(b.Invite(last))
				welcome := ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
				return ok[*mls.Group](t)(alice.Join(welcome, nil)), welcome
			}
			a, _ := invite()
			old, oldBob := ok[[]byte](t)(b.GroupInfo()), bobs.Clone()
			removal := ok[*mls.Staged](t)(b.Remove(ok[mls.Member](t)(a.Me())))
			ok[mls.Event](t)(b.Confirm())
			ok[mls.Event](t)(a.Receive(removal.Message))
			a, welcome := invite()
			o := newObserver(t)
			o.learn(bobs, b.ID())
			o.sent(ok[[]byte](t)(a.Send([]byte("with the first key"), nil)))
			if name != "came back" {
				if err := alice.Forget(a.ID()); err != nil {
					t.Fatal(err)
				}
			}

			// The delivery service has kept everything, and Bob is on its side.
			bobsConfig.Store = oldBob
			again := ok[*mls.Group](t)(must(t)(mls.NewClient(bobsConfig)).Open(b.ID()))
			a, staged, err := alice.JoinExternal(old, mls.ExternalOptions{Resync: true, Older: true})
			if err != nil {
				t.Fatal(err)
			}
			ok[mls.Event](t)(again.Receive(staged.Message))
			ok[mls.Event](t)(a.Confirm())
			leave(t, alice, a, again)
			a, err = alice.Join(welcome, nil)
			if !errors.Is(err, mls.ErrReplayed) {
				t.Errorf("Join: %v, want ErrReplayed", err)
			}
			if err == nil {
				o.sent(ok[[]byte](t)(a.Send([]byte("with the first key again"), nil)))
			}
		})
	}
}

// panicStore panics at one Apply.
type panicStore struct {
	*mls.Memory
	now bool
}

func (s *panicStore) Apply(b mls.Batch) error {
	if s.now {
		s.now = false
		panic("out of memory")
	}
	return s.Memory.Apply(b)
}

// TestStoreThatPanics: what was not stored is not in memory either, for a program that
// goes on.
func TestStoreThatPanics(t *testing.T) {
	w := newWorld(t, 94)
	store, bobs := &panicStore{Memory: &mls.Memory{}}, &mls.Memory{}
	alice, bob := must(t)(mls.NewClient(w.config("alice", store))), must(t)(mls.NewClient(w.config("bob", bobs)))
	a := ok[*mls.Group](t)(alice.Create([]byte("group"), nil))
	b := add(t, a, bob)[0]
	o := newObserver(t)
	o.learn(bobs, a.ID())
	panics := func(f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Fatal("nobody panicked")
			}
		}()
		store.now = true
		f()
	}
	m := ok[[]byte](t)(b.Send([]byte("to alice"), nil))
	panics(func() { _, _ = a.Receive(m) })
	wantMessage(t, a, m, "to alice")
	panics(func() { _, _ = a.Send([]byte("lost"), nil) })
	sent := ok[[]byte](t)(a.Send([]byte("to bob"), nil))
	o.sent(sent)
	wantMessage(t, b, sent, "to bob")
	panics(func() { _, _ = a.Update(nil) })
	if p := ok[*mls.Staged](t)(a.Pending()); p != nil {
		t.Fatal("a Commit waits that was not stored")
	}
	staged := ok[*mls.Staged](t)(a.Update(nil))
	o.sent(staged.Message)
	panics(func() { _, _ = a.Confirm() })
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())
	sameEpoch(t, a, b)
}

// TestManyHandsOnOneGroup: two programs on one store, and in each of them goroutines
// that send, receive, stage and discard at once. Whatever leaves is under a key of its
// own, and can be read.
func TestManyHandsOnOneGroup(t *testing.T) {
	w := newWorld(t, 95)
	store, bobs := &mls.Memory{}, &mls.Memory{}
	cfg := w.config("alice", store)
	first, bob := must(t)(mls.NewClient(cfg)), must(t)(mls.NewClient(w.config("bob", bobs)))
	a := ok[*mls.Group](t)(first.Create([]byte("group"), nil))
	b := add(t, a, bob)[0]
	o := newObserver(t)
	o.learn(bobs, a.ID())
	second := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Open(a.ID()))
	const each = 12
	var incoming [each][]byte
	for i := range incoming {
		incoming[i] = ok[[]byte](t)(b.Send([]byte("to alice"), nil))
	}

	var mu sync.Mutex
	var messages, commits [][]byte
	left := func(list *[][]byte, m []byte) {
		mu.Lock()
		defer mu.Unlock()
		*list = append(*list, m)
	}
	received := 0
	// until tries as long as the other program is in between.
	until := func(f func() error) {
		for {
			err := f()
			if errors.Is(err, mls.ErrConflict) {
				continue
			}
			if err != nil && !errors.Is(err, mls.ErrConsumed) && !errors.Is(err, mls.ErrPending) && !errors.Is(err, mls.ErrNoPending) {
				t.Error(err)
			}
			return
		}
	}
	var all sync.WaitGroup
	for _, g := range []*mls.Group{a, second} {
		all.Go(func() {
			for range each {
				until(func() error {
					m, err := g.Send([]byte("to bob"), nil)
					if err == nil {
						left(&messages, m)
					}
					return err
				})
			}
		})
		all.Go(func() {
			for _, m := range incoming {
				until(func() error {
					_, err := g.Receive(m)
					if err == nil {
						mu.Lock()
						received++
						mu.Unlock()
					}
					return err
				})
			}
		})
		all.Go(func() {
			for range each {
				until(func() error {
					staged, err := g.Commit(group.CommitOptions{})
					if err == nil {
						left(&commits, staged.Message)
					}
					return err
				})
				until(g.Discard)
			}
		})
	}
	all.Wait()
	if received != each {
		t.Errorf("%d messages were given out, want each of %d once", received, each)
	}
	for _, m := range append(messages, commits...) {
		o.sent(m)
	}
	if o.count != len(messages)+len(commits) || len(messages) != 2*each || len(commits) == 0 {
		t.Errorf("%d keys for %d messages and %d Commits", o.count, len(messages), len(commits))
	}
	for _, m := range messages {
		wantMessage(t, b, m, "to bob")
	}
}

// TestFoundingWaitsForNoOtherGroup: a branch that is named like a group which is in the
// middle of something is refused at once.
func TestFoundingWaitsForNoOtherGroup(t *testing.T) {
	w := newWorld(t, 96)
	cfg := w.config("alice", &mls.Memory{})
	var within func()
	cfg.Keep = func([]byte, mls.Event) []mls.Record {
		within()
		return nil
	}
	alice := must(t)(mls.NewClient(cfg))
	a, other := ok[*mls.Group](t)(alice.Create(nil, nil)), ok[*mls.Group](t)(alice.Create(nil, nil))
	within = func() {
		if _, _, err := other.Branch(a.ID()); !errors.Is(err, mls.ErrMember) {
			t.Errorf("Branch: %v, want ErrMember", err)
		}
	}
	ok[*mls.Staged](t)(a.Update(nil))
	done := make(chan error)
	go func() {
		_, err := a.Confirm()
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("two groups wait for each other")
	}
}
