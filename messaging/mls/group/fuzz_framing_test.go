package group

import (
	"bytes"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// tbs is FramedContentTBS.
func (i *insider) tbs(a *message.AuthenticatedContent) []byte {
	var w syntax.Writer
	w.Uint16(1)
	w.Uint16(uint16(a.WireFormat))
	a.Content.Marshal(&w)
	if t := a.Content.Sender.Type; t == message.SenderMember || t == message.SenderNewMemberCommit {
		i.e.context.Marshal(&w)
	}
	return w.Bytes()
}

func (i *insider) resign(a *message.AuthenticatedContent, signer suite.Signer) {
	var err error
	a.Auth.Signature, err = i.cs.SignWithLabel(signer, "FramedContentTBS", i.tbs(a))
	i.must(err)
}

// sign signs content of mallory's. Application data and a proposal come by
// themselves, change can make something else of them before the signature.
func (i *insider) sign(format message.WireFormat, t message.ContentType, change func(*message.FramedContent)) *message.AuthenticatedContent {
	a := &message.AuthenticatedContent{WireFormat: format, Content: message.FramedContent{
		GroupID: i.e.context.GroupID, Epoch: i.e.context.Epoch, Sender: message.Member(i.in.Me()), ContentType: t,
	}}
	switch t {
	case message.ContentApplication:
		a.Content.ApplicationData = []byte("from mallory")
	case message.ContentProposal:
		a.Content.Proposal = i.psk("psk")
	}
	if change != nil {
		change(&a.Content)
	}
	i.resign(a, i.in.cfg.Signer)
	return a
}

func writeFuzzAuth(w *syntax.Writer, a *message.AuthenticatedContent) {
	w.Vector(a.Auth.Signature)
	if a.Content.ContentType == message.ContentCommit {
		w.Vector(a.Auth.ConfirmationTag)
	}
}

// public makes a PublicMessage with a valid membership tag.
func (i *insider) public(a *message.AuthenticatedContent) []byte {
	return i.publicWith(a, i.e.secrets.Membership)
}

func (i *insider) publicWith(a *message.AuthenticatedContent, membership []byte) []byte {
	w := syntax.NewWriter(i.tbs(a))
	writeFuzzAuth(w, a)
	return message.Wrap(&message.PublicMessage{Content: a.Content, Auth: a.Auth, MembershipTag: i.cs.MAC(membership, w.Bytes())}).Bytes()
}

// fuzzSeal is how content is encrypted. Zero values: as mallory's own next message.
type fuzzSeal struct {
	leaf       *tree.LeafIndex
	generation *uint32
	key        *schedule.Key
	padding    []byte
	header     func(*message.PrivateMessage) // before encryption
	senderData []byte                        // sender_data_secret
}

// seal makes a PrivateMessage.
func (i *insider) seal(a *message.AuthenticatedContent, o fuzzSeal) []byte {
	data := message.SenderData{LeafIndex: i.in.Me()}
	if o.leaf != nil {
		data.LeafIndex = *o.leaf
	}
	kind := a.Content.ContentType.Kind()
	data.Generation = i.nextOf(data.LeafIndex, kind)
	if o.generation != nil {
		data.Generation = *o.generation
	}
	key := schedule.Key{Key: make([]byte, i.cs.KeySize()), Nonce: make([]byte, i.cs.NonceSize())}
	if opening, err := i.e.keys.Peek(data.LeafIndex, kind, data.Generation); err == nil {
		key = schedule.Key{Key: bytes.Clone(opening.Key().Key), Nonce: bytes.Clone(opening.Key().Nonce)}
		opening.Discard()
	}
	if o.key != nil {
		key = *o.key
	}
	var w syntax.Writer
	switch a.Content.ContentType {
	case message.ContentApplication:
		w.Vector(a.Content.ApplicationData)
	case message.ContentProposal:
		message.WriteProposal(&w, a.Content.Proposal)
	case message.ContentCommit:
		a.Content.Commit.Marshal(&w)
	}
	writeFuzzAuth(&w, a)
	w.Raw(o.padding)
	m := &message.PrivateMessage{GroupID: a.Content.GroupID, Epoch: a.Content.Epoch, ContentType: a.Content.ContentType, AuthenticatedData: a.Content.AuthenticatedData}
	if o.header != nil {
		o.header(m)
	}
	var aad syntax.Writer
	aad.Vector(m.GroupID)
	aad.Uint64(m.Epoch)
	aad.Uint8(uint8(m.ContentType))
	header := bytes.Clone(aad.Bytes())
	aad.Vector(m.AuthenticatedData)
	nonce := key.Nonce
	m.Ciphertext = i.cs.Seal(key.Key, nonce, aad.Bytes(), w.Bytes()) // a reuse guard of zeros
	secret := i.e.secrets.SenderData
	if o.senderData != nil {
		secret = o.senderData
	}
	k, n := schedule.SenderDataKey(i.cs, secret, m.Ciphertext)
	m.EncryptedSenderData = i.cs.Seal(k, n, header, syntax.Marshal(&data))
	return message.Wrap(m).Bytes()
}

// nextOf is a generation that neither mallory nor the victim has used.
func (i *insider) nextOf(leaf tree.LeafIndex, kind schedule.Kind) uint32 {
	if leaf == i.in.Me() {
		return i.in.generation(kind)
	}
	r := ratchetOf(i.in, leaf, kind)
	return uint32(max(i.in.next[r], i.victim.next[r]))
}
