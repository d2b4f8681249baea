package mls

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Staged is a Commit of ours that is stored and may be sent. The group has not moved
// yet: somebody else's Commit may be accepted before it (RFC 9420, "Sequencing of
// State Changes", 14). What happens next:
//
//   - The delivery service accepts it, and says so: call [Group.Confirm]. Or it hands
//     it out to everybody, us included: give it to [Group.Receive].
//   - It hands out another Commit of the epoch: Receive moves the group on with that
//     one, and returns ours as Changed.Lost.
//   - It refuses it for another reason: call [Group.Discard].
//
// Until then the group has no other Commit of ours. After a restart it is still
// there: see [Group.Pending]; sending Message twice does no harm.
type Staged struct {
	Epoch   uint64 // that the Commit begins
	Message []byte // for the members (an MLSMessage)
	// Welcome is for those who are added (an MLSMessage); nil if nobody is. It must
	// not reach them before Message is accepted: give it to a delivery service
	// that takes both and sees to that, or take it from Changed.Own.
	Welcome []byte
}

// Marshal writes s for the store.
func (s *Staged) Marshal(w *syntax.Writer) {
	w.Uint8(stagedFormat)
	w.Uint64(s.Epoch)
	w.Vector(s.Message)
	w.Vector(s.Welcome)
}

// Unmarshal reads s.
func (s *Staged) Unmarshal(r *syntax.Reader) {
	if r.Uint8() != stagedFormat {
		r.Fail(errFormat)
	}
	s.Epoch = r.Uint64()
	s.Message = bytes.Clone(r.Vector())
	if s.Welcome = bytes.Clone(r.Vector()); len(s.Welcome) == 0 {
		s.Welcome = nil
	}
}

// waiting returns our Commit that waits to be accepted; nil: there is none.
func (g *Group) waiting() *Staged {
	if g.join != nil {
		return g.join.staged
	}
	if g.state == nil || g.state.Pending() == nil {
		return nil
	}
	p := g.state.Pending()
	return &Staged{p.Committed.Epoch, p.Message, p.Welcome}
}

// Pending returns our own Commit that waits to be accepted, as after a restart; nil if
// there is none.
func (g *Group) Pending() (*Staged, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g.waiting(), nil
}

// Accepted returns our last Commit that was accepted if it has a Welcome, until we
// stage another one: so that a Welcome which a crash kept from being handed out is not
// lost. nil: there is none.
func (g *Group) Accepted() (*Staged, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g.last, nil
}

// Confirm says that the delivery service has accepted our Commit: the group moves on
// with it. The event is a [*Changed] with Own, or a [*Reinitialized].
func (g *Group) Confirm() (Event, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g.confirm()
}

func (g *Group) confirm() (event Event, err error) {
	staged := g.waiting()
	if staged == nil {
		return nil, ErrNoPending
	}
	if g.join != nil {
		return g.joined(staged)
	}
	err = g.change(func() error {
		before := g.state.View()
		e, err := g.state.Merge(g.state.Pending())
		if err != nil {
			return err
		}
		changed := g.changed(e, before)
		changed.Own = staged
		over := over(changed, e)
		if err := g.happened(over); err != nil {
			return err
		}
		g.awaits(e.ReInit)
		extra := g.moved()
		if staged.Welcome != nil {
			extra = append(extra, Record{acceptedRecord, syntax.Marshal(staged)})
		}
		if err := g.store(g.rec.restored && !g.heals, extra...); err != nil {
			return err
		}
		g.heals, g.sent = false, nil
		if staged.Welcome != nil {
			g.last = staged
		}
		event = over
		return nil
	})
	if err != nil {
		return nil, err
	}
	return event, nil
}

// Discard drops our Commit that waits: the delivery service has refused it for good.
// To discard one that was accepted after all is to lose the group. A group that we
// were about to join is gone afterwards.
func (g *Group) Discard() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return err
	}
	switch {
	case g.waiting() == nil:
		return ErrNoPending
	case g.join != nil && g.state == nil:
		// Nobody has seen a message of ours under the keys of this state.
		err := g.rec.remove(Batch{})
		g.drop()
		return err
	case g.join != nil:
		g.join.state.Erase()
		g.join = nil
		return g.change(func() error { return g.discarded(g.recordsUnder(joiningRecords, joinRecord, removesRecord)...) })
	}
	return g.change(func() error {
		g.state.Abandon()
		return g.discarded()
	})
}

func (g *Group) discarded(extra ...Record) error {
	if err := g.store(g.rec.restored, append(extra, g.healsChange(false)...)...); err != nil {
		return err
	}
	g.heals = false
	return nil
}

// Resend returns what of ours may not have left before a crash, or before the store
// failed, although the group counts on it: our proposals that wait in this epoch, and
// the Commit that waits to be accepted, in their order. After either, send it again
// before anything else: a Commit that covers a proposal which others have not seen is
// refused by all of them. Who has a proposal already refuses it with [ErrDuplicate].
func (g *Group) Resend() ([][]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	all := slices.Clone(g.sent)
	if waits := g.waiting(); waits != nil {
		all = append(all, waits.Message)
	}
	return all, nil
}
