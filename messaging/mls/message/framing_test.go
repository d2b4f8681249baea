package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// may is the table of sections 6, 6.1, 12.1.8 and 12.4.3.2, and of SelfRemove, as
// prose: whether content of a kind may come from a sender in a wire format.
func may(format message.WireFormat, from message.SenderType, c *message.FramedContent) bool {
	public := format == message.WireFormatPublicMessage
	if from != message.SenderMember && !public {
		return false // non-members have no keys to encrypt with
	}
	switch c.ContentType {
	case message.ContentApplication:
		return from == message.SenderMember && !public
	case message.ContentCommit:
		for _, p := range c.Commit.Proposals {
			if _, ok := p.Proposal.(*message.SelfRemove); ok {
				return false // by reference only
			}
		}
		return from == message.SenderMember || from == message.SenderNewMemberCommit && c.Commit.Path != nil
	}
	switch c.Proposal.(type) {
	case *message.Add:
		return from != message.SenderNewMemberCommit
	case *message.Remove, *message.PreSharedKey, *message.ReInit, *message.GroupContextExtensions,
		*message.AppDataUpdate, *message.AppEphemeral:
		return from == message.SenderMember || from == message.SenderExternal
	case *message.Update, *message.Unknown:
		return from == message.SenderMember
	case *message.SelfRemove:
		return from == message.SenderMember && public
	}
	return false // external_init is never sent by itself
}

// TestWhoMaySendWhat goes through all senders, contents and wire formats. What may
// not be sent is refused by Sign, and, forged with valid signatures and tags, by
// Unprotect.
func TestWhoMaySendWhat(t *testing.T) {
	w := newWorld(t, 1)
	var contents []message.FramedContent
	for _, p := range w.proposals(t) {
		contents = append(contents,
			message.FramedContent{ContentType: message.ContentProposal, Proposal: p},
			message.FramedContent{ContentType: message.ContentCommit, Commit: &message.Commit{Proposals: []message.ProposalOrRef{{Proposal: p}}}})
	}
	contents = append(contents, w.content(t, message.Sender{}, message.ContentApplication), w.content(t, message.Sender{}, message.ContentCommit))
	allowed := 0
	for _, c := range contents {
		for from := message.SenderMember; from <= message.SenderNewMemberCommit; from++ {
			for format := message.WireFormatPublicMessage; format <= message.WireFormatPrivateMessage; format++ {
				if format == message.WireFormatPrivateMessage && from != message.SenderMember {
					// A PrivateMessage has no way to say so; Sign alone can refuse it.
					c.GroupID, c.Epoch, c.Sender = w.ctx.GroupID, w.ctx.Epoch, message.Sender{Type: from}
					_, err := message.Sign(w.s, w.signer, format, c, w.ctx)
					isErr(t, fmt.Sprintf("PrivateMessage from %v", c.Sender), err, message.ErrMalformed)
					continue
				}
				c.GroupID, c.Epoch, c.Sender = w.ctx.GroupID, w.ctx.Epoch, message.Sender{Type: from}
				what := fmt.Sprintf("content %d (%T) from %v in wire format %d", c.ContentType, c.Proposal, c.Sender, format)
				var want error
				if !may(format, from, &c) {
					want = message.ErrMalformed
				} else {
					allowed++
				}
				_, err := message.Sign(w.s, w.signer, format, c, w.ctx)
				isErr(t, "signing "+what, err, want)
				_, err = w.unprotect(w.forge(format, c).bytes())
				isErr(t, "reading "+what, err, want)
			}
		}
	}
	if allowed < 30 {
		t.Errorf("only %d combinations are allowed", allowed)
	}
}

