package mls

import (
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
)

// Members returns the members, ourselves included, in the order of their leaves. What
// else is in a leaf, such as its capabilities and extensions, is in [Group.View].
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

// Epoch returns the number of the current epoch: 0 in a group that we have just founded,
// one more with each Commit.
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
// for all members in this epoch (RFC 9420, "Exporters", 8.5). n is at most 255 times the
// hash's size, 8160 bytes with SHA-256; otherwise schedule.ErrLength. In a restored group
// (see [Restore]) they may have been used before.
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
	return message.Wrap(info).Bytes(), nil
}
