package group

import (
	"errors"
	"runtime"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestNobodyFillsTheRoomForProposals: one member, or all who are none together, have
// a quarter of it. The others still propose, also after a restart.
func TestNobodyFillsTheRoomForProposals(t *testing.T) {
	t.Parallel()
	small := func(*world) message.Proposal { return &message.GroupContextExtensions{} }
	large := func(*world) message.Proposal {
		data := make([]byte, 600)
		return &message.GroupContextExtensions{Extensions: tree.Extensions{{Type: tree.ExtensionApplicationID, Data: data}}}
	}
	for _, test := range []struct {
		what   string
		limits Limits
		fill   func(*world) message.Proposal
		held   int // of fill that a sender can make wait
	}{
		{"in number", Limits{Proposals: 9}, small, 3},
		{"in size", Limits{ProposalsSize: 8000}, large, 3},
	} {
		for _, from := range []string{"a member", "outsiders"} {
			t.Run(test.what+", "+from, func(t *testing.T) {
				t.Parallel()
				w, all, robot, admin := outsiders(t)
				alice, bob := all[0], all[1]
				bob.State.cfg.Limits = test.limits.withDefaults()
				bob.State.cfg.Policy = allowAll{}
				send := func(i int) []byte {
					t.Helper()
					var msg []byte
					var err error
					if p := test.fill(w); from == "a member" {
						msg, err = alice.Propose(p, ProposalOptions{AAD: []byte{byte(i)}, Public: i%2 == 0})
					} else {
						who := []*peer{robot, admin}[i%2]
						to := target(bob.State)
						to.AAD = []byte{byte(i)}
						msg, err = ProposeExternal(w.suite, who.cfg.Signer, to, uint32(i%2), p)
					}
					if err != nil {
						t.Fatal(err)
					}
					return msg
				}
				for i := range test.held {
					if _, err := bob.Process(send(i)); err != nil {
						t.Fatalf("proposal %d: %v", i, err)
					}
				}
				w.refuses(send(test.held), ErrLimit, bob)
				var k keeper
				k.save(t, bob.State)
				cfg := bob.State.cfg
				loaded, err := Load(cfg, k.records)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := loaded.Process(send(test.held + 1)); !errors.Is(err, ErrLimit) {
					t.Errorf("after a restart: %v", err)
				}

				// Whoever is new asks in vain only if it was outsiders who were too many.
				carol := all[2]
				ask, err := ProposeJoin(w.suite, carol.cfg.Signer, target(bob.State), carol.keyPackage())
				if err != nil {
					t.Fatal(err)
				}
				if from == "outsiders" {
					w.refuses(ask, ErrLimit, bob)
				} else if _, err := bob.Process(ask); err != nil {
					t.Errorf("a new member: %v", err)
				}
				if _, err := bob.Propose(test.fill(w), ProposalOptions{}); err != nil {
					t.Errorf("we ourselves: %v", err)
				}
				// With the Commit, room is there again.
				p, err := alice.Commit(CommitOptions{References: []message.ProposalRef{}})
				if err != nil {
					t.Fatal(err)
				}
				w.follow(alice, all[:2], p)
				if _, err := bob.Process(send(0)); err != nil {
					t.Errorf("in the next epoch: %v", err)
				}
			})
		}
	}
}

// TestSomeDoNotFillTheRoomForProposals: four who fill a quarter each do not keep the
// others from having an even part, and the most of all is bounded.
func TestSomeDoNotFillTheRoomForProposals(t *testing.T) {
	t.Parallel()
	for _, limits := range []Limits{{Proposals: 16}, {ProposalsSize: 16 * 700}} {
		w := newWorld(t, testSuite, 74)
		all := w.group("alice carol dave erin bob frank", CreateOptions{})
		bob, frank := all[4], all[5]
		bob.State.cfg.Limits = limits.withDefaults()
		n := byte(0)
		propose := func(c *peer) []byte {
			t.Helper()
			n++ // each is another one
			msg, err := c.Propose(&message.GroupContextExtensions{Extensions: tree.Extensions{{Type: tree.ExtensionApplicationID, Data: make([]byte, 670)}}}, ProposalOptions{AAD: []byte{n}})
			if err != nil {
				t.Fatal(err)
			}
			return msg
		}
		for _, c := range all[:4] {
			for range 4 {
				if _, err := bob.Process(propose(c)); err != nil {
					t.Fatal(err)
				}
			}
			w.refuses(propose(c), ErrLimit, bob)
		}
		for range 2 { // of 16 for seven: six members, and who is none
			if _, err := bob.Process(propose(frank)); err != nil {
				t.Errorf("%+v: frank: %v", limits, err)
			}
			propose(bob)
		}
		w.refuses(propose(frank), ErrLimit, bob)
		if n := len(bob.Waiting()); n != 20 {
			t.Errorf("%d wait", n)
		}
	}
}

// TestAsManyAsACommitHolds: what waits beyond the limit of a Commit is left for the next.
func TestAsManyAsACommitHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 75)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	asked := 0
	alice.State.cfg.PSK = func([]byte) ([]byte, error) { asked++; return []byte("key"), nil }
	alice.State.cfg.Limits.CommitProposals = 5
	for range 8 {
		msg, err := bob.Propose(&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("a")}}, ProposalOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Process(msg); err != nil {
			t.Fatal(err)
		}
	}
	p, err := alice.Commit(CommitOptions{ByValue: adds(w.client("dave"))})
	if err != nil || len(p.Committed.Proposals) != 5 || asked != 1 {
		t.Error(p, err, asked)
	}
}

// TestWaitingProposalsAreSmall: what waits for a Commit does not keep the authenticated
// data and the padding that came with it. It measures memory, and so is not parallel.
func TestWaitingProposalsAreSmall(t *testing.T) {
	const count, size = 24, 1 << 20
	for _, public := range []bool{true, false} {
		w := newWorld(t, testSuite, 71)
		all := w.group("alice bob", CreateOptions{})
		alice, bob := all[0], all[1]
		alice.State.cfg.Padding = func(int) int { return size }
		w.psks["a"] = []byte("1")
		used := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := used()
		for i := range count {
			p := &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("a"), Nonce: mlstest.Bytes(uint64(i), w.suite.HashSize())}}
			o := ProposalOptions{Public: public}
			if public {
				o.AAD = make([]byte, size)
			}
			msg, err := alice.Propose(p, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bob.Process(msg); err != nil {
				t.Fatal(err)
			}
		}
		if after := used(); after > before+count*size/4 {
			t.Errorf("public %v: %d proposals, and %d MiB", public, count, (after-before)>>20)
		}
		runtime.KeepAlive(all)
	}
}
