package mls

import (
	"fmt"
	"io"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Create founds a group whose only member we are. id: 32 random bytes if nil;
// otherwise it must be unlike that of all groups, everywhere, and is not one that a
// ReInit has given away (group.ErrOrigin, see [*Reinitialized]). extensions are those of
// the GroupContext: required capabilities ([tree.RequiredCapabilities.Extension]),
// application data ([component.Dictionary.Into]), external senders.
func (c *Client) Create(id []byte, extensions tree.Extensions) (*Group, error) {
	if id == nil {
		id = make([]byte, 32)
		if _, err := io.ReadFull(c.cfg.Rand, id); err != nil {
			return nil, fmt.Errorf("mls: reading randomness: %w", err)
		}
	}
	cfg, err := c.config(c.cfg.Suite)
	if err != nil {
		return nil, err
	}
	if left, _, err := c.left(id); err != nil {
		return nil, err
	} else if left != nil {
		return nil, fmt.Errorf("%w: a group of this identifier was left", ErrReplayed)
	}
	if _, err := c.agreed(id, nil); err != nil {
		return nil, err
	}
	s, err := group.Create(cfg, id, c.leaf(), group.CreateOptions{Extensions: extensions})
	if err != nil {
		return nil, err
	}
	return c.found(s, false, Batch{}, nil)
}

// found stores a group that is new to us, with the Welcome that is to be handed out (nil:
// there is none) and with what also belongs to the change, and returns its handle.
func (c *Client) found(s *group.State, restored bool, also Batch, accepted *Staged) (*Group, error) {
	g, release := c.hold(s.GroupID())
	defer release()
	rec, all, err := readRecords(c.cfg.Store, groupPrefix(g.id))
	if err != nil {
		s.Erase()
		return nil, err
	}
	if rec.headSeen != nil || len(all) > 0 {
		s.Erase()
		return nil, fmt.Errorf("%w: %s", ErrMember, syntax.Hex(g.id))
	}
	changes := append(prefixed(stateRecords, s.Changes()), Record{idRecord, syntax.Marshal(&groupID{s.Suite().ID(), g.id})})
	if accepted != nil {
		changes = append(changes, Record{acceptedRecord, syntax.Marshal(accepted)})
	}
	if err := rec.apply(changes, restored, also); err != nil {
		s.Erase()
		return nil, err
	}
	g.drop()
	g.rec, g.state, g.last, g.gone = rec, s, accepted, nil
	return g, nil
}
