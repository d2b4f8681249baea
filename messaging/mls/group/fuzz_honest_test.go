package group

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func (w *fuzzWorld) adds(clients ...*peer) []message.Proposal {
	var out []message.Proposal
	for _, c := range clients {
		out = append(out, &message.Add{KeyPackage: w.keyPackage(c)})
	}
	return out
}

// keyPackage makes a KeyPackage and keeps its private keys.
func (w *fuzzWorld) keyPackage(c *peer) *message.KeyPackage {
	public := c.keyPackage()
	w.kps[string(public.LeafNode.EncryptionKey)] = c.kp
	return public
}

// say sends application data.
func (w *fuzzWorld) say(m *fuzzMember) {
	data, aad := fmt.Appendf(nil, "data %d", w.sends), fmt.Appendf(nil, "aad %d", w.sends%3)
	generation := m.generation(schedule.Application)
	msg, err := m.Protect(data, aad)
	if m.over() {
		w.shut(m, "sends", err)
		return
	}
	if len(m.Waiting()) > 0 {
		if err == nil {
			w.t.Fatalf("%s sends while proposals wait", m)
		}
		return
	}
	if err != nil {
		w.t.Fatalf("%s sends: %v", m, err)
	}
	w.sent(&fuzzSent{bytes: msg, group: m.group, epoch: m.Epoch(), kind: message.ContentApplication, by: m,
		sender: message.Member(m.Me()), private: true, generation: generation, data: data, aad: aad})
}

// gaps are numbers of messages that get lost between two.
var gaps = []int{0, 1, 40, schedule.Window - 3, schedule.Window - 2, schedule.Window - 1, schedule.Window, schedule.MaxForward - 1, schedule.MaxForward, schedule.MaxForward + 1}

// late has a member send three messages, the last after a gap. One who gets them in
// another order takes what is within the bounds of the ratchet.
func (w *fuzzWorld) late(m, to *fuzzMember, gap int) {
	if m == to || m.Removed() || to.Removed() || m.over() || m.Epoch() != to.Epoch() || len(m.Waiting()) > 0 {
		return
	}
	at := len(m.group.wire)
	w.say(m)
	w.say(m)
	w.burn(m, gap)
	w.say(m)
	three := m.group.wire[at:]
	orders := [][]int{{1, 2, 0}, {2, 1, 0}, {2, 0, 1}, {1, 0, 2}}
	for _, n := range fuzzPick(w.s, orders) {
		w.deliver(to, three[n].bytes, "late")
	}
}

// old keeps messages from a member for so long that the first ones are of epochs that
// it has forgotten.
func (w *fuzzWorld) old(g *fuzzGroup) {
	w.end()
	if g.closed != nil {
		return
	}
	all := g.current()
	by, to := all[0], all[len(all)-1]
	var kept []*fuzzSent
	for range DefaultLimits.PastEpochs + 3 {
		if by == to || by.Removed() || to.Removed() || by.over() || len(by.Waiting()) > 0 {
			return
		}
		w.say(by)
		kept = append(kept, to.inbox[len(to.inbox)-1])
		to.inbox = to.inbox[:len(to.inbox)-1]
		w.commit(by, CommitOptions{})
		w.catchUp(to)
	}
	for _, x := range kept {
		w.deliver(to, x.bytes, "late by epochs")
	}
}

// removed has a member removed, and goes on telling it everything.
func (w *fuzzWorld) removed(g *fuzzGroup) {
	w.end()
	all := g.current()
	by, out := all[0], all[len(all)-1]
	if g.closed != nil || by == out || len(all) < 3 || out.Me() == 0 {
		return
	}
	w.say(by)
	w.commit(by, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: out.Me()}}})
	if by.Epoch() != g.epoch || by.Member(out.Me()) != nil {
		return
	}
	w.catchUp(out)
	w.say(by)
	w.commit(by, CommitOptions{Public: true})
	for _, x := range g.wire[max(0, len(g.wire)-20):] {
		w.deliver(out, x.bytes, "to one who was removed")
	}
	if _, err := out.Protect(nil, nil); err == nil {
		w.t.Fatalf("%s sends", out)
	}
	out.restart()
}

// burn uses up keys of a member's that no message is ever sent with.
func (w *fuzzWorld) burn(m *fuzzMember, n int) {
	for range n {
		_, key, err := m.current.keys.NextKey(m.Me(), schedule.Application)
		if err != nil {
			w.t.Fatal(err)
		}
		key.Erase()
	}
}

