package group

import (
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// joinExternal has a client enter by an external Commit, on the word of a member.
func (w *fuzzWorld) joinExternal(m *fuzzMember, c *peer) {
	g := m.group
	old := g.of(c)
	if old == m {
		return
	}
	info, err := m.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if m.over() {
		w.shut(m, "invites", err)
		return
	}
	if err != nil {
		w.t.Fatal(err)
	}
	o := ExternalOptions{Leaf: c.leaf(), AAD: []byte("here I am")}
	x := &fuzzSent{group: g, epoch: m.Epoch(), kind: message.ContentCommit, sender: message.Sender{Type: message.SenderNewMemberCommit}, aad: o.AAD}
	for i, leaf := range m.Members() {
		if string(leaf.Credential.Identity) == c.name {
			o.Resync = func(l *tree.LeafNode) bool { return l.Equal(leaf) }
			x.removes = append(x.removes, i)
		}
	}
	if len(x.removes) > 0 && c == m.peer {
		return
	}
	c.w.asked[c.name] = nil
	state, msg, err := JoinExternal(c.cfg, info, o)
	if err != nil {
		w.t.Fatalf("%s joins %s by an external commit: %v", c.name, g.id, err)
	}
	w.joinerAsked(c, m, state, x.removes)
	x.bytes, x.lost = msg, m.Epoch() != g.epoch
	if x.lost {
		w.sent(x)
		return
	}
	w.keepOld(g)
	if old != nil {
		old.lost = true
	}
	w.sent(x)
	joiner := w.enter(g, c, state)
	w.newest(joiner)
}

// senders is the extension that names the server as an external sender.
func (r *fuzzRealm) senders() tree.Extension {
	var x syntax.Writer
	x.Nested(func(x *syntax.Writer) {
		x.Vector(r.server.Public())
		c := tree.BasicCredential([]byte("server"))
		c.Marshal(x)
	})
	return tree.Extension{Type: tree.ExtensionExternalSenders, Data: x.Bytes()}
}

// proposeOutside has the server propose something.
func (w *fuzzWorld) proposeOutside(g *fuzzGroup) {
	if !g.open || g.closed != nil {
		return
	}
	m := g.current()[0]
	p := w.proposal(m)
	if q, ok := p.(*message.PreSharedKey); ok && q.PSK.FreshNonce(g.realm.suite, w.rand) != nil || p == nil {
		return
	}
	if q, ok := p.(*message.Remove); ok && q.Removed == 0 { // the policy's
		return
	}
	if _, ok := p.(*message.AppDataUpdate); ok { // of a list of components, which is the members'
		return
	}
	to := Target{GroupID: g.id, Epoch: g.epoch, AAD: []byte("outside")}
	for range 1 + w.s.n(2) { // it may say the same again
		msg, err := ProposeExternal(g.realm.suite, g.realm.server, to, 0, p)
		if err != nil {
			return // not for external senders
		}
		a := w.opened(&fuzzSent{bytes: msg, group: g})
		w.sent(&fuzzSent{bytes: msg, group: g, epoch: g.epoch, kind: message.ContentProposal, sender: message.External(0), ref: a.Ref(g.realm.suite), aad: to.AAD})
	}
}
