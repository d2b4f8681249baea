package group

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Process verifies a message of the group (an MLSMessage with a PublicMessage or a
// PrivateMessage) and applies it. After an error nothing has changed, and no key is
// used up. msg may be used again afterwards.
//
// A Commit drops our own pending one: ours has lost. Our own Commit, when it comes
// back to us, is merged.
func (s *State) Process(msg []byte) (Event, error) {
	if s.pending != nil && bytes.Equal(msg, s.pending.Message) {
		return s.Merge(s.pending)
	}
	if err := s.cfg.Limits.CheckMessage(len(msg)); err != nil {
		return nil, err
	}
	// What is kept of it must not be the caller's memory.
	m, err := message.Parse(bytes.Clone(msg))
	if err != nil {
		return nil, err
	}
	groupID, _, ok := m.Group()
	if ok && !bytes.Equal(groupID, s.GroupID()) {
		return nil, ErrWrongGroup
	}
	switch body := m.Body.(type) {
	case *message.PrivateMessage:
		return s.private(body)
	case *message.PublicMessage:
		return s.public(body)
	}
	return nil, fmt.Errorf("%w: wire format %d", ErrUnexpected, m.Body.WireFormat())
}

// checkEpoch refuses an epoch that is not the current one.
func (s *State) checkEpoch(epoch uint64) error {
	switch {
	case epoch > s.Epoch():
		return fmt.Errorf("%w: %d, we are in %d", ErrFuture, epoch, s.Epoch())
	case epoch < s.Epoch():
		return fmt.Errorf("%w: %d, we are in %d", ErrPast, epoch, s.Epoch())
	}
	return nil
}

// public processes a PublicMessage (6.2).
func (s *State) public(m *message.PublicMessage) (Event, error) {
	e := s.current
	if err := s.active(); err != nil {
		return nil, err
	}
	if err := s.checkEpoch(m.Content.Epoch); err != nil {
		return nil, err
	}
	if e.isMe(m.Content.Sender) {
		return nil, ErrOwnMessage
	}
	a, err := m.Unprotect(s.cfg.Suite, e.secrets.Membership, e.context, e.signatureKey)
	if err != nil {
		return nil, err
	}
	change, err := s.handshake(a)
	if err != nil {
		return nil, err
	}
	change.do()
	return change.event, nil
}

// private processes a PrivateMessage (6.3). The message's key is used up last, when
// nothing can fail any more.
func (s *State) private(m *message.PrivateMessage) (Event, error) {
	if m.ContentType == message.ContentApplication {
		return s.application(m)
	}
	if err := s.active(); err != nil {
		return nil, err
	}
	if err := s.checkEpoch(m.Epoch); err != nil {
		return nil, err
	}
	e := s.current
	opened, err := open(&s.cfg, m, e.reading())
	if err != nil {
		return nil, err
	}
	defer opened.key.Discard()
	change, err := s.handshake(opened.content)
	if err != nil {
		return nil, err
	}
	if err := opened.key.Commit(); err != nil {
		change.undo()
		return nil, err
	}
	change.do()
	return change.event, nil
}

// change is what a handshake message does to the State, once everything about the
// message is verified. One of do and undo is called; neither can fail.
type change struct {
	event    Event
	do, undo func()
}

// handshake processes a proposal or Commit whose signature is verified.
func (s *State) handshake(a *message.AuthenticatedContent) (*change, error) {
	if err := s.current.checkAAD(a.Content.AuthenticatedData); err != nil {
		return nil, err
	}
	if a.Content.ContentType == message.ContentCommit {
		return s.commit(a)
	}
	p := Covered{Proposal: a.Content.Proposal, Sender: a.Content.Sender, Ref: a.Ref(s.cfg.Suite)}
	if err := s.cache.room(p, &s.cfg.Limits, s.current.tree); err != nil {
		return nil, err
	}
	if err := s.judge(p, false); err != nil {
		return nil, err
	}
	kept := p
	var err error
	if kept.Proposal, err = detached(p.Proposal); err != nil {
		return nil, err
	}
	return &change{
		event: &Proposed{Covered: p, AAD: bytes.Clone(a.Content.AuthenticatedData)},
		do:    func() { s.cache.add(&waiting{Covered: kept}) },
		undo:  func() {},
	}, nil
}

// reading is what messages of an epoch are decrypted and verified with.
type reading struct {
	context    *schedule.GroupContext
	tree       *tree.Tree
	me         tree.LeafIndex
	senderData []byte
	keys       *schedule.SecretTree
	aad        *aadRule
}

func (e *epoch) reading() *reading {
	return &reading{e.context, e.tree, e.me, e.secrets.SenderData, e.keys, &e.aad}
}

func (p *pastEpoch) reading() *reading {
	return &reading{p.context, p.tree, p.me, p.senderData, p.keys, &p.aad}
}

// opened is a PrivateMessage that was decrypted and whose signature is verified.
// Its key is used up when it is committed.
type opened struct {
	content *message.AuthenticatedContent
	data    message.SenderData
	key     *schedule.Opening
}

// open decrypts a PrivateMessage and verifies its signature.
func open(cfg *Config, m *message.PrivateMessage, r *reading) (*opened, error) {
	s := cfg.Suite
	data, err := m.SenderData(s, r.senderData)
	if err != nil {
		return nil, err
	}
	leaf := r.tree.Leaf(data.LeafIndex)
	if leaf == nil {
		return nil, fmt.Errorf("%w: leaf %d is blank", ErrSender, data.LeafIndex)
	}
	if data.LeafIndex == r.me {
		return nil, ErrOwnMessage
	}
	key, err := r.keys.Peek(data.LeafIndex, m.ContentType.Kind(), data.Generation)
	if err != nil {
		return nil, err
	}
	content, err := m.Unprotect(s, data, key.Key(), r.context, func(*message.FramedContent) ([]byte, error) {
		return leaf.SignatureKey, nil
	})
	if err != nil {
		key.Discard()
		return nil, err
	}
	return &opened{content, data, key}, nil
}

// signatureKey returns the key that content of the epoch must be signed with
// ("Content Authentication", 6.1).
func (e *epoch) signatureKey(c *message.FramedContent) ([]byte, error) {
	switch c.Sender.Type {
	case message.SenderMember:
		if leaf := e.tree.Leaf(tree.LeafIndex(c.Sender.Index)); leaf != nil {
			return leaf.SignatureKey, nil
		}
	case message.SenderExternal:
		senders, err := e.context.Extensions.ExternalSenders()
		if err != nil {
			return nil, err
		}
		if uint64(c.Sender.Index) < uint64(len(senders)) {
			return senders[c.Sender.Index].SignatureKey, nil
		}
	default:
		if key := c.NewMemberKey(); key != nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: %v", ErrSender, c.Sender)
}
