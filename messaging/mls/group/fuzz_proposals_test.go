package group

import (
	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// proposed is an attack by a proposal, in one of the two formats.
func proposed(name string, proposal func(i *insider) message.Proposal) insiderAttack {
	return insiderAttack{"proposal: " + name, func(i *insider) ([]byte, error) {
		p := proposal(i)
		change := func(c *message.FramedContent) { c.Proposal = p }
		if i.s.chance(2) {
			return i.seal(i.sign(formatPrivate, message.ContentProposal, change), fuzzSeal{}), nil
		}
		return i.public(i.sign(formatPublic, message.ContentProposal, change)), nil
	}}
}

var proposalAttacks = []insiderAttack{
	// "Proposals" (12.1).
	proposed("external_init", func(i *insider) message.Proposal { return &message.ExternalInit{KEMOutput: i.publicKey()} }),
	proposed("unknown", func(i *insider) message.Proposal { return &message.Unknown{Type: 0xf00d} }),
	proposed("remove of nobody", func(i *insider) message.Proposal { return &message.Remove{Removed: 77} }),
	proposed("short nonce", func(i *insider) message.Proposal {
		p := i.psk("psk")
		p.PSK.Nonce = nil
		return p
	}),
	proposed("short nonce of a resumption psk", func(i *insider) message.Proposal {
		p := i.resumption(schedule.UsageApplication, i.in.group, i.e.context.Epoch)
		p.PSK.Nonce = p.PSK.Nonce[1:]
		return p
	}),
	proposed("psk for a reinit or a branch", func(i *insider) message.Proposal {
		g := fuzzPick(i.s, i.w.all)
		return i.resumption(schedule.ResumptionUsage(2+i.s.n(2)), g, g.epoch)
	}),
	proposed("reinit with an extension twice", func(i *insider) message.Proposal {
		p := i.w.reInit(i.in.group)
		q := tree.RequiredCapabilities{}
		p.Extensions = tree.Extensions{q.Extension(), q.Extension()}
		return p
	}),
	proposed("old version", func(i *insider) message.Proposal { return &message.ReInit{CipherSuite: i.cs.ID()} }),
	proposed("ephemeral data of nobody", func(i *insider) message.Proposal { return &message.AppEphemeral{Component: 0x9000, Data: []byte{0}} }),
	proposed("malformed app_ack", func(i *insider) message.Proposal {
		return &message.AppEphemeral{Component: component.AppAckID, Data: []byte{1}}
	}),
	proposed("malformed extension", func(i *insider) message.Proposal {
		return i.context(tree.Extension{Type: tree.ExtensionRequiredCapabilities, Data: []byte{1}})
	}),
	proposed("external sender whom nobody knows", func(i *insider) message.Proposal {
		return i.context(strangerSender(i))
	}),
	proposed("add of a stranger", func(i *insider) message.Proposal {
		return &message.Add{KeyPackage: i.keyPackageOf(i.realm.erin, i.stranger(), nil)}
	}),
	proposed("add with a wrong signature", func(i *insider) message.Proposal {
		kp := i.freshKeyPackage(nil)
		kp.Signature[5] ^= 1
		return &message.Add{KeyPackage: kp}
	}),
	proposed("update with a key that nobody knows", func(i *insider) message.Proposal {
		signer := i.stranger()
		u := i.update(func(l *tree.LeafNode) { l.SignatureKey = signer.Public() })
		i.must(u.LeafNode.Sign(i.cs, signer, i.e.context.GroupID, i.in.Me()))
		return u
	}),
	proposed("update to another identity", func(i *insider) message.Proposal {
		return i.update(func(l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("bob")) })
	}),
	proposed("update with the old key", func(i *insider) message.Proposal {
		return i.update(func(l *tree.LeafNode) { l.EncryptionKey = i.e.leaf().EncryptionKey })
	}),
	proposed("update of another source", func(i *insider) message.Proposal {
		return i.update(func(l *tree.LeafNode) { l.Source = tree.SourceCommit })
	}),
	proposed("update with a wrong signature", func(i *insider) message.Proposal {
		u := i.update(nil)
		u.LeafNode.Signature[9] ^= 1
		return u
	}),
	proposed("update for another leaf", func(i *insider) message.Proposal {
		u := i.update(nil)
		i.must(u.LeafNode.Sign(i.cs, i.in.cfg.Signer, i.e.context.GroupID, i.in.Me()+1))
		return u
	}),
}