// TestUnknownFormatsOfContent: content that is neither public nor private, of no
// type, or empty, is not signed.
func TestUnknownFormatsOfContent(t *testing.T) {
	w := newWorld(t, 1)
	good := w.content(t, message.Member(1), message.ContentProposal)
	for format := range message.WireFormat(7) {
		var want error
		if format < 1 || format > 2 {
			want = message.ErrMalformed
		}
		isErr(t, fmt.Sprintf("wire format %d", format), good.Check(format), want)
	}
	for what, bend := range map[string]func(*message.FramedContent){
		"content type 0":  func(c *message.FramedContent) { c.ContentType = 0 },
		"content type 4":  func(c *message.FramedContent) { c.ContentType = 4 },
		"no proposal":     func(c *message.FramedContent) { c.Proposal = nil },
		"no commit":       func(c *message.FramedContent) { c.ContentType = message.ContentCommit },
		"sender type 0":   func(c *message.FramedContent) { c.Sender.Type = 0 },
		"sender type 5":   func(c *message.FramedContent) { c.Sender.Type = 5 },
		"commit, type 5":  func(c *message.FramedContent) { *c = w.content(t, message.Sender{Type: 5}, message.ContentCommit) },
		"private, type 5": func(c *message.FramedContent) { *c = w.content(t, message.Sender{Type: 5}, message.ContentApplication) },
	} {
		c := good
		bend(&c)
		isErr(t, what, c.Check(message.WireFormatPublicMessage), message.ErrMalformed)
	}
}

// TestContentIsBounded: no vector outgrows its length. The memory is never
// touched.
func TestContentIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	tooLong := make([]byte, message.MaxContent+1)
	for what, bend := range map[string]func(*message.FramedContent){
		"application data":   func(c *message.FramedContent) { c.ApplicationData = tooLong },
		"authenticated data": func(c *message.FramedContent) { c.AuthenticatedData = tooLong },
		"both": func(c *message.FramedContent) {
			c.AuthenticatedData, c.ApplicationData = tooLong[:1<<29], tooLong[1<<29:]
		},
	} {
		c := w.content(t, message.Member(1), message.ContentApplication)
		bend(&c)
		_, err := message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, c, w.ctx)
		isErr(t, what, err, message.ErrTooLong)
	}
}

// TestSignatureMustVerify: of members, external senders and new members, with the
// key that the group says.
func TestSignatureMustVerify(t *testing.T) {
	w := newWorld(t, 1)
	other := newWorld(t, 1)
	var err error
	if _, other.signer, err = w.s.GenerateSigner(mlstest.Rand(99)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		from message.Sender
		kind message.ContentType
	}{
		{message.Member(1), message.ContentProposal},
		{message.Member(1), message.ContentCommit},
		{message.External(0), message.ContentProposal},
		{message.Sender{Type: message.SenderNewMemberProposal}, message.ContentProposal},
		{message.Sender{Type: message.SenderNewMemberCommit}, message.ContentCommit},
	} {
		f := w.forge(message.WireFormatPublicMessage, w.content(t, x.from, x.kind))
		_, err := w.unprotect(f.bytes())
		isErr(t, x.from.String(), err, nil)
		f.signer = other.signer
		_, err = w.unprotect(f.bytes())
		isErr(t, "signed by another, from "+x.from.String(), err, suite.ErrSignature)
	}
	f := w.forge(message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication))
	f.signer = other.signer
	_, err = w.unprotect(f.bytes())
	isErr(t, "PrivateMessage signed by another", err, suite.ErrSignature)
}

// TestSignatureCoversTheContext: members and external Commits sign the
// GroupContext, external senders and proposers of their own Add do not (6.1).
func TestSignatureCoversTheContext(t *testing.T) {
	w := newWorld(t, 1)
	changed := *w.ctx
	changed.ConfirmedTranscriptHash = mlstest.Bytes(98, 32)
	for _, x := range []struct {
		from    message.Sender
		kind    message.ContentType
		covered bool
	}{
		{message.Member(1), message.ContentProposal, true},
		{message.Sender{Type: message.SenderNewMemberCommit}, message.ContentCommit, true},
		{message.External(0), message.ContentProposal, false},
		{message.Sender{Type: message.SenderNewMemberProposal}, message.ContentProposal, false},
	} {
		a, err := message.Sign(w.s, w.signer, message.WireFormatPublicMessage, w.content(t, x.from, x.kind), w.ctx)
		b, err2 := message.Sign(w.s, w.signer, message.WireFormatPublicMessage, w.content(t, x.from, x.kind), &changed)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if same := bytes.Equal(a.Auth.Signature, b.Auth.Signature); same == x.covered {
			t.Errorf("%v: covered: %v", x.from, !same)
		}
	}
}

