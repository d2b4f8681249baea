package mls_test

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
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
	staged := ok[*mls.Staged](t)(a.Update(nil))
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())

	// A Commit that fits, whose Welcome does not.
	var packs [][]byte
	for _, name := range []string{"carol", "dave", "erin", "frank", "grace", "heidi"} {
		packs = append(packs, ok[[][]byte](t)(client(name).KeyPackages(1))[0])
	}
	for n := 1; n <= len(packs); n++ {
		staged, err := a.Invite(packs[:n]...)
		if err == nil {
			if len(staged.Welcome) > 4096 || len(staged.Message) > 4096 {
				t.Fatalf("a Commit of %d bytes with a Welcome of %d", len(staged.Message), len(staged.Welcome))
			}
			if err := a.Discard(); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, group.ErrLimit) || n == 1 {
			t.Fatalf("Invite of %d: %v", n, err)
		}
		if n == len(packs) && err == nil {
			t.Error("all were invited at once")
		}
	}
	sameEpoch(t, a, b)
}
