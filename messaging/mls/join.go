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
	s, err := group.Join(cfg, kp.KeyPackage, w, group.JoinOptions{
		RatchetTree:  ratchetTree,
		Member:       c.present,
		Origin:       c.peek,
		AllowExpired: c.cfg.AllowExpired,
	})
	if err != nil {
		return nil, err
	}
	note, noted, err := c.left(s.GroupID())
	if err != nil {
		return nil, err
	}
	if kp.lastResort && note != nil && s.Epoch() <= note.epoch {
		s.Erase()
		return nil, fmt.Errorf("%w: epoch %d", ErrReplayed, s.Epoch())
	}
	also := Batch{Expect: []Record{noted, kp.stored}}
	if !kp.lastResort {
		also.Write = kp.gone()
	}
	return c.found(s, kp.restored, also)
}