// TestSignatureCoversTheWireFormat: a message cannot be taken out of its
// encryption and passed on in the open.
func TestSignatureCoversTheWireFormat(t *testing.T) {
	w := newWorld(t, 1)
	c := w.content(t, message.Member(1), message.ContentProposal)
	a, err := message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, c, w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.ProtectPublic(w.s, w.membershipKey, w.ctx)
	isErr(t, "protecting it the other way", err, message.ErrMalformed)
	_, err = w.unprotect(w.protect(t, message.WireFormatPublicMessage, c))
	isErr(t, "a PublicMessage", err, nil)

	m := &message.PublicMessage{Content: c, Auth: a.Auth}
	// The membership tag is right for what is signed now.
	f := w.forge(message.WireFormatPublicMessage, c)
	m.MembershipTag = w.s.MAC(w.membershipKey, cat(f.tbs(), v(a.Auth.Signature)))
	_, err = w.unprotect(message.Wrap(m).Bytes())
	isErr(t, "the signature of a PrivateMessage in a PublicMessage", err, suite.ErrSignature)
}

// TestMessagesOfOtherEpochsAreRefused: content must be of the group and the epoch
// whose keys it is read with.
func TestMessagesOfOtherEpochsAreRefused(t *testing.T) {
	w := newWorld(t, 1)
	for what, bend := range map[string]func(*message.FramedContent){
		"later":       func(c *message.FramedContent) { c.Epoch++ },
		"earlier":     func(c *message.FramedContent) { c.Epoch-- },
		"other group": func(c *message.FramedContent) { c.GroupID = []byte("grouq") },
	} {
		for _, from := range []message.Sender{message.Member(1), message.External(0), {Type: message.SenderNewMemberProposal}} {
			c := w.content(t, from, message.ContentProposal)
			bend(&c)
			_, err := message.Sign(w.s, w.signer, message.WireFormatPublicMessage, c, w.ctx)
			isErr(t, "signing, "+what, err, message.ErrContext)
			_, err = w.unprotect(w.forge(message.WireFormatPublicMessage, c).bytes())
			isErr(t, what+" from "+from.String(), err, message.ErrContext)
		}
		c := w.content(t, message.Member(1), message.ContentApplication)
		bend(&c)
		_, err := w.unprotect(w.forge(message.WireFormatPrivateMessage, c).bytes())
		isErr(t, "PrivateMessage, "+what, err, message.ErrContext)
	}
}

// TestMembershipTag: members' PublicMessages have one that verifies, others none
// (6.2).
func TestMembershipTag(t *testing.T) {
	w := newWorld(t, 1)
	for _, kind := range []message.ContentType{message.ContentProposal, message.ContentCommit} {
		b := w.protect(t, message.WireFormatPublicMessage, w.content(t, message.Member(1), kind))
		open := func() *message.PublicMessage { return parse[*message.PublicMessage](t, bytes.Clone(b)) }

		m := open()
		_, err := m.Unprotect(w.s, mlstest.Bytes(97, 32), w.ctx, w.key)
		isErr(t, "another membership key", err, message.ErrMembership)
		for i := range m.MembershipTag {
			m := open()
			m.MembershipTag[i] ^= 1
			_, err := m.Unprotect(w.s, w.membershipKey, w.ctx, w.key)
			isErr(t, "a tag with another bit", err, message.ErrMembership)
		}
		m = open()
		m.MembershipTag = nil
		_, err = m.Unprotect(w.s, w.membershipKey, w.ctx, w.key)
		isErr(t, "no tag", err, message.ErrMembership)
		// The tag covers the authentication data: a signature by the same key of the
		// same content that is not the sent one, such as ECDSA has many of.
		m = open()
		m.Auth.Signature = append(bytes.Clone(m.Auth.Signature), 0)
		_, err = m.Unprotect(w.s, w.membershipKey, w.ctx, w.key)
		isErr(t, "another signature", err, message.ErrMembership)
		if kind == message.ContentCommit {
			m = open()
			m.Auth.ConfirmationTag[0] ^= 1
			_, err = m.Unprotect(w.s, w.membershipKey, w.ctx, w.key)
			isErr(t, "another confirmation tag", err, message.ErrMembership)
		}
	}
	m := parse[*message.PublicMessage](t, w.protect(t, message.WireFormatPublicMessage, w.content(t, message.External(0), message.ContentProposal)))
	if m.MembershipTag != nil {
		t.Error("an external sender has a membership tag")
	}
	m.MembershipTag = []byte{}
	_, err := m.Unprotect(w.s, w.membershipKey, w.ctx, w.key)
	isErr(t, "a tag of an external sender", err, message.ErrMalformed)
}

