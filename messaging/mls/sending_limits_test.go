package mls_test

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestNothingIsSentThatNobodyTakes: what is longer than others receive is refused here,
// and in the way of nothing that comes after it.
func TestNothingIsSentThatNobodyTakes(t *testing.T) {
	w := newWorld(t, 99)
	client := func(name string) *mls.Client {
		cfg := w.config(name, &mls.Memory{})
		cfg.Limits.MessageSize = 4096
		return must(t)(mls.NewClient(cfg))
	}
	a := ok[*mls.Group](t)(client("alice").Create(nil, nil))
	b := add(t, a, client("bob"))[0]
	long := make([]byte, 4096)
	if _, err := a.Send(long, nil); !errors.Is(err, group.ErrLimit) {
		t.Errorf("Send: %v, want ErrLimit", err)
	}
	if m := wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("short"), nil)), "short"); m.Generation != 1 {
		t.Errorf("generation %d: a key was given back", m.Generation)
	}
	if _, err := a.Commit(group.CommitOptions{AAD: long}); !errors.Is(err, group.ErrLimit) {
		t.Errorf("Commit: %v, want ErrLimit", err)
	}
	if p := ok[*mls.Staged](t)(a.Pending()); p != nil {
		t.Error("a Commit waits that nobody takes")
	}
	if _, err := a.Propose(&message.GroupContextExtensions{}, group.ProposalOptions{AAD: long}); !errors.Is(err, group.ErrLimit) {
		t.Errorf("Propose: %v, want ErrLimit", err)
	}
	staged := ok[*mls.Staged](t)(a.Update(nil))
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())

	// A Commit that fits, whose Welcome does not.
	pack := ok[[][]byte](t)(client("carol").KeyPackages(1))[0]
	add := ok[*message.MLSMessage](t)(message.Parse(pack)).Body.(*message.KeyPackage)
	o := group.CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: add}}, GroupInfo: tree.Extensions{{Type: 0xff00, Data: long}}}
	if _, err := a.Commit(o); !errors.Is(err, group.ErrLimit) {
		t.Errorf("Commit with a long Welcome: %v, want ErrLimit", err)
	}
	staged = ok[*mls.Staged](t)(a.Invite(pack))
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())
	sameEpoch(t, a, b)
}

// TestNoBranchWhoseWelcomeNobodyTakes: nothing is founded that nobody could join.
func TestNoBranchWhoseWelcomeNobodyTakes(t *testing.T) {
	w := newWorld(t, 100)
	cfg := w.config("alice", &mls.Memory{})
	a := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Create([]byte("group"), nil))
	bob := w.client("bob")
	add(t, a, bob)
	cfg.Limits.MessageSize = 512
	alice := must(t)(mls.NewClient(cfg))
	a = ok[*mls.Group](t)(alice.Open([]byte("group")))
	if _, _, err := a.Branch([]byte("branch"), ok[[][]byte](t)(bob.KeyPackages(1))...); !errors.Is(err, group.ErrLimit) {
		t.Errorf("Branch: %v, want ErrLimit", err)
	}
	if _, err := alice.Open([]byte("branch")); !errors.Is(err, mls.ErrNoGroup) {
		t.Errorf("the branch: %v, want ErrNoGroup", err)
	}
}
