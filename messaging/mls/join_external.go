package mls

import (
	"bytes"
	"fmt"

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
}

// JoinExternal joins a group on the word of a GroupInfo (an MLSMessage, from
// [Group.GroupInfo]), without being invited (RFC 9420, "Joining via External Commits",
// 12.4.3.2). We are a member once the Commit that it stages is accepted: see [Staged].
// Until then the group can do nothing but that. If it is not accepted, Discard it, and
// try again with a newer GroupInfo.
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

	g := c.handle(info.GroupContext.GroupID)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop()
	rec, _, err := readRecords(c.cfg.Store, groupPrefix(g.id))
	if err != nil {
		return nil, nil, err
	}
	if rec.headSeen != nil {
		if !o.Resync {
			return nil, nil, fmt.Errorf("%w: %x", ErrMember, g.id)
		}
		if _, waits := rec.sums[joinRecord]; waits {
			return nil, nil, ErrPending
		}
	}
	s, commit, err := group.JoinExternal(cfg, info, options)
	if err != nil {
		return nil, nil, err
	}
	defer s.Erase() // read again when it is confirmed
	staged := &Staged{Epoch: s.Epoch(), Message: commit}
	changes := append(prefixed(joiningRecords, s.Changes()),
		Record{idRecord, syntax.Marshal(&groupID{s.Suite().ID(), g.id})},
		Record{joinRecord, syntax.Marshal(staged)})
	if rec.restored {
		changes = append(changes, Record{healsRecord, []byte{1}})
	}
	if err := rec.apply(changes, rec.restored, Batch{}); err != nil {
		return nil, nil, err
	}
	g.gone = nil
	return g, staged, nil
}

// joined makes the state that our external Commit leads to the group's.
func (g *Group) joined(staged *Staged) (Event, error) {
	heals := g.heals
	g.drop()
	rec, all, err := readRecords(g.client.cfg.Store, groupPrefix(g.id))
	if err != nil {
		return nil, err
	}
	changes := map[string][]byte{joinRecord: nil}
	if heals {
		changes[healsRecord] = nil
	}
	for name, value := range all {
		switch {
		case len(name) > len(joiningRecords) && name[:len(joiningRecords)] == joiningRecords:
			changes[name] = nil
			changes[stateRecords+name[len(joiningRecords):]] = value
		case len(name) > len(stateRecords) && name[:len(stateRecords)] == stateRecords:
			if _, ok := changes[name]; !ok {
				changes[name] = nil
			}
		}
	}
	list := make([]Record, 0, len(changes))
	for name, value := range changes {
		list = append(list, Record{name, value})
	}
	s, err := g.client.load(g.id, all, joiningRecords)
	if err != nil {
		return nil, err
	}
	me := member(s.Me(), s.Member(s.Me()))
	event := &Changed{Epoch: s.Epoch(), Committer: me, External: true, Own: staged, Added: []Member{me}}
	s.Erase() // read again when it is used
	if event.Removed, err = g.replaced(staged, all, me); err != nil {
		return nil, err
	}
	if err := g.happened(event); err != nil {
		return nil, err
	}
	also := Batch{Write: g.keep}
	g.keep = nil
	if err := rec.apply(list, rec.restored && !heals, also); err != nil {
		return nil, err
	}
	return event, nil
}

// replaced returns who we were, if our external Commit removes that leaf. The Commit
// has no more than its index: the signature key is the one that we joined with, since
// Resync goes by that, and the credential is what the store still has of the group, or
// else the one of today.
func (g *Group) replaced(staged *Staged, all map[string][]byte, me Member) ([]Member, error) {
	m, err := message.Parse(bytes.Clone(staged.Message))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, joinRecord, err)
	}
	public, ok := m.Body.(*message.PublicMessage)
	if !ok || public.Content.Commit == nil {
		return nil, fmt.Errorf("%w: %s: not an external Commit", ErrCorrupt, joinRecord)
	}
	for _, p := range public.Content.Commit.Proposals {
		remove, ok := p.Proposal.(*message.Remove)
		if !ok {
			continue
		}
		old := Member{Leaf: remove.Removed, Credential: me.Credential, SignatureKey: me.SignatureKey}
		if len(under(all, stateRecords)) > 0 {
			if s, err := g.client.load(g.id, all, stateRecords); err == nil {
				if leaf := s.Member(old.Leaf); leaf != nil && bytes.Equal(leaf.SignatureKey, old.SignatureKey) {
					old.Credential = leaf.Credential
				}
				s.Erase()
			}
		}
		return []Member{old}, nil // at most one Remove is in an external Commit
	}
	return nil, nil
}