// TestConfirmationTagIsOfCommits: a Commit has one of KDF.Nh bytes, other content
// none (6.1).
func TestConfirmationTagIsOfCommits(t *testing.T) {
	w := newWorld(t, 1)
	for _, n := range []int{0, 1, 31, 33} {
		for format := message.WireFormatPublicMessage; format <= message.WireFormatPrivateMessage; format++ {
			f := w.forge(format, w.content(t, message.Member(1), message.ContentCommit))
			f.tag = make([]byte, n)
			_, err := w.unprotect(f.bytes())
			isErr(t, fmt.Sprintf("a tag of %d bytes", n), err, message.ErrMalformed)
		}
	}
	a, err := message.Sign(w.s, w.signer, message.WireFormatPublicMessage, w.content(t, message.Member(1), message.ContentCommit), w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.ProtectPublic(w.s, w.membershipKey, w.ctx)
	isErr(t, "a Commit without a tag", err, message.ErrMalformed)
	a, err = message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentProposal), w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	a.Auth.ConfirmationTag = make([]byte, 32)
	_, err = a.ProtectPrivate(w.s, w.senderData, 0, schedule.Key{Key: make([]byte, 16), Nonce: make([]byte, 12)}, mlstest.Rand(1), nil, w.ctx)
	isErr(t, "a proposal with a tag", err, message.ErrMalformed)
}

// TestUnknownSendersAreRefused: an error of the key's keeper refuses the message.
func TestUnknownSendersAreRefused(t *testing.T) {
	w := newWorld(t, 1)
	unknown := errors.New("no such sender")
	keeper := func(*message.FramedContent) ([]byte, error) { return nil, unknown }
	m := parse[*message.PublicMessage](t, w.protect(t, message.WireFormatPublicMessage, w.content(t, message.Member(1), message.ContentProposal)))
	_, err := m.Unprotect(w.s, w.membershipKey, w.ctx, keeper)
	isErr(t, "PublicMessage", err, unknown)
	p := parse[*message.PrivateMessage](t, w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentProposal)))
	data, err := p.SenderData(w.s, w.senderData)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := w.secretTree().Peek(data.LeafIndex, schedule.Handshake, data.Generation)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Unprotect(w.s, data, opening.Key(), w.ctx, keeper)
	isErr(t, "PrivateMessage", err, unknown)
}

// TestNewMemberKey: new members' messages carry their key, others' do not (6.1).
func TestNewMemberKey(t *testing.T) {
	w := newWorld(t, 1)
	for _, x := range []struct {
		from message.Sender
		kind message.ContentType
		has  bool
	}{
		{message.Member(1), message.ContentProposal, false},
		{message.Member(1), message.ContentCommit, false},
		{message.External(0), message.ContentProposal, false},
		{message.Sender{Type: message.SenderNewMemberProposal}, message.ContentProposal, true},
		{message.Sender{Type: message.SenderNewMemberCommit}, message.ContentCommit, true},
	} {
		c := w.content(t, x.from, x.kind)
		key := c.NewMemberKey()
		if x.has != bytes.Equal(key, w.signer.Public()) || !x.has && key != nil {
			t.Errorf("%v: %x", x.from, key)
		}
	}
}

