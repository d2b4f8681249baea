package group

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// What somebody without keys does to messages on their way.

// mutate changes bytes.
func (w *fuzzWorld) mutate(msg []byte) []byte {
	b, s := bytes.Clone(msg), w.s
	for range 1 + s.n(2) {
		if len(b) == 0 {
			break
		}
		at := s.n(min(len(b), 1<<16))
		switch s.n(6) {
		case 0:
			b[at] ^= 1 << s.n(8)
		case 1:
			b[at] = byte(s.n(256))
		case 2:
			b = b[:at]
		case 3:
			b = append(b, make([]byte, 1+s.n(40))...)
		case 4:
			b = slices.Delete(b, at, min(len(b), at+1+s.n(8)))
		case 5:
			if others := fuzzPick(s, w.groups).wire; len(others) > 0 {
				other := fuzzPick(s, others).bytes
				b = append(b[:at], other[min(at, len(other)):]...)
			}
		}
	}
	return b
}

// restructure parses a message, changes a field, and writes it again. It returns the
// message too, with its content changed, for who has keys.
func (w *fuzzWorld) restructure(x, other *fuzzSent) ([]byte, *message.MLSMessage) {
	m, err := message.Parse(bytes.Clone(x.bytes))
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := message.Parse(bytes.Clone(other.bytes))
	if err != nil {
		w.t.Fatal(err)
	}
	switch body := m.Body.(type) {
	case *message.PrivateMessage:
		w.changePrivate(body, o)
	case *message.PublicMessage:
		w.changePublic(body, o)
	}
	return m.Bytes(), m
}

func (w *fuzzWorld) changePrivate(m *message.PrivateMessage, other *message.MLSMessage) {
	s := w.s
	o, private := other.Body.(*message.PrivateMessage)
	switch s.n(8) {
	case 0:
		m.GroupID = fuzzPick(s, w.groups).id
	case 1:
		m.Epoch += uint64(s.n(4)) - 2
	case 2:
		m.ContentType = message.ContentType(1 + s.n(3))
	case 3:
		m.AuthenticatedData = append(m.AuthenticatedData, 'x')
	case 4:
		if private {
			m.EncryptedSenderData = o.EncryptedSenderData
		}
	case 5:
		if private {
			m.Ciphertext = o.Ciphertext
		}
	case 6:
		if private {
			m.AuthenticatedData, m.Epoch = o.AuthenticatedData, o.Epoch
		}
	case 7: // behind the sample that the sender data's key is made of
		if n := len(m.Ciphertext); n > 40 {
			m.Ciphertext[40+s.n(n-40)] ^= 1
		}
	}
}

func (w *fuzzWorld) changePublic(m *message.PublicMessage, other *message.MLSMessage) {
	s := w.s
	o, public := other.Body.(*message.PublicMessage)
	c := &m.Content
	switch s.n(14) {
	case 0:
		c.GroupID = fuzzPick(s, w.groups).id
	case 1:
		c.Epoch += uint64(s.n(4)) - 2
	case 2:
		c.Sender.Index = uint32(s.n(6))
	case 3:
		c.Sender = message.Sender{Type: message.SenderType(1 + s.n(4)), Index: uint32(s.n(3))}
	case 4:
		c.AuthenticatedData = append(c.AuthenticatedData, 'x')
	case 5:
		if public {
			m.Auth.Signature = o.Auth.Signature
		}
	case 6:
		if public && len(o.Auth.ConfirmationTag) > 0 {
			m.Auth.ConfirmationTag = o.Auth.ConfirmationTag
		}
	case 7:
		if public {
			m.MembershipTag = o.MembershipTag
		}
	case 8:
		if len(m.Auth.ConfirmationTag) > 0 {
			m.Auth.ConfirmationTag[s.n(len(m.Auth.ConfirmationTag))] ^= 1
		}
	case 9:
		*c = message.FramedContent{GroupID: c.GroupID, Epoch: c.Epoch, Sender: c.Sender, ContentType: message.ContentApplication, ApplicationData: []byte("?")}
		m.Auth.ConfirmationTag = nil
	case 10, 11:
		if c.Commit != nil {
			w.changeList(c.Commit)
		} else if c.Proposal != nil {
			c.Proposal = &message.Remove{Removed: tree.LeafIndex(s.n(6))}
		}
	default:
		if c.Commit != nil && c.Commit.Path != nil {
			w.changePath(c.Commit.Path)
		}
	}
}

