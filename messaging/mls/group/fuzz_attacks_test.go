package group

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// list is an attack by a list of proposals of mallory's that nobody may accept.
func list(name string, proposals func(i *insider) []message.Proposal) insiderAttack {
	return insiderAttack{name, func(i *insider) ([]byte, error) {
		all := proposals(i)
		if all == nil {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i, proposals: i.values(all...), private: i.s.chance(4)}
		return c.make()
	}}
}

// add is an attack by an Add of a KeyPackage with a fault.
func add(name string, change func(i *insider, kp *message.KeyPackage)) insiderAttack {
	return list("add: "+name, func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Add{KeyPackage: i.freshKeyPackage(func(kp *message.KeyPackage) { change(i, kp) })}}
	})
}

// flaw is an attack by a Commit that is right but for one thing.
func flaw(name string, change func(i *insider, c *fuzzCommit)) insiderAttack {
	return insiderAttack{name, func(i *insider) ([]byte, error) {
		c := fuzzCommit{insider: i}
		change(i, &c)
		return c.make()
	}}
}

// third is a member who is neither mallory nor the victim.
func (i *insider) third() (tree.LeafIndex, bool) { return i.in.leafOf(i.in.Me(), i.victim.Me()) }

// context is GroupContextExtensions with one extension more, or another one.
func (i *insider) context(x tree.Extension) *message.GroupContextExtensions {
	others := slices.DeleteFunc(slices.Clone(i.e.context.Extensions), func(e tree.Extension) bool { return e.Type == x.Type })
	return &message.GroupContextExtensions{Extensions: append(others, x)}
}

// waiting has an honest member propose, and gives it to mallory and the victim.
func (i *insider) waiting(propose func(m *fuzzMember) ([]byte, error)) ([]Covered, bool) {
	for _, m := range i.in.group.current() {
		if m == i.in || m == i.victim || m.Pending() != nil {
			continue
		}
		generation := m.generation(schedule.Handshake)
		msg, err := propose(m)
		if err != nil {
			continue
		}
		p := m.Waiting()[len(m.Waiting())-1]
		x := i.w.sent(&fuzzSent{bytes: msg, group: m.group, epoch: m.Epoch(), kind: message.ContentProposal, by: m,
			sender: p.Sender, private: fuzzPrivate(msg), generation: generation, ref: p.Ref})
		i.w.deliver(i.in, x.bytes, "in order")
		i.w.deliver(i.victim, x.bytes, "in order")
		return []Covered{p}, true
	}
	return nil, false
}

// twice is a list with a proposal that waits, and another about the same leaf.
func twice(name string, propose func(m *fuzzMember) ([]byte, error), second func(i *insider, first Covered) Covered) insiderAttack {
	return insiderAttack{name, func(i *insider) ([]byte, error) {
		all, ok := i.waiting(propose)
		if !ok {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i, proposals: append(all, second(i, all[0]))}
		return c.make()
	}}
}

func proposeUpdate(m *fuzzMember) ([]byte, error) {
	return m.ProposeUpdate(nil, ProposalOptions{Public: m.w.s.chance(2)})
}

func proposePSK(m *fuzzMember) ([]byte, error) {
	id := schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("psk")}
	return m.Propose(&message.PreSharedKey{PSK: id}, ProposalOptions{Public: m.w.s.chance(2)})
}

func proposeSelfRemove(m *fuzzMember) ([]byte, error) {
	if m.Tree().MemberCount() < 4 {
		return nil, errNotNow
	}
	return m.Propose(&message.SelfRemove{}, ProposalOptions{})
}

func removeOf(i *insider, first Covered) Covered {
	return i.values(&message.Remove{Removed: tree.LeafIndex(first.Sender.Index)})[0]
}

// update is a leaf for an Update of mallory's.
func (i *insider) update(change func(l *tree.LeafNode)) *message.Update {
	leaf := *i.e.leaf()
	leaf.EncryptionKey, leaf.Source, leaf.ParentHash, leaf.Lifetime = i.publicKey(), tree.SourceUpdate, nil, tree.Lifetime{}
	if change != nil {
		change(&leaf)
	}
	if bytes.Equal(leaf.SignatureKey, i.in.cfg.Signer.Public()) {
		i.must(leaf.Sign(i.cs, i.in.cfg.Signer, i.e.context.GroupID, i.in.Me()))
	}
	return &message.Update{LeafNode: &leaf}
}

// commitAttacks are what mallory tries with Commits.
var commitAttacks = slices.Concat(listAttacks, addAttacks, pathAttacks, joinerAttacks)

// unseen is an attack with the key of the lowest node of the path, whose secret is
// not for the victim.
func unseen(name string, change func(i *insider, c *fuzzCommit, lowest tree.NodeIndex)) insiderAttack {
	return insiderAttack{name, func(i *insider) ([]byte, error) {
		path := i.e.tree.FilteredDirectPath(i.in.Me())
		if len(path) < 2 || path[0].Copath.Contains(i.victim.Me().Node()) {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i}
		change(i, &c, path[0].Node)
		return c.make()
	}}
}

// forbiddenAttack is what the application's Policy, where there is one, is against.
var forbiddenAttack = insiderAttack{"what the policy forbids", func(i *insider) ([]byte, error) {
	if i.victim.cfg.Policy == nil || i.e.tree.Leaf(0) == nil || i.in.Me() == 0 {
		return nil, errNotNow
	}
	p := &message.Remove{Removed: 0}
	if i.s.chance(2) {
		return i.public(i.sign(formatPublic, message.ContentProposal, func(c *message.FramedContent) { c.Proposal = p })), nil
	}
	c := fuzzCommit{insider: i, proposals: i.values(p)}
	return c.make()
}}