// TestJoinersTakeSelfRemovesOnly: without a membership key, a member's SelfRemove
// is let through, with its signature checked.
func TestJoinersTakeSelfRemovesOnly(t *testing.T) {
	w := newWorld(t, 1)
	c := w.content(t, message.Member(1), message.ContentProposal)
	c.Proposal = &message.SelfRemove{}
	f := w.forge(message.WireFormatPublicMessage, c)
	m := parse[*message.PublicMessage](t, f.bytes())
	m.MembershipTag = []byte("whatever")
	_, err := m.UnprotectByJoiner(w.s, w.ctx, w.key)
	isErr(t, "self_remove", err, nil)
	m.Auth.Signature[0] ^= 1
	_, err = m.UnprotectByJoiner(w.s, w.ctx, w.key)
	isErr(t, "self_remove with a bad signature", err, suite.ErrSignature)
	for _, p := range w.proposals(t) {
		if _, ok := p.(*message.SelfRemove); ok {
			continue
		}
		c.Proposal = p
		_, err := parse[*message.PublicMessage](t, w.forge(message.WireFormatPublicMessage, c).bytes()).UnprotectByJoiner(w.s, w.ctx, w.key)
		isErr(t, fmt.Sprintf("%T", p), err, message.ErrMalformed)
	}
	commit := w.content(t, message.Member(1), message.ContentCommit)
	_, err = parse[*message.PublicMessage](t, w.forge(message.WireFormatPublicMessage, commit).bytes()).UnprotectByJoiner(w.s, w.ctx, w.key)
	isErr(t, "commit", err, message.ErrMalformed)
	c.Proposal, c.Sender = &message.SelfRemove{}, message.External(0)
	_, err = parse[*message.PublicMessage](t, w.forge(message.WireFormatPublicMessage, c).bytes()).UnprotectByJoiner(w.s, w.ctx, w.key)
	isErr(t, "self_remove of an external sender", err, message.ErrMalformed)
}

// TestChangedBytesAreRefused changes each byte of a message, in both formats: no
// change is accepted, not even one that nobody would notice.
func TestChangedBytesAreRefused(t *testing.T) {
	w := newWorld(t, 1)
	for kind := message.ContentApplication; kind <= message.ContentCommit; kind++ {
		for format := message.WireFormatPublicMessage; format <= message.WireFormatPrivateMessage; format++ {
			c := w.content(t, message.Member(1), kind)
			if c.Check(format) != nil {
				continue
			}
			good := w.protect(t, format, c)
			for i := range good {
				for _, bit := range []byte{1, 0x80} {
					b := bytes.Clone(good)
					b[i] ^= bit
					if _, err := w.unprotect(b); err == nil {
						t.Errorf("content %d, format %d: byte %d may be changed", kind, format, i)
					}
				}
			}
			for n := range good {
				if _, err := w.unprotect(good[:n]); err == nil {
					t.Errorf("content %d, format %d: cut to %d bytes", kind, format, n)
				}
			}
			_, err := w.unprotect(append(bytes.Clone(good), 0))
			isErr(t, "a byte more", err, syntax.ErrTrailing)
		}
	}
}

// TestMLSMessage: version and wire format (6).
func TestMLSMessage(t *testing.T) {
	w := newWorld(t, 1)
	good := w.protect(t, message.WireFormatPublicMessage, w.content(t, message.Member(1), message.ContentProposal))
	for _, version := range []uint64{0, 2, 0x0a0a} {
		_, err := message.Parse(cat(be(2, version), good[2:]))
		isErr(t, fmt.Sprintf("version %d", version), err, message.ErrVersion)
	}
	for _, format := range []uint64{0, 6, 0x0a0a} {
		_, err := message.Parse(cat(be(2, 1), be(2, format), good[4:]))
		isErr(t, fmt.Sprintf("wire format %d", format), err, message.ErrMalformed)
	}
	kp := w.keyPackage(t)
	kp.Version = 2
	_, err := message.Parse(message.Wrap(kp).Bytes())
	isErr(t, "KeyPackage of another version", err, message.ErrVersion)

	for what, b := range map[string][]byte{
		"public":  good,
		"private": w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication)),
		"info":    message.Wrap(&message.GroupInfo{GroupContext: *w.ctx}).Bytes(),
	} {
		m, err := message.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if id, epoch, ok := m.Group(); !ok || string(id) != "group" || epoch != 7 {
			t.Errorf("%s: of %q, %d", what, id, epoch)
		}
	}
	if _, _, ok := message.Wrap(kp).Group(); ok {
		t.Error("a KeyPackage is of a group")
	}
}

