package mls_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
)

// TestNoBranchOfALeftIdentifier: a group that was left is not founded again under the
// identifier that it has for everybody else, and where the note of it would bind us.
func TestNoBranchOfALeftIdentifier(t *testing.T) {
	w := newWorld(t, 133)
	alice := w.client("alice")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	ok[*mls.Group](t)(alice.Create([]byte("left"), nil))
	if err := alice.Forget([]byte("left")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Branch([]byte("left")); !errors.Is(err, mls.ErrReplayed) {
		t.Errorf("Branch: %v, want ErrReplayed", err)
	}
	if _, err := alice.Open([]byte("left")); !errors.Is(err, mls.ErrNoGroup) {
		t.Errorf("Open: %v, want ErrNoGroup", err)
	}
	if _, _, err := a.Branch([]byte("another")); err != nil {
		t.Errorf("Branch of another identifier: %v", err)
	}
}

// TestWelcomeIsKeptUntilTheNextCommit: and no longer, in the store neither, where it
// would be handed out after a restart.
func TestWelcomeIsKeptUntilTheNextCommit(t *testing.T) {
	w := newWorld(t, 134)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	a := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Create(nil, nil))
	add(t, a, w.client("bob"))
	kept := func() bool {
		t.Helper()
		again := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Open(a.ID()))
		inStore := false
		for _, key := range ok[[]string](t)(store.List("group/")) {
			inStore = inStore || strings.HasSuffix(key, "/accepted")
		}
		here, there := ok[*mls.Staged](t)(a.Accepted()), ok[*mls.Staged](t)(again.Accepted())
		if (here != nil) != inStore || (there != nil) != inStore {
			t.Errorf("in memory %t, after a restart %t, in the store %t", here != nil, there != nil, inStore)
		}
		return inStore
	}
	if !kept() {
		t.Fatal("the Welcome is gone")
	}
	ok[*mls.Staged](t)(a.Update(nil))
	if kept() {
		t.Error("after the next Commit was staged it is still there")
	}
}

// TestBranchThatIsOpenedAsItIsFounded: whoever opens a group sees its Welcome from the
// moment that the group is there (run with -race).
func TestBranchThatIsOpenedAsItIsFounded(t *testing.T) {
	w := newWorld(t, 101)
	alice := w.client("alice")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	bob := w.client("bob")
	add(t, a, bob)
	for i := range 20 {
		id := []byte{byte(i)}
		seen := make(chan bool)
		go func() {
			for {
				g, err := alice.Open(id)
				if errors.Is(err, mls.ErrNoGroup) {
					continue
				}
				if err != nil {
					t.Error(err)
				} else if last, err := g.Accepted(); err != nil || last == nil {
					t.Errorf("Accepted: %v, %v", last, err)
				}
				close(seen)
				return
			}
		}()
		if _, _, err := a.Branch(id, ok[[][]byte](t)(bob.KeyPackages(1))...); err != nil {
			t.Fatal(err)
		}
		<-seen
	}
}
