package mls

import (
	"fmt"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// change runs f on the group of a member and stores what it changed, also if it
// failed: keys may be used up. If f or the store panics, nothing is left in memory.
func (g *Group) change(f func() error) error {
	if err := g.member(); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			g.drop()
		}
	}()
	err := f()
	if g.rec != nil && g.state != nil { // otherwise f has stored, and dropped or removed
		if failed := g.store(g.rec.restored); failed != nil {
			err = failed
		}
	}
	done = true
	return err
}

// store writes what has changed in the state, and extra. After a failure nothing is
// left in memory.
func (g *Group) store(restored bool, extra ...Record) error {
	changes := append(prefixed(stateRecords, g.state.Changes()), extra...)
	if len(changes) == 0 && len(g.keep) == 0 && restored == g.rec.restored {
		return nil
	}
	if err := g.rec.apply(changes, restored, Batch{Write: g.keep}); err != nil {
		g.drop()
		return err
	}
	g.keep = nil
	return nil
}

// happened asks the application what it wants stored with an event. After an error
// nothing is left in memory.
func (g *Group) happened(e Event) error {
	if g.client.cfg.Keep == nil {
		return nil
	}
	g.keep = g.client.cfg.Keep(g.ID(), e)
	seen := map[string]bool{}
	for _, r := range g.keep {
		if !strings.HasPrefix(r.Key, appRecords) || seen[r.Key] {
			g.drop()
			return fmt.Errorf("%w: Keep: key %q", ErrConfig, r.Key)
		}
		seen[r.Key] = true
	}
	return nil
}

// moved returns what changes in the group's own records when an epoch ends.
func (g *Group) moved() []Record {
	gone := g.healsChange(false)
	for i := range g.sent {
		gone = append(gone, Record{Key: sentKey(i)})
	}
	return gone
}

func sentKey(n int) string { return fmt.Sprintf("%s%08x", sentRecords, n) }

// healsChange returns the record that says whether the Commit that waits heals.
func (g *Group) healsChange(heals bool) []Record {
	if heals == g.heals {
		return nil
	}
	if heals {
		return []Record{{healsRecord, []byte{1}}}
	}
	return []Record{{healsRecord, nil}}
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

// remove deletes the group, with a note of its last epoch.
func (g *Group) remove(epoch uint64) error {
	also, err := g.client.leaving(g.id, epoch)
	if err != nil {
		g.drop()
		return err
	}
	gone, err := g.client.awaitsNothing(g.id)
	if err != nil {
		g.drop()
		return err
	}
	also.Write = append(append(also.Write, g.keep...), gone...)
	err = g.rec.remove(also)
	g.drop()
	return err
}

// scrap deletes a group that cannot be read. Its last epoch is not known, so no
// Welcome is taken for it any more.
func (c *Client) scrap(g *Group) error {
	keys, err := c.cfg.Store.List(groupPrefix(g.id))
	if err != nil {
		return storeError("listing a group", err)
	}
	b := Batch{Write: []Record{{leftKey(g.id), syntax.Marshal(&leftNote{scrapped})}}}
	gone, err := c.awaitsNothing(g.id)
	if err != nil {
		return err
	}
	b.Write = append(b.Write, gone...)
	for _, key := range keys {
		b.Write = append(b.Write, Record{Key: key})
	}
	if err := c.cfg.Store.Apply(b); err != nil {
		return storeError("removing a group", err)
	}
	return nil
}
