package mls

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ExternalOptions says how a group is joined by an external Commit.
type ExternalOptions struct {
	// RatchetTree is the group's tree, if the GroupInfo has none.
	RatchetTree []byte
	// Resync: we have been in the group, have lost its state, and come back: the
	// leaf with our signature key is removed. What the store has of the group stays
	// until the Commit is accepted.
	Resync bool
	// SelfRemoves are proposals of the epoch that came with the GroupInfo.
	SelfRemoves [][]byte
	AAD         []byte
	// Older takes a GroupInfo of an epoch before the last that the store knows us to have
	// been in, also if we have left. It is for a group that went back for all, or whose
	// later epochs only we have seen (a Commit of ours that was confirmed and never
	// accepted). Otherwise whoever hands out the GroupInfo takes us back to members who
	// were removed since, and who read what we send: only people can know which it is.
	Older bool
}

// JoinExternal joins a group on the word of a GroupInfo (an MLSMessage, from
// [Group.GroupInfo]), without being invited (RFC 9420, "Joining via External Commits",
// 12.4.3.2). We are a member once the Commit that it stages is accepted: see [Staged].
// Until then the group can do nothing but that. If it is not accepted, Discard it, and
// try again with a newer GroupInfo. [ErrReplayed]: it is one from before the last epoch
// that we have been in, see [ExternalOptions]. group.ErrOrigin: a ReInit has given the
// identifier to another group, see [Client.Join].
func (c *Client) JoinExternal(groupInfo []byte, o ExternalOptions) (*Group, *Staged, error) {
	if err := c.cfg.Limits.CheckMessage(len(groupInfo) + len(o.RatchetTree)); err != nil {
		return nil, nil, err
	}
	m, err := message.Parse(bytes.Clone(groupInfo))
	if err != nil {
		return nil, nil, err
	}
	info, ok := m.Body.(*message.GroupInfo)
	if !ok {
		return nil, nil, fmt.Errorf("%w: not a GroupInfo", group.ErrUnexpected)
	}
	cfg, err := c.config(info.GroupContext.CipherSuite)
	if err != nil {
		return nil, nil, err
	}
	options := group.ExternalOptions{
		JoinOptions: group.JoinOptions{RatchetTree: o.RatchetTree, AllowExpired: c.cfg.AllowExpired},
		Leaf:        c.leaf(),
		SelfRemoves: o.SelfRemoves,
		AAD:         o.AAD,
	}
	if o.Resync {
		options.Resync = func(leaf *tree.LeafNode) bool {
			return bytes.Equal(leaf.SignatureKey, c.cfg.Signer.Public())
		}
	}

	g, release := c.hold(info.GroupContext.GroupID)
	defer release()
	g.drop()
	rec, all, err := readRecords(c.cfg.Store, groupPrefix(g.id))
	if err != nil {
		return nil, nil, err
	}
	if rec.headSeen == nil {
		if _, err := c.agreed(g.id, nil); err != nil {
			return nil, nil, err
		}
	} else {
		if !o.Resync {
			return nil, nil, fmt.Errorf("%w: %s", ErrMember, syntax.Hex(g.id))
		}
		if _, waits := rec.sums[joinRecord]; waits {
			return nil, nil, ErrPending
		}
	}
	if !o.Older {
		if last, err := c.lastEpoch(g.id, all); err != nil {
			return nil, nil, err
		} else if info.GroupContext.Epoch < last {
			return nil, nil, fmt.Errorf("%w: a GroupInfo of epoch %d, and we have been in %d", ErrReplayed, info.GroupContext.Epoch, last)
		}
	}
	var removes removed
	options.Made = func(c *group.Committed, before *group.View) { removes = membersOf(before, c.RemovedLeaves) }
	s, commit, err := group.JoinExternal(cfg, info, options)
	if err != nil {
		return nil, nil, err
	}
	defer s.Erase() // read again when it is confirmed
	staged := &Staged{Epoch: s.Epoch(), Message: commit}
	changes := append(prefixed(joiningRecords, s.Changes()),
		Record{idRecord, syntax.Marshal(&groupID{s.Suite().ID(), g.id})},
		Record{joinRecord, syntax.Marshal(staged)})
	if len(removes) > 0 {
		changes = append(changes, Record{removesRecord, syntax.Marshal(&removes)})
	}
	if rec.restored {
		changes = append(changes, Record{healsRecord, []byte{1}})
	}
	if err := rec.apply(changes, rec.restored, Batch{}); err != nil {
		return nil, nil, err
	}
	g.gone = nil
	return g, staged, nil
}

