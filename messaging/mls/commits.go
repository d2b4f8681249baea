package mls

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Staged is a Commit of ours that is stored and may be sent. The group has not moved
// yet: somebody else's Commit may be accepted before it (RFC 9420, "Sequencing of
// State Changes", 14). What happens next:
//
//   - The delivery service accepts it, and says so: call [Group.Confirm]. Or it hands
//     it out to everybody, us included: give it to [Group.Receive].
//   - It hands out another Commit of the epoch: Receive moves the group on with that
//     one, and returns ours as Changed.Lost.
//   - It refuses it for another reason: call [Group.Discard].
//
// Until then the group has no other Commit of ours. After a restart it is still
// there: see [Group.Pending]; sending Message twice does no harm.
type Staged struct {
	Epoch   uint64 // that the Commit begins
	Message []byte // for the members (an MLSMessage)
	// Welcome is for those who are added (an MLSMessage); nil if nobody is. It must
	// not reach them before Message is accepted: give it to a delivery service
	// that takes both and sees to that, or take it from Changed.Own.
	Welcome []byte
}

// Marshal writes s for the store.
func (s *Staged) Marshal(w *syntax.Writer) {
	w.Uint8(stagedFormat)
	w.Uint64(s.Epoch)
	w.Vector(s.Message)
	w.Vector(s.Welcome)
}

// Unmarshal reads s.
func (s *Staged) Unmarshal(r *syntax.Reader) {
	if r.Uint8() != stagedFormat {
		r.Fail(errFormat)
	}
	s.Epoch = r.Uint64()
	s.Message = bytes.Clone(r.Vector())
	if s.Welcome = bytes.Clone(r.Vector()); len(s.Welcome) == 0 {
		s.Welcome = nil
	}
}

func wrap(b message.Body) []byte { return message.Wrap(b).Bytes() }

// waiting returns our Commit that waits to be accepted; nil: there is none.
func (g *Group) waiting() *Staged {
	if g.join != nil {
		return g.join.staged
	}
	if g.state == nil || g.state.Pending() == nil {
		return nil
	}
	p := g.state.Pending()
	return &Staged{p.Committed.Epoch, p.Message, p.Welcome}
}

// Invite stages a Commit that adds the owners of KeyPackages (MLSMessages), and
// covers what else waits. The Authenticator is asked about each.
func (g *Group) Invite(keyPackages ...[]byte) (*Staged, error) {
	adds, err := parseKeyPackages(keyPackages)
	if err != nil {
		return nil, err
	}
	var o group.CommitOptions
	for _, kp := range adds {
		o.ByValue = append(o.ByValue, &message.Add{KeyPackage: kp})
	}
	return g.Commit(o)
}

func parseKeyPackages(encoded [][]byte) ([]*message.KeyPackage, error) {
	out := make([]*message.KeyPackage, len(encoded))
	for i, b := range encoded {
		m, err := message.Parse(bytes.Clone(b))
		if err != nil {
			return nil, fmt.Errorf("KeyPackage %d: %w", i, err)
		}
		var ok bool
		if out[i], ok = m.Body.(*message.KeyPackage); !ok {
			return nil, fmt.Errorf("KeyPackage %d: %w", i, group.ErrUnexpected)
		}
	}
	return out, nil
}

// Remove stages a Commit that removes members, as [Group.Members] returned them. It
// fails if somebody else has one of their places by now.
func (g *Group) Remove(members ...Member) (*Staged, error) {
	return g.stage(func() (group.CommitOptions, error) {
		var o group.CommitOptions
		for _, m := range members {
			leaf := g.state.Member(m.Leaf)
			if leaf == nil || !bytes.Equal(leaf.SignatureKey, m.SignatureKey) {
				return o, fmt.Errorf("%w: leaf %d is not that member's any more", group.ErrSender, m.Leaf)
			}
			o.ByValue = append(o.ByValue, &message.Remove{Removed: m.Leaf})
		}
		return o, nil
	})
}

// Update stages a Commit with new keys for our leaf and all above it: what was stolen
// from us before is of no use afterwards. change, which may be nil, changes our leaf
// too. It covers what waits.
//
// In a restored group (see [Restore]) it is sent signed but not encrypted, because the
// keys that would encrypt it may have been used: the delivery service sees our leaf.
func (g *Group) Update(change *group.LeafChange) (*Staged, error) {
	return g.stage(func() (group.CommitOptions, error) {
		return group.CommitOptions{Leaf: change, Public: g.rec.restored}, nil
	})
}

