package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestExternalJoinerCountsAsMember: who joins by an external Commit is one member
// more, for the group and for itself. One that takes the place of its old leaf is not:
// a full group stays open to those who have lost their state.
func TestExternalJoinerCountsAsMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 43)
	all := w.group("alice bob carol", CreateOptions{})
	info, err := all[0].GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		t.Fatal(err)
	}
	join := func(c *peer, most int, resync func(*tree.LeafNode) bool) ([]byte, error) {
		cfg := c.cfg
		cfg.Limits = Limits{Members: most}
		_, commit, err := JoinExternal(cfg, info, ExternalOptions{Leaf: c.leaf(), Resync: resync})
		return commit, err
	}
	dave := w.client("dave")
	if _, err := join(dave, 3, nil); !errors.Is(err, ErrLimit) {
		t.Errorf("the joiner's own limit: %v", err)
	}
	commit, err := join(dave, 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	bob := all[1]
	bob.State.cfg.Limits.Members = 3
	w.refuses(commit, ErrLimit, bob)
	bob.State.cfg.Limits.Members = 4
	if _, err := bob.Process(commit); err != nil {
		t.Error(err)
	}
	again, err := join(bob, 3, func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "bob" })
	if err != nil {
		t.Fatal(err)
	}
	all[2].State.cfg.Limits.Members = 3
	if _, err := all[2].Process(again); err != nil {
		t.Errorf("one who comes back: %v", err)
	}
}
