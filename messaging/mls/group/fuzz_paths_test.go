package group

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// pathAttacks are Commits with a fault outside of the list of proposals.
var pathAttacks = []insiderAttack{
	// "Processing a Commit" (12.4.2) and "Update Paths" (7.6).
	flaw("no path and no proposals", func(i *insider, c *fuzzCommit) { c.noPath = true }),
	flaw("no path and a remove", func(i *insider, c *fuzzCommit) {
		c.noPath = true
		if third, ok := i.third(); ok {
			c.proposals = i.values(&message.Remove{Removed: third})
		}
	}),
	flaw("path key of the root", func(i *insider, c *fuzzCommit) { c.publics = func(k [][]byte) { k[len(k)-1] = i.publicKey() } }),
	unseen("path key twice", func(i *insider, c *fuzzCommit, _ tree.NodeIndex) { c.publics = func(k [][]byte) { k[0] = k[len(k)-1] } }),
	unseen("path key of a member", func(i *insider, c *fuzzCommit, _ tree.NodeIndex) {
		c.publics = func(k [][]byte) { k[0] = i.e.tree.EncryptionKey(i.victim.Me().Node()) }
	}),
	unseen("path key of the leaf before", func(i *insider, c *fuzzCommit, _ tree.NodeIndex) {
		c.publics = func(k [][]byte) { k[0] = i.e.leaf().EncryptionKey }
	}),
	unseen("path key of low order", func(i *insider, c *fuzzCommit, _ tree.NodeIndex) {
		c.publics = func(k [][]byte) { k[0] = make([]byte, 32) }
	}),
	unseen("leaf key in the path", func(i *insider, c *fuzzCommit, _ tree.NodeIndex) {
		key := i.publicKey()
		c.publics = func(k [][]byte) { k[0] = key }
		c.leaf = func(l *tree.LeafNode) { l.EncryptionKey = key }
	}),
	flaw("path secret", func(i *insider, c *fuzzCommit) {
		c.secret = func(tree.NodeIndex, []byte) []byte { return i.random(i.cs.HashSize()) }
	}),
	{"short path secret", func(i *insider) ([]byte, error) {
		path := i.e.tree.FilteredDirectPath(i.in.Me())
		if !path[0].Copath.Contains(i.victim.Me().Node()) {
			return nil, errNotNow // it gets a later one
		}
		c := fuzzCommit{insider: i, first: i.random(i.cs.HashSize() - 1)}
		return c.make()
	}},
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
		c.signer = i.realm.erin.cfg.Signer
		c.leaf = func(l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("erin")) }
	}),
	flaw("leaf without the suite", func(i *insider, c *fuzzCommit) {
		c.leaf = func(l *tree.LeafNode) { l.Capabilities.CipherSuites = nil }
	}),
	{"leaf without what the group requires", func(i *insider) ([]byte, error) {
		if !i.in.group.open {
			return nil, errNotNow
		}
		c := fuzzCommit{insider: i, leaf: func(l *tree.LeafNode) { l.Capabilities.Proposals = nil }}
		return c.make()
	}},
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
}

// joinerAttacks are external Commits.
var joinerAttacks = []insiderAttack{
	// "Joining via External Commits" (12.4.3.2).
	flaw("external commit without external_init", func(i *insider, c *fuzzCommit) {
		c.init, c.external, c.proposals = i.e.secrets.Init, true, i.values(&message.Remove{Removed: i.in.Me()})
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
	flaw("external commit with a reinit", func(i *insider, c *fuzzCommit) {
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()}, i.w.reInit(i.in.group))
	}),
	flaw("external commit with a psk for a branch", func(i *insider, c *fuzzCommit) {
		c.external = true
		c.proposals = i.values(&message.Remove{Removed: i.in.Me()}, i.resumption(schedule.UsageBranch, i.in.group, i.e.context.Epoch))
	}),
	flaw("external commit by a member who stays", func(i *insider, c *fuzzCommit) { c.external = true }),
	flaw("external commit by a stranger", func(i *insider, c *fuzzCommit) { c.external, c.signer = true, i.stranger() }),
	flaw("external commit that throws out another", func(i *insider, c *fuzzCommit) {
		third, _ := i.third()
		c.external, c.signer, c.proposals = true, i.realm.erin.cfg.Signer, i.values(&message.Remove{Removed: third})
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
