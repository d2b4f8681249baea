package group

import (
	"bytes"
	"math"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

const (
	formatPublic  = message.WireFormatPublicMessage
	formatPrivate = message.WireFormatPrivateMessage
)

// said is an attack by a message of mallory's by itself.
func said(name string, t message.ContentType, change func(i *insider, c *message.FramedContent, o *fuzzSeal)) insiderAttack {
	return insiderAttack{name, func(i *insider) ([]byte, error) {
		var o fuzzSeal
		return i.seal(i.sign(formatPrivate, t, func(c *message.FramedContent) { change(i, c, &o) }), o), nil
	}}
}

// spoken is a public proposal whose content is changed before the signature.
func spoken(name string, change func(i *insider, c *message.FramedContent)) insiderAttack {
	return insiderAttack{"public: " + name, func(i *insider) ([]byte, error) {
		return i.public(i.sign(formatPublic, message.ContentProposal, func(c *message.FramedContent) { change(i, c) })), nil
	}}
}

// recent picks an honest message of the epoch whose content mallory has.
func (i *insider) recent(accept func(x *fuzzSent) bool) *fuzzSent {
	var found []*fuzzSent
	for _, x := range i.in.group.wire {
		if x.epoch == i.in.Epoch() && x.content != nil && x.by != i.in && accept(x) {
			found = append(found, x)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fuzzPick(i.s, found)
}

// abroad picks an honest message of another group whose content mallory has.
func (i *insider) abroad() *fuzzSent {
	var found []*fuzzSent
	for _, g := range i.w.all {
		for _, x := range g.wire {
			if g != i.in.group && g.realm == i.realm && x.content != nil && x.by != nil && x.by != i.in {
				found = append(found, x)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fuzzPick(i.s, found)
}

// messageAttacks are what mallory tries with messages by themselves.
var messageAttacks = slices.Concat(contentAttacks, proposalAttacks)

var contentAttacks = []insiderAttack{
	// "Content Encryption" (6.3.1), "Sender Data Encryption" (6.3.2).
	said("padding", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		o.padding = make([]byte, 1+i.s.n(40))
		o.padding[len(o.padding)-1] = 1
	}),
	said("in the name of another", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		if third, ok := i.third(); ok {
			o.leaf, c.Sender = &third, message.Member(third)
		} else {
			o.padding = []byte{1}
		}
	}),
	said("with another's keys", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		if third, ok := i.third(); ok {
			o.leaf = &third
		} else {
			o.padding = []byte{1}
		}
	}),
	said("in the name of the victim", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		me := i.victim.Me()
		o.leaf, c.Sender = &me, message.Member(me)
	}),
	said("in the name of nobody", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		nobody := tree.LeafIndex(i.e.tree.LeafCount()) + tree.LeafIndex(i.s.n(3))
		if i.s.chance(4) {
			nobody = math.MaxUint32
		}
		for l := range tree.LeafIndex(i.e.tree.LeafCount()) {
			if i.e.tree.Leaf(l) == nil && i.s.chance(2) {
				nobody = l // whose ratchets all members have
			}
		}
		o.leaf, c.Sender = &nobody, message.Member(nobody)
	}),
	said("far ahead", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		g := i.expected(schedule.Application) + schedule.MaxForward + 1
		o.key = i.keyAt(g)
		if i.s.chance(4) {
			g = math.MaxUint32
		}
		o.generation = &g
	}),
	said("padding, a little ahead", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		g := i.nextFor() + uint32(i.s.n(30))
		o.generation, o.padding = &g, []byte{0, 0, 2}
	}),
	said("authenticated data", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		o.header = func(m *message.PrivateMessage) { m.AuthenticatedData = []byte("other") }
	}),
	said("content type", message.ContentProposal, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		o.header = func(m *message.PrivateMessage) { m.ContentType = message.ContentCommit }
	}),
	said("epoch outside", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		o.header = func(m *message.PrivateMessage) { m.Epoch-- }
	}),
	said("epoch inside", message.ContentApplication, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		c.Epoch++
		o.header = func(m *message.PrivateMessage) { m.Epoch-- }
	}),
	said("group inside", message.ContentProposal, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		id := c.GroupID
		c.GroupID = []byte("x")
		o.header = func(m *message.PrivateMessage) { m.GroupID = id }
	}),
	said("group outside", message.ContentProposal, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		o.header = func(m *message.PrivateMessage) { m.GroupID = []byte("x") }
	}),
	said("self_remove, encrypted", message.ContentProposal, func(i *insider, c *message.FramedContent, o *fuzzSeal) {
		c.Proposal = &message.SelfRemove{}
	}),
	{"with a used key", func(i *insider) ([]byte, error) {
		// A second message of a generation that the victim has had, of a ratchet that
		// mallory kept from before.
		a := i.sign(formatPrivate, message.ContentApplication, nil)
		next := i.expected(schedule.Application)
		if next == 0 {
			return nil, errNotNow
		}
		g := uint32(i.s.n(int(next)))
		return i.seal(a, fuzzSeal{generation: &g}), nil
	}},
	{"signed for the other format", func(i *insider) ([]byte, error) {
		if i.s.chance(2) {
			return i.seal(i.sign(formatPublic, message.ContentProposal, nil), fuzzSeal{}), nil
		}
		return i.public(i.sign(formatPrivate, message.ContentProposal, nil)), nil
	}},
	{"old sender data key", func(i *insider) ([]byte, error) {
		old := i.in.group.oldKeys
		if len(old) == 0 {
			return nil, errNotNow
		}
		return i.seal(i.sign(formatPrivate, message.ContentApplication, nil), fuzzSeal{senderData: fuzzPick(i.s, old).senderData}), nil
	}},

	// "Membership Tag" and "Content Authentication" (6.1, 6.2).
	{"old membership key", func(i *insider) ([]byte, error) {
		old := i.in.group.oldKeys
		if len(old) == 0 {
			return nil, errNotNow
		}
		return i.publicWith(i.sign(formatPublic, message.ContentProposal, nil), fuzzPick(i.s, old).membership), nil
	}},
	{"application data in the open", func(i *insider) ([]byte, error) {
		return i.public(i.sign(formatPublic, message.ContentApplication, nil)), nil
	}},
	spoken("in the name of another", func(i *insider, c *message.FramedContent) {
		c.Sender.Index = 9
		if third, ok := i.third(); ok {
			c.Sender = message.Member(third)
		}
	}),
	spoken("in the name of the victim", func(i *insider, c *message.FramedContent) { c.Sender = message.Member(i.victim.Me()) }),
	spoken("external sender", func(i *insider, c *message.FramedContent) {
		c.Sender, c.Proposal = message.External(uint32(i.s.n(2))), &message.Remove{Removed: i.victim.Me()}
	}),
	{"external sender who commits", func(i *insider) ([]byte, error) {
		if !i.in.group.open {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i, content: func(f *message.FramedContent) { f.Sender = message.External(0) }, by: i.realm.server}
		return c.make()
	}},
	{"external sender's proposal of what it may not", func(i *insider) ([]byte, error) {
		if !i.in.group.open {
			return nil, errNotNow
		}
		a := i.sign(formatPublic, message.ContentProposal, func(c *message.FramedContent) {
			c.Sender, c.Proposal = message.External(0), fuzzPick(i.s, []message.Proposal{i.update(nil), &message.SelfRemove{}})
		})
		i.resign(a, i.realm.server)
		return i.public(a), nil
	}},
	{"external sender's proposal, signed by mallory", func(i *insider) ([]byte, error) {
		if !i.in.group.open {
			return nil, errNotNow
		}
		return i.public(i.sign(formatPublic, message.ContentProposal, func(c *message.FramedContent) { c.Sender = message.External(0) })), nil
	}},
	spoken("stranger who asks to be added", func(i *insider, c *message.FramedContent) {
		c.Sender = message.Sender{Type: message.SenderNewMemberProposal}
		c.Proposal = &message.Add{KeyPackage: i.keyPackageOf(i.in.peer, i.in.cfg.Signer, nil)}
	}),
	spoken("stranger who removes", func(i *insider, c *message.FramedContent) {
		c.Sender, c.Proposal = message.Sender{Type: message.SenderNewMemberProposal}, &message.Remove{Removed: i.victim.Me()}
	}),
	spoken("joiner who proposes", func(i *insider, c *message.FramedContent) {
		c.Sender = message.Sender{Type: message.SenderNewMemberCommit}
	}),
	spoken("next epoch", func(i *insider, c *message.FramedContent) { c.Epoch++ }),
	spoken("last epoch", func(i *insider, c *message.FramedContent) { c.Epoch-- }),
	spoken("other group", func(i *insider, c *message.FramedContent) { c.GroupID = []byte("x") }),
	{"honest content in another format", func(i *insider) ([]byte, error) {
		x := i.recent(func(x *fuzzSent) bool { return x.kind != message.ContentApplication && x.by != nil })
		if x == nil {
			return nil, errNotNow
		}
		if x.private {
			return i.public(x.content), nil
		}
		leaf, _ := x.sender.Leaf()
		return i.seal(x.content, fuzzSeal{leaf: &leaf}), nil
	}},
	{"content of another group", func(i *insider) ([]byte, error) {
		// Mallory is in both, and so is who said it, with one signature key.
		x := i.abroad()
		if x == nil {
			return nil, errNotNow
		}
		var leaf *tree.LeafIndex
		for l, n := range i.in.Members() {
			if l != i.victim.Me() && string(n.Credential.Identity) == x.by.peer.name {
				leaf = &l
			}
		}
		if leaf == nil {
			return nil, errNotNow
		}
		a := *x.content
		a.Content.Sender = message.Member(*leaf)
		if i.s.n(4) > 0 {
			a.Content.GroupID, a.Content.Epoch = i.e.context.GroupID, i.e.context.Epoch
		}
		if x.private {
			return i.seal(&a, fuzzSeal{leaf: leaf}), nil
		}
		return i.public(&a), nil
	}},
	{"honest proposal, encrypted again", func(i *insider) ([]byte, error) {
		x := i.recent(func(x *fuzzSent) bool {
			return x.kind == message.ContentProposal && x.private && (i.victim.accepted[x] || x.by == i.victim)
		})
		if x == nil {
			return nil, errNotNow
		}
		leaf, _ := x.sender.Leaf()
		return i.seal(x.content, fuzzSeal{leaf: &leaf}), nil
	}},
	{"honest content with other data", func(i *insider) ([]byte, error) {
		x := i.recent(func(x *fuzzSent) bool { return x.private && x.by != i.victim })
		if x == nil {
			return nil, errNotNow
		}
		a := *x.content
		switch i.s.n(3) {
		case 0:
			a.Content.AuthenticatedData = []byte("other")
		case 1:
			a.Content.ContentType, a.Content.ApplicationData = message.ContentApplication, []byte("other")
		case 2:
			a.Content.ContentType, a.Content.Proposal = message.ContentProposal, i.psk("psk")
		}
		leaf, _ := x.sender.Leaf()
		return i.seal(&a, fuzzSeal{leaf: &leaf}), nil
	}},
	{"honest content, changed, with a valid tag", func(i *insider) ([]byte, error) {
		x := i.recent(func(x *fuzzSent) bool { return !x.private })
		if x == nil {
			return nil, errNotNow
		}
		for range 8 {
			_, m := i.w.restructure(x, fuzzPick(i.s, i.in.group.wire))
			public := m.Body.(*message.PublicMessage)
			a := &message.AuthenticatedContent{WireFormat: formatPublic, Content: public.Content, Auth: public.Auth}
			if msg := i.public(a); !bytes.Equal(msg, x.bytes) {
				return msg, nil
			}
		}
		return nil, errNotNow
	}},
}

// keyAt is mallory's own key of a generation, however far ahead.
func (i *insider) keyAt(generation uint32) *schedule.Key {
	copied := i.in.load()
	for {
		g, key, err := copied.current.keys.NextKey(i.in.Me(), schedule.Application)
		i.must(err)
		if g >= generation {
			return &key
		}
	}
}

// expected is the generation that the victim expects of mallory next.
func (i *insider) expected(kind schedule.Kind) uint32 {
	return uint32(i.victim.next[ratchetOf(i.in, i.in.Me(), kind)])
}

// nextFor is one that mallory has not used, and the victim neither.
func (i *insider) nextFor() uint32 {
	return max(i.expected(schedule.Application), i.nextOf(i.in.Me(), schedule.Application))
}
