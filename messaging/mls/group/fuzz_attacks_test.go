package group

import (
	"bytes"
	"math"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
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

// context is GroupContextExtensions with one extension more.
func (i *insider) context(x tree.Extension) *message.GroupContextExtensions {
	return &message.GroupContextExtensions{Extensions: append(slices.Clone(i.e.context.Extensions), x)}
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

// list of the attacks by a Commit.
var commitAttacks = []insiderAttack{
	// "Proposal List Validation" (12.2) and "Proposals" (12.1).
	{"remove of the committer", func(i *insider) ([]byte, error) {
		c := fuzzCommit{insider: i, proposals: i.values(&message.Remove{Removed: i.in.Me()}), noPath: true}
		return c.make()
	}},
	list("update of the committer", func(i *insider) []message.Proposal { return []message.Proposal{i.update(nil)} }),
	list("two removes of a leaf", func(i *insider) []message.Proposal {
		third, ok := i.third()
		if !ok {
			return nil
		}
		return []message.Proposal{&message.Remove{Removed: third}, &message.Remove{Removed: third}}
	}),
	list("remove of nobody", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Remove{Removed: tree.LeafIndex(40 + i.s.n(200))}}
	}),
	list("two group_context_extensions", func(i *insider) []message.Proposal {
		p := &message.GroupContextExtensions{Extensions: i.e.context.Extensions}
		return []message.Proposal{p, p}
	}),
	list("reinit is not alone", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: i.cs.ID()}, i.psk("psk")}
	}),
	list("reinit to an old version", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.ReInit{GroupID: []byte("next"), Version: 0, CipherSuite: i.cs.ID()}}
	}),
	list("external_init of a member", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.ExternalInit{KEMOutput: i.publicKey()}}
	}),
	list("psk twice", func(i *insider) []message.Proposal {
		p := i.psk("psk")
		return []message.Proposal{p, p}
	}),
	list("psk that nobody has", func(i *insider) []message.Proposal { return []message.Proposal{i.psk("none")} }),
	list("psk with a short nonce", func(i *insider) []message.Proposal {
		p := i.psk("psk")
		p.PSK.Nonce = p.PSK.Nonce[1:]
		return []message.Proposal{p}
	}),
	list("psk for a branch", func(i *insider) []message.Proposal {
		p := i.psk("")
		p.PSK = schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.ResumptionUsage(2 + i.s.n(2)),
			GroupID: i.e.context.GroupID, Epoch: i.e.context.Epoch, Nonce: p.PSK.Nonce}
		return []message.Proposal{p}
	}),
	flaw("self_remove by value", func(i *insider, c *fuzzCommit) {
		c.content = func(f *message.FramedContent) {
			f.Commit.Proposals = append(f.Commit.Proposals, message.ProposalOrRef{Proposal: &message.SelfRemove{}})
		}
	}),
	list("unknown proposal", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Unknown{Type: 0xf00d, Data: []byte("?")}}
	}),
	list("ephemeral data of nobody", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.AppEphemeral{Component: 0x9000, Data: []byte("?")}}
	}),
	list("malformed app_ack", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.AppEphemeral{Component: component.AppAckID, Data: []byte{4, 0}}}
	}),
	list("malformed data", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.AppDataUpdate{Component: component.AppComponentsID, Update: []byte{1}}}
	}),
	list("removal of data that is not there", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.AppDataUpdate{Component: component.SafeAADID, Remove: true}}
	}),
	list("update and removal of data", func(i *insider) []message.Proposal {
		data := syntax.Marshal(component.List{component.AppComponentsID})
		return []message.Proposal{&message.AppDataUpdate{Component: component.AppComponentsID, Update: data},
			&message.AppDataUpdate{Component: component.AppComponentsID, Remove: true}}
	}),
	list("component that nobody has", func(i *insider) []message.Proposal {
		data := syntax.Marshal(component.List{0x9000})
		return []message.Proposal{&message.AppDataUpdate{Component: component.AppComponentsID, Update: data}}
	}),
	list("extension that nobody knows", func(i *insider) []message.Proposal {
		return []message.Proposal{i.context(tree.Extension{Type: 0xf00d})}
	}),
	list("capability that nobody has", func(i *insider) []message.Proposal {
		q := tree.RequiredCapabilities{Proposals: []tree.ProposalType{0xf00d}}
		return []message.Proposal{i.context(q.Extension())}
	}),
	list("external sender whom nobody knows", func(i *insider) []message.Proposal {
		return []message.Proposal{i.context(strangerSender(i))}
	}),
	list("malformed dictionary", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.GroupContextExtensions{Extensions: tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{3, 0, 0}}}}}
	}),
	twice("update and remove", proposeUpdate, removeOf),
	twice("self_remove and remove", proposeSelfRemove, removeOf),
	twice("a reference twice", proposeUpdate, func(i *insider, first Covered) Covered { return first }),
	twice("reference to nothing", proposeUpdate, func(i *insider, first Covered) Covered {
		return Covered{Proposal: first.Proposal, Sender: first.Sender, Ref: i.random(32)}
	}),
	{"external commit with an update by reference", func(i *insider) ([]byte, error) {
		all, ok := i.waiting(proposeUpdate)
		if !ok {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i, external: true}
		c.proposals = append(i.values(&message.Remove{Removed: i.in.Me()}), all...)
		c.proposals[0].Ref = nil
		return c.make()
	}},

	// "KeyPackage Validation" (10.1) and "Leaf Node Validation" (7.3).
	list("add: stranger", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Add{KeyPackage: i.keyPackageOf(i.w.erin, i.stranger(), nil)}}
	}),
	list("add: one who says to be another", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Add{KeyPackage: i.freshKeyPackage(func(kp *message.KeyPackage) {
			kp.LeafNode.Credential = tree.BasicCredential([]byte("alice"))
		})}}
	}),
	list("add: signature", func(i *insider) []message.Proposal {
		kp := i.freshKeyPackage(nil)
		kp.Signature[5] ^= 1
		return []message.Proposal{&message.Add{KeyPackage: kp}}
	}),
	list("add: signature of the leaf", func(i *insider) []message.Proposal {
		kp := i.freshKeyPackage(nil)
		leaf := *kp.LeafNode
		leaf.Signature = bytes.Clone(leaf.Signature)
		leaf.Signature[5] ^= 1
		kp.LeafNode = &leaf
		i.must(kp.Sign(i.cs, i.w.erin.cfg.Signer))
		return []message.Proposal{&message.Add{KeyPackage: kp}}
	}),
	list("add: twice the same", func(i *insider) []message.Proposal {
		p := &message.Add{KeyPackage: i.freshKeyPackage(nil)}
		return []message.Proposal{p, p}
	}),
	list("add: a member once more", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Add{KeyPackage: i.keyPackageOf(i.in.peer, i.in.cfg.Signer, nil)}}
	}),
	add("encryption key of a member", func(i *insider, kp *message.KeyPackage) {
		kp.LeafNode.EncryptionKey = i.victim.Member(i.victim.Me()).EncryptionKey
	}),
	flaw("add: encryption key of a parent", func(i *insider, c *fuzzCommit) {
		c.noPath = true // a path could replace the parent
		c.proposals = i.values(&message.Add{KeyPackage: i.freshKeyPackage(func(kp *message.KeyPackage) {
			kp.LeafNode.EncryptionKey = i.e.tree.EncryptionKey(i.e.tree.Root())
		})})
	}),
	add("encryption key of low order", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.EncryptionKey = make([]byte, 32) }),
	add("init key is encryption key", func(i *insider, kp *message.KeyPackage) { kp.InitKey = kp.LeafNode.EncryptionKey }),
	add("init key is no key", func(i *insider, kp *message.KeyPackage) { kp.InitKey = kp.InitKey[1:] }),
	add("suite", func(i *insider, kp *message.KeyPackage) {
		kp.CipherSuite = suite.X25519_CHACHA20POLY1305_SHA256_Ed25519
	}),
	add("version", func(i *insider, kp *message.KeyPackage) { kp.Version = 2 }),
	add("source", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.Source = tree.SourceUpdate }),
	add("lifetime of a life", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.Lifetime.NotAfter = math.MaxUint64 }),
	add("lifetime upside down", func(i *insider, kp *message.KeyPackage) {
		kp.LeafNode.Lifetime = tree.Lifetime{NotBefore: kp.LeafNode.Lifetime.NotAfter, NotAfter: kp.LeafNode.Lifetime.NotBefore}
	}),
	add("no credential of its own type", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.Capabilities.Credentials = nil }),
	add("suite not supported", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.Capabilities.CipherSuites = nil }),
	add("version not supported", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.Capabilities.Versions = nil }),
	add("own extension not supported", func(i *insider, kp *message.KeyPackage) { kp.LeafNode.Capabilities.Extensions = nil }),

	// "Processing a Commit" (12.4.2) and "Update Paths" (7.6).
	flaw("no path and no proposals", func(i *insider, c *fuzzCommit) { c.noPath = true }),
	flaw("no path and a remove", func(i *insider, c *fuzzCommit) {
		c.noPath = true
		if third, ok := i.third(); ok {
			c.proposals = i.values(&message.Remove{Removed: third})
		}
	}),
	flaw("path key of the root", func(i *insider, c *fuzzCommit) { c.publics = func(k [][]byte) { k[len(k)-1] = i.publicKey() } }),
	flaw("path key twice", func(i *insider, c *fuzzCommit) { c.publics = func(k [][]byte) { k[len(k)-1] = k[0] } }),
	flaw("path key of a member", func(i *insider, c *fuzzCommit) {
		c.publics = func(k [][]byte) { k[len(k)-1] = i.e.tree.EncryptionKey(i.victim.Me().Node()) }
	}),
	flaw("path secret", func(i *insider, c *fuzzCommit) {
		c.secret = func(tree.NodeIndex, []byte) []byte { return i.random(i.cs.HashSize()) }
	}),
	flaw("short path secret", func(i *insider, c *fuzzCommit) {
		c.secret = func(_ tree.NodeIndex, s []byte) []byte { return s[1:] }
	}),
	flaw("path too short", func(i *insider, c *fuzzCommit) {
		c.path = func(p *treekem.UpdatePath) { p.Nodes = p.Nodes[:len(p.Nodes)-1] }
	}),
	flaw("path too long", func(i *insider, c *fuzzCommit) {
		c.path = func(p *treekem.UpdatePath) {
			p.Nodes = append(p.Nodes, treekem.UpdatePathNode{EncryptionKey: i.publicKey()})
		}
	}),
	flaw("endless path", func(i *insider, c *fuzzCommit) {
		c.path = func(p *treekem.UpdatePath) {
			for len(p.Nodes) < 2000 {
				p.Nodes = append(p.Nodes, p.Nodes[0])
			}
		}
	}),
	flaw("a ciphertext too many", func(i *insider, c *fuzzCommit) {
		c.path = func(p *treekem.UpdatePath) {
			n := &p.Nodes[len(p.Nodes)-1]
			n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret[0])
		}
	}),
	flaw("no ciphertexts", func(i *insider, c *fuzzCommit) {
		c.path = func(p *treekem.UpdatePath) {
			for n := range p.Nodes {
				p.Nodes[n].EncryptedPathSecret = nil
			}
		}
	}),
	flaw("leaf key not renewed", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.EncryptionKey = i.e.leaf().EncryptionKey }
	}),
	flaw("leaf key of a member", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.EncryptionKey = i.e.tree.EncryptionKey(i.victim.Me().Node()) }
	}),
	flaw("leaf key of low order", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.EncryptionKey = make([]byte, 32) }
	}),
	flaw("leaf's parent hash", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.ParentHash = i.random(32) }
	}),
	flaw("leaf's source", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.Source, l.ParentHash = tree.SourceUpdate, nil }
	}),
	flaw("leaf's signature", func(i *insider, c *fuzzCommit) { c.signed = func(l *tree.LeafNode) { l.Signature[7] ^= 1 } }),
	flaw("leaf signed for another index", func(i *insider, c *fuzzCommit) {
		c.place = func(g []byte, at tree.LeafIndex) ([]byte, tree.LeafIndex) { return g, at + 1 }
	}),
	flaw("leaf signed for another group", func(i *insider, c *fuzzCommit) {
		c.place = func(g []byte, at tree.LeafIndex) ([]byte, tree.LeafIndex) { return append([]byte("x"), g...), at }
	}),
	flaw("leaf of another identity", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("erin")) }
	}),
	flaw("leaf with a key that nobody knows", func(i *insider, c *fuzzCommit) { c.signer = i.stranger() }),
	flaw("leaf of another, with its key", func(i *insider, c *fuzzCommit) {
		c.signer = i.w.erin.cfg.Signer
		c.leaf = func(l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("erin")) }
	}),
	flaw("leaf without the suite", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.Capabilities.CipherSuites = nil }
	}),
	flaw("leaf with an unknown extension", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) {
			l.Extensions = append(slices.Clone(l.Extensions), tree.Extension{Type: 0xf00d})
		}
	}),
	flaw("confirmation tag", func(i *insider, c *fuzzCommit) { c.tag = func(t []byte) []byte { return i.random(len(t)) } }),
	flaw("confirmation tag of before", func(i *insider, c *fuzzCommit) {
		c.tag = func([]byte) []byte { return i.e.confirmationTag }
	}),
	flaw("short confirmation tag", func(i *insider, c *fuzzCommit) { c.tag = func(t []byte) []byte { return t[:16] } }),
	flaw("commit in the name of another", func(i *insider, c *fuzzCommit) {
		c.content = func(f *message.FramedContent) {
			if third, ok := i.third(); ok {
				f.Sender = message.Member(third)
			} else {
				f.Sender = message.Member(7)
			}
		}
	}),
	flaw("commit of an external sender", func(i *insider, c *fuzzCommit) {
		c.content = func(f *message.FramedContent) { f.Sender = message.External(0) }
	}),
	flaw("commit of the next epoch", func(i *insider, c *fuzzCommit) {
		c.content = func(f *message.FramedContent) { f.Epoch++ }
	}),
	flaw("commit of the last epoch", func(i *insider, c *fuzzCommit) {
		c.content = func(f *message.FramedContent) { f.Epoch-- }
	}),
	flaw("commit of another group", func(i *insider, c *fuzzCommit) {
		c.content = func(f *message.FramedContent) { f.GroupID = append([]byte("x"), f.GroupID...) }
	}),

	// "Joining via External Commits" (12.4.3.2).
	flaw("external commit without external_init", func(i *insider, c *fuzzCommit) {
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()})
		c.content = func(f *message.FramedContent) { f.Commit.Proposals = f.Commit.Proposals[1:] }
	}),
	flaw("external commit with two external_init", func(i *insider, c *fuzzCommit) {
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()})
		c.content = func(f *message.FramedContent) {
			f.Commit.Proposals = append(slices.Clone(f.Commit.Proposals), f.Commit.Proposals[0])
		}
	}),
	flaw("external commit with an add", func(i *insider, c *fuzzCommit) {
		c.external = true
		c.proposals = i.values(&message.Remove{Removed: i.in.Me()}, &message.Add{KeyPackage: i.freshKeyPackage(nil)})
	}),
	flaw("external commit with two removes", func(i *insider, c *fuzzCommit) {
		third, _ := i.third()
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()}, &message.Remove{Removed: third})
	}),
	flaw("external commit that changes the context", func(i *insider, c *fuzzCommit) {
		c.external = true
		c.proposals = i.values(&message.Remove{Removed: i.in.Me()}, &message.GroupContextExtensions{Extensions: i.e.context.Extensions})
	}),
	flaw("external commit by a member who stays", func(i *insider, c *fuzzCommit) { c.external = true }),
	flaw("external commit by a stranger", func(i *insider, c *fuzzCommit) { c.external, c.signer = true, i.stranger() }),
	flaw("external commit that throws out another", func(i *insider, c *fuzzCommit) {
		third, _ := i.third()
		c.external, c.signer, c.proposals = true, i.w.erin.cfg.Signer, i.values(&message.Remove{Removed: third})
		c.leaf = func(l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("erin")) }
	}),
	flaw("external commit, key schedule of another", func(i *insider, c *fuzzCommit) {
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()})
		c.content = func(f *message.FramedContent) {
			f.Commit.Proposals[0].Proposal = &message.ExternalInit{KEMOutput: i.publicKey()}
		}
	}),
	flaw("external commit, encrypted", func(i *insider, c *fuzzCommit) {
		c.external, c.private, c.proposals = true, true, i.values(&message.Remove{Removed: i.in.Me()})
	}),
	flaw("external commit, leaf's signature", func(i *insider, c *fuzzCommit) {
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()})
		c.signed = func(l *tree.LeafNode) { l.Signature[7] ^= 1 }
	}),
}
