package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ProposalOptions says how a proposal of ours is sent.
type ProposalOptions struct {
	Public bool   // signed and not encrypted; SelfRemove is always
	AAD    []byte // authenticated, and not encrypted
}

// Propose makes a proposal by itself (an MLSMessage), which then waits for a
// Commit ("Proposals", 12.1). An Update is made by ProposeUpdate. A PreSharedKey
// without a nonce gets a fresh one.
func (s *State) Propose(p message.Proposal, o ProposalOptions) ([]byte, error) {
	if _, ok := p.(*message.Update); ok {
		return nil, fmt.Errorf("%w: an update is made by ProposeUpdate", ErrConfig)
	}
	if _, ok := p.(*message.SelfRemove); ok && s.leaving() {
		return nil, fmt.Errorf("%w: self_remove once in an epoch", ErrProposal)
	}
	p, err := s.fill(p)
	if err != nil {
		return nil, err
	}
	return s.propose(p, o, nil)
}

// leaving reports whether a SelfRemove of ours waits.
func (s *State) leaving() bool {
	return slices.ContainsFunc(s.cache.order, func(w *waiting) bool {
		_, ok := w.Proposal.(*message.SelfRemove)
		return ok && s.current.isMe(w.Sender)
	})
}

// ProposeUpdate proposes new keys for our own leaf, and what change says; nil: only
// the keys. Others commit it, we cannot (12.2).
func (s *State) ProposeUpdate(change *LeafChange, o ProposalOptions) ([]byte, error) {
	if err := s.active(); err != nil {
		return nil, err
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	leaf, signer, err := change.apply(&s.cfg, s.current.leaf(), signer)
	if err != nil {
		return nil, err
	}
	key, public, err := s.cfg.Suite.GenerateKeyPair(s.cfg.Rand)
	if err != nil {
		return nil, err
	}
	leaf.EncryptionKey, leaf.Source, leaf.Lifetime, leaf.ParentHash = public, tree.SourceUpdate, tree.Lifetime{}, nil
	if err := leaf.Sign(s.cfg.Suite, signer, s.GroupID(), s.Me()); err != nil {
		clear(key)
		return nil, err
	}
	msg, err := s.propose(&message.Update{LeafNode: &leaf}, o, &ownUpdate{key: key, signer: signer})
	if err != nil {
		clear(key)
	}
	return msg, err
}

func (s *State) propose(p message.Proposal, o ProposalOptions, own *ownUpdate) ([]byte, error) {
	if err := s.active(); err != nil {
		return nil, err
	}
	e := s.current
	if err := e.checkAAD(o.AAD); err != nil {
		return nil, err
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	format := message.WireFormatPrivateMessage
	if _, ok := p.(*message.SelfRemove); ok || o.Public || s.cfg.PublicHandshake {
		format = message.WireFormatPublicMessage
	}
	covered := Covered{Proposal: p, Sender: message.Member(e.me)}
	if err := s.judge(covered, true); err != nil {
		return nil, err
	}
	signed, err := s.sign(signer, format, message.FramedContent{
		AuthenticatedData: o.AAD, ContentType: message.ContentProposal, Proposal: p,
	})
	if err != nil {
		return nil, err
	}
	covered.Ref = signed.Ref(s.cfg.Suite)
	if err := s.cache.room(covered, &s.cfg.Limits, e.tree); err != nil {
		return nil, err
	}
	msg, err := e.protect(&s.cfg, signed)
	if err != nil {
		return nil, err
	}
	// Others would not take it, nor any Commit of ours that covers it.
	if err := s.cfg.Limits.CheckMessage(len(msg)); err != nil {
		return nil, err
	}
	s.cache.add(&waiting{Covered: covered, own: own})
	return msg, nil
}

// sign signs content of ours for the current epoch.
func (s *State) sign(signer suite.Signer, format message.WireFormat, content message.FramedContent) (*message.AuthenticatedContent, error) {
	e := s.current
	content.GroupID, content.Epoch, content.Sender = e.context.GroupID, e.context.Epoch, message.Member(e.me)
	return message.Sign(s.cfg.Suite, signer, format, content, e.context)
}

// judge decides about a proposal that travels by itself: whether it is valid as far
// as that can be said without the Commit, and what the Policy and the Authenticator
// say. What depends on the rest of the list is left to the Commit.
func (s *State) judge(p Covered, own bool) error {
	candidates, err := s.checkProposal(p, own)
	if err != nil {
		return err
	}
	if s.cfg.Policy == nil {
		// "External proposals that are not authorized are considered invalid" (12.1.8),
		// and nobody is there to authorize those of strangers.
		if p.Sender.Type == message.SenderNewMemberProposal {
			return fmt.Errorf("%w: there is none, and a stranger asks to be added", ErrForbidden)
		}
	} else {
		if err := s.cfg.Policy.AllowProposal(s.current.view(), p); err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
	}
	if err := s.cfg.authenticate(s.GroupID(), candidates); err != nil {
		if _, ok := p.Proposal.(*message.Update); ok && own {
			err = fmt.Errorf("own leaf: %w", err)
		}
		return err
	}
	return nil
}

// checkProposal applies the rules of "Proposals" (12.1) to one proposal, and
// returns whom it brings in.
func (s *State) checkProposal(p Covered, own bool) ([]Candidate, error) {
	e, cfg := s.current, &s.cfg
	// One that we receive can be committed together with the removal of those who do not
	// support it (12.2).
	if t := p.Proposal.ProposalType(); own && !t.IsDefault() && !e.tree.SupportsProposal(t) {
		return nil, fmt.Errorf("%w: type %d is not supported by all", ErrProposal, t)
	}
	rules := cfg.leafRules(e.context.GroupID, nil, own)
	switch q := p.Proposal.(type) {
	case *message.Add:
		if err := cfg.checkAdd(q.KeyPackage, rules); err != nil {
			return nil, err
		}
		entry := InAdd
		if own {
			entry = InKeyPackage
		}
		return []Candidate{candidate(entry, 0, q.KeyPackage.LeafNode, nil)}, nil
	case *message.Update:
		i, ok := p.Sender.Leaf()
		if !ok {
			return nil, fmt.Errorf("%w: update from %v", ErrProposal, p.Sender)
		}
		old := e.tree.Leaf(i)
		if err := cfg.checkUpdate(i, q.LeafNode, old, rules); err != nil {
			return nil, err
		}
		return []Candidate{candidate(InUpdate, i, q.LeafNode, old)}, nil
	case *message.Remove:
		if e.tree.Leaf(q.Removed) == nil {
			return nil, fmt.Errorf("%w: remove of leaf %d, which is blank", ErrProposal, q.Removed)
		}
		return nil, nil
	case *message.PreSharedKey:
		return nil, checkPSK(cfg, &q.PSK, purposeNone)
	case *message.ReInit:
		if err := checkReInit(q); err != nil || !own {
			return nil, err
		}
		return nil, leadsOn(q, e.context.GroupID)
	case *message.GroupContextExtensions:
		if err := keepsDictionary(e.context.Extensions, q.Extensions, p.Sender); err != nil {
			return nil, err
		}
		if own {
			if err := e.leaf().Capabilities.SupportsGroup(q.Extensions); err != nil {
				return nil, fmt.Errorf("%w: own leaf: %w", ErrProposal, err)
			}
		}
		return cfg.checkContextExtensions(e.context.Extensions, q.Extensions)
	case *message.SelfRemove:
		return nil, checkSelfRemove(e.tree, p)
	case *message.AppDataUpdate, *message.AppEphemeral:
		return nil, checkAppData(cfg, e.view(), p)
	}
	return nil, fmt.Errorf("%w: type %d is not supported", ErrProposal, p.Proposal.ProposalType())
}
