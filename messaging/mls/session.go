package mls

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Send encrypts data for everybody in the group and returns the message (an
// MLSMessage). aad is authenticated with it, and readable by everybody on the way.
//
// ErrUnapplied: a proposal waits for its Commit, which must come first. ErrRestored:
// see [Restore].
func (g *Group) Send(data, aad []byte) (sent []byte, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err = g.change(func() error {
		if g.rec.restored {
			return ErrRestored
		}
		sent, err = g.state.Protect(data, aad)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sent, nil
}

// Receive takes a message of the group (an MLSMessage) from the delivery service, and
// returns what it was. Messages of an epoch are received before the Commit that ends
// it; late ones still can be for a few epochs. After an error nothing has changed, and
// the message can be dropped, except after an error of the store ([ErrStore]), when it
// is given to Receive once more, and after ErrFuture and [ErrUnknownProposal], when it
// came too early: again once what was missing has been received.
//
// Our own Commit is to be received too, or else confirmed with [Group.Confirm]:
// whichever Commit the delivery service hands out first is the one that counts, for
// all members.
func (g *Group) Receive(received []byte) (event Event, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	if waits := g.waiting(); waits != nil && bytes.Equal(waits.Message, received) {
		return g.confirm()
	}
	err = g.change(func() error {
		before := g.state.View()
		lost := g.waiting()
		e, err := g.state.Process(received)
		if err != nil {
			return err
		}
		event, err = g.received(e, before, lost)
		return err
	})
	if err != nil {
		return nil, err
	}
	return event, nil
}

// received turns an event of the group into one of the session, and stores what goes
// beyond the state.
func (g *Group) received(e group.Event, before *group.View, lost *Staged) (Event, error) {
	switch e := e.(type) {
	case *group.Application:
		m := &Message{
			Sender:     member(e.Sender, e.Leaf),
			Epoch:      e.Epoch,
			Generation: e.Generation,
			Plaintext:  e.Data,
			AAD:        e.AAD,
		}
		return m, g.happened(m)
	case *group.Proposed:
		p := &Proposed{Proposal: e.Proposal, Sender: e.Sender, AAD: e.AAD}
		return p, g.happened(p)
	case *group.Committed:
		changed := g.changed(e, before)
		changed.Lost = lost
		if e.Removed {
			out := &Removed{Epoch: e.Epoch, Committer: changed.Committer, Lost: lost, AAD: e.AAD}
			if err := g.happened(out); err != nil {
				return nil, err
			}
			if err := g.remove(before.Epoch); err != nil {
				return nil, err
			}
			g.gone = ErrRemoved
			return out, nil
		}
		event := over(changed, e)
		if err := g.happened(event); err != nil {
			return nil, err
		}
		if err := g.store(g.rec.restored, g.moved()...); err != nil {
			return nil, err
		}
		g.heals, g.sent = false, nil
		return event, nil
	}
	panic(fmt.Sprintf("mls: event %T", e))
}

func member(i tree.LeafIndex, leaf *tree.LeafNode) Member {
	return Member{Leaf: i, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey}
}

// changed describes a Commit that the state has just followed.
func (g *Group) changed(e *group.Committed, before *group.View) *Changed {
	c := &Changed{Epoch: e.Epoch, External: e.External, AAD: e.AAD}
	after := g.state.View()
	list := func(v *group.View, leaves []tree.LeafIndex) []Member {
		var all []Member
		for _, i := range leaves {
			if leaf := v.Member(i); leaf != nil {
				all = append(all, member(i, leaf))
			}
		}
		return all
	}
	c.Added, c.Updated, c.Removed = list(after, e.Added), list(after, e.Updated), list(before, e.RemovedLeaves)
	for _, p := range e.Proposals {
		c.Proposals = append(c.Proposals, Covered{p.Proposal, p.Sender})
	}
	if i, ok := e.Committer.Leaf(); ok {
		leaf := after.Member(i)
		if leaf == nil || e.Removed {
			leaf = before.Member(i)
		}
		if leaf != nil {
			c.Committer = member(i, leaf)
		}
	} else if len(c.Added) > 0 {
		c.Committer = c.Added[len(c.Added)-1] // an external Commit adds its sender alone
	}
	return c
}

// over is the event of a Commit by which we have not left.
func over(c *Changed, e *group.Committed) Event {
	if e.ReInit != nil {
		return &Reinitialized{Changed: *c, ReInit: e.ReInit}
	}
	return c
}

// GroupOf returns the group and the epoch that a message (an MLSMessage) says it
// belongs to, to find out which Group is to receive it. Nothing is verified.
func GroupOf(encoded []byte) (id []byte, epoch uint64, err error) {
	m, err := message.Parse(encoded)
	if err != nil {
		return nil, 0, err
	}
	id, epoch, ok := m.Group()
	if !ok {
		return nil, 0, fmt.Errorf("%w: of no group", group.ErrUnexpected)
	}
	return bytes.Clone(id), epoch, nil
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

// Members returns the members, in the order of their leaves.
func (g *Group) Members() ([]Member, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	var all []Member
	for i, leaf := range g.state.Members() {
		all = append(all, member(i, leaf))
	}
	return all, nil
}

// Me returns our own place in the group.
func (g *Group) Me() (Member, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return Member{}, err
	}
	return member(g.state.Me(), g.state.Member(g.state.Me())), nil
}

// Epoch returns the number of the current epoch.
func (g *Group) Epoch() (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return 0, err
	}
	return g.state.Epoch(), nil
}

// View returns what all members know of the group in the current epoch: its
// extensions, its application data.
func (g *Group) View() (*group.View, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	return g.state.View(), nil
}

// Waiting returns the proposals that wait for a Commit.
func (g *Group) Waiting() ([]Covered, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	var all []Covered
	for _, p := range g.state.Waiting() {
		all = append(all, Covered{p.Proposal, p.Sender})
	}
	return all, nil
}

// Export returns n secret bytes for a label and a context of the application, the same
// for all members in this epoch (RFC 9420, "Exporters", 8.5).
func (g *Group) Export(label string, context []byte, n int) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	return g.state.Export(label, context, n)
}

// EpochAuthenticator returns bytes that are the same for members who have seen the
// same history, and for nobody else: people can compare them over another channel
// (RFC 9420, "Epoch Authenticators", 8.7).
func (g *Group) EpochAuthenticator() ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	return g.state.EpochAuthenticator(), nil
}

// GroupInfo returns what somebody needs to join by an external Commit
// ([Client.JoinExternal]) in this epoch, an MLSMessage with the whole tree. Whoever
// gets to see it can join: only the Authenticators and Policies of the members stand
// before that.
func (g *Group) GroupInfo() ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, err
	}
	info, err := g.state.GroupInfo(group.GroupInfoOptions{ExternalPub: true})
	if err != nil {
		return nil, err
	}
	return wrap(info), nil
}
