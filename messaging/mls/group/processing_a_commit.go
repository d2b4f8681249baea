package group

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// commit processes a Commit of somebody else whose signature is verified
// ("Processing a Commit", 12.4.2).
func (s *State) commit(a *message.AuthenticatedContent) (*change, error) {
	e, cfg, c := s.current, &s.cfg, a.Content.Commit
	proposals, err := s.cache.resolve(a.Content.Sender, c)
	if err != nil {
		return nil, err
	}
	t, err := apply(cfg, e, a.Content.Sender, proposals, purposeNone, false)
	if err != nil {
		return nil, err
	}
	if c.Path == nil && t.pathRequired() {
		return nil, ErrPathRequired
	}
	external := a.Content.Sender.Type == message.SenderNewMemberCommit
	out := t.committed(bytes.Clone(a.Content.AuthenticatedData))
	var path *treekem.Received
	if c.Path != nil {
		if path, err = t.merge(external, c.Path); err != nil {
			return nil, err
		}
		out.moved(external, true, path.Sender())
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	context, err := t.next()
	if err != nil {
		return nil, err
	}
	if t.removesLeaf(e.me) {
		// We have no keys to go further. That the others find the Commit valid too
		// is as far as we can see.
		if err := t.ask(pathLeaf(c)); err != nil {
			return nil, err
		}
		out.Removed = true
		return &change{event: out, do: s.expel, undo: func() {}}, nil
	}
	update, err := s.ownUpdateIn(proposals)
	if err != nil {
		return nil, err
	}
	next, err := s.follow(a, t, path, context, update)
	if err != nil {
		return nil, err
	}
	if err := t.ask(pathLeaf(c)); err != nil {
		next.erase()
		return nil, err
	}
	return &change{event: out, undo: next.erase, do: func() {
		if update != nil {
			s.cfg.Signer = update.signer
		}
		s.enter(next)
		s.reinit = t.list.reinit
	}}, nil
}

// merge puts the path into the new tree and checks its leaf.
func (t *transition) merge(external bool, p *treekem.UpdatePath) (path *treekem.Received, err error) {
	// What the tree keeps must not hold on to the whole Commit, which is mostly
	// ciphertexts.
	keys := make([]treekem.UpdatePathNode, len(p.Nodes))
	for i, n := range p.Nodes {
		keys[i] = treekem.UpdatePathNode{EncryptionKey: bytes.Clone(n.EncryptionKey), EncryptedPathSecret: n.EncryptedPathSecret}
	}
	leaf, err := p.LeafNode.Copy()
	if err != nil {
		return nil, err
	}
	p = &treekem.UpdatePath{LeafNode: *leaf, Nodes: keys}
	if external {
		path, err = treekem.MergeExternal(t.cfg.Suite, t.tree, p, t.added)
	} else {
		leaf, _ := t.committer.Leaf()
		path, err = treekem.Merge(t.cfg.Suite, t.tree, leaf, p, t.added)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCommit, err)
	}
	return path, t.checkPath(path.Sender(), &p.LeafNode)
}

// follow computes the secrets of the next epoch, and verifies the confirmation tag.
func (s *State) follow(a *message.AuthenticatedContent, t *transition, path *treekem.Received, context *schedule.GroupContext, update *ownUpdate) (*epoch, error) {
	e, cs := s.current, s.cfg.Suite
	private, commitSecret := t.private(update), schedule.NoSecret(cs)
	if path != nil {
		before := private
		var err error
		private, commitSecret, err = path.Open(before, context.Bytes())
		before.Erase()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCommit, err)
		}
		defer clear(commitSecret)
	}
	fail := func(err error) (*epoch, error) {
		private.Erase()
		return nil, err
	}
	init := e.secrets.Init
	if p := t.list.init; p != nil {
		var err error
		if init, err = e.externalInit(cs, p); err != nil {
			return fail(err)
		}
		defer clear(init)
	}
	psk, err := t.pskSecret(s.psk)
	if err != nil {
		return fail(err)
	}
	defer clear(psk)
	context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(cs, e.interim, a.ConfirmedTranscriptHashInput())
	secrets := schedule.Next(cs, init, commitSecret, psk, context)
	secrets.ForgetJoiner()
	if err := secrets.CheckConfirmationTag(context.ConfirmedTranscriptHash, a.Auth.ConfirmationTag); err != nil {
		secrets.Erase()
		return fail(fmt.Errorf("%w: %w", ErrConfirmation, err))
	}
	return newEpoch(cs, context, t.tree, private, e.me, secrets), nil
}

// externalInit derives the init_secret that a joiner sends ("External
// Initialization", 8.3).
func (e *epoch) externalInit(cs *suite.Suite, p *message.ExternalInit) ([]byte, error) {
	private, _, err := e.secrets.ExternalKeyPair()
	if err != nil {
		return nil, err
	}
	defer clear(private)
	init, err := cs.ExportReceive(private, p.KEMOutput, externalInitLabel, cs.HashSize())
	if err != nil {
		return nil, fmt.Errorf("%w: external_init: %w", ErrProposal, err)
	}
	return init, nil
}

// externalInitLabel is the exporter context of external initialization.
const externalInitLabel = "MLS 1.0 external init secret"

// ownUpdateIn returns the private half of our own Update, if it is among proposals.
func (s *State) ownUpdateIn(proposals []Covered) (*ownUpdate, error) {
	for _, p := range proposals {
		if _, ok := p.Proposal.(*message.Update); ok && s.current.isMe(p.Sender) {
			w := s.cache.find(p.Ref)
			if w == nil || w.own == nil {
				return nil, fmt.Errorf("%w: our own update, whose key we do not have", ErrCommit)
			}
			own := *w.own
			return &own, nil
		}
	}
	return nil, nil
}

// expel ends our membership. What late messages of the last epoch need is kept, all
// that the future could be entered with is erased.
func (s *State) expel() {
	s.removed = true
	e := s.current
	e.private.Erase()
	for _, secret := range [][]byte{e.secrets.Init, e.secrets.External, e.secrets.Membership, e.secrets.Confirmation, e.secrets.Exporter, e.secrets.ResumptionPSK} {
		clear(secret)
	}
	for _, p := range s.psks {
		clear(p.secret)
	}
	s.psks = nil
	s.cache.reset()
	s.dropPending()
}

// pathLeaf is the leaf of a Commit's path; nil if it has none.
func pathLeaf(c *message.Commit) *tree.LeafNode {
	if c.Path == nil {
		return nil
	}
	return &c.Path.LeafNode
}
