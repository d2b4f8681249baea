package mls_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// reinit lets a close its group, in favour of one called next; all others follow.
func reinit(t *testing.T, a *mls.Group, next string, others ...*mls.Group) {
	t.Helper()
	p := &message.ReInit{GroupID: []byte(next), Version: tree.MLS10, CipherSuite: testSuite}
	staged := ok[*mls.Staged](t)(a.Commit(group.CommitOptions{ByValue: []message.Proposal{p}}))
	ok[mls.Event](t)(a.Confirm())
	for _, g := range others {
		ok[mls.Event](t)(g.Receive(staged.Message))
	}
}

func pack(t *testing.T, c *mls.Client) []byte {
	t.Helper()
	return ok[[][]byte](t)(c.KeyPackages(1))[0]
}

// invite returns the Welcome of an invitation to g.
func invite(t *testing.T, g *mls.Group, packs ...[]byte) []byte {
	t.Helper()
	ok[*mls.Staged](t)(g.Invite(packs...))
	return ok[mls.Event](t)(g.Confirm()).(*mls.Changed).Own.Welcome
}

// refused fails unless bob is kept out of the group by its identifier.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, group.ErrOrigin) {
		t.Errorf("%s: %v, want ErrOrigin", what, err)
	}
}

// TestNobodyTakesThePlaceOfTheNextGroup: after a ReInit, only the group that continues
// ours can have the identifier that was agreed on, in all programs on the store.
func TestNobodyTakesThePlaceOfTheNextGroup(t *testing.T) {
	for name, again := range map[string]func(mls.Config) (*mls.Client, error){
		"same program": nil,
		"restarted":    mls.NewClient,
		"restored":     mls.Restore,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 111)
			store := &mls.Memory{}
			bobs := w.config("bob", store)
			alice, bob, mallory := w.client("alice"), must(t)(mls.NewClient(bobs)), w.client("mallory")
			a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
			others := add(t, a, bob, mallory)
			b, m := others[0], others[1]
			// Before she follows, so that she still can.
			_, branch, err := m.Branch([]byte("new"), pack(t, bob))
			if err != nil {
				t.Fatal(err)
			}
			reinit(t, a, "new", b)
			if again != nil {
				bob = must(t)(again(bobs))
				ok[*mls.Group](t)(bob.Open(b.ID()))
			}

			x := ok[*mls.Group](t)(w.client("eve").Create([]byte("new"), nil))
			_, err = bob.Join(invite(t, x, pack(t, bob)), nil)
			refused(t, "a group of nobody's", err)
			_, err = bob.Join(branch, nil)
			refused(t, "a branch", err)
			_, _, err = bob.JoinExternal(ok[[]byte](t)(x.GroupInfo()), mls.ExternalOptions{})
			refused(t, "external Commit", err)
			_, err = bob.Create([]byte("new"), nil)
			refused(t, "Create", err)
			c := ok[*mls.Group](t)(bob.Create(nil, nil))
			_, _, err = c.Branch([]byte("new"))
			refused(t, "Branch", err)

			next, welcome, err := a.Continue(pack(t, bob), pack(t, mallory))
			if err != nil {
				t.Fatal(err)
			}
			n := ok[*mls.Group](t)(bob.Join(welcome, nil))
			sameEpoch(t, next, n)
			if left := ok[[]string](t)(store.List("reinit/")); len(left) != 0 {
				t.Errorf("%q are left behind", left)
			}
			// It is a group like all others now, in which one can be invited again.
			out := ok[*mls.Staged](t)(next.Remove(ok[mls.Member](t)(n.Me())))
			ok[mls.Event](t)(next.Confirm())
			ok[mls.Event](t)(n.Receive(out.Message))
			sameEpoch(t, next, ok[*mls.Group](t)(bob.Join(invite(t, next, pack(t, bob)), nil)))
		})
	}
}