// propose sends a proposal, if it is one that m's own code lets it make.
func (w *fuzzWorld) propose(m *fuzzMember) {
	o := ProposalOptions{Public: w.s.chance(2), AAD: fmt.Appendf(nil, "aad %d", w.sends%3)}
	m.forgetAsked()
	generation := m.generation(schedule.Handshake)
	var msg []byte
	var err error
	if p := w.proposal(m); p != nil {
		msg, err = m.Propose(p, o)
	} else {
		msg, err = m.ProposeUpdate(nil, o)
	}
	if m.over() {
		w.shut(m, "proposes", err)
	}
	if err != nil {
		return // not a proposal for this epoch
	}
	waiting := m.Waiting()
	p := waiting[len(waiting)-1]
	w.fresh(p.Proposal)
	w.wereAsked(m, "own proposal", w.brought(m, &Proposed{Covered: p}, true))
	w.sent(&fuzzSent{bytes: msg, group: m.group, epoch: m.Epoch(), kind: message.ContentProposal, by: m,
		sender: p.Sender, private: fuzzPrivate(msg), generation: generation, ref: p.Ref, aad: o.AAD})
}

// fresh fails if a pre-shared key is used with a nonce that was used before.
func (w *fuzzWorld) fresh(p message.Proposal) {
	if q, ok := p.(*message.PreSharedKey); ok {
		w.freshNonce(q.PSK.Nonce)
	}
}

func (w *fuzzWorld) freshNonce(nonce []byte) {
	if w.nonces[string(nonce)] {
		w.t.Fatalf("psk_nonce %x is used twice", nonce)
	}
	w.nonces[string(nonce)] = true
}

func fuzzPrivate(msg []byte) bool { return msg[3] == byte(message.WireFormatPrivateMessage) }

// proposal picks a proposal; nil is an Update.
func (w *fuzzWorld) proposal(m *fuzzMember) message.Proposal {
	switch w.s.n(9) {
	case 0:
		for _, c := range m.group.realm.clients {
			if m.group.of(c) == nil {
				return &message.Add{KeyPackage: w.keyPackage(c)}
			}
		}
	case 1:
		if i := tree.LeafIndex(w.s.n(6)); m.Member(i) != nil && m.Tree().MemberCount() > 3 {
			return &message.Remove{Removed: i}
		}
	case 2:
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("psk")}}
	case 3:
		if m.Tree().MemberCount() > 3 {
			return &message.SelfRemove{}
		}
	case 4:
		list := component.List{component.AppComponentsID, component.ID(1 + w.s.n(4))}
		return &message.AppDataUpdate{Component: component.AppComponentsID, Update: syntax.Marshal(list)}
	case 5:
		ack := component.AppAck{Ranges: []component.MessageRange{{Sender: 0, First: 0, Last: uint32(w.s.n(4))}}}
		return &message.AppEphemeral{Component: component.AppAckID, Data: syntax.Marshal(ack)}
	case 6:
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageApplication,
			GroupID: m.group.id, Epoch: uint64(w.s.n(int(m.Epoch()) + 1))}}
	case 7:
		if w.s.chance(3) {
			return w.reInit(m.group)
		}
	}
	return nil
}

// commit sends a Commit. One that is not of the newest epoch has lost.
func (w *fuzzWorld) commit(m *fuzzMember, o CommitOptions) {
	g := m.group
	if m.Pending() != nil {
		return
	}
	generation := m.generation(schedule.Handshake)
	m.forgetAsked()
	p, err := m.Commit(o)
	if m.over() {
		w.shut(m, "commits", err)
	}
	if err != nil {
		return
	}
	w.wereAsked(m, "own commit", w.enteredBy(m.current, p.next, p.Committed))
	x := &fuzzSent{bytes: p.Message, group: g, epoch: m.Epoch(), kind: message.ContentCommit, by: m,
		sender: message.Member(m.Me()), private: fuzzPrivate(p.Message), generation: generation, aad: o.AAD, lost: m.Epoch() != g.epoch}
	for _, q := range p.Committed.Proposals {
		if q.Ref != nil {
			x.refs = append(x.refs, q.Ref)
		} else {
			w.fresh(q.Proposal)
		}
	}
	x.removes, x.reinit = p.Committed.RemovedLeaves, p.Committed.ReInit
	w.sent(x)
	if x.lost {
		return // it stays pending until the winner comes
	}
	w.keepOld(g)
	if w.s.chance(2) {
		if _, err := m.Process(p.Message); err != nil {
			w.t.Fatalf("%s merges its own commit: %v", m, err)
		}
	} else if _, err := m.Merge(p); err != nil {
		w.t.Fatal(err)
	}
	g.closed = x.reinit
	w.newest(m)
	for _, q := range p.Committed.Proposals {
		if add, ok := q.Proposal.(*message.Add); ok {
			c := g.realm.peer(string(add.KeyPackage.LeafNode.Credential.Identity))
			w.welcome(g, c, add.KeyPackage, p.Welcome, w.options(c))
		}
	}
}

// keepOld has mallory keep what she should forget.
func (w *fuzzWorld) keepOld(g *fuzzGroup) {
	for _, m := range g.active() {
		if m.mallory() {
			g.oldKeys = append(g.oldKeys, fuzzOldKeys{bytes.Clone(m.current.secrets.Membership), bytes.Clone(m.current.secrets.SenderData)})
		}
	}
}
