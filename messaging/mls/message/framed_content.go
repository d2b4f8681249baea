package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ContentType says what a FramedContent holds.
type ContentType uint8

// The content types of "Message Framing" (6).
const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// SenderType says what a Sender is.
type SenderType uint8

// The sender types of "Message Framing" (6).
const (
	SenderMember            SenderType = 1 // a member: Index is its leaf
	SenderExternal          SenderType = 2 // Index counts in the external_senders extension
	SenderNewMemberProposal SenderType = 3 // proposes its own Add
	SenderNewMemberCommit   SenderType = 4 // joins by an external Commit
)

// Sender is who a message says it is from. It is comparable.
type Sender struct {
	Type  SenderType
	Index uint32 // leaf_index or sender_index; 0 for new members
}

// Member returns the Sender that is the member at a leaf.
func Member(i tree.LeafIndex) Sender { return Sender{SenderMember, uint32(i)} }

// External returns the Sender that is the i-th of the external_senders extension.
func External(i uint32) Sender { return Sender{SenderExternal, i} }

// Leaf returns the sender's leaf, if it is a member.
func (s Sender) Leaf() (tree.LeafIndex, bool) {
	return tree.LeafIndex(s.Index), s.Type == SenderMember
}

// Marshal writes the sender.
func (s Sender) Marshal(w *syntax.Writer) {
	w.Uint8(uint8(s.Type))
	if s.Type == SenderMember || s.Type == SenderExternal {
		w.Uint32(s.Index)
	}
}

// Unmarshal reads a sender.
func (s *Sender) Unmarshal(r *syntax.Reader) {
	*s = Sender{Type: SenderType(r.Uint8())}
	switch s.Type {
	case SenderMember, SenderExternal:
		s.Index = r.Uint32()
	case SenderNewMemberProposal, SenderNewMemberCommit:
	default:
		r.Fail(fmt.Errorf("sender_type: %w", syntax.ErrValue))
	}
}

// String returns the sender for error texts.
func (s Sender) String() string {
	switch s.Type {
	case SenderMember:
		return fmt.Sprintf("member %d", s.Index)
	case SenderExternal:
		return fmt.Sprintf("external sender %d", s.Index)
	case SenderNewMemberProposal:
		return "new member (proposal)"
	case SenderNewMemberCommit:
		return "new member (commit)"
	}
	return fmt.Sprintf("sender of type %d", uint8(s.Type))
}

// FramedContent is the content of a message with what frames it. Of
// ApplicationData, Proposal and Commit the one that ContentType names is set.
type FramedContent struct {
	GroupID           []byte
	Epoch             uint64
	Sender            Sender
	AuthenticatedData []byte
	ContentType       ContentType
	ApplicationData   []byte
	Proposal          Proposal
	Commit            *Commit
}

// Marshal writes the content.
func (c *FramedContent) Marshal(w *syntax.Writer) {
	w.Vector(c.GroupID)
	w.Uint64(c.Epoch)
	c.Sender.Marshal(w)
	w.Vector(c.AuthenticatedData)
	w.Uint8(uint8(c.ContentType))
	c.marshalBody(w)
}

// Unmarshal reads content.
func (c *FramedContent) Unmarshal(r *syntax.Reader) {
	*c = FramedContent{GroupID: r.Vector(), Epoch: r.Uint64()}
	c.Sender.Unmarshal(r)
	c.AuthenticatedData = r.Vector()
	c.ContentType = readContentType(r)
	c.unmarshalBody(r)
}

func readContentType(r *syntax.Reader) ContentType {
	t := ContentType(r.Uint8())
	if t < ContentApplication || t > ContentCommit {
		r.Fail(fmt.Errorf("content_type: %w", syntax.ErrValue))
	}
	return t
}

