package message_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"pgregory.net/rapid"
)

// The protection of messages a second time, slowly, from the prose of sections
// 6.1 to 6.3. It checks nothing, so it also makes the messages that must be
// refused.

// v is opaque<V>.
func v(b []byte) []byte {
	var w syntax.Writer
	w.Vector(b)
	return w.Bytes()
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func be(n int, x uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, x)
	return b[8-n:]
}

// forged is a message as it is made: any field can be bent before it is used.
type forged struct {
	w       *world
	format  message.WireFormat
	content message.FramedContent
	ctx     *schedule.GroupContext
	signer  suite.Signer
	// signature is the signer's of all this, unless a test has another.
	signature []byte
	tag       []byte // confirmation tag
	padding   []byte
	guard     [4]byte
	reveal    func(*message.SenderData)
	cut       int // bytes that the plaintext lacks at its end
}

func (w *world) forge(format message.WireFormat, c message.FramedContent) *forged {
	f := &forged{w: w, format: format, content: c, ctx: w.ctx, signer: w.signer}
	if c.ContentType == message.ContentCommit {
		f.tag = make([]byte, w.s.HashSize())
	}
	return f
}

func (f *forged) selected() []byte {
	c := &f.content
	switch c.ContentType {
	case message.ContentApplication:
		return v(c.ApplicationData)
	case message.ContentProposal:
		return cat(be(2, uint64(c.Proposal.ProposalType())), syntax.Marshal(c.Proposal))
	case message.ContentCommit:
		return syntax.Marshal(c.Commit)
	}
	return nil
}

func (f *forged) framedContent() []byte {
	c := &f.content
	sender := []byte{byte(c.Sender.Type)}
	if c.Sender.Type == message.SenderMember || c.Sender.Type == message.SenderExternal {
		sender = append(sender, be(4, uint64(c.Sender.Index))...)
	}
	return cat(v(c.GroupID), be(8, c.Epoch), sender, v(c.AuthenticatedData), []byte{byte(c.ContentType)}, f.selected())
}

func (f *forged) tbs() []byte {
	b := cat(be(2, 1), be(2, uint64(f.format)), f.framedContent())
	if t := f.content.Sender.Type; t == message.SenderMember || t == message.SenderNewMemberCommit {
		b = cat(b, syntax.Marshal(f.ctx))
	}
	return b
}

func (f *forged) auth() []byte {
	signature := f.signature
	if signature == nil {
		var err error
		if signature, err = f.w.s.SignWithLabel(f.signer, "FramedContentTBS", f.tbs()); err != nil {
			panic(err)
		}
	}
	if f.content.ContentType == message.ContentCommit {
		return cat(v(signature), v(f.tag))
	}
	return v(signature)
}

// public is the MLSMessage with a PublicMessage.
func (f *forged) public() []byte {
	auth := f.auth()
	b := cat(be(2, 1), be(2, 1), f.framedContent(), auth)
	if f.content.Sender.Type == message.SenderMember {
		b = cat(b, v(f.w.s.MAC(f.w.membershipKey, cat(f.tbs(), auth))))
	}
	return b
}

// plaintext is PrivateMessageContent.
func (f *forged) plaintext() []byte {
	b := cat(f.selected(), f.auth(), f.padding)
	return b[:len(b)-f.cut]
}

// private is the MLSMessage with a PrivateMessage under the first key of its
// sender.
func (f *forged) private() []byte {
	s, c := f.w.s, &f.content
	kind := schedule.Handshake
	if c.ContentType == message.ContentApplication {
		kind = schedule.Application
	}
	generation, key, err := f.w.secretTree().NextKey(tree.LeafIndex(c.Sender.Index), kind)
	if err != nil {
		panic(err)
	}
	nonce := bytes.Clone(key.Nonce)
	for i := range 4 {
		nonce[i] ^= f.guard[i]
	}
	three := cat(v(c.GroupID), be(8, c.Epoch), []byte{byte(c.ContentType)})
	ciphertext := s.Seal(key.Key, nonce, cat(three, v(c.AuthenticatedData)), f.plaintext())

	data := message.SenderData{LeafIndex: tree.LeafIndex(c.Sender.Index), Generation: generation, ReuseGuard: f.guard}
	if f.reveal != nil {
		f.reveal(&data)
	}
	sample := ciphertext
	if len(sample) > s.HashSize() {
		sample = sample[:s.HashSize()]
	}
	senderData := s.Seal(
		s.ExpandWithLabel(f.w.senderData, "key", sample, s.KeySize()),
		s.ExpandWithLabel(f.w.senderData, "nonce", sample, s.NonceSize()),
		three, cat(be(4, uint64(data.LeafIndex)), be(4, uint64(data.Generation)), data.ReuseGuard[:]))
	return cat(be(2, 1), be(2, 2), three, v(c.AuthenticatedData), v(senderData), v(ciphertext))
}

