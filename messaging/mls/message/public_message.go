package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// PublicMessage is a message that is signed and not encrypted: "Encoding and
// Decoding a Public Message" (6.2).
type PublicMessage struct {
	Content       FramedContent
	Auth          FramedContentAuthData
	MembershipTag []byte // of members, and of nobody else
}

// WireFormat returns WireFormatPublicMessage.
func (*PublicMessage) WireFormat() WireFormat { return WireFormatPublicMessage }

// Marshal writes the message.
func (m *PublicMessage) Marshal(w *syntax.Writer) {
	m.Content.Marshal(w)
	m.Auth.marshal(w, m.Content.ContentType)
	if m.Content.Sender.Type == SenderMember {
		w.Vector(m.MembershipTag)
	}
}

// Unmarshal reads a message.
func (m *PublicMessage) Unmarshal(r *syntax.Reader) {
	m.Content.Unmarshal(r)
	m.Auth.unmarshal(r, m.Content.ContentType)
	m.MembershipTag = nil
	if m.Content.Sender.Type == SenderMember {
		m.MembershipTag = r.Vector()
	}
}

// tbm continues the encoding of FramedContentTBS to AuthenticatedContentTBM.
func (a *AuthenticatedContent) tbm(tbs []byte) []byte {
	w := syntax.NewWriter(tbs)
	a.Auth.marshal(w, a.Content.ContentType)
	return w.Bytes()
}

// ProtectPublic makes a PublicMessage of content that was signed for that. The
// membership key and ctx are those of the content's epoch; they are used for
// members only.
func (a *AuthenticatedContent) ProtectPublic(s *suite.Suite, membershipKey []byte, ctx *schedule.GroupContext) (*PublicMessage, error) {
	if err := a.check(s, WireFormatPublicMessage, ctx); err != nil {
		return nil, err
	}
	m := &PublicMessage{Content: a.Content, Auth: a.Auth}
	if a.Content.Sender.Type == SenderMember {
		m.MembershipTag = s.MAC(membershipKey, a.tbm(a.tbs(ctx)))
	}
	return m, nil
}

// check is what holds of content of a wire format, on its way out as on its way in.
func (a *AuthenticatedContent) check(s *suite.Suite, format WireFormat, ctx *schedule.GroupContext) error {
	if a.WireFormat != format {
		return fmt.Errorf("%w: content signed for wire format %d, not %d", ErrMalformed, a.WireFormat, format)
	}
	if err := a.Content.Check(format); err != nil {
		return err
	}
	if err := a.checkTag(s); err != nil {
		return err
	}
	return a.Content.checkContext(ctx)
}

// Unprotect returns the content of a message of the epoch of ctx, after all
// checks but that of the confirmation tag: its form, a member's membership tag,
// and the signature. The result shares the message's memory.
func (m *PublicMessage) Unprotect(s *suite.Suite, membershipKey []byte, ctx *schedule.GroupContext, key SignatureKey) (*AuthenticatedContent, error) {
	return m.unprotect(s, ctx, key, func(tbm []byte) bool {
		return s.VerifyMAC(membershipKey, tbm, m.MembershipTag)
	})
}

// UnprotectByJoiner is Unprotect for somebody who is about to join and has no
// membership key: all is checked but the membership tag. The extensions draft
// has joiners do this with SelfRemove proposals ("SelfRemove Proposal"), and
// nothing else is let through.
func (m *PublicMessage) UnprotectByJoiner(s *suite.Suite, ctx *schedule.GroupContext, key SignatureKey) (*AuthenticatedContent, error) {
	if _, ok := m.Content.Proposal.(*SelfRemove); !ok {
		return nil, fmt.Errorf("%w: a joiner takes self_remove proposals only", ErrMalformed)
	}
	return m.unprotect(s, ctx, key, func([]byte) bool { return true })
}

func (m *PublicMessage) unprotect(s *suite.Suite, ctx *schedule.GroupContext, key SignatureKey, isMember func(tbm []byte) bool) (*AuthenticatedContent, error) {
	a := &AuthenticatedContent{WireFormatPublicMessage, m.Content, m.Auth}
	if err := a.check(s, WireFormatPublicMessage, ctx); err != nil {
		return nil, fmt.Errorf("PublicMessage: %w", err)
	}
	tbs := a.tbs(ctx)
	if m.Content.Sender.Type == SenderMember {
		if !isMember(a.tbm(tbs)) {
			return nil, fmt.Errorf("PublicMessage from %v: %w", m.Content.Sender, ErrMembership)
		}
	} else if m.MembershipTag != nil {
		return nil, fmt.Errorf("%w: membership_tag from %v", ErrMalformed, m.Content.Sender)
	}
	public, err := key(&a.Content)
	if err != nil {
		return nil, fmt.Errorf("PublicMessage from %v: %w", m.Content.Sender, err)
	}
	if err := a.verify(s, public, tbs); err != nil {
		return nil, fmt.Errorf("PublicMessage: %w", err)
	}
	return a, nil
}
