package mls

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
)

// Join enters the group of a Welcome that was made for one of our KeyPackages. That
// KeyPackage is used up, unless it is one of last resort. ratchetTree is the group's
// tree if the Welcome has none, and may come from anywhere.
//
// Last-resort KeyPackages can be used again by whoever has an old Welcome: a group
// that was left is therefore not entered in an epoch up to the one that we left it
// in ([ErrReplayed]), since its keys were used then.
//
// After a ReInit ([*Reinitialized]) a group of the identifier that it names is entered
// only if it continues the one that was closed, with all that was agreed on; otherwise
// group.ErrOrigin, until the closed group is forgotten.
func (c *Client) Join(welcome, ratchetTree []byte) (*Group, error) {
	if err := c.cfg.Limits.CheckMessage(len(welcome) + len(ratchetTree)); err != nil {
		return nil, err
	}
	m, err := message.Parse(welcome)
	if err != nil {
		return nil, err
	}
	w, ok := m.Body.(*message.Welcome)
	if !ok {
		return nil, fmt.Errorf("%w: not a Welcome", group.ErrUnexpected)
	}
	cfg, err := c.config(w.CipherSuite)
	if err != nil {
		return nil, err
	}
	kp, err := c.keyPackageFor(w)
	if err != nil {
		return nil, err
	}
	from, err := reinitialized(&cfg, kp, w)
	if err != nil {
		return nil, err
	}
	var origin *group.State
	defer func() {
		if origin != nil {
			origin.Erase()
		}
	}()
	s, err := group.Join(cfg, kp.KeyPackage, w, group.JoinOptions{
		RatchetTree:  ratchetTree,
		Member:       c.present,
		Origin:       func(id []byte) *group.State { origin = c.peek(id); return origin },
		AllowExpired: c.cfg.AllowExpired,
	})
	if err != nil {
		return nil, err
	}
	also, err := c.joining(s, kp, from)
	if err != nil {
		s.Erase()
		return nil, err
	}
	return c.found(s, kp.restored, also, nil)
}

// joining returns what else changes when we enter a group by a Welcome, if we may: what
// it continues is from, nil if nothing.
func (c *Client) joining(s *group.State, kp *keyPackage, from []byte) (Batch, error) {
	note, noted, err := c.left(s.GroupID())
	if err != nil {
		return Batch{}, err
	}
	if kp.lastResort && note != nil && s.Epoch() <= note.epoch {
		return Batch{}, fmt.Errorf("%w: epoch %d", ErrReplayed, s.Epoch())
	}
	awaited, err := c.agreed(s.GroupID(), from)
	if err != nil {
		return Batch{}, err
	}
	also := Batch{Expect: []Record{noted, kp.stored}, Write: awaited}
	if !kp.lastResort {
		also.Write = append(also.Write, kp.gone()...)
	}
	return also, nil
}
