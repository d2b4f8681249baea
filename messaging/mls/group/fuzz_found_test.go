package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
)

// What FuzzSession has found, each by itself.

// Who waits for the group that continues a closed one ("Reinitialization", 11.2) is not
// content with a branch of it: a member could leave others out, and choose other
// extensions.
func TestBranchDoesNotContinueAClosedGroup_11_2(t *testing.T) {
	w := newWorld(t, testSuite, 38)
	old := w.group("alice bob carol", CreateOptions{})
	alice, bob := old[0], old[1]
	h := newHeirs(w, []*peer{alice, bob})
	branch := func() []byte {
		_, welcome, err := alice.Branch(h.all[0].cfg, []byte("next"), nil, ContinueOptions{Leaf: alice.leaf(), KeyPackages: h.keyPackages()})
		if err != nil {
			t.Fatal(err)
		}
		return welcome
	}
	join := func(welcome []byte) error {
		m, err := message.Parse(welcome)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Join(h.all[1].cfg, h.all[1].kp, m.Body.(*message.Welcome), JoinOptions{
			Origin:    func([]byte) *State { return bob.State },
			Continues: bob.GroupID(),
		})
		return err
	}
	if err := join(branch()); err != nil {
		t.Fatalf("a branch of a group that is open: %v", err)
	}
	welcome := branch()
	w.commit(alice, old, CommitOptions{ByValue: []message.Proposal{
		&message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: w.suite.ID()},
	}})
	if err := join(welcome); !errors.Is(err, ErrOrigin) {
		t.Errorf("a branch instead of what continues the group: %v", err)
	}
}

// Nobody sends in a group after a ReInit ("Processing a Commit", 12.4.2): what comes
// nevertheless is not read.
func TestNothingIsReadInAClosedGroup_12_4_2(t *testing.T) {
	w := newWorld(t, testSuite, 39)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	late, err := alice.Protect([]byte("before"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{
		&message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: w.suite.ID()},
	}})
	alice.reinit = nil // and goes on
	msg, err := alice.Protect([]byte("after"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(msg, ErrReinitialized, bob)
	if _, err := bob.Process(late); err != nil {
		t.Errorf("what was sent before: %v", err)
	}
}