// TestMalformedEnumerations: values without a meaning where nothing says how long
// they are.
func TestMalformedEnumerations(t *testing.T) {
	for what, x := range map[string]struct {
		b    []byte
		into syntax.Unmarshaler
	}{
		"sender type 0":               {[]byte{0}, new(message.Sender)},
		"sender type 5":               {[]byte{5, 0, 0, 0, 0}, new(message.Sender)},
		"content type 0":              {cat(v(nil), be(8, 0), []byte{4}, v(nil), []byte{0}, v(nil)), new(message.FramedContent)},
		"content type 4":              {cat(v(nil), be(8, 0), []byte{4}, v(nil), []byte{4}, v(nil)), new(message.FramedContent)},
		"private message of type 4":   {cat(v(nil), be(8, 0), []byte{4}, v(nil), v(nil), v(nil)), new(message.PrivateMessage)},
		"proposal or ref 0":           {cat(v(cat([]byte{0}, v(nil))), []byte{0}), new(message.Commit)},
		"proposal or ref 3":           {cat(v(cat([]byte{3}, v(nil))), []byte{0}), new(message.Commit)},
		"proposal of type 0":          {cat(v(cat([]byte{1, 0, 0}, v(nil))), []byte{0}), new(message.Commit)},
		"path neither there nor not":  {cat(v(nil), []byte{2}), new(message.Commit)},
		"app data operation 0":        {[]byte{0x80, 0, 0, 0}, new(message.AppDataUpdate)},
		"app data operation 3":        {[]byte{0x80, 0, 3, 0}, new(message.AppDataUpdate)},
		"path secret there and not":   {cat(v(nil), []byte{2}, v(nil)), new(message.GroupSecrets)},
		"psk of type 0":               {[]byte{0, 0, 0}, new(message.PreSharedKey)},
		"two extensions of one type":  {v(cat(be(2, 9), v(nil), be(2, 9), v(nil))), new(message.GroupContextExtensions)},
		"two extensions, in a reinit": {cat(v(nil), be(2, 1), be(2, 1), v(cat(be(2, 9), v(nil), be(2, 9), v(nil)))), new(message.ReInit)},
	} {
		isErr(t, what, syntax.Unmarshal(x.b, x.into), syntax.ErrValue)
	}
}

// TestUnknownProposalsSurvive: what is not known is kept as it is, and the type is
// not changed by reading.
func TestUnknownProposalsSurvive(t *testing.T) {
	for _, typ := range []tree.ProposalType{11, 0x0a0a, 0xf123, 0xffff} {
		b := cat(be(2, uint64(typ)), v([]byte("opaque")))
		r := syntax.NewReader(b)
		p := message.ReadProposal(r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		var w syntax.Writer
		message.WriteProposal(&w, p)
		if u, ok := p.(*message.Unknown); !ok || u.Type != typ || !bytes.Equal(w.Bytes(), b) {
			t.Errorf("type %d: %#v", typ, p)
		}
	}
}

// TestProposalTypesRegistry: "MLS Proposal Types" (17.4) and the extensions draft,
// columns Ext and Path.
func TestProposalTypesRegistry(t *testing.T) {
	registry := map[tree.ProposalType]struct{ external, path bool }{
		1:      {true, false}, // add
		2:      {false, true}, // update
		3:      {true, true},  // remove
		4:      {true, false}, // psk
		5:      {true, false}, // reinit
		6:      {false, true}, // external_init
		7:      {true, true},  // group_context_extensions
		8:      {true, false}, // app_data_update
		9:      {true, false}, // app_ephemeral
		10:     {false, true}, // self_remove
		11:     {false, true}, // unknown ones: not from outside, and with a path
		0xf123: {false, true},
	}
	w := newWorld(t, 1)
	order := []tree.ProposalType{1, 2, 3, 4, 5, 6, 7, 10, 8, 9, 0xf123}
	for i, p := range w.proposals(t) {
		if p.ProposalType() != order[i] {
			t.Errorf("%T is of type %d", p, p.ProposalType())
		}
	}
	for typ, want := range registry {
		if message.ExternalAllowed(typ) != want.external || message.PathRequired(typ) != want.path {
			t.Errorf("type %d: external %v, path %v", typ, message.ExternalAllowed(typ), message.PathRequired(typ))
		}
	}
}