// Commit stages any Commit. Its zero options cover all that waits. ErrRestored: in a
// restored group it must be Public and have a path, see [Restore].
func (g *Group) Commit(o group.CommitOptions) (*Staged, error) {
	return g.stage(func() (group.CommitOptions, error) { return o, nil })
}

func (g *Group) stage(options func() (group.CommitOptions, error)) (staged *Staged, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err = g.change(func() error {
		o, err := options()
		if err != nil {
			return err
		}
		restored := g.rec.restored
		if restored && (o.OmitPath || !o.Public && !g.client.cfg.PublicHandshake) {
			return ErrRestored
		}
		if _, err := g.state.Commit(o); err != nil {
			return err
		}
		extra := g.healsChange(restored)
		if g.last != nil {
			extra = append(extra, Record{Key: acceptedRecord})
		}
		if err := g.store(restored, extra...); err != nil {
			return err
		}
		g.last, g.heals = nil, restored
		staged = g.waiting()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return staged, nil
}

// Pending returns our own Commit that waits to be accepted, as after a restart; nil if
// there is none.
func (g *Group) Pending() (*Staged, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g.waiting(), nil
}

// Accepted returns our last Commit that was accepted if it has a Welcome, until we
// stage another one: so that a Welcome which a crash kept from being handed out is not
// lost. nil: there is none.
func (g *Group) Accepted() (*Staged, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g.last, nil
}

// Confirm says that the delivery service has accepted our Commit: the group moves on
// with it. The event is a [*Changed] with Own, or a [*Reinitialized].
func (g *Group) Confirm() (Event, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g.confirm()
}

func (g *Group) confirm() (event Event, err error) {
	staged := g.waiting()
	if staged == nil {
		return nil, ErrNoPending
	}
	if g.join != nil {
		return g.joined(staged)
	}
	err = g.change(func() error {
		before := g.state.View()
		e, err := g.state.Merge(g.state.Pending())
		if err != nil {
			return err
		}
		changed := g.changed(e, before)
		changed.Own = staged
		over := over(changed, e)
		if err := g.happened(over); err != nil {
			return err
		}
		extra := g.moved()
		if staged.Welcome != nil {
			extra = append(extra, Record{acceptedRecord, syntax.Marshal(staged)})
		}
		if err := g.store(g.rec.restored && !g.heals, extra...); err != nil {
			return err
		}
		g.heals, g.sent = false, nil
		if staged.Welcome != nil {
			g.last = staged
		}
		event = over
		return nil
	})
	if err != nil {
		return nil, err
	}
	return event, nil
}

// Discard drops our Commit that waits: the delivery service has refused it for good.
// To discard one that was accepted after all is to lose the group. A group that we
// were about to join is gone afterwards.
func (g *Group) Discard() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return err
	}
	switch {
	case g.waiting() == nil:
		return ErrNoPending
	case g.join != nil && g.state == nil:
		// Nobody has seen a message of ours under the keys of this state.
		err := g.rec.remove(Batch{})
		g.drop()
		return err
	case g.join != nil:
		g.join.state.Erase()
		g.join = nil
		return g.change(func() error { return g.discarded(g.recordsUnder(joiningRecords, joinRecord)...) })
	}
	return g.change(func() error {
		g.state.Abandon()
		return g.discarded()
	})
}

func (g *Group) discarded(extra ...Record) error {
	if err := g.store(g.rec.restored, append(extra, g.healsChange(false)...)...); err != nil {
		return err
	}
	g.heals = false
	return nil
}

// recordsUnder returns deletions of all records with a prefix, and of others.
func (g *Group) recordsUnder(prefix string, others ...string) []Record {
	var gone []Record
	for name := range g.rec.sums {
		if strings.HasPrefix(name, prefix) {
			gone = append(gone, Record{Key: name})
		}
	}
	for _, name := range others {
		gone = append(gone, Record{Key: name})
	}
	return gone
}

// Propose sends a proposal by itself, for somebody to commit (an MLSMessage). If the
// store fails, or the program ends before it was sent, see [Group.Resend].
// ErrRestored: in a restored group it must be Public.
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

// Resend returns what of ours may not have left before a crash, or before the store
// failed, although the group counts on it: our proposals that wait in this epoch, and
// the Commit that waits to be accepted, in their order. After either, send it again
// before anything else: a Commit that covers a proposal which others have not seen is
// refused by all of them. Who has a proposal already refuses it with [ErrDuplicate].
func (g *Group) Resend() ([][]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	all := slices.Clone(g.sent)
	if waits := g.waiting(); waits != nil {
		all = append(all, waits.Message)
	}
	return all, nil
}
