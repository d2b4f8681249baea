package message_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// "Content Authentication" (6.1): what was signed for the open is not taken out of a
// PrivateMessage. For the other way see TestSignatureCoversTheWireFormat.
func TestPublicSignatureInAPrivateMessage_6_1(t *testing.T) {
	w := newWorld(t, 1)
	c := w.content(t, message.Member(1), message.ContentProposal)
	signed, err := message.Sign(w.s, w.signer, message.WireFormatPublicMessage, c, w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	f := w.forge(message.WireFormatPrivateMessage, c)
	_, err = w.unprotect(f.bytes())
	isErr(t, "a PrivateMessage", err, nil)
	f.signature = signed.Auth.Signature
	_, err = w.unprotect(f.bytes())
	isErr(t, "the signature of a PublicMessage in a PrivateMessage", err, suite.ErrSignature)
}

// "Content Authentication" (6.1): FramedContentTBS begins with the version, which is
// not sent with a PrivateMessage's content.
func TestSignatureCoversTheVersion_6_1(t *testing.T) {
	w := newWorld(t, 1)
	for _, format := range []message.WireFormat{message.WireFormatPublicMessage, message.WireFormatPrivateMessage} {
		f := w.forge(format, w.content(t, message.Member(1), message.ContentProposal))
		tbs := f.tbs()
		tbs[1] = 2
		var err error
		if f.signature, err = w.s.SignWithLabel(w.signer, "FramedContentTBS", tbs); err != nil {
			t.Fatal(err)
		}
		_, err = w.unprotect(f.bytes())
		isErr(t, "signed for another version", err, suite.ErrSignature)
	}
}

// "Hash-Based Identifiers" (5.2): a ProposalRef covers the AuthenticatedContent, so
// that the same proposal sent twice, by another, or in another wire format, is
// another one.
func TestProposalRefCoversEverything_5_2(t *testing.T) {
	w := newWorld(t, 1)
	base := w.content(t, message.Member(1), message.ContentProposal)
	sign := func(format message.WireFormat, bend func(*message.FramedContent)) *message.AuthenticatedContent {
		c := base
		if bend != nil {
			bend(&c)
		}
		a, err := message.Sign(w.s, w.signer, format, c, w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	public := message.WireFormatPublicMessage
	first := sign(public, nil)
	want := w.s.Hash(v([]byte("MLS 1.0 Proposal Reference")), v(syntax.Marshal(first)))
	if !bytes.Equal(first.Ref(w.s), want) {
		t.Errorf("ProposalRef %x, want %x", first.Ref(w.s), want)
	}
	other := sign(public, nil)
	other.Auth.Signature = append(bytes.Clone(other.Auth.Signature), 0)
	for what, a := range map[string]*message.AuthenticatedContent{
		"sender":             sign(public, func(c *message.FramedContent) { c.Sender = message.Member(2) }),
		"authenticated_data": sign(public, func(c *message.FramedContent) { c.AuthenticatedData = []byte("other") }),
		"wire format":        sign(message.WireFormatPrivateMessage, nil),
		"signature":          other,
	} {
		if bytes.Equal(a.Ref(w.s), first.Ref(w.s)) {
			t.Errorf("the same ProposalRef with another %s", what)
		}
	}
}

// "Key Packages" (10): the leaf's keys are those of the KeyPackage's cipher suite.
func TestKeyPackageOfAnotherSuitesKeys_10(t *testing.T) {
	w, p256 := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519), newWorld(t, suite.P256_AES128GCM_SHA256_P256)
	kp, _ := w.keyPackagePair(t, 40)
	other, _ := p256.keyPackagePair(t, 41)

	kp.LeafNode.EncryptionKey = other.LeafNode.EncryptionKey
	if err := kp.LeafNode.Sign(w.s, w.signer, nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := kp.Sign(w.s, w.signer); err != nil {
		t.Fatal(err)
	}
	isErr(t, "encryption_key", kp.Validate(w.s, &tree.Rules{}), suite.ErrKey)

	kp, _ = w.keyPackagePair(t, 42)
	kp.LeafNode.SignatureKey = p256.signer.Public()
	if err := kp.LeafNode.Sign(p256.s, p256.signer, nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := kp.Sign(p256.s, p256.signer); err != nil {
		t.Fatal(err)
	}
	isErr(t, "signature_key", kp.Validate(w.s, &tree.Rules{}), suite.ErrKey)
}
