package mls_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestKeptTogether: what the application keeps of an event is there if and only if the
// event has happened, whenever the power goes.
func TestKeptTogether(t *testing.T) {
	for at := range 4 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d,after=%v", at, after), func(t *testing.T) {
				w := newWorld(t, 41)
				store := &crashStore{Memory: &mls.Memory{}, at: -1}
				cfg := w.config("alice", store)
				n := 0
				cfg.Keep = func(_ []byte, e mls.Event) []mls.Record {
					n++
					if m, isMessage := e.(*mls.Message); isMessage {
						return []mls.Record{{Key: fmt.Sprintf("app/%d", m.Generation), Value: m.Plaintext}}
					}
					return []mls.Record{{Key: fmt.Sprintf("app/%T", e), Value: []byte("yes")}}
				}
				alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
				b := ok[*mls.Group](t)(bob.Create(nil, nil))
				a := add(t, b, alice)[0]
				var messages [][]byte
				for i := range 2 {
					messages = append(messages, ok[[]byte](t)(b.Send(fmt.Append(nil, "text ", i), nil)))
				}
				messages = append(messages, ok[*mls.Staged](t)(b.Update(nil)).Message)
				ok[mls.Event](t)(b.Confirm())
				messages = append(messages, ok[*mls.Staged](t)(b.Remove(ok[mls.Member](t)(a.Me()))).Message)
				ok[mls.Event](t)(b.Confirm())
				store.at, store.after, store.applies = at, after, 0
				for i, m := range messages {
					_, err := a.Receive(m)
					if err != nil && !errors.Is(err, errPower) {
						t.Fatal(err)
					}
					if err != nil && !after {
						ok[mls.Event](t)(a.Receive(m))
					}
					key := []string{"app/0", "app/1", "app/*mls.Changed", "app/*mls.Removed"}[i]
					if v := ok[[]byte](t)(store.Get(key)); v == nil {
						t.Fatalf("%s was not kept", key)
					}
				}
			})
		}
	}
}

func TestKeepRefusesOtherKeys(t *testing.T) {
	w := newWorld(t, 42)
	cfg := w.config("alice", &mls.Memory{})
	bad := true
	cfg.Keep = func([]byte, mls.Event) []mls.Record {
		if bad {
			return []mls.Record{{Key: "group/x", Value: []byte("y")}}
		}
		return nil
	}
	alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	b := ok[*mls.Group](t)(bob.Create(nil, nil))
	a := add(t, b, alice)[0]
	m := ok[[]byte](t)(b.Send([]byte("text"), nil))
	if _, err := a.Receive(m); !errors.Is(err, mls.ErrConfig) {
		t.Fatalf("%v, want ErrConfig", err)
	}
	bad = false
	wantMessage(t, a, m, "text")
}

// TestContinueAndBranch: both prove where they come from by a PSK of the group.
func TestContinueAndBranch(t *testing.T) {
	w := newWorld(t, 43)
	alice, bob, carol := w.client("alice"), w.client("bob"), w.client("carol")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	others := add(t, a, bob, carol)
	pack := func(c *mls.Client) []byte { return ok[[][]byte](t)(c.KeyPackages(1))[0] }

	branch, welcome, err := a.Branch(nil, pack(bob))
	if err != nil {
		t.Fatal(err)
	}
	sameEpoch(t, branch, ok[*mls.Group](t)(bob.Join(welcome, nil)))
	if _, err := carol.Join(welcome, nil); !errors.Is(err, mls.ErrNoKeyPackage) {
		t.Fatalf("carol joins the branch: %v", err)
	}
	if _, _, err := a.Branch(nil, pack(w.client("dave"))); err == nil {
		t.Fatal("a branch with somebody who is not in the group")
	}

	reinit := &message.ReInit{GroupID: []byte("the next"), Version: tree.MLS10, CipherSuite: testSuite}
	staged := ok[*mls.Staged](t)(a.Commit(group.CommitOptions{ByValue: []message.Proposal{reinit}}))
	for _, g := range others {
		if _, closed := ok[mls.Event](t)(g.Receive(staged.Message)).(*mls.Reinitialized); !closed {
			t.Fatal("the group is not closed")
		}
	}
	ok[mls.Event](t)(a.Confirm())
	if _, err := a.Send([]byte("x"), nil); !errors.Is(err, group.ErrReinitialized) {
		t.Fatalf("Send in a closed group: %v", err)
	}
	next, welcome, err := a.Continue(pack(bob), pack(carol))
	if err != nil {
		t.Fatal(err)
	}
	if accepted := ok[*mls.Staged](t)(next.Accepted()); accepted == nil || !slices.Equal(accepted.Welcome, welcome) {
		t.Fatal("the Welcome is not kept")
	}
	sameEpoch(t, next, ok[*mls.Group](t)(bob.Join(welcome, nil)), ok[*mls.Group](t)(carol.Join(welcome, nil)))
	if string(next.ID()) != "the next" {
		t.Fatalf("the next group is %q", next.ID())
	}
}
