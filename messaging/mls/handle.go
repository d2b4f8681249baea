package mls

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
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
	suite.Redacted // of a Group nothing is printed

	client *Client
	id     []byte

	mu    sync.Mutex
	rec   *records     // nil: to be read
	state *group.State // nil: to be read, or still joining
	join  *joining     // our external Commit that is not accepted
	last  *Staged      // our Commit that was accepted last, if its Welcome is kept
	sent  [][]byte     // our proposals of this epoch (MLSMessages)
	heals bool         // the Commit that waits ends the restored mode
	keep  []Record     // what is stored with the next change and not the group's own: the application's, and awaits
	gone  error        // why the group is over for this handle: it is not in the store
}

// Names and prefixes of a group's records.
const (
	idRecord       = "id"       // suite and group ID
	stateRecords   = "state/"   // of the group.State
	joiningRecords = "joining/" // of the group.State that an external Commit of ours leads to
	joinRecord     = "join"     // that external Commit
	removesRecord  = "removes"  // whom it removes, if it does
	sentRecords    = "sent/"    // our proposals of the epoch, as they were sent
	acceptedRecord = "accepted" // the last Commit of ours that was accepted, while it has a Welcome
	healsRecord    = "heals"    // there if the Commit that waits was made since Restore
)

// appRecords is where in the store the application's own records are, those of
// Config.Keep.
const appRecords = "app/"

// joining is an external Commit of ours and the state that it leads to.
type joining struct {
	staged  *Staged
	removes removed
	state   *group.State
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
		return fmt.Errorf("%w: %s", ErrNoGroup, syntax.Hex(g.id))
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
		if value, ok := all[removesRecord]; ok {
			if err := syntax.Unmarshal(value, &g.join.removes); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrCorrupt, removesRecord, err)
			}
		}
		if g.join.state, err = g.client.load(g.id, all, joiningRecords); err != nil {
			return err
		}
	} else if !member {
		return fmt.Errorf("%w: %s is neither joined nor being joined", ErrCorrupt, syntax.Hex(g.id))
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
		return nil, fmt.Errorf("%w: %s is named otherwise", ErrCorrupt, syntax.Hex(id))
	}
	cfg, err := c.config(name.suite)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, syntax.Hex(id), err) // a suite that is not known
	}
	s, err := group.Load(cfg, under(all, prefix))
	if errors.Is(err, ErrConfig) { // we have no signer of its leaf: nothing is damaged
		return nil, fmt.Errorf("%s: Signer and OtherSigners: %w", syntax.Hex(id), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if string(s.GroupID()) != string(id) {
		s.Erase()
		return nil, fmt.Errorf("%w: %s has the state of another group", ErrCorrupt, syntax.Hex(id))
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
