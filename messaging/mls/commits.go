package mls

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
)

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

// Commit stages any Commit. Its zero options cover all that waits. group.ErrLimit: it, or
// its Welcome, is longer than Config.Limits.MessageSize: add fewer at once. ErrRestored: in a
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
		p, err := g.state.Commit(o)
		if err != nil {
			return err
		}
		if err := g.client.cfg.Limits.CheckMessage(max(len(p.Message), len(p.Welcome))); err != nil {
			g.state.Abandon()
			return err // nobody would take it
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
