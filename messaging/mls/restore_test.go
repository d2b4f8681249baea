package mls_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
)

// TestRestoredGroupSendsNothingBeforeItsOwnCommit puts a backup back after messages
// and proposals were sent with keys that it believes to be unused.
func TestRestoredGroupSendsNothingBeforeItsOwnCommit(t *testing.T) {
	w := newWorld(t, 21)
	store, bobs := &mls.Memory{}, &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), must(t)(mls.NewClient(w.config("bob", bobs)))
	a := ok[*mls.Group](t)(alice.Create([]byte("group"), nil))
	b := add(t, a, bob)[0]
	o := newObserver(t)
	o.learn(bobs, a.ID())

	backup := store.Clone()
	for range 3 {
		sent := ok[[]byte](t)(a.Send([]byte("since the backup"), nil))
		o.sent(sent)
		wantMessage(t, b, sent, "since the backup")
	}
	lost := ok[*mls.Staged](t)(a.Update(nil))
	o.sent(lost.Message)

	cfg.Store = backup
	restored := must(t)(mls.Restore(cfg))
	for _, c := range []*mls.Client{restored, must(t)(mls.NewClient(cfg))} { // the mark is stored
		r := ok[*mls.Group](t)(c.Open(a.ID()))
		if is := ok[bool](t)(r.Restored()); !is {
			t.Fatal("the group is not marked as restored")
		}
		if _, err := r.Send([]byte("x"), nil); !errors.Is(err, mls.ErrRestored) {
			t.Fatalf("Send: %v, want ErrRestored", err)
		}
		if _, err := r.ProposeUpdate(nil, group.ProposalOptions{}); !errors.Is(err, mls.ErrRestored) {
			t.Fatalf("ProposeUpdate: %v, want ErrRestored", err)
		}
		if _, err := r.Propose(&message.Remove{Removed: 1}, group.ProposalOptions{}); !errors.Is(err, mls.ErrRestored) {
			t.Fatalf("Propose: %v, want ErrRestored", err)
		}
		if _, err := r.Commit(group.CommitOptions{}); !errors.Is(err, mls.ErrRestored) {
			t.Fatalf("Commit: %v, want ErrRestored", err)
		}
		if _, err := r.Commit(group.CommitOptions{Public: true, OmitPath: true}); !errors.Is(err, mls.ErrRestored) {
			t.Fatalf("Commit without a path: %v, want ErrRestored", err)
		}
	}

	// Somebody else's Commit does not heal it: the copy that was lost may have
	// followed it too, and have sent.
	r := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Open(a.ID()))
	theirs := ok[*mls.Staged](t)(b.Update(nil))
	ok[mls.Event](t)(b.Confirm())
	o.learn(bobs, a.ID())
	ok[mls.Event](t)(r.Receive(theirs.Message))
	if _, err := r.Send([]byte("x"), nil); !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send after another's Commit: %v, want ErrRestored", err)
	}
	wantMessage(t, r, ok[[]byte](t)(b.Send([]byte("to the restored"), nil)), "to the restored")

	// A Commit of its own does, once it is accepted; it uses no key.
	healing := ok[*mls.Staged](t)(r.Update(nil))
	if m, err := message.Parse(healing.Message); err != nil || m.Body.WireFormat() != message.WireFormatPublicMessage {
		t.Fatalf("the Commit is no PublicMessage: %v, %v", m, err)
	}
	if _, err := r.Send([]byte("x"), nil); !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send before it is accepted: %v, want ErrRestored", err)
	}
	ok[mls.Event](t)(b.Receive(healing.Message))
	o.learn(bobs, a.ID())
	ok[mls.Event](t)(r.Confirm())
	sent := ok[[]byte](t)(r.Send([]byte("healed"), nil))
	o.sent(sent)
	wantMessage(t, b, sent, "healed")
	sameEpoch(t, r, b)
}

// TestCommitFromTheBackupDoesNotHeal: what was staged before the backup may have been
// accepted, and its epoch used.
func TestCommitFromTheBackupDoesNotHeal(t *testing.T) {
	w := newWorld(t, 22)
	store, bobs := &mls.Memory{}, &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), must(t)(mls.NewClient(w.config("bob", bobs)))
	a := ok[*mls.Group](t)(alice.Create([]byte("group"), nil))
	b := add(t, a, bob)[0]
	staged := ok[*mls.Staged](t)(a.Update(nil))
	backup := store.Clone()

	ok[mls.Event](t)(a.Confirm())
	ok[mls.Event](t)(b.Receive(staged.Message))
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("with the first key"), nil)), "with the first key")

	cfg.Store = backup
	r := ok[*mls.Group](t)(must(t)(mls.Restore(cfg)).Open(a.ID()))
	ok[mls.Event](t)(r.Confirm())
	sameEpoch(t, r, b)
	if _, err := r.Send([]byte("with the first key again"), nil); !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send: %v, want ErrRestored", err)
	}

	// Restored once more while a healing Commit waits: it was in this backup too.
	ok[*mls.Staged](t)(r.Update(nil))
	cfg.Store = backup.Clone()
	r = ok[*mls.Group](t)(must(t)(mls.Restore(cfg)).Open(a.ID()))
	ok[mls.Event](t)(r.Confirm())
	if _, err := r.Send([]byte("x"), nil); !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send: %v, want ErrRestored", err)
	}
}

