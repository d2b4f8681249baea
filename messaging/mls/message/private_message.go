package message

import (
	"fmt"
	"io"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// PrivateMessage is a message that is signed and encrypted: "Encoding and
// Decoding a Private Message" (6.3).
type PrivateMessage struct {
	GroupID             []byte
	Epoch               uint64
	ContentType         ContentType
	AuthenticatedData   []byte
	EncryptedSenderData []byte
	Ciphertext          []byte
}

// WireFormat returns WireFormatPrivateMessage.
func (*PrivateMessage) WireFormat() WireFormat { return WireFormatPrivateMessage }

// Marshal writes the message.
func (m *PrivateMessage) Marshal(w *syntax.Writer) {
	m.contentAAD(w)
	w.Vector(m.EncryptedSenderData)
	w.Vector(m.Ciphertext)
}

// Unmarshal reads a message.
func (m *PrivateMessage) Unmarshal(r *syntax.Reader) {
	*m = PrivateMessage{GroupID: r.Vector(), Epoch: r.Uint64()}
	m.ContentType = readContentType(r)
	m.AuthenticatedData = r.Vector()
	m.EncryptedSenderData = r.Vector()
	m.Ciphertext = r.Vector()
}

// contentAAD writes PrivateContentAAD, which is also how the message begins.
func (m *PrivateMessage) contentAAD(w *syntax.Writer) {
	m.senderDataAAD(w)
	w.Vector(m.AuthenticatedData)
}

// senderDataAAD writes SenderDataAAD, the message's first three fields.
func (m *PrivateMessage) senderDataAAD(w *syntax.Writer) {
	w.Vector(m.GroupID)
	w.Uint64(m.Epoch)
	w.Uint8(uint8(m.ContentType))
}

// guarded applies the reuse guard to the key schedule's nonce.
func guarded(nonce []byte, guard [4]byte) []byte {
	n := append(make([]byte, 0, 16), nonce...)
	for i, g := range guard {
		n[i] ^= g
	}
	return n
}

// ProtectPrivate makes a PrivateMessage of a member's content that was signed for
// that: "Content Encryption" (6.3.1). k is the key of an unused generation of the
// member's own ratchet, of the Kind that the content's type says; its use must
// have been stored before the message leaves. rand gives the reuse guard, four
// bytes. A nil padding adds none.
func (a *AuthenticatedContent) ProtectPrivate(s *suite.Suite, senderDataSecret []byte, generation uint32, k schedule.Key, rand io.Reader, padding Padding, ctx *schedule.GroupContext) (*PrivateMessage, error) {
	if err := a.check(s, WireFormatPrivateMessage, ctx); err != nil {
		return nil, err
	}
	leaf, _ := a.Content.Sender.Leaf() // check lets members only pass
	data := SenderData{LeafIndex: leaf, Generation: generation}
	if _, err := io.ReadFull(rand, data.ReuseGuard[:]); err != nil {
		return nil, fmt.Errorf("reuse guard: %w", err)
	}
	content := syntax.NewWriter(make([]byte, 0, len(a.Content.ApplicationData)+256))
	a.Content.marshalBody(content)
	a.Auth.marshal(content, a.Content.ContentType)
	plaintext, err := padding.pad(content.Bytes())
	if err != nil {
		return nil, err
	}
	m := &PrivateMessage{
		GroupID:           a.Content.GroupID,
		Epoch:             a.Content.Epoch,
		ContentType:       a.Content.ContentType,
		AuthenticatedData: a.Content.AuthenticatedData,
	}
	var aad syntax.Writer
	m.contentAAD(&aad)
	m.Ciphertext = s.Seal(k.Key, guarded(k.Nonce, data.ReuseGuard), aad.Bytes(), plaintext)
	m.sealSenderData(s, senderDataSecret, data)
	return m, nil
}

// Unprotect returns the content of a message of the epoch of ctx, after all checks
// but that of the confirmation tag: the decryption, its form, the padding, and the
// signature. data is what SenderData returned and the caller found to name a
// member, and k that member's key of data.Generation, which the secret tree lets
// the caller look at (SecretTree.Peek). After success, and only then, the key is
// used up (Opening.Commit). The content is memory of its own, apart from what the
// message carries in the clear.
func (m *PrivateMessage) Unprotect(s *suite.Suite, data SenderData, k schedule.Key, ctx *schedule.GroupContext, key SignatureKey) (*AuthenticatedContent, error) {
	a := &AuthenticatedContent{WireFormat: WireFormatPrivateMessage, Content: FramedContent{
		GroupID:           m.GroupID,
		Epoch:             m.Epoch,
		Sender:            Member(data.LeafIndex),
		AuthenticatedData: m.AuthenticatedData,
		ContentType:       m.ContentType,
	}}
	var aad syntax.Writer
	m.contentAAD(&aad)
	plaintext, err := s.Open(k.Key, guarded(k.Nonce, data.ReuseGuard), aad.Bytes(), m.Ciphertext)
	if err != nil {
		return nil, fmt.Errorf("PrivateMessage from %v: %w", a.Content.Sender, err)
	}
	r := syntax.NewReader(plaintext)
	a.Content.unmarshalBody(r)
	a.Auth.unmarshal(r, m.ContentType)
	pad := r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("PrivateMessageContent from %v: %w", a.Content.Sender, err)
	}
	if err := checkPadding(pad); err != nil {
		return nil, fmt.Errorf("PrivateMessageContent from %v: %w", a.Content.Sender, err)
	}
	if err := a.check(s, WireFormatPrivateMessage, ctx); err != nil {
		return nil, fmt.Errorf("PrivateMessage: %w", err)
	}
	public, err := key(&a.Content)
	if err != nil {
		return nil, fmt.Errorf("PrivateMessage from %v: %w", a.Content.Sender, err)
	}
	if err := a.verify(s, public, a.tbs(ctx)); err != nil {
		return nil, fmt.Errorf("PrivateMessage: %w", err)
	}
	return a, nil
}

// Kind returns the ratchet of the sender that content of this type is encrypted
// under.
func (t ContentType) Kind() schedule.Kind {
	if t == ContentApplication {
		return schedule.Application
	}
	return schedule.Handshake
}