// TestNextGroupIsAwaitedUntilTheOldOneIsForgotten, also if it is damaged, or turns out
// not to be closed.
func TestNextGroupIsAwaitedUntilTheOldOneIsForgotten(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, bob *mls.Client, store *mls.Memory, info []byte) *mls.Client{
		"forgotten": func(t *testing.T, bob *mls.Client, _ *mls.Memory, _ []byte) *mls.Client {
			if err := bob.Forget([]byte("old")); err != nil {
				t.Fatal(err)
			}
			return bob
		},
		"damaged": func(t *testing.T, bob *mls.Client, store *mls.Memory, _ []byte) *mls.Client {
			key := "group/" + hex.EncodeToString([]byte("old")) + "/state/epoch"
			if err := store.Apply(mls.Batch{Write: []mls.Record{{Key: key}}}); err != nil {
				t.Fatal(err)
			}
			if err := bob.Forget([]byte("old")); err != nil {
				t.Fatal(err)
			}
			return bob
		},
		"not closed": func(t *testing.T, bob *mls.Client, _ *mls.Memory, info []byte) *mls.Client {
			g, _, err := bob.JoinExternal(info, mls.ExternalOptions{Resync: true, Older: true})
			if err != nil {
				t.Fatal(err)
			}
			ok[mls.Event](t)(g.Confirm())
			return bob
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 112)
			store := &mls.Memory{}
			cfg := w.config("bob", store)
			alice, bob := w.client("alice"), must(t)(mls.NewClient(cfg))
			a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
			b := add(t, a, bob)[0]
			info := ok[[]byte](t)(a.GroupInfo())
			// Another one that is closed is in nobody's way.
			other := ok[*mls.Group](t)(alice.Create([]byte("other"), nil))
			reinit(t, other, "else", add(t, other, bob)...)
			reinit(t, a, "new", b)
			if n := len(ok[[]string](t)(store.List("reinit/"))); n != 2 {
				t.Fatalf("%d groups are awaited, want 2", n)
			}
			x := ok[*mls.Group](t)(w.client("eve").Create([]byte("new"), nil))
			welcome := invite(t, x, pack(t, bob))
			bob = must(t)(mls.NewClient(cfg))
			_, err := bob.Join(welcome, nil)
			refused(t, "before", err)
			bob = forget(t, bob, store, info)
			ok[*mls.Group](t)(bob.Join(welcome, nil))
			if n := len(ok[[]string](t)(store.List("reinit/"))); n != 1 {
				t.Errorf("%d groups are awaited, want 1", n)
			}
		})
	}
}

// TestClosingAndAwaitingAreOneChange: no crash is between the two.
func TestClosingAndAwaitingAreOneChange(t *testing.T) {
	w := newWorld(t, 113)
	stores := [2]*batches{new(batches), new(batches)}
	alice := must(t)(mls.NewClient(w.config("alice", stores[0])))
	bob := must(t)(mls.NewClient(w.config("bob", stores[1])))
	a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
	b := add(t, a, bob)[0]
	reinit(t, a, "new", b)
	for i, s := range stores {
		last := s.all[len(s.all)-1]
		var closed, awaited bool
		for _, r := range last.Write {
			closed = closed || r.Key == "group/"+hex.EncodeToString([]byte("old"))+"/head"
			awaited = awaited || r.Key == "reinit/"+hex.EncodeToString([]byte("new"))+"/"+hex.EncodeToString([]byte("old"))
		}
		if !closed || !awaited {
			t.Errorf("member %d: closed %t, awaited %t", i, closed, awaited)
		}
	}
}

// batches remembers what was applied.
type batches struct {
	mls.Memory
	all []mls.Batch
}

func (s *batches) Apply(b mls.Batch) error {
	s.all = append(s.all, b)
	return s.Memory.Apply(b)
}

// TestTwoGroupsCloseInFavourOfOne: whoever can close another group of ours in favour of
// the same identifier does not have their own take the place of the next one.
func TestTwoGroupsCloseInFavourOfOne(t *testing.T) {
	w := newWorld(t, 114)
	alice, bob, mallory := w.client("alice"), w.client("bob"), w.client("mallory")
	a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
	m := ok[*mls.Group](t)(mallory.Create([]byte("mallory's"), nil))
	others, theirs := add(t, a, bob), add(t, m, bob)
	reinit(t, m, "new", theirs...)
	reinit(t, a, "new", others...)
	_, impostor, err := m.Continue(pack(t, bob))
	if err != nil {
		t.Fatal(err)
	}
	next, welcome, err := a.Continue(pack(t, bob))
	if err != nil {
		t.Fatal(err)
	}
	_, err = bob.Join(impostor, nil)
	refused(t, "the one of the other group", err)
	_, err = bob.Join(welcome, nil)
	refused(t, "either", err)
	_, _, err = others[0].Continue(pack(t, alice))
	refused(t, "Continue", err)
	if err := bob.Forget(m.ID()); err != nil {
		t.Fatal(err)
	}
	sameEpoch(t, next, ok[*mls.Group](t)(bob.Join(welcome, nil)))
}

