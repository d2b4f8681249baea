package interop

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestCustomProposal: a proposal of the application's own type, which all members say
// they support, is one opaque vector for ts-mls, and so it is read here. There is no code
// for it: the proposal is refused, and so is a commit with it; nothing changes, and the
// group goes on.
func TestCustomProposal(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := knowing(t, p, s)
	our, their, their2 := all[0].(*ours), all[1].(*theirs), all[3].(*theirs)
	poll := &message.Unknown{Type: poll, Data: []byte("anything")}
	for _, public := range []bool{true, false} {
		before := our.state()
		proposal := their.propose(change{custom: poll, public: public})
		if public {
			got := body[*message.PublicMessage](t, proposal).Content.Proposal
			if got, ok := got.(*message.Unknown); !ok || got.Type != poll.Type || string(got.Data) != "anything" {
				t.Errorf("%+v", got)
			}
		}
		must(t, their2.process(proposal))
		commit := their2.ask("commit", q{"dry": true}).Commit
		for _, what := range [][]byte{proposal, commit} {
			if err := our.process(what); !errors.Is(err, group.ErrProposal) && !errors.Is(err, group.ErrUnknownProposal) || our.state() != before {
				t.Errorf("what we have no code for: %v", err)
			}
		}
		commits(t, change{}, our, all[1:]...)
		talk(t, all...)
	}
	if _, err := our.group.Propose(poll, group.ProposalOptions{}); !errors.Is(err, group.ErrProposal) {
		t.Errorf("we propose what we have no code for: %v", err)
	}
	before := our.state()
	for _, update := range []bool{false, true} {
		if update { // so that it has a path
			waits(t, change{update: true}, all[2], others(all[2], all...)...)
		}
		commit := their.ask("commit", q{"custom": q{"type": poll.Type, "data": poll.Data}, "dry": true}).Commit
		if err := our.process(commit); !errors.Is(err, group.ErrProposal) || our.state() != before {
			t.Errorf("a commit by value with what we have no code for: %v", err)
		}
	}
}

// TestDraftProposals: SelfRemove and AppEphemeral (AppAck) are not known to ts-mls, and
// its members do not say that they are. In a group with them we neither make such
// proposals nor take them.
func TestDraftProposals(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	our, their := newOurs(t, s, "a"), newTheirs(t, p, s, "b", nil)
	our.create([]byte(groupID))
	adds(t, change{}, their, our)
	for _, p := range []message.Proposal{&message.SelfRemove{}, &message.AppEphemeral{}, &message.AppDataUpdate{}} {
		if _, err := our.group.Propose(p, group.ProposalOptions{}); !errors.Is(err, group.ErrProposal) {
			t.Errorf("type %d in a group that does not support it: %v", p.ProposalType(), err)
		}
	}
	// A member that says it supports SelfRemove does not read one: to ts-mls all
	// proposals that it does not know are a vector.
	boasts := newTheirs(t, p, s, "c", q{"proposals": []tree.ProposalType{tree.ProposalSelfRemove}})
	us := newOurs(t, s, "d")
	us.create([]byte("another"))
	adds(t, change{}, boasts, us)
	proposal, err := us.group.Propose(&message.SelfRemove{}, group.ProposalOptions{})
	must(t, err)
	refused(t, boasts, boasts.process(proposal), "a SelfRemove")
}
