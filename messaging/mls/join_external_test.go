package mls_test

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
)

// TestOwnExternalCommitTellsWhatItDid: the event of our own external Commit says what
// everybody else's says of it: who is removed, by whose proposal, and what came with it.
func TestOwnExternalCommitTellsWhatItDid(t *testing.T) {
	w := newWorld(t, 91)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	joined := add(t, a, bob, w.client("carol"), w.client("dave"))
	b, others := joined[0], joined[1:]

	// want compares our event with Bob's.
	want := func(what string, g *mls.Group, staged *mls.Staged, removed int) {
		t.Helper()
		theirs := ok[mls.Event](t)(b.Receive(staged.Message)).(*mls.Changed)
		ours := ok[mls.Event](t)(g.Confirm()).(*mls.Changed)
		if ours.Own == nil || string(ours.Own.Message) != string(staged.Message) {
			t.Errorf("%s: not our own", what)
		}
		ours.Own = nil
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%s: ours is\n%+v\nand Bob's\n%+v", what, ours, theirs)
		}
		if len(ours.Removed) != removed {
			t.Errorf("%s: %d removed, want %d", what, len(ours.Removed), removed)
		}
		sameEpoch(t, g, b)
	}
	leave := func(leaving ...*mls.Group) (all [][]byte) {
		for _, g := range leaving {
			proposal := ok[[]byte](t)(g.Leave())
			ok[mls.Event](t)(b.Receive(proposal))
			all = append(all, proposal)
		}
		return all
	}
	join := func(c *mls.Client, o mls.ExternalOptions) (*mls.Group, *mls.Staged) {
		t.Helper()
		g, staged, err := c.JoinExternal(ok[[]byte](t)(b.GroupInfo()), o)
		if err != nil {
			t.Fatal(err)
		}
		return g, staged
	}

	g, staged := join(alice, mls.ExternalOptions{Resync: true, SelfRemoves: leave(others...), AAD: []byte("aad")})
	want("two who leave", g, staged, 3)
	for _, key := range ok[[]string](t)(store.List("group/")) {
		if strings.HasSuffix(key, "/removes") {
			t.Errorf("%s is left behind", key)
		}
	}

	// Without the old state, and in another program than the one that made the Commit;
	// the one that was made before is dropped.
	if err := alice.Forget(g.ID()); err != nil {
		t.Fatal(err)
	}
	g, _ = join(alice, mls.ExternalOptions{Resync: true})
	if err := g.Discard(); err != nil {
		t.Fatal(err)
	}
	_, staged = join(alice, mls.ExternalOptions{Resync: true, AAD: []byte("more")})
	alice = must(t)(mls.NewClient(cfg))
	want("in a new program", ok[*mls.Group](t)(alice.Open(b.ID())), staged, 1)

	// We left, and come back before somebody has carried it out.
	g = ok[*mls.Group](t)(alice.Open(b.ID()))
	leaving := leave(g)
	if err := alice.Forget(b.ID()); err != nil {
		t.Fatal(err)
	}
	g, staged = join(alice, mls.ExternalOptions{Resync: true, SelfRemoves: leaving})
	want("we left", g, staged, 1)

	// Somebody new, who removes nobody.
	g, staged = join(w.client("erin"), mls.ExternalOptions{})
	want("a newcomer", g, staged, 0)
}

// TestJoinConfirmedElsewhere: another program has confirmed our external Commit, and
// gone on, while this one still has it in memory.
func TestJoinConfirmedElsewhere(t *testing.T) {
	w := newWorld(t, 92)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	one, two := must(t)(mls.NewClient(cfg)), must(t)(mls.NewClient(cfg))
	b := ok[*mls.Group](t)(w.client("bob").Create(nil, nil))
	a, staged, err := one.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p := ok[*mls.Staged](t)(a.Pending()); p == nil {
		t.Fatal("no Commit waits")
	}
	ok[mls.Event](t)(b.Receive(staged.Message))
	elsewhere := ok[*mls.Group](t)(two.Open(b.ID()))
	ok[mls.Event](t)(elsewhere.Confirm())
	wantMessage(t, b, ok[[]byte](t)(elsewhere.Send([]byte("first"), nil)), "first")
	if _, err := a.Confirm(); !errors.Is(err, mls.ErrConflict) || errors.Is(err, mls.ErrCorrupt) {
		t.Fatalf("Confirm: %v, want ErrConflict", err)
	}
	if _, err := a.Confirm(); !errors.Is(err, mls.ErrNoPending) {
		t.Fatalf("Confirm once more: %v, want ErrNoPending", err)
	}
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("second"), nil)), "second")
}

// TestResyncSendsNothingAgain: what was to be sent again of the state that an external
// Commit replaces is of an epoch that is over.
func TestResyncSendsNothingAgain(t *testing.T) {
	w := newWorld(t, 97)
	alice, bob := w.client("alice"), w.client("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	ok[[]byte](t)(a.ProposeUpdate(nil, group.ProposalOptions{}))
	if again := ok[[][]byte](t)(a.Resend()); len(again) != 1 {
		t.Fatalf("%d messages to send again, want the proposal", len(again))
	}
	g, staged, err := alice.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{Resync: true})
	if err != nil {
		t.Fatal(err)
	}
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(g.Confirm())
	if again := ok[[][]byte](t)(g.Resend()); len(again) != 0 {
		t.Errorf("%d messages to send again", len(again))
	}
	if s := ok[*mls.Staged](t)(g.Accepted()); s != nil {
		t.Error("a Welcome of an earlier epoch is handed out")
	}
	// Proposals of the new epoch are counted anew.
	proposal := ok[[]byte](t)(g.ProposeUpdate(nil, group.ProposalOptions{}))
	if again := ok[[][]byte](t)(g.Resend()); len(again) != 1 || string(again[0]) != string(proposal) {
		t.Errorf("%d messages to send again, want the new proposal", len(again))
	}
}

// TestNoteBindsLastResortAlone: a KeyPackage that is used once leads to no epoch that we
// have been in, so that one who was removed from a damaged group is invited as ever.
func TestNoteBindsLastResortAlone(t *testing.T) {
	w := newWorld(t, 98)
	store := &mls.Memory{}
	alice, bob := must(t)(mls.NewClient(w.config("alice", store))), w.client("bob")
	b := ok[*mls.Group](t)(bob.Create([]byte("group"), nil))
	a := add(t, b, alice)[0]
	if err := store.Apply(mls.Batch{Write: []mls.Record{{Key: "group/" + hex.EncodeToString(a.ID()) + "/state/epoch"}}}); err != nil {
		t.Fatal(err)
	}
	alice = must(t)(mls.NewClient(w.config("alice", store)))
	if err := alice.Forget(b.ID()); err != nil { // its last epoch is not known
		t.Fatal(err)
	}
	invite := func(pack []byte) []byte {
		ok[*mls.Staged](t)(b.Remove(ok[[]mls.Member](t)(b.Members())[1:]...))
		ok[mls.Event](t)(b.Confirm())
		ok[*mls.Staged](t)(b.Invite(pack))
		return ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
	}
	if _, err := alice.Join(invite(ok[[]byte](t)(alice.LastResort())), nil); !errors.Is(err, mls.ErrReplayed) {
		t.Errorf("with one of last resort: %v, want ErrReplayed", err)
	}
	g := ok[*mls.Group](t)(alice.Join(invite(ok[[][]byte](t)(alice.KeyPackages(1))[0]), nil))
	wantMessage(t, b, ok[[]byte](t)(g.Send([]byte("back"), nil)), "back")
}
