package group

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// badCommit is a Commit by a member who breaks a rule, and gets everything else
// right: path, transcript, confirmation tag. Who does not check the rule accepts it,
// so that a test of the rule fails with its defence switched off.
type badCommit struct {
	proposals []Covered
	noPath    bool
	extra     []Covered // applied, and not in the list
	// extensions of the new GroupContext, if application data changes; nil: as applied
	// finds them.
	extensions tree.Extensions
	// leaf changes the new leaf before it is signed, signed changes it afterwards.
	leaf   func(*tree.LeafNode)
	signer suite.Signer // of the new leaf
	// commit changes the Commit before it is signed, auth what authenticates it.
	commit func(*message.Commit)
	auth   func(*message.AuthenticatedContent)
	aad    []byte
	init   []byte // of a joiner: external
	from   *epoch // of a joiner
	joiner tree.LeafNode
	psk    []byte // instead of the zero psk_secret
}

// value is a proposal by value.
func (c *peer) value(p message.Proposal) Covered {
	return Covered{Proposal: p, Sender: message.Member(c.Me())}
}

// applied is "Applying a Proposal List" (12.3) without a single check.
func applied(from *epoch, proposals []Covered) (t *tree.Tree, extensions tree.Extensions, added []tree.LeafIndex) {
	t, extensions = from.tree.Clone(), from.context.Extensions
	each := func(f func(Covered)) {
		for _, p := range proposals {
			f(p)
		}
	}
	each(func(p Covered) {
		if q, ok := p.Proposal.(*message.GroupContextExtensions); ok {
			extensions = q.Extensions
		}
	})
	each(func(p Covered) {
		if q, ok := p.Proposal.(*message.Update); ok {
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
	return t, extensions, added
}

// forge makes the Commit of c's, a member or, with f.from, a joiner.
func (c *peer) forge(f badCommit) []byte {
	c.w.t.Helper()
	must := func(err error) {
		c.w.t.Helper()
		if err != nil {
			c.w.t.Fatal(err)
		}
	}
	s, from := c.w.suite, f.from
	sender, contentSigner := message.Sender{Type: message.SenderNewMemberCommit}, c.cfg.Signer
	leaf, init := f.joiner, f.init
	if from == nil {
		from = c.current
		sender, init = message.Member(from.me), from.secrets.Init
		leaf, contentSigner = *from.leaf(), c.State.cfg.Signer
	}
	signer := contentSigner
	if f.signer != nil {
		signer = f.signer
		leaf.SignatureKey = signer.Public()
	}
	if f.leaf != nil {
		f.leaf(&leaf)
	}
	t, extensions, added := applied(from, append(slices.Clone(f.proposals), f.extra...))
	if f.extensions != nil {
		extensions = f.extensions
	}
	commit := &message.Commit{}
	for _, p := range f.proposals {
		if p.Ref != nil {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Reference: p.Ref})
		} else {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Proposal: p.Proposal})
		}
	}
	var path *treekem.Created
	var err error
	commitSecret := schedule.NoSecret(s)
	if !f.noPath {
		if f.from != nil {
			path, err = treekem.CreateExternal(s, t, leaf, signer, from.context.GroupID, c.w.rand)
		} else {
			path, err = treekem.Create(s, t, from.me, leaf, signer, from.context.GroupID, c.w.rand)
		}
		must(err)
		commitSecret = path.CommitSecret()
	}
	context := *from.context
	context.Epoch++
	context.TreeHash = t.RootHash()
	context.Extensions = extensions
	if path != nil {
		commit.Path, err = path.Encrypt(context.Bytes(), added)
		must(err)
	}
	if f.commit != nil {
		f.commit(commit)
	}
	format := message.WireFormatPrivateMessage
	if f.from != nil {
		format = message.WireFormatPublicMessage
	}
	signed, err := message.Sign(s, contentSigner, format, message.FramedContent{
		GroupID: from.context.GroupID, Epoch: from.context.Epoch, Sender: sender, AuthenticatedData: f.aad,
		ContentType: message.ContentCommit, Commit: commit,
	}, from.context)
	must(err)
	context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(s, from.interim, signed.ConfirmedTranscriptHashInput())
	psk := f.psk
	if psk == nil {
		psk = schedule.NoSecret(s)
	}
	secrets := schedule.Next(s, init, commitSecret, psk, &context)
	signed.Auth.ConfirmationTag = secrets.ConfirmationTag(context.ConfirmedTranscriptHash)
	if f.auth != nil {
		f.auth(signed)
	}
	msg, err := from.protect(&c.cfg, signed)
	must(err)
	return msg
}

// forgeProposal makes a proposal of c's without looking at it, and gives it to all
// others' caches, as if they had accepted it.
func (c *peer) forgeProposal(p message.Proposal, others ...*peer) Covered {
	c.w.t.Helper()
	e := c.current
	signed, err := message.Sign(c.w.suite, c.State.cfg.Signer, message.WireFormatPublicMessage, message.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: message.Member(e.me),
		ContentType: message.ContentProposal, Proposal: p,
	}, e.context)
	if err != nil {
		c.w.t.Fatal(err)
	}
	covered := Covered{Proposal: p, Sender: message.Member(e.me), Ref: signed.Ref(c.w.suite)}
	for _, o := range others {
		o.cache.add(&waiting{Covered: covered})
	}
	return covered
}
