package mls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Group is a group that we are a member of, or are joining by an external Commit. It
// is the one handle of its group in its [Client]; its methods may be called by several
// goroutines, and wait for each other.
//
// Every method stores what it changed before it returns anything. When the store
// fails, the result is withheld and what is in memory forgotten; the next call reads
// the group again, and finds it either before or after the change. Ciphertext that
// was withheld is never sent: at worst a number in a sequence stays unused. A message
// whose key is gone from the store, and whose plaintext was withheld, is lost.
type Group struct {
	client *Client
	id     []byte

	mu    sync.Mutex
	rec   *records     // nil: to be read
	state *group.State // nil: to be read, or still joining
	join  *joining     // our external Commit that is not accepted
	last  *Staged      // our Commit that was accepted last, if its Welcome is kept
	sent  [][]byte     // our proposals of this epoch (MLSMessages)
	heals bool         // the Commit that waits ends the restored mode
	keep  []Record     // what the application wants stored with the next change
	gone  error        // why the group is over for this handle: it is not in the store
}

// Names and prefixes of a group's records.
const (
	idRecord       = "id"       // suite and group ID
	stateRecords   = "state/"   // of the group.State
	joiningRecords = "joining/" // of the group.State that an external Commit of ours leads to
	joinRecord     = "join"     // that external Commit
	sentRecords    = "sent/"    // our proposals of the epoch, as they were sent
	acceptedRecord = "accepted" // the last Commit of ours that was accepted, while it has a Welcome
	healsRecord    = "heals"    // there if the Commit that waits was made since Restore
)

// appRecords is where in the store the application's own records are, those of
// Config.Keep.
const appRecords = "app/"

var errFormat = errors.New("no format of ours")

// joining is an external Commit of ours and the state that it leads to.
type joining struct {
	staged *Staged
	state  *group.State
}

// ID returns the group's identifier.
func (g *Group) ID() []byte { return slices.Clone(g.id) }

// ready makes sure that the group is in memory. The lock is held.
func (g *Group) ready() error {
	if g.gone != nil {
		return g.gone
	}
	if g.rec != nil {
		return nil
	}
	rec, all, err := readRecords(g.client.cfg.Store, groupPrefix(g.id))
	if err != nil {
		return err
	}
	if rec.headSeen == nil {
		return fmt.Errorf("%w: %x", ErrNoGroup, g.id)
	}
	if err := g.read(all); err != nil {
		g.drop()
		return err
	}
	g.rec = rec
	return nil
}

// read makes the handle's fields from records.
func (g *Group) read(all map[string][]byte) (err error) {
	member := len(under(all, stateRecords)) > 0
	if member {
		if g.state, err = g.client.load(g.id, all, stateRecords); err != nil {
			return err
		}
	}
	if value, ok := all[joinRecord]; ok {
		g.join = &joining{staged: new(Staged)}
		if err := syntax.Unmarshal(value, g.join.staged); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, joinRecord, err)
		}
		if g.join.state, err = g.client.load(g.id, all, joiningRecords); err != nil {
			return err
		}
	} else if !member {
		return fmt.Errorf("%w: %x is neither joined nor being joined", ErrCorrupt, g.id)
	}
	if value, ok := all[acceptedRecord]; ok {
		g.last = new(Staged)
		if err := syntax.Unmarshal(value, g.last); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, acceptedRecord, err)
		}
	}
	_, g.heals = all[healsRecord]
	for {
		message, ok := all[sentKey(len(g.sent))]
		if !ok {
			return nil
		}
		g.sent = append(g.sent, message)
	}
}

// load makes a State from the records of a group with a prefix.
func (c *Client) load(id []byte, all map[string][]byte, prefix string) (*group.State, error) {
	var name groupID
	if err := syntax.Unmarshal(all[idRecord], &name); err != nil || string(name.id) != string(id) {
		return nil, fmt.Errorf("%w: %x is named otherwise", ErrCorrupt, id)
	}
	cfg, err := c.config(name.suite)
	if err != nil {
		return nil, fmt.Errorf("%w: %x: %w", ErrFormat, id, err) // a suite that is not known
	}
	s, err := group.Load(cfg, under(all, prefix))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if string(s.GroupID()) != string(id) {
		s.Erase()
		return nil, fmt.Errorf("%w: %x has the state of another group", ErrCorrupt, id)
	}
	return s, nil
}

// drop forgets what is in memory; the store is read at the next call.
func (g *Group) drop() {
	if g.state != nil {
		g.state.Erase()
	}
	if g.join != nil && g.join.state != nil {
		g.join.state.Erase()
	}
	g.rec, g.state, g.join, g.last, g.sent, g.heals, g.keep = nil, nil, nil, nil, nil, false, nil
}

// member is ready for what only members can do.
func (g *Group) member() error {
	if err := g.ready(); err != nil {
		return err
	}
	if g.state == nil || g.join != nil {
		return ErrJoining
	}
	return nil
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

// change runs f on the group of a member and stores what it changed, also if it
// failed: keys may be used up. If f panics, nothing is left in memory.
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
	failed := f()
	done = true
	if g.rec == nil || g.state == nil { // f has stored, and dropped or removed
		return failed
	}
	if err := g.store(g.rec.restored); err != nil {
		return err
	}
	return failed
}

func sentKey(n int) string { return fmt.Sprintf("%s%08x", sentRecords, n) }

// moved returns what changes in the group's own records when an epoch ends.
func (g *Group) moved() []Record {
	gone := g.healsChange(false)
	for i := range g.sent {
		gone = append(gone, Record{Key: sentKey(i)})
	}
	return gone
}

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

// remove deletes the group, with a note of its last epoch.
func (g *Group) remove(epoch uint64) error {
	note := Record{leftKey(g.id), syntax.Marshal(&leftNote{epoch})}
	err := g.rec.remove(Batch{Write: append([]Record{note}, g.keep...)})
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
	b := Batch{Write: []Record{{leftKey(g.id), syntax.Marshal(&leftNote{^uint64(0)})}}}
	for _, key := range keys {
		b.Write = append(b.Write, Record{Key: key})
	}
	if err := c.cfg.Store.Apply(b); err != nil {
		return storeError("removing a group", err)
	}
	return nil
}
