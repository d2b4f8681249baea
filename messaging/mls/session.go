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
// group.ErrLimit: with padding it is longer than Config.Limits.MessageSize, which the others
// would refuse. ErrUnapplied: a proposal waits for its Commit, which must come first. ErrRestored:
// see [Restore]. ErrConflict, as of all methods that change a group: another program has
// written to the store in between; nothing was sent, and a second call reads the group
// again.
func (g *Group) Send(data, aad []byte) (sent []byte, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err = g.change(func() error {
		if g.rec.restored {
			return ErrRestored
		}
		if sent, err = g.state.Protect(data, aad); err != nil {
			return err
		}
		return g.client.cfg.Limits.CheckMessage(len(sent)) // by which others go too
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
		g.awaits(e.ReInit)
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

// membersOf returns the members at some leaves.
func membersOf(v *group.View, leaves []tree.LeafIndex) []Member {
	var all []Member
	for _, i := range leaves {
		if leaf := v.Member(i); leaf != nil {
			all = append(all, member(i, leaf))
		}
	}
	return all
}

// changed describes a Commit that the state has just followed.
func (g *Group) changed(e *group.Committed, before *group.View) *Changed {
	c := &Changed{Epoch: e.Epoch, External: e.External, AAD: e.AAD}
	after := g.state.View()
	c.Added, c.Updated, c.Removed = membersOf(after, e.Added), membersOf(after, e.Updated), membersOf(before, e.RemovedLeaves)
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
// belongs to, to find out which Group is to receive it ([Client.Open]). Nothing is
// verified. group.ErrUnexpected: it is of no group: a Welcome, which is for
// [Client.Join], a KeyPackage for [Group.Invite], or a GroupInfo for
// [Client.JoinExternal].
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
