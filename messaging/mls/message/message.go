// Package message is what MLS puts on the wire, and how it is authenticated and
// encrypted: RFC 9420, "Message Framing" (6), "Key Packages" (10), "Proposals"
// (12.1) and "Commit" (12.4), and the proposals of draft-ietf-mls-extensions.
//
// The path of content is that of the figure in section 6. A FramedContent is
// signed (Sign) and becomes an AuthenticatedContent; ProtectPublic or
// ProtectPrivate make a message of it, which travels as an MLSMessage. On the way
// back, PublicMessage.Unprotect and PrivateMessage.Unprotect check everything that
// can be checked of a message by itself: the rules of who may send what in which
// wire format (FramedContent.Check), the membership tag or the encryption, the
// padding, and the signature. What remains for the caller is what needs the
// group: whose key it is, whether the proposals fit, and the confirmation tag.
//
// Parsing and checking are two steps on purpose. Unmarshal accepts each
// structure that the syntax can express, so that it can be shown, stored and
// written again; a rule broken by it is refused where it would have an effect.
//
// Nothing here keeps state. Keys come from the caller, who looks up a message key,
// lets Unprotect try it, and uses it up only after success.
package message

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

var (
	// ErrMalformed: a structure that parses and breaks a rule which holds whatever
	// the state of the group.
	ErrMalformed = errors.New("mls: malformed message")
	// ErrVersion: a protocol version that is not mls10, or two that should agree.
	ErrVersion = errors.New("mls: protocol version")
	// ErrSuite: a cipher suite that is not the one at hand.
	ErrSuite = errors.New("mls: cipher suite does not match")
	// ErrContext: a message of another group or another epoch.
	ErrContext = errors.New("mls: message of another group or epoch")
	// ErrMembership: the membership tag is not that of a member.
	ErrMembership = errors.New("mls: membership tag is invalid")
	// ErrPadding: padding that is not all zero bytes.
	ErrPadding = fmt.Errorf("%w: padding", ErrMalformed)
	// ErrTooLong: content beyond MaxContent.
	ErrTooLong = errors.New("mls: content is too long")
	// ErrNotForUs: a Welcome without an entry for the KeyPackage.
	ErrNotForUs = errors.New("mls: welcome has no entry for this key package")
	// ErrKeyPackage: a KeyPackage that "KeyPackage Validation" (10.1) refuses.
	ErrKeyPackage = errors.New("mls: key package is invalid")
)

// MaxContent bounds application data and authenticated data together, and padded
// content, in bytes, so that no vector around them outgrows its length.
const MaxContent = syntax.MaxVector - 1<<20

// MLS10 is the only protocol version there is.
const MLS10 = tree.MLS10

// WireFormat says what an MLSMessage holds ("MLS Wire Formats" (17.2)).
type WireFormat uint16

// The wire formats of RFC 9420.
const (
	WireFormatPublicMessage  WireFormat = 1
	WireFormatPrivateMessage WireFormat = 2
	WireFormatWelcome        WireFormat = 3
	WireFormatGroupInfo      WireFormat = 4
	WireFormatKeyPackage     WireFormat = 5
)

// Body is what an MLSMessage holds: *PublicMessage, *PrivateMessage, *Welcome,
// *GroupInfo or *KeyPackage.
type Body interface {
	syntax.Marshaler
	syntax.Unmarshaler
	WireFormat() WireFormat
}

// MLSMessage is the outermost structure: a version, a wire format, and a body.
type MLSMessage struct {
	Body Body
}

// Wrap returns the MLSMessage of a body.
func Wrap(body Body) *MLSMessage { return &MLSMessage{body} }

// Parse reads an MLSMessage that fills b. What it keeps aliases b.
func Parse(b []byte) (*MLSMessage, error) {
	m := new(MLSMessage)
	if err := syntax.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("MLSMessage: %w", err)
	}
	return m, nil
}

// Bytes returns the encoding.
func (m *MLSMessage) Bytes() []byte { return syntax.Marshal(m) }

// Group returns the group and the epoch that the message says it belongs to, for
// finding the state that can check it. A Welcome and a KeyPackage say none.
func (m *MLSMessage) Group() (groupID []byte, epoch uint64, ok bool) {
	switch b := m.Body.(type) {
	case *PublicMessage:
		return b.Content.GroupID, b.Content.Epoch, true
	case *PrivateMessage:
		return b.GroupID, b.Epoch, true
	case *GroupInfo:
		return b.GroupContext.GroupID, b.GroupContext.Epoch, true
	}
	return nil, 0, false
}

// Marshal writes the message.
func (m *MLSMessage) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(MLS10))
	w.Uint16(uint16(m.Body.WireFormat()))
	m.Body.Marshal(w)
}

// Unmarshal reads a message. It refuses unknown versions and wire formats, since
// nothing says how long they are, and a KeyPackage of another version than the
// message ("Key Packages" (10)).
func (m *MLSMessage) Unmarshal(r *syntax.Reader) {
	version := tree.ProtocolVersion(r.Uint16())
	format := WireFormat(r.Uint16())
	if r.Err() != nil {
		return
	}
	if version != MLS10 {
		r.Fail(fmt.Errorf("%w: %d", ErrVersion, version))
		return
	}
	switch format {
	case WireFormatPublicMessage:
		m.Body = new(PublicMessage)
	case WireFormatPrivateMessage:
		m.Body = new(PrivateMessage)
	case WireFormatWelcome:
		m.Body = new(Welcome)
	case WireFormatGroupInfo:
		m.Body = new(GroupInfo)
	case WireFormatKeyPackage:
		m.Body = new(KeyPackage)
	default:
		r.Fail(fmt.Errorf("%w: wire format %d", ErrMalformed, format))
		return
	}
	m.Body.Unmarshal(r)
	if kp, ok := m.Body.(*KeyPackage); ok && r.Err() == nil && kp.Version != version {
		r.Fail(fmt.Errorf("%w: KeyPackage of %d in a message of %d", ErrVersion, kp.Version, version))
	}
}
