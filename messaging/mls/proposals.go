package mls

import (
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Propose sends a proposal by itself, for somebody to commit (an MLSMessage). If the
// store fails, or the program ends before it was sent, see [Group.Resend].
// group.ErrLimit: it is longer than Config.Limits.MessageSize. ErrRestored: in a restored
// group it must be Public.
func (g *Group) Propose(p message.Proposal, o group.ProposalOptions) ([]byte, error) {
	return g.propose(&o, func() ([]byte, error) { return g.state.Propose(p, o) })
}

// ProposeUpdate proposes new keys for our own leaf, which somebody else has to commit.
// [Group.Update] does it at once.
func (g *Group) ProposeUpdate(change *group.LeafChange, o group.ProposalOptions) ([]byte, error) {
	return g.propose(&o, func() ([]byte, error) { return g.state.ProposeUpdate(change, o) })
}

// Leave proposes that we are removed, and returns the proposal for everybody (an
// MLSMessage): a SelfRemove if all members know it, otherwise a Remove. We are out once
// somebody has committed it and Receive returns [*Removed]; a Commit without it, which
// can overtake it, makes another Leave necessary. The last member has nobody to do that,
// and uses [Client.Forget].
func (g *Group) Leave() ([]byte, error) {
	var o group.ProposalOptions
	return g.propose(nil, func() ([]byte, error) {
		if g.state.Tree().SupportsProposal(tree.ProposalSelfRemove) {
			return g.state.Propose(&message.SelfRemove{}, o)
		}
		o.Public = g.rec.restored
		return g.state.Propose(&message.Remove{Removed: g.state.Me()}, o)
	})
}

// propose runs f. o is nil if f sees to it that a restored group uses no keys.
func (g *Group) propose(o *group.ProposalOptions, f func() ([]byte, error)) (message []byte, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err = g.change(func() error {
		if g.rec.restored && o != nil && !o.Public && !g.client.cfg.PublicHandshake {
			return ErrRestored
		}
		if message, err = f(); err != nil {
			return err
		}
		if err := g.store(g.rec.restored, Record{sentKey(len(g.sent)), message}); err != nil {
			return err
		}
		g.sent = append(g.sent, message)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return message, nil
}

// AppAck returns a proposal that says which messages of this epoch have reached us, for
// [Group.Propose] or a Commit (draft-ietf-mls-extensions, "AppAck").
func (g *Group) AppAck() (*message.AppEphemeral, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	return g.state.AppAck()
}

// CheckAppAck says what an AppAck among the Proposals of an event tells of messages that
// were lost; nil for other proposals. epoch is the one it was made in: the current one
// for a [*Proposed], the one before Changed.Epoch in a [*Changed].
func (g *Group) CheckAppAck(epoch uint64, p Covered) (*group.AckReport, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	return g.state.CheckAppAck(epoch, group.Covered{Proposal: p.Proposal, Sender: p.Sender})
}
