package group

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestRandomGroups has up to eight clients do what they like, and checks after each
// Commit that all members agree about everything, and that each message is read
// exactly once by everybody, late and out of order too.
func TestRandomGroups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r, rapid.SampledFrom([]suite.ID{suite.X25519_AES128GCM_SHA256_Ed25519, suite.P256_AES128GCM_SHA256_P256}).Draw(r, "suite"), rapid.Uint64().Draw(r, "seed"))
		w.psks["known to all"] = []byte("secret")
		g := &randomGroup{world: w, r: r, all: w.clients("a b c d e f g h")}
		g.all[0].create(CreateOptions{})
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			g.step()
		}
		g.readAll()
	})
}

type randomGroup struct {
	*world
	r    *rapid.T
	all  []*peer
	sent []*sentMessage // and not read by all
}

type sentMessage struct {
	msg, data []byte
	from      tree.LeafIndex
	epoch     uint64
	readers   []*peer // who have not read it
}

func (g *randomGroup) one(label string, of []*peer) *peer {
	return rapid.SampledFrom(of).Draw(g.r, label)
}

func (g *randomGroup) outsiders() []*peer {
	return slices.DeleteFunc(slices.Clone(g.all), func(c *peer) bool { return c.State != nil })
}

func (g *randomGroup) step() {
	in := members(g.all)
	by := g.one("by", in)
	switch rapid.SampledFrom([]string{"commit", "propose", "update", "send", "read", "race", "resync"}).Draw(g.r, "step") {
	case "commit":
		o := CommitOptions{
			ByValue:  g.proposals(by),
			Leaf:     g.change(by),
			OmitPath: rapid.Bool().Draw(g.r, "omit path"),
			Public:   rapid.Bool().Draw(g.r, "public"),
		}
		g.commit(by, g.all, o)
		g.gone()
	case "propose":
		for _, p := range g.proposals(by) {
			g.propose(by, g.all, p)
		}
	case "update":
		msg, err := by.ProposeUpdate(g.change(by), ProposalOptions{Public: rapid.Bool().Draw(g.r, "public")})
		if err != nil {
			g.r.Fatalf("update: %v", err)
		}
		g.tell(by, g.all, msg)
	case "send":
		if len(by.Waiting()) > 0 {
			return
		}
		data := fmt.Appendf(nil, "%s %d", by.name, len(g.sent))
		msg, err := by.Protect(data, nil)
		if err != nil {
			g.r.Fatalf("send: %v", err)
		}
		m := &sentMessage{msg: msg, data: data, from: by.Me(), epoch: by.Epoch()}
		for _, c := range in {
			if c != by {
				m.readers = append(m.readers, c)
			}
		}
		g.sent = append(g.sent, m)
	case "read":
		if len(g.sent) > 0 {
			g.read(rapid.SampledFrom(g.sent).Draw(g.r, "message"))
		}
	case "race":
		// Two commit at once, and the others follow the first.
		other := g.one("other", in)
		if other == by {
			return
		}
		p, err := by.Commit(CommitOptions{})
		if err != nil {
			g.r.Fatalf("race: %v", err)
		}
		q, err := other.Commit(CommitOptions{})
		if err != nil {
			g.r.Fatalf("race: %v", err)
		}
		lost := g.follow(by, g.all, p)
		if lost.Epoch != p.next.context.Epoch {
			g.r.Fatalf("epoch %d", lost.Epoch)
		}
		if other.State != nil {
			if _, err := other.Merge(q); err == nil {
				g.r.Fatal("a commit that lost was merged")
			}
		}
		if _, err := by.Process(q.Message); err == nil {
			g.r.Fatal("a commit that lost was followed")
		}
		g.gone()
	case "resync":
		g.resync(by)
	}
}

// proposals are some that by can make.
func (g *randomGroup) proposals(by *peer) []message.Proposal {
	var out []message.Proposal
	waiting := func(leaf tree.LeafIndex) bool { // somebody has asked for its removal
		return slices.ContainsFunc(by.Waiting(), func(p Covered) bool {
			q, ok := p.Proposal.(*message.Remove)
			return ok && q.Removed == leaf
		})
	}
	added := func(c *peer) bool {
		return slices.ContainsFunc(by.Waiting(), func(p Covered) bool {
			q, ok := p.Proposal.(*message.Add)
			return ok && string(q.KeyPackage.LeafNode.Credential.Identity) == c.name
		})
	}
	if c := g.outsiders(); len(c) > 0 && rapid.Bool().Draw(g.r, "add") {
		if c := g.one("added", c); !added(c) {
			out = append(out, adds(c)...)
		}
	}
	if rapid.Bool().Draw(g.r, "remove") {
		if c := g.one("removed", members(g.all)); c != by && !waiting(c.Me()) {
			out = append(out, &message.Remove{Removed: c.Me()})
		}
	}
	if rapid.Bool().Draw(g.r, "psk") {
		out = append(out, &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("known to all")}})
	}
	return out
}

// change is a change of by's leaf: sometimes a new signature key.
func (g *randomGroup) change(by *peer) *LeafChange {
	if !rapid.Bool().Draw(g.r, "new signature key") {
		return nil
	}
	return &LeafChange{Signer: by.newSigner()}
}

// gone forgets messages of those who are no members any more, or too old.
func (g *randomGroup) gone() {
	g.sent = slices.DeleteFunc(g.sent, func(m *sentMessage) bool {
		m.readers = slices.DeleteFunc(m.readers, func(c *peer) bool {
			return c.State == nil || c.Epoch() > m.epoch+uint64(DefaultLimits.PastEpochs) || c.past != nil && c.past[len(c.past)-1].context.Epoch > m.epoch || c.past == nil && c.Epoch() > m.epoch
		})
		return len(m.readers) == 0
	})
}

func (g *randomGroup) read(m *sentMessage) {
	for _, c := range m.readers {
		event, err := c.Process(m.msg)
		if err != nil {
			g.r.Fatalf("%s in epoch %d reads a message of %d: %v", c.name, c.Epoch(), m.epoch, err)
		}
		got := event.(*Application)
		if !bytes.Equal(got.Data, m.data) || got.Sender != m.from || got.Epoch != m.epoch {
			g.r.Fatalf("%s reads %q", c.name, got.Data)
		}
		if _, err := c.Process(m.msg); err == nil {
			g.r.Fatalf("%s reads a message twice", c.name)
		}
	}
	g.sent = slices.DeleteFunc(g.sent, func(n *sentMessage) bool { return n == m })
}

func (g *randomGroup) readAll() {
	for len(g.sent) > 0 {
		g.read(g.sent[len(g.sent)-1])
	}
}

// resync has a member lose its state and come back by an external Commit.
func (g *randomGroup) resync(c *peer) {
	in := members(g.all)
	if len(in) < 2 {
		return
	}
	helper := in[0]
	if helper == c {
		helper = in[1]
	}
	info, err := helper.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		g.r.Fatalf("group info: %v", err)
	}
	c.State = nil
	state, msg, err := JoinExternal(c.cfg, info, ExternalOptions{
		JoinOptions: JoinOptions{AllowExpired: true},
		Leaf:        c.leaf(),
		Resync:      func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == c.name },
	})
	if err != nil {
		g.r.Fatalf("join: %v", err)
	}
	g.tell(c, g.all, msg)
	c.State = state
	g.agree(g.all)
	g.gone()
	for _, m := range g.sent { // what it has not read it never will
		m.readers = slices.DeleteFunc(m.readers, func(r *peer) bool { return r == c })
	}
	g.gone()
}
