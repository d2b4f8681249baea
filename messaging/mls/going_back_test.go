package mls_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
)

// TestNobodyGoesBack: a GroupInfo of an epoch before the last that the store knows would
// make members of those who were removed since.
func TestNobodyGoesBack(t *testing.T) {
	const id = "group"
	for name, c := range map[string]struct {
		lose  func(t *testing.T, bob *mls.Client, store *mls.Memory, a, b *mls.Group)
		known bool // the store knows the last epoch
	}{
		"member": {func(*testing.T, *mls.Client, *mls.Memory, *mls.Group, *mls.Group) {}, true},
		"forgotten": {func(t *testing.T, bob *mls.Client, _ *mls.Memory, _, _ *mls.Group) {
			if err := bob.Forget([]byte(id)); err != nil {
				t.Fatal(err)
			}
		}, true},
		"removed": {func(t *testing.T, _ *mls.Client, _ *mls.Memory, a, b *mls.Group) {
			out := ok[*mls.Staged](t)(a.Remove(ok[mls.Member](t)(b.Me())))
			ok[mls.Event](t)(b.Receive(out.Message))
			if err := a.Discard(); err != nil { // only Bob has seen it
				t.Fatal(err)
			}
		}, true},
		"damaged and forgotten": {func(t *testing.T, bob *mls.Client, store *mls.Memory, _, _ *mls.Group) {
			key := "group/" + hex.EncodeToString([]byte(id)) + "/state/epoch"
			if err := store.Apply(mls.Batch{Write: []mls.Record{{Key: key}}}); err != nil {
				t.Fatal(err)
			}
			if err := bob.Forget([]byte(id)); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 121)
			store := &mls.Memory{}
			cfg := w.config("bob", store)
			alice, bob, mallory := w.client("alice"), must(t)(mls.NewClient(cfg)), w.client("mallory")
			a := ok[*mls.Group](t)(alice.Create([]byte(id), nil))
			others := add(t, a, bob, mallory)
			b, m := others[0], others[1]
			stale := ok[[]byte](t)(m.GroupInfo())
			out := ok[*mls.Staged](t)(a.Remove(ok[mls.Member](t)(m.Me())))
			ok[mls.Event](t)(a.Confirm())
			ok[mls.Event](t)(b.Receive(out.Message)) // epoch 2; Mallory does not follow
			newest := ok[[]byte](t)(a.GroupInfo())
			bob = must(t)(mls.NewClient(cfg)) // has nothing in memory
			c.lose(t, bob, store, a, b)

			join := func(info []byte, older bool) (*mls.Group, *mls.Staged, error) {
				return bob.JoinExternal(info, mls.ExternalOptions{Resync: true, Older: older})
			}
			// The last epoch that we were in is none before it.
			back, _, err := join(newest, false)
			if err == nil {
				err = back.Discard()
			}
			if err != nil {
				t.Fatalf("a GroupInfo of the last epoch: %v", err)
			}
			back, staged, err := join(stale, false)
			if refused := errors.Is(err, mls.ErrReplayed); refused != c.known || !refused && err != nil {
				t.Fatalf("a GroupInfo of before: %v, want ErrReplayed: %t", err, c.known)
			}
			if c.known { // whoever knows better says so
				if back, staged, err = join(stale, true); err != nil {
					t.Fatal(err)
				}
			}
			ok[mls.Event](t)(m.Receive(staged.Message))
			ok[mls.Event](t)(back.Confirm())
			sameEpoch(t, m, back)
			// Where we went back to is where we are.
			if back, staged, err = join(ok[[]byte](t)(m.GroupInfo()), false); err != nil {
				t.Fatal(err)
			}
			ok[mls.Event](t)(m.Receive(staged.Message))
			ok[mls.Event](t)(back.Confirm())
			sameEpoch(t, m, back)
		})
	}
}

// TestDamagedNoteLetsNobodyBack: nor does one that cannot be read, unless that is wanted.
func TestDamagedNoteLetsNobodyBack(t *testing.T) {
	w := newWorld(t, 122)
	store := &mls.Memory{}
	alice, bob := w.client("alice"), must(t)(mls.NewClient(w.config("bob", store)))
	a := ok[*mls.Group](t)(alice.Create([]byte("group"), nil))
	add(t, a, bob)
	if err := bob.Forget(a.ID()); err != nil {
		t.Fatal(err)
	}
	note := mls.Record{Key: "left/" + hex.EncodeToString(a.ID()), Value: []byte("no note")}
	if err := store.Apply(mls.Batch{Write: []mls.Record{note}}); err != nil {
		t.Fatal(err)
	}
	info := ok[[]byte](t)(a.GroupInfo())
	if _, _, err := bob.JoinExternal(info, mls.ExternalOptions{Resync: true}); !errors.Is(err, mls.ErrCorrupt) {
		t.Errorf("JoinExternal: %v, want ErrCorrupt", err)
	}
	if _, _, err := bob.JoinExternal(info, mls.ExternalOptions{Resync: true, Older: true}); err != nil {
		t.Errorf("JoinExternal with Older: %v", err)
	}
}