// TestGroupJoinedWithARestoredKeyPackage: the Welcome may have been used already.
func TestGroupJoinedWithARestoredKeyPackage(t *testing.T) {
	w := newWorld(t, 23)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	packs := ok[[][]byte](t)(alice.KeyPackages(1))
	backup := store.Clone()
	b := ok[*mls.Group](t)(bob.Create(nil, nil))
	ok[*mls.Staged](t)(b.Invite(packs...))
	welcome := ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
	a := ok[*mls.Group](t)(alice.Join(welcome, nil))
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("first"), nil)), "first")

	cfg.Store = backup
	r := ok[*mls.Group](t)(must(t)(mls.Restore(cfg)).Join(welcome, nil))
	if _, err := r.Send([]byte("first again"), nil); !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send: %v, want ErrRestored", err)
	}
	healing := ok[*mls.Staged](t)(r.Update(nil))
	ok[mls.Event](t)(b.Receive(healing.Message))
	ok[mls.Event](t)(r.Receive(healing.Message))
	wantMessage(t, b, ok[[]byte](t)(r.Send([]byte("healed"), nil)), "healed")
}

// TestResyncHeals: when the group has moved on by Commits that the backup cannot
// follow, an external Commit is the way back.
func TestResyncHeals(t *testing.T) {
	w := newWorld(t, 24)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	backup := store.Clone()
	own := ok[*mls.Staged](t)(a.Update(nil))
	ok[mls.Event](t)(a.Confirm())
	ok[mls.Event](t)(b.Receive(own.Message))

	cfg.Store = backup
	c := must(t)(mls.Restore(cfg))
	r := ok[*mls.Group](t)(c.Open(a.ID()))
	if _, err := r.Receive(own.Message); !errors.Is(err, mls.ErrOwnMessage) {
		t.Fatalf("our own Commit that the backup does not know: %v, want ErrOwnMessage", err)
	}
	info := ok[[]byte](t)(b.GroupInfo())
	if _, _, err := c.JoinExternal(info, mls.ExternalOptions{}); !errors.Is(err, mls.ErrMember) {
		t.Fatalf("JoinExternal without Resync: %v, want ErrMember", err)
	}
	r, staged, err := c.JoinExternal(info, mls.ExternalOptions{Resync: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Send([]byte("x"), nil); !errors.Is(err, mls.ErrJoining) && !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send while joining: %v", err)
	}
	theirs := ok[mls.Event](t)(b.Receive(staged.Message)).(*mls.Changed)
	ours := ok[mls.Event](t)(r.Confirm()).(*mls.Changed)
	if len(theirs.Removed) != 1 || !reflect.DeepEqual(ours.Removed, theirs.Removed) || !reflect.DeepEqual(ours.Added, theirs.Added) {
		t.Fatalf("our own Changed adds %v and removes %v; Bob's adds %v and removes %v", ours.Added, ours.Removed, theirs.Added, theirs.Removed)
	}
	if is := ok[bool](t)(r.Restored()); is {
		t.Fatal("still marked as restored")
	}
	wantMessage(t, b, ok[[]byte](t)(r.Send([]byte("back"), nil)), "back")
	wantMessage(t, r, ok[[]byte](t)(b.Send([]byte("good"), nil)), "good")
	sameEpoch(t, r, b)

	// With nothing left of the group, who was removed is known all the same.
	if err := c.Forget(r.ID()); err != nil {
		t.Fatal(err)
	}
	r, staged, err = c.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{Resync: true})
	if err != nil {
		t.Fatal(err)
	}
	theirs = ok[mls.Event](t)(b.Receive(staged.Message)).(*mls.Changed)
	ours = ok[mls.Event](t)(r.Confirm()).(*mls.Changed)
	if len(theirs.Removed) != 1 || !reflect.DeepEqual(ours.Removed, theirs.Removed) {
		t.Fatalf("our own Changed removes %v, Bob's %v", ours.Removed, theirs.Removed)
	}
	sameEpoch(t, r, b)
}

// TestJoinFromTheBackupDoesNotHeal: an external Commit that waits in the backup may
// have been accepted, and its epoch used.
func TestJoinFromTheBackupDoesNotHeal(t *testing.T) {
	w := newWorld(t, 25)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	b := ok[*mls.Group](t)(bob.Create(nil, nil))
	a, staged, err := alice.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Send": second(a.Send([]byte("x"), nil)), "Update": second(a.Update(nil)), "Members": second(a.Members()),
		"Leave": second(a.Leave()), "Receive": second(a.Receive([]byte("x"))),
	} {
		if !errors.Is(err, mls.ErrJoining) {
			t.Errorf("%s while joining: %v, want ErrJoining", what, err)
		}
	}
	backup := store.Clone()
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("with the first key"), nil)), "with the first key")

	cfg.Store = backup
	r := ok[*mls.Group](t)(must(t)(mls.Restore(cfg)).Open(b.ID()))
	ok[mls.Event](t)(r.Receive(staged.Message))
	if _, err := r.Send([]byte("with the first key again"), nil); !errors.Is(err, mls.ErrRestored) {
		t.Fatalf("Send: %v, want ErrRestored", err)
	}

	// A join that is not accepted leaves nothing behind.
	c, _, err := w.client("carol").JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Members(); !errors.Is(err, mls.ErrNoGroup) {
		t.Fatalf("after Discard: %v, want ErrNoGroup", err)
	}
}

func second[T any](_ T, err error) error { return err }
