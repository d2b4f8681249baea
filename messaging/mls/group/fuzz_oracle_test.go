package group

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// The oracle: bytes that nobody sent are refused, and change nothing; so is what was
// sent, but elsewhere, earlier, later, or was taken before. What is left must be
// taken, for exactly what it is.

// expects says whether m must take a message that was sent, and if not, why.
func (m *fuzzMember) expects(x *fuzzSent) (take bool, why error) {
	if x.group != m.group {
		return false, ErrWrongGroup
	}
	switch {
	case x.kind == message.ContentApplication:
		if x.epoch < m.Epoch() && (m.Epoch()-x.epoch > uint64(DefaultLimits.PastEpochs) || x.epoch < m.joined) {
			return false, ErrPast
		}
	case m.Removed():
		return false, ErrRemoved
	case m.over():
		return false, ErrReinitialized
	case x.epoch < m.Epoch():
		return false, ErrPast
	}
	if x.epoch > m.Epoch() {
		return false, ErrFuture
	}
	if x.by == m {
		return false, ErrOwnMessage
	}
	if x.private {
		if why := m.generationError(x); why != nil {
			return false, why
		}
	}
	switch x.kind {
	case message.ContentProposal:
		if m.accepted[x] {
			return false, ErrDuplicate
		}
	case message.ContentCommit:
		for _, ref := range x.refs {
			if m.cache.find(ref) == nil {
				return false, ErrUnknownProposal
			}
		}
	}
	return true, nil
}

// fuzzRatchet names a ratchet of a group.
type fuzzRatchet struct {
	epoch uint64
	leaf  uint32
	kind  schedule.Kind
}

func (x *fuzzSent) ratchet() fuzzRatchet { return fuzzRatchet{x.epoch, x.sender.Index, x.kind.Kind()} }

// ratchetOf names one of the epoch that m is in.
func ratchetOf(m *fuzzMember, leaf tree.LeafIndex, kind schedule.Kind) fuzzRatchet {
	return fuzzRatchet{m.Epoch(), uint32(leaf), kind}
}

// generationError is the window of a ratchet, written once more.
func (m *fuzzMember) generationError(x *fuzzSent) error {
	g, next := uint64(x.generation), m.next[x.ratchet()]
	switch {
	case m.accepted[x], g+schedule.Window < next:
		return schedule.ErrConsumed
	case g > next+schedule.MaxForward:
		return schedule.ErrTooFarAhead
	}
	return nil
}

// longest is more than any message may take, on a slow machine.
const longest = 10 * time.Second

// deliver gives bytes to a member and judges what it does. It reports whether the
// bytes were accepted.
func (w *fuzzWorld) deliver(m *fuzzMember, msg []byte, how string) bool {
	x := w.byBytes[string(msg)]
	if x != nil {
		if x.lost && x.group == m.group && x.epoch == m.Epoch() && !m.Removed() {
			return false // the honest part of the Delivery Service
		}
		if p := m.Pending(); p != nil && bytes.Equal(p.Message, msg) {
			return false
		}
	}
	w.made[how]++
	take, why := false, error(nil)
	name := how
	if x != nil {
		take, why = m.expects(x)
		name = fmt.Sprintf("%s: %s", how, x.name)
	}
	m.save()
	before, old, waiting := m.fingerprint(), m.current, len(m.Waiting())
	m.forgetAsked()
	if p := w.policy[m.peer.name]; p != nil {
		*p = fuzzPolicy{}
	}
	input := bytes.Clone(msg)
	begin := time.Now()
	event, err := m.Process(input)
	if took := time.Since(begin); took > longest {
		w.t.Fatalf("%s: %s takes %v", name, m, took)
	}
	if n := m.peer.w.batches[m.peer.name]; n > 1 {
		w.t.Fatalf("%s: %s asks %d times who somebody is", name, m, n)
	}
	if !bytes.Equal(input, msg) {
		w.t.Fatalf("%s: %s has changed the message", name, m)
	}
	for i := range input { // it belongs to the caller again
		input[i] ^= 0xa5
	}
	switch {
	case err != nil && take:
		w.t.Fatalf("%s: %s refuses it: %v", name, m, err)
	case err == nil && !take:
		w.t.Fatalf("%s: %s accepts it: %+v", name, m, event)
	case err != nil && why != nil && !errors.Is(err, why):
		w.t.Fatalf("%s: %s refuses it with %q, not %q", name, m, err, why)
	case err != nil:
		if event != nil || m.fingerprint() != before || m.current != old {
			w.t.Fatalf("%s: %s refuses it (%v) and is not as before", name, m, err)
		}
		if n := m.save(); n != 0 {
			w.t.Fatalf("%s: %s refuses it (%v) and has %d records to store", name, m, err, n)
		}
		return false
	}
	m.accepted[x] = true
	if x.private {
		m.next[x.ratchet()] = max(m.next[x.ratchet()], uint64(x.generation)+1)
	}
	if m.fingerprint() == before {
		w.t.Fatalf("%s: %s accepts it and has not changed", name, m)
	}
	if p := w.policy[m.peer.name]; p != nil && !p.asked(event) {
		w.t.Fatalf("%s: %s accepts it without asking the policy", name, m)
	}
	switch e := event.(type) {
	case *Application:
		if x.kind != message.ContentApplication || !bytes.Equal(e.Data, x.data) || !bytes.Equal(e.AAD, x.aad) ||
			message.Member(e.Sender) != x.sender || e.Epoch != x.epoch || e.Generation != x.generation || m.current != old {
			w.t.Fatalf("%s: %s reads %+v", name, m, e)
		}
	case *Proposed:
		if x.kind != message.ContentProposal || !bytes.Equal(e.Ref, x.ref) || !bytes.Equal(e.AAD, x.aad) || e.Sender != x.sender ||
			m.current != old || len(m.Waiting()) != waiting+1 {
			w.t.Fatalf("%s: %s takes %+v", name, m, e)
		}
		w.wereAsked(m, name, w.brought(m, e, false))
	case *Committed:
		w.committed(m, x, old, e, name)
	}
	m.inbox = slices.DeleteFunc(m.inbox, func(y *fuzzSent) bool { return y == x })
	return true
}

