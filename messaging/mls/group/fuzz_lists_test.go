package group

import (
	"bytes"
	"math"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// listAttacks are lists of proposals that no Commit may have.
var listAttacks = []insiderAttack{
	forbiddenAttack,

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
	list("reinit twice", func(i *insider) []message.Proposal {
		p := i.w.reInit(i.in.group)
		return []message.Proposal{p, p}
	}),
	list("reinit behind an add", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Add{KeyPackage: i.freshKeyPackage(nil)}, i.w.reInit(i.in.group)}
	}),
	list("reinit with an extension twice", func(i *insider) []message.Proposal {
		p := i.w.reInit(i.in.group)
		q := tree.RequiredCapabilities{}
		p.Extensions = tree.Extensions{q.Extension(), q.Extension()}
		return []message.Proposal{p}
	}),
	twice("reinit with a reference", proposePSK, func(i *insider, _ Covered) Covered { return i.values(i.w.reInit(i.in.group))[0] }),
	list("resumption psk of an epoch to come", func(i *insider) []message.Proposal {
		return []message.Proposal{i.resumption(schedule.UsageApplication, i.in.group, i.e.context.Epoch+1+uint64(i.s.n(3)))}
	}),
	list("resumption psk of a group that nobody knows", func(i *insider) []message.Proposal {
		return []message.Proposal{i.resumption(schedule.UsageApplication, &fuzzGroup{id: []byte("nowhere")}, 1)}
	}),
	list("resumption psk of a group, for what it is not for", func(i *insider) []message.Proposal {
		g := fuzzPick(i.s, i.w.all)
		return []message.Proposal{i.resumption(schedule.ResumptionUsage(2+i.s.n(2)), g, g.epoch)}
	}),
	flaw("external_init of a member", func(i *insider, c *fuzzCommit) {
		p, init := i.externalInit()
		c.proposals, c.init = i.values(p), init
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
		return []message.Proposal{&message.AppEphemeral{Component: 0x9000, Data: []byte{0}}}
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
	flaw("extension that nobody else knows", func(i *insider, c *fuzzCommit) {
		c.proposals = i.values(i.context(tree.Extension{Type: 0xf00d}))
		c.leaf = func(l *tree.LeafNode) {
			l.Capabilities.Extensions = append(slices.Clone(l.Capabilities.Extensions), 0xf00d)
		}
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
	{"external commit with a reference", func(i *insider) ([]byte, error) {
		all, ok := i.waiting(fuzzPick(i.s, []func(*fuzzMember) ([]byte, error){proposePSK, proposeUpdate}))
		if !ok {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i, external: true, proposals: append(i.values(&message.Remove{Removed: i.in.Me()}), all...)}
		return c.make()
	}},
}

// addAttacks are KeyPackages that nobody may be added with.
var addAttacks = []insiderAttack{
	// "KeyPackage Validation" (10.1) and "Leaf Node Validation" (7.3).
	list("add: stranger", func(i *insider) []message.Proposal {
		return []message.Proposal{&message.Add{KeyPackage: i.keyPackageOf(i.realm.erin, i.stranger(), nil)}}
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
		i.must(kp.Sign(i.cs, i.realm.erin.cfg.Signer))
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
		kp.CipherSuite = otherSuite(i.cs.ID())
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
	{"add: not what the group requires", func(i *insider) ([]byte, error) {
		if !i.in.group.open {
			return nil, errNotNow
		}
		kp := i.freshKeyPackage(func(kp *message.KeyPackage) { kp.LeafNode.Capabilities.Proposals = nil })
		c := fuzzCommit{insider: i, proposals: i.values(&message.Add{KeyPackage: kp})}
		return c.make()
	}},
}
