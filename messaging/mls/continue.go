package mls

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Continue founds the group that continues one which was closed by a ReInit (RFC 9420,
// "Reinitialization", 11.2), after [*Reinitialized]: with the parameters of the ReInit
// and all members of the old group, whose new KeyPackages (of the new suite) are given.
// It returns the new group, and the Welcome for the others, who join with
// [Client.Join]; [Group.Accepted] of the new group has it still after a crash. If
// several members do this, the application decides which group it is: whoever founded or
// joined another one forgets that ([Client.Forget]), and joins the right one by a
// KeyPackage that is none of last resort.
//
// The Client's Signer must be one for the new suite.
func (g *Group) Continue(keyPackages ...[]byte) (next *Group, welcome []byte, err error) {
	return g.succeed(keyPackages, func(o group.ContinueOptions) (*group.State, []byte, error) {
		p := g.state.ReInit()
		if p == nil {
			return nil, nil, fmt.Errorf("%w: the group is not closed", ErrConfig)
		}
		if bytes.Equal(p.GroupID, g.id) {
			return nil, nil, fmt.Errorf("%w: the new group has the old one's identifier", ErrConfig)
		}
		cfg, err := g.client.config(p.CipherSuite)
		if err != nil {
			return nil, nil, err
		}
		return g.state.Reinitialize(cfg, o)
	})
}

// Branch founds a group of some members of this one (RFC 9420, "Subgroup Branching",
// 11.3), whose KeyPackages are given, and proves to them that we are in this one. id is
// that of the new group; nil: random. It returns the group and the Welcome, as
// Continue does.
func (g *Group) Branch(id []byte, keyPackages ...[]byte) (branch *Group, welcome []byte, err error) {
	if bytes.Equal(id, g.id) {
		return nil, nil, fmt.Errorf("%w: the branch has this group's identifier", ErrConfig)
	}
	return g.succeed(keyPackages, func(o group.ContinueOptions) (*group.State, []byte, error) {
		cfg, err := g.client.config(g.state.Suite().ID())
		if err != nil {
			return nil, nil, err
		}
		return g.state.Branch(cfg, id, nil, o)
	})
}

func (g *Group) succeed(keyPackages [][]byte, found func(group.ContinueOptions) (*group.State, []byte, error)) (next *Group, welcome []byte, err error) {
	packs, err := parseKeyPackages(keyPackages)
	if err != nil {
		return nil, nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.member(); err != nil {
		return nil, nil, err
	}
	s, welcome, err := found(group.ContinueOptions{Leaf: g.client.leaf(), KeyPackages: packs})
	if err != nil {
		return nil, nil, err
	}
	if err := g.client.cfg.Limits.CheckMessage(len(welcome)); err != nil {
		s.Erase()
		return nil, nil, err // nobody would take it
	}
	if left, _, err := g.client.left(s.GroupID()); err != nil || left != nil {
		s.Erase()
		if err == nil {
			err = fmt.Errorf("%w: a group of this identifier was left", ErrReplayed)
		}
		return nil, nil, err
	}
	// We hold this group's lock, and do not wait for that of another one that is there.
	if head, err := g.client.cfg.Store.Get(groupPrefix(s.GroupID()) + headKey); err != nil || head != nil {
		defer s.Erase()
		if err != nil {
			return nil, nil, storeError("reading a group", err)
		}
		return nil, nil, fmt.Errorf("%w: %s", ErrMember, syntax.Hex(s.GroupID()))
	}
	awaited, err := g.client.agreed(s.GroupID(), g.id) // none awaits a branch
	if err != nil {
		s.Erase()
		return nil, nil, err
	}
	next, err = g.client.found(s, false, Batch{Write: awaited}, &Staged{Epoch: s.Epoch(), Welcome: welcome})
	if err != nil {
		return nil, nil, err
	}
	return next, welcome, nil
}
