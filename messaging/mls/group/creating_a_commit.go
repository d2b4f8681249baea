package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// draft is a Commit that is being made ("Creating a Commit", 12.4.1), by a member
// or by somebody who joins with it.
type draft struct {
	cfg    *Config
	from   *epoch         // the epoch that ends; for a joiner without me, private, secrets, keys
	sender message.Sender // Member(from.me), or new_member_commit
	// members are, for a joiner, those whom it finds: the Authenticator is asked about
	// them and about the joiner's own leaf at once.
	members []Candidate
	// proposals in the order of the Commit.
	proposals []Covered
	purpose   purpose
	// leaf is the template of our next leaf, signer has its key. For a joiner, all
	// but encryption key, source, parent hash and signature must be set.
	leaf   tree.LeafNode
	signer suite.Signer
	// contentSigner has the key that the Commit is signed with: that of the leaf in
	// the old tree. nil: signer.
	contentSigner suite.Signer
	init          []byte // init_secret to begin with: the epoch's, or that of ExternalInit
	psk           func(*schedule.PreSharedKeyID) ([]byte, error)
	omitPath      bool
	public        bool
	aad           []byte
	withTree      bool
	extensions    tree.Extensions // of the Welcome's GroupInfo
}

// make makes the Commit. For a joiner, the State is newState(cfg, pending.next).
func (d *draft) make() (*Pending, error) {
	s, from := d.cfg.Suite, d.from
	if d.contentSigner == nil {
		d.contentSigner = d.signer
	}
	if err := from.checkAAD(d.aad); err != nil {
		return nil, err
	}
	t, err := apply(d.cfg, from, d.sender, d.proposals, d.purpose, true)
	if err != nil {
		return nil, err
	}
	external := d.sender.Type == message.SenderNewMemberCommit
	me := from.me
	var path *treekem.Created
	if external || !d.omitPath || t.pathRequired() {
		if external {
			path, err = treekem.CreateExternal(s, t.tree, d.leaf, d.signer, from.context.GroupID, d.cfg.Rand)
		} else {
			path, err = treekem.Create(s, t.tree, me, d.leaf, d.signer, from.context.GroupID, d.cfg.Rand)
		}
		if err != nil {
			return nil, err
		}
		defer path.Erase()
		me = path.Sender()
		if err := t.checkPath(me, t.tree.Leaf(me)); err != nil {
			return nil, err
		}
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.candidates = append(slices.Clip(d.members), t.candidates...)
	if err := t.ask(t.tree.Leaf(me)); err != nil {
		if path != nil && len(t.candidates) == 1 {
			err = fmt.Errorf("own leaf: %w", err)
		}
		return nil, err
	}
	context, err := t.next()
	if err != nil {
		return nil, err
	}

	commit := &message.Commit{Proposals: make([]message.ProposalOrRef, len(d.proposals))}
	for i, p := range d.proposals {
		if p.Ref != nil {
			commit.Proposals[i].Reference = p.Ref
		} else {
			commit.Proposals[i].Proposal = p.Proposal
		}
	}
	commitSecret := schedule.NoSecret(s)
	if path != nil {
		if commit.Path, err = path.Encrypt(context.Bytes(), t.added); err != nil {
			return nil, err
		}
		commitSecret = path.CommitSecret()
	}
	psk, err := t.pskSecret(d.psk)
	if err != nil {
		return nil, err
	}
	defer clear(psk)
	format := message.WireFormatPrivateMessage
	if external || d.public {
		format = message.WireFormatPublicMessage
	}
	signed, err := message.Sign(s, d.contentSigner, format, message.FramedContent{
		GroupID:           from.context.GroupID,
		Epoch:             from.context.Epoch,
		Sender:            d.sender,
		AuthenticatedData: d.aad,
		ContentType:       message.ContentCommit,
		Commit:            commit,
	}, from.context)
	if err != nil {
		return nil, err
	}
	context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(s, from.interim, signed.ConfirmedTranscriptHashInput())
	secrets := schedule.Next(s, d.init, commitSecret, psk, context)
	defer secrets.ForgetJoiner()
	signed.Auth.ConfirmationTag = secrets.ConfirmationTag(context.ConfirmedTranscriptHash)

	var private *treekem.Private
	if path != nil {
		private = path.Private()
	} else {
		private = t.private(nil)
	}
	p := &Pending{
		Committed: t.committed(d.aad),
		from:      from,
		next:      newEpoch(s, context, t.tree, private, me, secrets),
		signer:    d.contentSigner,
		reinit:    t.list.reinit,
	}
	if path != nil {
		p.signer = d.signer
	}
	p.Committed.Own = true
	p.Committed.moved(external, path != nil, me)
	if err := d.finish(p, t, signed, path, secrets); err != nil {
		p.next.erase()
		return nil, err
	}
	return p, nil
}

// finish protects the Commit and makes the Welcome.
func (d *draft) finish(p *Pending, t *transition, signed *message.AuthenticatedContent, path *treekem.Created, secrets *schedule.Secrets) error {
	if len(t.added) > 0 {
		welcome, err := d.welcome(p.next, p.signer, t, path, secrets)
		if err != nil {
			return err
		}
		p.Welcome = message.Wrap(welcome).Bytes()
	}
	// Last, since it uses up a message key.
	var err error
	p.Message, err = d.from.protect(d.cfg, signed)
	return err
}

// Commit makes a Commit of ours ("Creating a Commit", 12.4.1). The State is
// unchanged but for a message key until the result is merged. ErrPending: there is
// one already.
func (s *State) Commit(o CommitOptions) (*Pending, error) {
	if err := s.active(); err != nil {
		return nil, err
	}
	if s.pending != nil {
		return nil, ErrPending
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	d := &draft{
		cfg:           &s.cfg,
		from:          s.current,
		sender:        message.Member(s.current.me),
		purpose:       o.purpose,
		signer:        signer,
		contentSigner: signer,
		init:          s.current.secrets.Init,
		psk:           s.psk,
		omitPath:      o.OmitPath && o.Leaf == nil,
		public:        o.Public || s.cfg.PublicHandshake,
		aad:           slices.Clone(o.AAD),
		withTree:      !o.WithoutTree,
		extensions:    o.GroupInfo,
	}
	if d.leaf, d.signer, err = o.Leaf.apply(&s.cfg, s.current.leaf(), signer); err != nil {
		return nil, err
	}
	own, err := s.byValue(o.ByValue)
	if err != nil {
		return nil, err
	}
	if o.References == nil {
		return s.commitAll(d, own)
	}
	for _, ref := range o.References {
		w := s.cache.find(ref)
		if w == nil {
			return nil, fmt.Errorf("%s: %w", syntax.Hex(ref), ErrUnknownProposal)
		}
		d.proposals = append(d.proposals, w.Covered)
	}
	d.proposals = append(d.proposals, own...)
	if s.pending, err = d.make(); err != nil {
		s.pending = nil
	}
	return s.pending, err
}

// byValue turns our own proposals into a part of a Commit.
func (s *State) byValue(proposals []message.Proposal) ([]Covered, error) {
	out := make([]Covered, len(proposals))
	for i, p := range proposals {
		p, err := s.fill(p)
		if err != nil {
			return nil, err
		}
		out[i] = Covered{Proposal: p, Sender: message.Member(s.current.me)}
	}
	return out, nil
}

// fill gives a PreSharedKey without a nonce a fresh one. What the caller gave us
// stays as it is.
func (s *State) fill(p message.Proposal) (message.Proposal, error) {
	if psk, ok := p.(*message.PreSharedKey); ok && psk.PSK.Nonce == nil {
		q := *psk
		if err := q.PSK.FreshNonce(s.cfg.Suite, s.cfg.Rand); err != nil {
			return nil, err
		}
		return &q, nil
	}
	return p, nil
}

// moved notes what the committer's own leaf does.
func (c *Committed) moved(external, path bool, leaf tree.LeafIndex) {
	if external {
		c.Added = append(slices.Clip(c.Added), leaf)
	} else if path {
		c.Updated = append(slices.Clip(c.Updated), leaf)
	}
}
