package group

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// fuzzCommit is a Commit, with a hook wherever something can be made wrong. All that
// depends on it is then right: tree hash, transcript, confirmation tag.
type fuzzCommit struct {
	*insider
	proposals []Covered
	noPath    bool
	external  bool
	private   bool
	by        suite.Signer                                                     // of the Commit
	init      []byte                                                           // instead of the right init_secret
	first     []byte                                                           // path secret of the lowest node
	signer    suite.Signer                                                     // of the new leaf
	publics   func(keys [][]byte)                                              // of the path
	leaf      func(*tree.LeafNode)                                             // before it is signed
	place     func(groupID []byte, at tree.LeafIndex) ([]byte, tree.LeafIndex) // that it is signed for
	signed    func(*tree.LeafNode)
	secret    func(to tree.NodeIndex, secret []byte) []byte // of the path, as encrypted
	path      func(*treekem.UpdatePath)
	content   func(*message.FramedContent)
	tag       func([]byte) []byte

	next *schedule.Secrets
}

func (c *fuzzCommit) make() ([]byte, error) {
	s, e := c.cs, c.e
	me, sender, init := c.in.Me(), message.Member(c.in.Me()), e.secrets.Init
	if c.signer == nil {
		c.signer = c.in.cfg.Signer
	}
	if c.external {
		sender = message.Sender{Type: message.SenderNewMemberCommit}
		for n := range c.proposals {
			c.proposals[n].Sender = sender
		}
		p, secret := c.externalInit()
		init = secret
		c.proposals = append([]Covered{{Proposal: p, Sender: sender}}, c.proposals...)
	}
	t, extensions, added := c.apply()
	commit := &message.Commit{}
	for _, p := range c.proposals {
		if p.Ref != nil {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Reference: p.Ref})
		} else {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Proposal: p.Proposal})
		}
	}
	context := *e.context
	context.Epoch++
	context.Extensions = extensions
	commitSecret := schedule.NoSecret(s)
	if !c.noPath {
		leaf := *e.leaf()
		if c.external {
			me = t.Add(&leaf)
		}
		if t.Leaf(me) == nil {
			return nil, errNotNow
		}
		steps := t.FilteredDirectPath(me)
		secrets := [][]byte{c.random(s.HashSize())}
		if c.first != nil {
			secrets[0] = c.first
		}
		publics := make([][]byte, len(steps))
		for n := range steps {
			_, public, err := s.DeriveKeyPair(s.DeriveSecret(secrets[n], "node"))
			c.must(err)
			publics[n] = public
			secrets = append(secrets, s.DeriveSecret(secrets[n], "path"))
		}
		if c.publics != nil {
			if len(publics) == 0 {
				return nil, errNotNow
			}
			c.publics(publics)
		}
		commitSecret = secrets[len(steps)]
		var err error
		leaf.EncryptionKey, leaf.Source, leaf.Lifetime, leaf.SignatureKey = c.publicKey(), tree.SourceCommit, tree.Lifetime{}, c.signer.Public()
		if leaf.ParentHash, err = t.SetPath(me, publics); err != nil {
			return nil, err
		}
		if c.leaf != nil {
			c.leaf(&leaf)
		}
		groupID, at := e.context.GroupID, me
		if c.place != nil {
			groupID, at = c.place(groupID, at)
		}
		c.must(leaf.Sign(s, c.signer, groupID, at))
		if c.signed != nil {
			c.signed(&leaf)
		}
		c.must(t.SetLeaf(me, &leaf))
		context.TreeHash = t.RootHash()
		path := &treekem.UpdatePath{LeafNode: leaf}
		for n, step := range steps {
			node := treekem.UpdatePathNode{EncryptionKey: publics[n]}
			for _, to := range t.Resolution(step.Copath) {
				if to.IsLeaf() && slices.Contains(added, to.Leaf()) {
					continue
				}
				secret := secrets[n]
				if c.secret != nil {
					secret = c.secret(to, secret)
				}
				x, err := s.EncryptWithLabel(t.EncryptionKey(to), "UpdatePathNode", context.Bytes(), secret)
				c.must(err)
				node.EncryptedPathSecret = append(node.EncryptedPathSecret, x)
			}
			path.Nodes = append(path.Nodes, node)
		}
		if c.path != nil {
			c.path(path)
		}
		commit.Path = path
	}
	context.TreeHash = t.RootHash()
	psk := fuzzPSKSecret(s, c.psks())
	a := &message.AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: message.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: sender, ContentType: message.ContentCommit, Commit: commit,
	}}
	if c.private {
		a.WireFormat = message.WireFormatPrivateMessage
	}
	if c.content != nil {
		c.content(&a.Content)
	}
	signer := c.in.cfg.Signer
	if c.external {
		signer = c.signer
	}
	if c.by != nil {
		signer = c.by
	}
	c.resign(a, signer)
	context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(s, e.interim, a.ConfirmedTranscriptHashInput())
	if c.init != nil {
		init = c.init
	}
	c.next = schedule.Next(s, init, commitSecret, psk, &context)
	a.Auth.ConfirmationTag = c.next.ConfirmationTag(context.ConfirmedTranscriptHash)
	if c.tag != nil {
		a.Auth.ConfirmationTag = c.tag(a.Auth.ConfirmationTag)
	}
	if c.private {
		return c.seal(a, fuzzSeal{}), nil
	}
	return c.public(a), nil
}

// externalInit is "External Initialization" (8.3).
func (i *insider) externalInit() (*message.ExternalInit, []byte) {
	_, public, err := i.e.secrets.ExternalKeyPair()
	i.must(err)
	output, secret, err := i.cs.ExportSend(public, externalInitLabel, i.cs.HashSize())
	i.must(err)
	return &message.ExternalInit{KEMOutput: output}, secret
}

// psks are the keys of the Commit's proposals; what nobody has is all zeros, or empty.
func (c *fuzzCommit) psks() []schedule.PSK {
	var out []schedule.PSK
	for _, p := range c.proposals {
		if q, ok := p.Proposal.(*message.PreSharedKey); ok {
			secret, err := c.in.psk(&q.PSK)
			if err != nil {
				secret = make([]byte, c.s.n(2)*c.cs.HashSize())
			}
			out = append(out, schedule.PSK{ID: q.PSK, Secret: secret})
		}
	}
	return out
}

// apply is "Applying a Proposal List" (12.3) without a rule.
func (c *fuzzCommit) apply() (t *tree.Tree, extensions tree.Extensions, added []tree.LeafIndex) {
	t, extensions = c.e.tree.Clone(), c.e.context.Extensions
	each := func(f func(p Covered)) {
		for _, p := range c.proposals {
			f(p)
		}
	}
	each(func(p Covered) {
		switch q := p.Proposal.(type) {
		case *message.GroupContextExtensions:
			extensions = q.Extensions
		case *message.Update:
			_ = t.Update(tree.LeafIndex(p.Sender.Index), q.LeafNode)
		}
	})
	each(func(p Covered) {
		if _, ok := p.Proposal.(*message.SelfRemove); ok {
			_ = t.Remove(tree.LeafIndex(p.Sender.Index))
		}
	})
	each(func(p Covered) {
		if q, ok := p.Proposal.(*message.Remove); ok {
			_ = t.Remove(q.Removed)
		}
	})
	each(func(p Covered) {
		if q, ok := p.Proposal.(*message.Add); ok {
			added = append(added, t.Add(q.KeyPackage.LeafNode))
		}
	})
	if x, err := applyAppData(&c.in.cfg, c.e.view(), extensions, c.proposals); err == nil {
		extensions = x
	}
	return t, extensions, added
}
