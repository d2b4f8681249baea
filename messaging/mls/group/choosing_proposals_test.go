package group

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestChoosingProposals_12_2: what a Commit covers when proposals exclude each other.
func TestChoosingProposals_12_2(t *testing.T) {
	t.Parallel()
	reinit := &message.ReInit{GroupID: []byte("new"), Version: message.MLS10, CipherSuite: testSuite}
	tests := []struct {
		rule string
		// propose makes proposals and says which of them alice's Commit is to cover.
		propose func(p people) (want []Covered)
		byValue func(p people) []message.Proposal
	}{
		{"the last update", func(p people) []Covered {
			p.bob.forgeProposal(p.bob.updateOf(nil), p.alice, p.carol)
			return []Covered{p.bob.forgeProposal(p.bob.updateOf(nil), p.alice, p.carol)}
		}, nil},
		{"a remove before an update", func(p people) []Covered {
			want := p.carol.forgeProposal(&message.Remove{Removed: p.bob.Me()}, p.alice, p.carol)
			p.bob.forgeProposal(p.bob.updateOf(nil), p.alice, p.carol)
			return []Covered{want}
		}, nil},
		{"a remove of our own before everything", func(p people) []Covered {
			p.carol.forgeProposal(&message.Remove{Removed: p.bob.Me()}, p.alice, p.carol)
			p.bob.forgeProposal(p.bob.updateOf(nil), p.alice, p.carol)
			p.bob.forgeProposal(&message.SelfRemove{}, p.alice, p.carol)
			return nil
		}, func(p people) []message.Proposal { return []message.Proposal{&message.Remove{Removed: p.bob.Me()}} }},
		{"a self_remove before a remove", func(p people) []Covered {
			p.carol.forgeProposal(&message.Remove{Removed: p.bob.Me()}, p.alice, p.carol)
			return []Covered{p.bob.forgeProposal(&message.SelfRemove{}, p.alice, p.carol)}
		}, nil},
		{"not our own update, and not our removal", func(p people) []Covered {
			p.alice.forgeProposal(p.alice.updateOf(nil), p.alice, p.carol)
			p.bob.forgeProposal(&message.Remove{Removed: p.alice.Me()}, p.alice, p.carol)
			p.alice.forgeProposal(&message.SelfRemove{}, p.alice, p.carol)
			return nil
		}, nil},
		{"everything before a reinit", func(p people) []Covered {
			p.bob.forgeProposal(reinit, p.alice, p.carol)
			return []Covered{p.bob.forgeProposal(p.bob.updateOf(nil), p.alice, p.carol)}
		}, nil},
		{"a reinit alone", func(p people) []Covered {
			return []Covered{p.bob.forgeProposal(reinit, p.alice, p.carol)}
		}, nil},
		{"one of two group_context_extensions", func(p people) []Covered {
			p.bob.forgeProposal(&message.GroupContextExtensions{}, p.alice, p.carol)
			return []Covered{p.bob.forgeProposal(&message.GroupContextExtensions{}, p.alice, p.carol)}
		}, nil},
		{"all that go together, without the one that does not", func(p people) []Covered {
			var want []Covered
			for i := range 7 {
				c := p.w.client(fmt.Sprint("client ", i))
				want = append(want, p.bob.forgeProposal(&message.Add{KeyPackage: c.keyPackage()}, p.alice, p.carol))
				if i == 3 {
					// Twice the same client.
					p.bob.forgeProposal(&message.Add{KeyPackage: c.keyPackage()}, p.alice, p.carol)
				}
			}
			p.bob.forgeProposal(pskProposal(p.w.suite, nil), p.alice, p.carol) // nobody has it
			return want
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testSuite, 52)
			all := w.group("alice bob carol", CreateOptions{})
			p := people{w, all[0], all[1], all[2], nil}
			want := test.propose(p)
			o := CommitOptions{}
			if test.byValue != nil {
				o.ByValue = test.byValue(p)
			}
			c, err := p.alice.Commit(o)
			if err != nil {
				t.Fatal(err)
			}
			var got, refs []string
			for _, q := range c.Committed.Proposals {
				if q.Ref != nil {
					got = append(got, string(q.Ref))
				}
			}
			for _, q := range want {
				refs = append(refs, string(q.Ref))
			}
			slices.Sort(got)
			slices.Sort(refs)
			if !slices.Equal(got, refs) {
				t.Fatalf("it covers %x instead of %x", got, refs)
			}
			if _, err := p.carol.Process(c.Message); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestProposalsByThemselves_12_1: a proposal that cannot be valid in any Commit of
// the epoch does not wait for one.
func TestProposalsByThemselves_12_1(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 53)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	dave := w.client("dave")
	expired := dave.keyPackageWith(func(o *LeafOptions) { o.Lifetime = tree.Lifetime{NotBefore: 1, NotAfter: 2} }, nil)
	unsigned := dave.keyPackageWith(nil, func(kp *message.KeyPackage) { kp.Signature[0] ^= 1 })
	kept := bob.updateOf(func(l *tree.LeafNode) { l.EncryptionKey = bob.current.leaf().EncryptionKey })
	for _, p := range map[string]message.Proposal{
		"add":                      &message.Add{KeyPackage: unsigned},
		"update":                   kept,
		"remove":                   &message.Remove{Removed: 9},
		"psk":                      pskProposal(w.suite, nil),
		"reinit":                   &message.ReInit{GroupID: []byte("x")},
		"group_context_extensions": &message.GroupContextExtensions{Extensions: tree.Extensions{{Type: tree.ExtensionExternalSenders, Data: []byte{9}}}},
		"unknown":                  &message.Unknown{Type: 0xf123},
	} {
		if psk, ok := p.(*message.PreSharedKey); ok {
			psk.PSK.Nonce = psk.PSK.Nonce[1:]
		}
		w.refuses(bob.sends(p), ErrProposal, alice, carol)
	}
	// We do not send a KeyPackage that has expired, and receive it: it may have been
	// valid when it was sent.
	if _, err := alice.Propose(&message.Add{KeyPackage: expired}, ProposalOptions{}); err == nil {
		t.Fatal("alice proposes an expired KeyPackage")
	}
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: expired}}}); err == nil {
		t.Fatal("alice commits an expired KeyPackage")
	}
	w.tell(bob, all, bob.sends(&message.Add{KeyPackage: expired}))
}