// changeList changes the list of proposals of a Commit.
func (w *fuzzWorld) changeList(c *message.Commit) {
	s := w.s
	at := s.n(len(c.Proposals) + 1)
	switch s.n(4) {
	case 0:
		c.Proposals = slices.Insert(c.Proposals, at, message.ProposalOrRef{Proposal: &message.Remove{Removed: tree.LeafIndex(s.n(6))}})
	case 1:
		if at < len(c.Proposals) {
			c.Proposals = slices.Delete(c.Proposals, at, at+1)
		}
	case 2:
		if at < len(c.Proposals) {
			c.Proposals = slices.Insert(c.Proposals, at, c.Proposals[at])
		}
	case 3:
		slices.Reverse(c.Proposals)
	}
}

// changePath changes an UpdatePath.
func (w *fuzzWorld) changePath(p *treekem.UpdatePath) {
	s := w.s
	if len(p.Nodes) == 0 {
		p.LeafNode.Source = tree.SourceUpdate
		return
	}
	at := s.n(len(p.Nodes))
	n := &p.Nodes[at]
	switch s.n(9) {
	case 0:
		slices.Reverse(p.Nodes)
	case 1:
		p.Nodes = slices.Delete(p.Nodes, at, at+1)
	case 2:
		p.Nodes = slices.Insert(p.Nodes, at, *n)
	case 3:
		n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret...)
	case 4:
		slices.Reverse(n.EncryptedPathSecret)
	case 5:
		n.EncryptionKey = p.LeafNode.EncryptionKey
	case 6:
		p.LeafNode.ParentHash = append([]byte{1}, p.LeafNode.ParentHash...)
	case 7:
		p.LeafNode.Source = tree.SourceKeyPackage
	case 8:
		if len(n.EncryptedPathSecret) > 0 {
			c := n.EncryptedPathSecret[0].Ciphertext
			c[s.n(len(c))] ^= 1
		}
	}
}

// attackOnTheWay delivers something of the wire otherwise than it was sent.
func (w *fuzzWorld) attackOnTheWay() {
	s := w.s
	g := fuzzPick(s, w.all)
	if len(g.wire) == 0 {
		return
	}
	// Mostly what is new: the rest is of epochs that are over.
	recent := g.wire[max(0, len(g.wire)-12):]
	if s.chance(4) {
		recent = g.wire
	}
	x, other := fuzzPick(s, recent), fuzzPick(s, recent)
	m := fuzzPick(s, g.members)
	if m.lost {
		return
	}
	switch s.n(8) {
	case 0, 1:
		w.deliver(m, w.mutate(x.bytes), "changed bytes")
	case 2, 3:
		b, _ := w.restructure(x, other)
		w.deliver(m, b, "changed field")
	case 4:
		w.deliver(m, x.bytes, "replayed or reordered")
	case 5:
		for range 1 + s.n(4) {
			w.deliver(m, fuzzPick(s, recent).bytes, "replayed or reordered")
		}
	case 6:
		// Parent and branch, old group and successor, or two without a common past.
		if h := fuzzPick(s, w.all); h != g {
			if wrong := fuzzPick(s, h.members); !wrong.lost {
				w.deliver(wrong, x.bytes, "another group")
			}
		}
	case 7:
		w.outOfPlace(m, x)
	}
}

// outOfPlace delivers other kinds of messages, and messages as other kinds.
func (w *fuzzWorld) outOfPlace(m *fuzzMember, x *fuzzSent) {
	b := bytes.Clone(x.bytes)
	switch w.s.n(4) {
	case 0:
		b[3] ^= 3 // public is private, and the other way round
	case 1:
		b[3] = byte(w.s.n(7))
	case 2:
		if len(m.group.welcomes) > 0 {
			b = fuzzPick(w.s, m.group.welcomes)
		}
	case 3:
		b = message.Wrap(w.keyPackage(m.peer)).Bytes()
	}
	w.deliver(m, b, "out of place")
}

// attackGroupInfo changes a GroupInfo on its way to somebody who joins.
func (w *fuzzWorld) attackGroupInfo() {
	g := fuzzPick(w.s, w.groups)
	all := g.current()
	m := fuzzPick(w.s, all)
	if m.over() {
		return
	}
	info, err := m.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		w.t.Fatal(err)
	}
	encoded := syntax.Marshal(info)
	changed := w.mutate(encoded)
	if bytes.Equal(changed, encoded) {
		return
	}
	into := new(message.GroupInfo)
	if syntax.Unmarshal(changed, into) != nil {
		return
	}
	c := fuzzPick(w.s, g.realm.clients)
	w.made["changed GroupInfo"]++
	if _, _, err := JoinExternal(c.cfg, into, ExternalOptions{Leaf: c.leaf()}); err == nil {
		w.t.Fatalf("%s joins by a changed GroupInfo", c.name)
	}
}