func (f *forged) bytes() []byte {
	if f.format == message.WireFormatPrivateMessage {
		return f.private()
	}
	return f.public()
}

// TestProtectionIsTheReference compares both ways of protecting, byte by byte:
// Ed25519 is deterministic.
func TestProtectionIsTheReference(t *testing.T) {
	w := newWorld(t, 1)
	proposals := w.proposals(t)
	blob := rapid.SliceOfN(rapid.Byte(), 0, 300)
	rapid.Check(t, func(t *rapid.T) {
		w := *w
		w.ctx = &schedule.GroupContext{
			CipherSuite: 1, GroupID: blob.Draw(t, "group"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			TreeHash: blob.Draw(t, "tree hash"), ConfirmedTranscriptHash: blob.Draw(t, "transcript"),
		}
		format := rapid.SampledFrom([]message.WireFormat{1, 2}).Draw(t, "format")
		sender := message.Member(tree.LeafIndex(rapid.Uint32Range(0, 7).Draw(t, "leaf")))
		c := message.FramedContent{GroupID: w.ctx.GroupID, Epoch: w.ctx.Epoch, Sender: sender, AuthenticatedData: blob.Draw(t, "aad")}
		switch c.ContentType = message.ContentType(rapid.IntRange(1, 3).Draw(t, "content type")); c.ContentType {
		case message.ContentApplication:
			c.ApplicationData = blob.Draw(t, "data")
		case message.ContentProposal:
			c.Proposal = rapid.SampledFrom(proposals).Draw(t, "proposal")
		case message.ContentCommit:
			c.Commit = &message.Commit{}
			for range rapid.IntRange(0, 3).Draw(t, "proposals") {
				c.Commit.Proposals = append(c.Commit.Proposals, message.ProposalOrRef{Proposal: rapid.SampledFrom(proposals).Draw(t, "proposal")})
			}
		}
		f := w.forge(format, c)
		f.padding = make([]byte, rapid.IntRange(0, 70).Draw(t, "padding"))
		copy(f.guard[:], mlstest.Bytes(21, 4))
		want := f.bytes()

		a, err := message.Sign(w.s, w.signer, format, c, w.ctx)
		if err != nil {
			if c.Check(format) == nil {
				t.Fatal(err)
			}
			return
		}
		a.Auth.ConfirmationTag = f.tag
		var body message.Body
		if format == message.WireFormatPublicMessage {
			body, err = a.ProtectPublic(w.s, w.membershipKey, w.ctx)
		} else {
			generation, key, keyErr := w.secretTree().NextKey(tree.LeafIndex(sender.Index), c.ContentType.Kind())
			if keyErr != nil {
				t.Fatal(keyErr)
			}
			pad := func(int) int { return len(f.padding) }
			body, err = a.ProtectPrivate(w.s, w.senderData, generation, key, mlstest.Rand(21), pad, w.ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := message.Wrap(body).Bytes(); !bytes.Equal(got, want) {
			t.Fatalf("\n got %x\nwant %x", got, want)
		}
		back, err := w.unprotect(want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(syntax.Marshal(back), cat(be(2, uint64(format)), f.framedContent(), f.auth())) {
			t.Fatalf("unprotected: %+v", back)
		}
		if ref := back.Ref(w.s); !bytes.Equal(ref, w.s.Hash(v([]byte("MLS 1.0 Proposal Reference")), v(syntax.Marshal(back)))) {
			t.Fatalf("ProposalRef %x", ref)
		}
	})
}

// TestEverySuite sends each kind of content in each wire format and each suite.
func TestEverySuite(t *testing.T) {
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, id)
			for kind := message.ContentApplication; kind <= message.ContentCommit; kind++ {
				for format := message.WireFormatPublicMessage; format <= message.WireFormatPrivateMessage; format++ {
					c := w.content(t, message.Member(2), kind)
					if c.Check(format) != nil {
						continue
					}
					what := fmt.Sprintf("content %d, wire format %d", kind, format)
					a, err := w.unprotect(w.protect(t, format, c))
					if err != nil {
						t.Errorf("%s: %v", what, err)
						continue
					}
					if got, want := syntax.Marshal(&a.Content), syntax.Marshal(&c); !bytes.Equal(got, want) {
						t.Errorf("%s:\n got %x\nwant %x", what, got, want)
					}
				}
			}
		})
	}
}