// marshalBody writes what the select of content_type names, in FramedContent and
// in PrivateMessageContent alike.
func (c *FramedContent) marshalBody(w *syntax.Writer) {
	switch c.ContentType {
	case ContentApplication:
		w.Vector(c.ApplicationData)
	case ContentProposal:
		WriteProposal(w, c.Proposal)
	case ContentCommit:
		c.Commit.Marshal(w)
	}
}

func (c *FramedContent) unmarshalBody(r *syntax.Reader) {
	switch c.ContentType {
	case ContentApplication:
		c.ApplicationData = r.Vector()
	case ContentProposal:
		c.Proposal = ReadProposal(r)
	case ContentCommit:
		c.Commit = new(Commit)
		c.Commit.Unmarshal(r)
	}
}

// Check returns ErrMalformed if content of this kind may not come from its sender,
// or not in this wire format: "Message Framing" (6), "Content Authentication"
// (6.1), "External Proposals" (12.1.8), "Joining via External Commits" (12.4.3.2)
// and, for SelfRemove, the extensions draft. It is asked wherever content is
// signed, protected or unprotected.
func (c *FramedContent) Check(format WireFormat) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s from %v", ErrMalformed, why, c.Sender) }
	public := format == WireFormatPublicMessage
	if !public && format != WireFormatPrivateMessage {
		return fmt.Errorf("%w: content in wire format %d", ErrMalformed, format)
	}
	if len(c.AuthenticatedData)+len(c.ApplicationData) > MaxContent { // they are signed in one vector
		return ErrTooLong
	}
	if !public && c.Sender.Type != SenderMember {
		return bad("PrivateMessage")
	}
	switch c.ContentType {
	case ContentApplication:
		// Only members have application data, and never in the open.
		if public {
			return bad("application data in a PublicMessage")
		}
		return nil
	case ContentProposal:
		return c.checkProposal(public, bad)
	case ContentCommit:
		return c.checkCommit(bad)
	}
	return fmt.Errorf("%w: content type %d", ErrMalformed, c.ContentType)
}

func (c *FramedContent) checkProposal(public bool, bad func(string) error) error {
	if c.Proposal == nil {
		return bad("no proposal")
	}
	t := c.Proposal.ProposalType()
	switch c.Sender.Type {
	case SenderMember:
		if t == tree.ProposalExternalInit {
			return bad("external_init by itself")
		}
		if t == tree.ProposalSelfRemove && !public {
			return bad("self_remove in a PrivateMessage")
		}
	case SenderExternal:
		if !ExternalAllowed(t) {
			return bad(fmt.Sprintf("proposal of type %d", t))
		}
	case SenderNewMemberProposal:
		if t != tree.ProposalAdd {
			return bad(fmt.Sprintf("proposal of type %d", t))
		}
	default:
		return bad("proposal")
	}
	return nil
}

func (c *FramedContent) checkCommit(bad func(string) error) error {
	if c.Commit == nil {
		return bad("no commit")
	}
	switch c.Sender.Type {
	case SenderMember:
	case SenderNewMemberCommit:
		if c.Commit.Path == nil {
			return bad("commit without a path")
		}
	default:
		return bad("commit")
	}
	for _, p := range c.Commit.Proposals {
		if p.Proposal != nil && p.Proposal.ProposalType() == tree.ProposalSelfRemove {
			return bad("self_remove by value")
		}
	}
	return nil
}

// NewMemberKey returns the signature key that a new member's message carries
// itself: that of the KeyPackage in its Add proposal, or of the leaf in its
// Commit's path ("Content Authentication" (6.1)). It is nil for other senders,
// whose keys are in the group.
func (c *FramedContent) NewMemberKey() []byte {
	switch c.Sender.Type {
	case SenderNewMemberProposal:
		if add, ok := c.Proposal.(*Add); ok {
			return add.KeyPackage.LeafNode.SignatureKey
		}
	case SenderNewMemberCommit:
		if c.Commit != nil && c.Commit.Path != nil {
			return c.Commit.Path.LeafNode.SignatureKey
		}
	}
	return nil
}