// committed judges an accepted Commit.
func (w *fuzzWorld) committed(m *fuzzMember, x *fuzzSent, old *epoch, e *Committed, name string) {
	removed := slices.Contains(x.removes, old.me)
	var refs [][]byte
	for _, p := range e.Proposals {
		if p.Ref != nil {
			refs = append(refs, p.Ref)
		}
	}
	if x.kind != message.ContentCommit || e.Committer != x.sender || !bytes.Equal(e.AAD, x.aad) || e.Epoch != x.epoch+1 ||
		e.Own || e.Removed != removed || m.Removed() != removed || !slices.EqualFunc(refs, x.refs, bytes.Equal) ||
		!slices.Equal(e.RemovedLeaves, x.removes) || !sameReInit(e.ReInit, x.reinit) || !removed && !sameReInit(m.ReInit(), x.reinit) {
		w.t.Fatalf("%s: %s follows %+v", name, m, e)
	}
	if removed {
		if m.current != old || len(m.psks) > 0 {
			w.t.Fatalf("%s: %s was removed and has gone on", name, m)
		}
		return
	}
	if m.Epoch() != x.epoch+1 || m.summarize() != m.group.summary[m.Epoch()] || len(m.Waiting()) != 0 || m.Pending() != nil {
		w.t.Fatalf("%s: %s has come to another epoch than the others", name, m)
	}
	w.consistent(m)
	w.wereAsked(m, name, w.enteredBy(old, m.current, e))
}

func sameReInit(a, b *message.ReInit) bool {
	return (a == nil) == (b == nil) && (a == nil || bytes.Equal(syntax.Marshal(a), syntax.Marshal(b)))
}

// catchUp gives a member what waits for it, in order.
func (w *fuzzWorld) catchUp(m *fuzzMember) {
	for len(m.inbox) > 0 && !m.Removed() && !m.lost {
		x := m.inbox[0]
		m.inbox = m.inbox[1:]
		w.deliver(m, x.bytes, "in order")
	}
}

// end brings everybody together: whatever has been done, nothing honest is lost.
func (w *fuzzWorld) end() {
	for _, g := range slices.Clone(w.groups) {
		if g.closed != nil {
			w.reinitialize(g)
		}
	}
	for _, g := range w.groups {
		for _, m := range g.active() {
			w.catchUp(m)
		}
		members := g.active()
		for _, m := range members {
			if m.Epoch() != g.epoch {
				w.t.Fatalf("%s is left behind, the others are in epoch %d", m, g.epoch)
			}
		}
		if len(members) == 0 {
			w.t.Fatalf("%s has died out", g.id)
		}
		w.commit(members[0], CommitOptions{}) // which may close the group
		for _, m := range members {
			w.catchUp(m)
		}
		for _, m := range g.active() {
			w.say(m)
		}
		for _, m := range g.active() {
			w.catchUp(m)
			if m.Epoch() != g.epoch || m.summarize() != g.summary[g.epoch] {
				w.t.Fatalf("%s does not agree at the end", m)
			}
			if n := len(g.active()); m.Tree().MemberCount() != n {
				w.t.Fatalf("%s sees %d members, there are %d", m, m.Tree().MemberCount(), n)
			}
		}
	}
}

// leafOf is for attacks: the leaf index of somebody who is not among some.
func (m *fuzzMember) leafOf(not ...tree.LeafIndex) (tree.LeafIndex, bool) {
	for i := range m.Members() {
		if !slices.Contains(not, i) {
			return i, true
		}
	}
	return 0, false
}
