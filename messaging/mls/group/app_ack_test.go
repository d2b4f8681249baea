package group

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// send has by send n messages, of which to receives those that arrive names.
func (w *world) send(by *peer, n int, arrive func(i int, c *peer) bool, to ...*peer) {
	w.t.Helper()
	for i := range n {
		msg, err := by.Protect([]byte{byte(i)}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, c := range to {
			if arrive(i, c) {
				if _, err := c.Process(msg); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
}

// Extensions draft, "AppAck": what was sent and has not arrived is noticed, in the
// middle and at the end, by sender and by receivers, also when the AppAck comes with
// the Commit that ends the epoch.
func TestAppAck(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	// The Delivery Service keeps alice's messages 2 and 7 to 9 from bob, and all from
	// 5 on from carol.
	w.send(alice, 10, func(i int, c *peer) bool {
		return c == bob && i != 2 && i < 7 || c == carol && i < 5
	}, bob, carol)

	check := func(c *peer, epoch uint64, p Covered, unreceived, missing []component.MessageRange) {
		t.Helper()
		report, err := c.CheckAppAck(epoch, p)
		if err != nil || report.By != message.Member(bob.Me()) || !slices.Equal(report.Unreceived, unreceived) || !slices.Equal(report.Missing, missing) {
			t.Errorf("%s: %+v, %v; want %v, %v", c.name, report, err, unreceived, missing)
		}
	}
	fromAlice := []component.MessageRange{{Sender: 0, First: 2, Last: 2}, {Sender: 0, First: 7, Last: 9}}
	fromBob := []component.MessageRange{{Sender: 0, First: 5, Last: 6}}

	ack, err := bob.AppAck()
	if err != nil {
		t.Fatal(err)
	}
	msg, err := bob.Propose(ack, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*peer{alice, carol} {
		event, err := c.Process(msg)
		if err != nil {
			t.Fatal(err)
		}
		if c == alice {
			check(c, c.Epoch(), event.(*Proposed).Covered, fromAlice, nil)
		} else {
			check(c, c.Epoch(), event.(*Proposed).Covered, nil, fromBob)
		}
	}
	got := w.commit(alice, all, CommitOptions{OmitPath: true})
	check(alice, got.Epoch-1, got.Proposals[0], fromAlice, nil)
	check(carol, got.Epoch-1, got.Proposals[0], nil, fromBob)

	// The new epoch begins at generation 0.
	w.send(alice, 1, func(int, *peer) bool { return true }, bob, carol)
	if ack, err = bob.AppAck(); err != nil {
		t.Fatal(err)
	}
	got = w.commit(bob, all, CommitOptions{ByValue: []message.Proposal{ack}})
	check(alice, got.Epoch-1, got.Proposals[0], nil, nil)
	check(carol, got.Epoch-1, got.Proposals[0], nil, nil)

	if report, err := alice.CheckAppAck(0, Covered{Proposal: &message.Remove{}}); report != nil || err != nil {
		t.Errorf("no AppAck: %v, %v", report, err)
	}
	if _, err := alice.CheckAppAck(99, got.Proposals[0]); !errors.Is(err, ErrPast) {
		t.Errorf("an epoch that is not kept: %v", err)
	}
	if _, err := alice.CheckAppAck(alice.Epoch(), Covered{Proposal: ephemeral(component.AppAckID, "\x01")}); err == nil {
		t.Error("a malformed AppAck")
	}
}

// A member who lies in an AppAck, about messages and members that are none.
func TestAppAckThatLies(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	e := acked{keys: all[0].current.keys, tree: all[0].Tree(), me: 0}
	report, err := e.report(component.AppAck{Ranges: []component.MessageRange{
		{Sender: 0, First: 0, Last: 1<<32 - 1}, {Sender: 1 << 31, First: 0, Last: 5}, {Sender: 7, First: 0, Last: 5},
		{Sender: 1, First: 3, Last: 1<<32 - 1}, {Sender: 1, First: 5, Last: 9},
	}})
	if err != nil || len(report.Unreceived) != 0 || !slices.Equal(report.Missing, []component.MessageRange{{Sender: 1, First: 3, Last: 1<<32 - 1}}) {
		t.Errorf("%+v, %v", report, err)
	}
}

// without against sets.
func TestWithoutAgainstSets(t *testing.T) {
	spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) schedule.Span {
		first := rapid.Uint32Range(0, 30).Draw(t, "first")
		return schedule.Span{First: first, Last: first + rapid.Uint32Range(0, 8).Draw(t, "more")}
	}), 0, 6)
	rapid.Check(t, func(t *rapid.T) {
		a, b := spans.Draw(t, "a"), spans.Draw(t, "b")
		in := func(list []schedule.Span, g uint32) bool {
			return slices.ContainsFunc(list, func(s schedule.Span) bool { return s.First <= g && g <= s.Last })
		}
		got := without(a, b)
		for g := range uint32(50) {
			if in(got, g) != (in(a, g) && !in(b, g)) {
				t.Fatalf("%v without %v is %v", a, b, got)
			}
		}
		for i := 1; i < len(got); i++ {
			if got[i].First <= got[i-1].Last {
				t.Fatalf("%v is not ascending", got)
			}
		}
	})
}