// lastEpoch returns the last epoch of a group that the store knows us to have been in; 0
// if it knows none: we have never been in it, or it was forgotten unread. A state that is there
// says it, even if a note names a later epoch: then we went back (ExternalOptions.Older).
func (c *Client) lastEpoch(id []byte, all map[string][]byte) (uint64, error) {
	if len(under(all, stateRecords)) > 0 {
		s, err := c.load(id, all, stateRecords)
		if err != nil {
			return 0, err // nor could the Commit be confirmed
		}
		defer s.Erase()
		return s.Epoch(), nil
	}
	note, _, err := c.left(id)
	if err != nil || note == nil || note.epoch == scrapped {
		return 0, err
	}
	return note.epoch, nil
}

// joined makes the state that our external Commit leads to the group's.
func (g *Group) joined(staged *Staged) (Event, error) {
	heals := g.heals
	me := member(g.join.state.Me(), g.join.state.Member(g.join.state.Me()))
	event := &Changed{Epoch: staged.Epoch, Committer: me, External: true, Own: staged, Added: []Member{me}, Removed: g.join.removes}
	if err := event.cover(staged); err != nil {
		return nil, err
	}
	// The epoch that we lose may be later than the one that we come to, if the GroupInfo
	// was an old one.
	var also Batch
	if g.state != nil && g.state.Epoch() >= staged.Epoch {
		var err error
		if also, err = g.client.leaving(g.id, g.state.Epoch()); err != nil {
			return nil, err
		}
	}
	if g.state != nil && g.state.ReInit() != nil { // it is not closed after all
		gone, err := g.client.awaitsNothing(g.id)
		if err != nil {
			return nil, err
		}
		also.Write = append(also.Write, gone...)
	}
	known := g.rec.headSeen
	g.drop()
	rec, all, err := readRecords(g.client.cfg.Store, groupPrefix(g.id))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(rec.headSeen, known) {
		return nil, storeError("joining a group", ErrConflict)
	}
	changes := map[string][]byte{joinRecord: nil}
	if heals {
		changes[healsRecord] = nil
	}
	if _, ok := all[removesRecord]; ok {
		changes[removesRecord] = nil
	}
	for name, value := range all {
		if rest, ok := strings.CutPrefix(name, joiningRecords); ok {
			changes[name] = nil
			changes[stateRecords+rest] = value
		} else if strings.HasPrefix(name, stateRecords) || strings.HasPrefix(name, sentRecords) || name == acceptedRecord {
			if _, ok := changes[name]; !ok {
				changes[name] = nil
			}
		}
	}
	list := make([]Record, 0, len(changes))
	for name, value := range changes {
		list = append(list, Record{name, value})
	}
	if err := g.happened(event); err != nil {
		return nil, err
	}
	also.Write = append(also.Write, g.keep...)
	g.keep = nil
	if err := rec.apply(list, rec.restored && !heals, also); err != nil {
		return nil, err
	}
	return event, nil
}

// cover reads from our external Commit, which is signed and not encrypted, what it
// carries out. The proposals that it refers to are SelfRemoves, in the order in which
// those who leave come first among the removed. A Commit that was staged before that was
// noted is carried out all the same.
func (c *Changed) cover(staged *Staged) error {
	m, err := message.Parse(bytes.Clone(staged.Message))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, joinRecord, err)
	}
	public, ok := m.Body.(*message.PublicMessage)
	if !ok || public.Content.Commit == nil {
		return fmt.Errorf("%w: %s: not an external Commit", ErrCorrupt, joinRecord)
	}
	c.AAD = public.Content.AuthenticatedData
	leaving := c.Removed
	for _, p := range public.Content.Commit.Proposals {
		switch {
		case p.Proposal != nil:
			c.Proposals = append(c.Proposals, Covered{p.Proposal, public.Content.Sender})
		case len(leaving) == 0: // staged by the first version, which did not note whom
		default:
			c.Proposals = append(c.Proposals, Covered{&message.SelfRemove{}, message.Member(leaving[0].Leaf)})
			leaving = leaving[1:]
		}
	}
	return nil
}

// removed are the members that an external Commit of ours removes, as they were: those
// who leave by a SelfRemove, and then ourselves as we were before.
type removed []Member

func (all *removed) Marshal(w *syntax.Writer) {
	syntax.WriteList(w, *all, func(w *syntax.Writer, m Member) {
		w.Uint32(uint32(m.Leaf))
		m.Credential.Marshal(w)
		w.Vector(m.SignatureKey)
	})
}

func (all *removed) Unmarshal(r *syntax.Reader) {
	*all = syntax.ReadList(r, func(r *syntax.Reader) (m Member) {
		m.Leaf = tree.LeafIndex(r.Uint32())
		m.Credential.Unmarshal(r)
		m.SignatureKey = r.Vector()
		return m
	})
}