// sends makes a proposal without looking at it.
func (c *peer) sends(p message.Proposal) []byte {
	c.w.t.Helper()
	e := c.current
	signed, err := message.Sign(c.w.suite, c.State.cfg.Signer, message.WireFormatPrivateMessage, message.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: message.Member(e.me),
		ContentType: message.ContentProposal, Proposal: p,
	}, e.context)
	if err != nil {
		c.w.t.Fatal(err)
	}
	msg, err := e.protect(&c.State.cfg, signed)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return msg
}

// TestMisfitsAreCheap: proposals of one member that cannot be committed do not cost as
// many attempts as there are, and the others' are committed.
func TestMisfitsAreCheap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 72)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	propose := func(by *peer, p message.Proposal) {
		t.Helper()
		msg, err := by.Propose(p, ProposalOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Process(msg); err != nil {
			t.Fatal(err)
		}
	}
	asked := 0
	alice.State.cfg.PSK = func(id []byte) ([]byte, error) {
		asked++
		return w.psks[string(id)], nil
	}
	unknown := func() message.Proposal {
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("unknown")}}
	}
	const n = 256
	for range n / 2 {
		propose(bob, unknown())
	}
	for range 8 {
		propose(carol, adds(w.client("dave"))[0])
	}
	for range n / 2 {
		propose(bob, unknown())
	}
	p, err := alice.Commit(CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(p.Committed.Proposals); got != 8 || asked > n/4 {
		t.Errorf("a Commit of %d proposals, after %d attempts", got, asked)
	}
}

// TestOneClientIsAddedOnce_7_3: of Adds with one signature key the first is committed,
// whoever else they are from, and whatever else waits.
func TestOneClientIsAddedOnce_7_3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 73)
	all := w.group("alice bob carol", CreateOptions{})
	p := people{w, all[0], all[1], all[2], w.client("dave")}
	var first Covered
	for i := range 5 {
		c := p.bob.forgeProposal(adds(p.dave)[0], p.alice)
		if i == 0 {
			first = c
		}
	}
	own := []Covered{p.alice.value(adds(p.dave)[0])}
	if got := p.alice.choose(own); len(got) != 0 {
		t.Errorf("%d beside our own", len(got))
	}
	if got := p.alice.choose(nil); len(got) != 1 || string(got[0].Ref) != string(first.Ref) {
		t.Errorf("%d, not the first alone", len(got))
	}
}
