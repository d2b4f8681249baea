package mls

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Forget removes a group from the store at once, with all its keys, but for a note
// of its last epoch (see [Client.Join]). Others do not learn of it: to leave, see
// [Group.Leave].
func (c *Client) Forget(id []byte) error {
	g, release := c.hold(id)
	defer release()
	err := g.ready()
	switch {
	case err == nil && g.state == nil:
		// No key of the epoch that we were about to join was ever used.
		defer g.drop()
		return g.rec.remove(Batch{})
	case err == nil:
		return g.remove(g.state.Epoch())
	case !errors.Is(err, ErrCorrupt) && !errors.Is(err, group.ErrRecords):
		return err
	}
	return c.scrap(g)
}

// leftNote is what remains of a group that was left.
type leftNote struct{ epoch uint64 }

// scrapped is the epoch in the note of a group that could not be read any more.
const scrapped = ^uint64(0)

func (n *leftNote) Marshal(w *syntax.Writer)   { w.Uint64(n.epoch) }
func (n *leftNote) Unmarshal(r *syntax.Reader) { n.epoch = r.Uint64() }

func leftKey(id []byte) string { return "left/" + groupName(id) }

// left reads the note of a group that was left; nil: there is none.
func (c *Client) left(id []byte) (*leftNote, Record, error) {
	stored := Record{Key: leftKey(id)}
	var err error
	if stored.Value, err = c.cfg.Store.Get(stored.Key); err != nil {
		return nil, stored, storeError("reading a note", err)
	}
	if stored.Value == nil {
		return nil, stored, nil
	}
	n := new(leftNote)
	if err := syntax.Unmarshal(stored.Value, n); err != nil {
		return nil, stored, fmt.Errorf("%w: %s: %w", ErrCorrupt, stored.Key, err)
	}
	return n, stored, nil
}

// leaving returns what notes that we are not in an epoch of a group any more. A note of a
// later epoch stays: an external Commit can lead to one before that.
func (c *Client) leaving(id []byte, epoch uint64) (Batch, error) {
	note, seen, err := c.left(id)
	switch {
	case errors.Is(err, ErrCorrupt): // it lets nobody in
		return Batch{}, nil
	case err != nil:
		return Batch{}, err
	case note != nil && note.epoch >= epoch:
		return Batch{}, nil
	}
	return Batch{
		Expect: []Record{seen},
		Write:  []Record{{seen.Key, syntax.Marshal(&leftNote{epoch})}},
	}, nil
}
