package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// FramedContentAuthData authenticates content: "Content Authentication" (6.1).
type FramedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte // of Commits, and of nothing else
}

func (a *FramedContentAuthData) marshal(w *syntax.Writer, t ContentType) {
	w.Vector(a.Signature)
	if t == ContentCommit {
		w.Vector(a.ConfirmationTag)
	}
}

func (a *FramedContentAuthData) unmarshal(r *syntax.Reader, t ContentType) {
	*a = FramedContentAuthData{Signature: r.Vector()}
	if t == ContentCommit {
		a.ConfirmationTag = r.Vector()
	}
}

// AuthenticatedContent is content with its authentication, out of either wire
// format. Proposals are referred to, and transcripts computed, by its encoding.
type AuthenticatedContent struct {
	WireFormat WireFormat
	Content    FramedContent
	Auth       FramedContentAuthData
}

// Marshal writes the structure.
func (a *AuthenticatedContent) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(a.WireFormat))
	a.Content.Marshal(w)
	a.Auth.marshal(w, a.Content.ContentType)
}

// Unmarshal reads the structure.
func (a *AuthenticatedContent) Unmarshal(r *syntax.Reader) {
	a.WireFormat = WireFormat(r.Uint16())
	a.Content.Unmarshal(r)
	a.Auth.unmarshal(r, a.Content.ContentType)
}

// checkTag requires a confirmation tag of the right length on Commits and none
// elsewhere. A tag on other content would not be written, so that what was
// checked and what is sent would differ.
func (a *AuthenticatedContent) checkTag(s *suite.Suite) error {
	want := 0
	if a.Content.ContentType == ContentCommit {
		want = s.HashSize()
	}
	if len(a.Auth.ConfirmationTag) != want {
		return fmt.Errorf("%w: confirmation_tag of %d bytes", ErrMalformed, len(a.Auth.ConfirmationTag))
	}
	return nil
}

// signsContext reports whether a sender's signature covers the GroupContext.
// External senders and proposers of their own Add do not know it.
func (s Sender) signsContext() bool {
	return s.Type == SenderMember || s.Type == SenderNewMemberCommit
}

// writeTBS writes FramedContentTBS.
func (a *AuthenticatedContent) writeTBS(w *syntax.Writer, ctx *schedule.GroupContext) {
	w.Uint16(uint16(MLS10))
	w.Uint16(uint16(a.WireFormat))
	a.Content.Marshal(w)
	if a.Content.Sender.signsContext() {
		ctx.Marshal(w)
	}
}

func (a *AuthenticatedContent) tbs(ctx *schedule.GroupContext) []byte {
	w := syntax.NewWriter(make([]byte, 0, 1024))
	a.writeTBS(w, ctx)
	return w.Bytes()
}

// checkContext requires that content is of the group and epoch of ctx.
func (c *FramedContent) checkContext(ctx *schedule.GroupContext) error {
	if string(c.GroupID) != string(ctx.GroupID) || c.Epoch != ctx.Epoch {
		return fmt.Errorf("%w: epoch %d, not %d", ErrContext, c.Epoch, ctx.Epoch)
	}
	return nil
}

// Sign signs content for a wire format, with the key that "Content
// Authentication" (6.1) names for the sender. ctx is the current GroupContext,
// which must be that of the content's group and epoch. A Commit's
// confirmation tag, which depends on the signature, is the caller's to set in Auth
// before the content is protected.
func Sign(s *suite.Suite, signer suite.Signer, format WireFormat, content FramedContent, ctx *schedule.GroupContext) (*AuthenticatedContent, error) {
	a := &AuthenticatedContent{WireFormat: format, Content: content}
	if err := content.Check(format); err != nil {
		return nil, err
	}
	if err := content.checkContext(ctx); err != nil {
		return nil, err
	}
	var err error
	a.Auth.Signature, err = s.SignWithLabel(signer, "FramedContentTBS", a.tbs(ctx))
	if err != nil {
		return nil, err
	}
	return a, nil
}

// verify checks the signature.
func (a *AuthenticatedContent) verify(s *suite.Suite, publicKey []byte, tbs []byte) error {
	if err := s.VerifyWithLabel(publicKey, "FramedContentTBS", tbs, a.Auth.Signature); err != nil {
		return fmt.Errorf("content from %v: %w", a.Content.Sender, err)
	}
	return nil
}

// SignatureKey returns the key that content's signature has to verify with: of
// the member's leaf, of the external sender, or what NewMemberKey returns. It is
// asked only for content that has passed Check. An error refuses the message.
type SignatureKey func(content *FramedContent) ([]byte, error)

// ConfirmedTranscriptHashInput returns the encoding that a Commit adds to the
// confirmed transcript hash: "Transcript Hashes" (8.2).
func (a *AuthenticatedContent) ConfirmedTranscriptHashInput() []byte {
	var w syntax.Writer
	w.Uint16(uint16(a.WireFormat))
	a.Content.Marshal(&w)
	w.Vector(a.Auth.Signature)
	return w.Bytes()
}

// Ref returns the ProposalRef of content that holds a proposal: "Hash-Based
// Identifiers" (5.2).
func (a *AuthenticatedContent) Ref(s *suite.Suite) ProposalRef {
	return s.RefHash("MLS 1.0 Proposal Reference", syntax.Marshal(a))
}