// TestOneContinuationDoesNotStandForAnother: nor does that of a group which was closed
// earlier, in favour of the same identifier, and which nobody awaits any more.
func TestOneContinuationDoesNotStandForAnother(t *testing.T) {
	w := newWorld(t, 117)
	alice, bob, mallory, eve := w.client("alice"), w.client("bob"), w.client("mallory"), w.client("eve")
	m := ok[*mls.Group](t)(mallory.Create([]byte("mallory's"), nil))
	others := add(t, m, bob, eve)
	reinit(t, m, "new", others...)
	_, welcome, err := m.Continue(pack(t, bob), pack(t, eve))
	if err != nil {
		t.Fatal(err)
	}
	_, again, err := others[1].Continue(pack(t, bob), pack(t, mallory))
	if err != nil {
		t.Fatal(err)
	}
	ok[*mls.Group](t)(bob.Join(welcome, nil))
	if err := bob.Forget([]byte("new")); err != nil {
		t.Fatal(err)
	}
	a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
	reinit(t, a, "new", add(t, a, bob)...)
	_, err = bob.Join(again, nil)
	refused(t, "the second continuation of another group", err)
}

// TestEverybodyMayContinue: if two do, who founded the one that does not count joins the
// other.
func TestEverybodyMayContinue(t *testing.T) {
	w := newWorld(t, 115)
	store := &mls.Memory{}
	alice, bob, carol := w.client("alice"), must(t)(mls.NewClient(w.config("bob", store))), w.client("carol")
	a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
	others := add(t, a, bob, carol)
	reinit(t, a, "new", others...)
	if n := len(ok[[]string](t)(store.List("reinit/"))); n != 1 {
		t.Fatalf("%d groups are awaited, want 1", n)
	}
	next, welcome, err := a.Continue(pack(t, bob), pack(t, carol))
	if err != nil {
		t.Fatal(err)
	}
	mine, lost, err := others[0].Continue(pack(t, alice), pack(t, carol))
	if err != nil {
		t.Fatal(err)
	}
	if left := ok[[]string](t)(store.List("reinit/")); len(left) != 0 {
		t.Errorf("%q are left behind", left)
	}
	if _, err := bob.Join(welcome, nil); !errors.Is(err, mls.ErrMember) {
		t.Fatalf("Join: %v, want ErrMember", err)
	}
	c := ok[*mls.Group](t)(carol.Join(welcome, nil))
	if _, err := carol.Join(lost, nil); !errors.Is(err, mls.ErrMember) {
		t.Fatalf("Join of the other: %v, want ErrMember", err)
	}
	if err := bob.Forget(mine.ID()); err != nil {
		t.Fatal(err)
	}
	sameEpoch(t, next, c, ok[*mls.Group](t)(bob.Join(welcome, nil)))
}

// TestReInitToAKnownGroup: an identifier that means another group to us goes on meaning
// it, until that is forgotten.
func TestReInitToAKnownGroup(t *testing.T) {
	w := newWorld(t, 116)
	alice, bob := w.client("alice"), w.client("bob")
	known := ok[*mls.Group](t)(bob.Create([]byte("known"), nil))
	a := ok[*mls.Group](t)(alice.Create([]byte("old"), nil))
	b := add(t, a, bob)
	reinit(t, a, "known", b...)
	next, welcome, err := a.Continue(pack(t, bob))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Join(welcome, nil); !errors.Is(err, mls.ErrMember) {
		t.Errorf("Join: %v, want ErrMember", err)
	}
	if _, _, err := b[0].Continue(pack(t, alice)); !errors.Is(err, mls.ErrMember) {
		t.Errorf("Continue: %v, want ErrMember", err)
	}
	ok[*mls.Staged](t)(known.Update(nil)) // it works as ever
	ok[mls.Event](t)(known.Confirm())
	if err := bob.Forget(known.ID()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b[0].Continue(pack(t, alice)); !errors.Is(err, mls.ErrReplayed) {
		t.Errorf("Continue: %v, want ErrReplayed", err)
	}
	sameEpoch(t, next, ok[*mls.Group](t)(bob.Join(welcome, nil)))
}
