package message_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
	"pgregory.net/rapid"
)

// The structures a second time, as the grammar that the RFC writes them in. A
// term consumes its encoding from the front of the input, or refuses it. What the
// package parses has to be exactly what the grammar derives.

type term func(b []byte) (rest []byte, ok bool)

func seq(terms ...term) term {
	return func(b []byte) ([]byte, bool) {
		for _, t := range terms {
			var ok bool
			if b, ok = t(b); !ok {
				return nil, false
			}
		}
		return b, true
	}
}

func uintN(n int) term {
	return func(b []byte) ([]byte, bool) {
		if len(b) < n {
			return nil, false
		}
		return b[n:], true
	}
}

func number(b []byte) (x uint64) {
	for _, c := range b {
		x = x<<8 | uint64(c)
	}
	return x
}

// vector is T<V> by "Variable-Size Vector Length Headers" (2.1.2).
func vector(t term) term {
	return func(b []byte) ([]byte, bool) {
		if len(b) == 0 || b[0]>>6 == 3 {
			return nil, false
		}
		size := 1 << (b[0] >> 6)
		if len(b) < size {
			return nil, false
		}
		n := number(b[:size]) & (1<<(8*size-2) - 1)
		if size > 1 && n < 1<<(8*size/2-2) || uint64(len(b)-size) < n {
			return nil, false
		}
		in, rest := b[size:size+int(n)], b[size+int(n):]
		for t != nil && len(in) > 0 {
			var ok bool
			if in, ok = t(in); !ok {
				return nil, false
			}
		}
		return rest, true
	}
}

func optional(t term) term {
	return selector(1, map[uint64]term{0: seq(), 1: t}, nil)
}

// selector is an enumeration of n bytes and the select by it. A nil otherwise
// refuses all other values.
func selector(n int, cases map[uint64]term, otherwise term) term {
	return func(b []byte) ([]byte, bool) {
		if len(b) < n {
			return nil, false
		}
		t, ok := cases[number(b[:n])]
		if !ok {
			t = otherwise
		}
		if t == nil {
			return nil, false
		}
		return t(b[n:])
	}
}

var (
	opaque        = vector(nil)
	u16, u32, u64 = uintN(2), uintN(4), uintN(8)
	mls10         = selector(2, map[uint64]term{1: seq()}, nil)

	// extensions is Extension extensions<V>, each type at most once (13.4).
	extensions term = func(b []byte) ([]byte, bool) {
		seen := map[uint64]bool{}
		return vector(func(b []byte) ([]byte, bool) {
			if len(b) < 2 || seen[number(b[:2])] {
				return nil, false
			}
			seen[number(b[:2])] = true
			return opaque(b[2:])
		})(b)
	}
	credential      = selector(2, map[uint64]term{1: opaque, 2: vector(opaque)}, opaque)
	capabilityLists = seq(vector(u16), vector(u16), vector(u16), vector(u16), vector(u16))
	leafNode        = seq(opaque, opaque, credential, capabilityLists,
		selector(1, map[uint64]term{1: seq(u64, u64), 2: seq(), 3: opaque}, nil), extensions, opaque)
	hpkeCiphertext = seq(opaque, opaque)
	updatePath     = seq(leafNode, vector(seq(opaque, vector(hpkeCiphertext))))
	keyPackage     = seq(u16, u16, opaque, leafNode, extensions, opaque)
	preSharedKeyID = seq(selector(1, map[uint64]term{
		1: opaque,
		2: seq(selector(1, map[uint64]term{1: seq(), 2: seq(), 3: seq()}, nil), opaque, u64),
		3: seq(u16, opaque),
	}, nil), opaque)
	reInit        = seq(opaque, u16, u16, extensions)
	appDataUpdate = seq(u16, selector(1, map[uint64]term{1: opaque, 2: seq()}, nil))
	proposal      = selector(2, map[uint64]term{
		0: nil, 1: keyPackage, 2: leafNode, 3: u32, 4: preSharedKeyID, 5: reInit, 6: opaque, 7: extensions,
		8: appDataUpdate, 9: seq(u16, opaque), 10: seq(),
	}, opaque)
	commit       = seq(vector(selector(1, map[uint64]term{1: proposal, 2: opaque}, nil)), optional(updatePath))
	groupContext = seq(mls10, u16, opaque, u64, opaque, opaque, extensions)
	groupInfo    = seq(groupContext, extensions, opaque, u32, opaque)
	groupSecrets = seq(opaque, optional(opaque), vector(preSharedKeyID))
	welcome      = seq(u16, vector(seq(opaque, hpkeCiphertext)), opaque)

	sender = selector(1, map[uint64]term{1: u32, 2: u32, 3: seq(), 4: seq()}, nil)
	// framed is FramedContent and FramedContentAuthData; with a tag after it that
	// members have if tag.
	framed = func(tag bool) term {
		return func(b []byte) ([]byte, bool) {
			b, ok := seq(opaque, u64)(b)
			if !ok || len(b) == 0 {
				return nil, false
			}
			end := seq()
			if tag && b[0] == 1 {
				end = opaque
			}
			return seq(sender, opaque, selector(1, map[uint64]term{
				1: seq(opaque, opaque), 2: seq(proposal, opaque), 3: seq(commit, opaque, opaque),
			}, nil), end)(b)
		}
	}
	contentType    = selector(1, map[uint64]term{1: seq(), 2: seq(), 3: seq()}, nil)
	privateMessage = seq(opaque, u64, contentType, opaque, opaque, opaque)
	mlsMessage     = seq(mls10, selector(2, map[uint64]term{
		1: framed(true), 2: privateMessage, 3: welcome, 4: groupInfo, 5: seq(func(b []byte) ([]byte, bool) {
			_, ok := mls10(b) // the KeyPackage's version is the message's
			return b, ok
		}, keyPackage),
	}, nil))
)

// proposalCodec is a Proposal with its type.
type proposalCodec struct{ p message.Proposal }

func (c *proposalCodec) Marshal(w *syntax.Writer)   { message.WriteProposal(w, c.p) }
func (c *proposalCodec) Unmarshal(r *syntax.Reader) { c.p = message.ReadProposal(r) }

// structures are all that the package reads, and what the grammar calls them.
var structures = []struct {
	name    string
	empty   func() codec
	grammar term
}{
	{"MLSMessage", func() codec { return new(message.MLSMessage) }, mlsMessage},
	{"Proposal", func() codec { return new(proposalCodec) }, proposal},
	{"Commit", func() codec { return new(message.Commit) }, commit},
	{"AuthenticatedContent", func() codec { return new(message.AuthenticatedContent) }, seq(u16, framed(false))},
	{"PublicMessage", func() codec { return new(message.PublicMessage) }, framed(true)},
	{"PrivateMessage", func() codec { return new(message.PrivateMessage) }, privateMessage},
	{"KeyPackage", func() codec { return new(message.KeyPackage) }, keyPackage},
	{"GroupInfo", func() codec { return new(message.GroupInfo) }, groupInfo},
	{"GroupSecrets", func() codec { return new(message.GroupSecrets) }, groupSecrets},
	{"Welcome", func() codec { return new(message.Welcome) }, welcome},
	{"SenderData", func() codec { return new(message.SenderData) }, seq(u32, u32, u32)},
	{"Sender", func() codec { return new(message.Sender) }, sender},
	{"UpdatePath", func() codec { return new(treekem.UpdatePath) }, updatePath},
	{"PreSharedKeyID", func() codec { return new(schedule.PreSharedKeyID) }, preSharedKeyID},
}

// compare reads b as a structure: the package and the grammar agree on whether it
// is one, and it is written as it was read.
func compare(t interface {
	Helper()
	Fatalf(string, ...any)
}, kind int, b []byte) bool {
	t.Helper()
	x := structures[kind]
	rest, derives := x.grammar(b)
	derives = derives && len(rest) == 0
	got := x.empty()
	err := syntax.Unmarshal(b, got)
	if (err == nil) != derives {
		t.Fatalf("%s: %v, while the grammar says %v: %x", x.name, err, derives, b)
	}
	if err == nil {
		if again := syntax.Marshal(got); !bytes.Equal(again, b) {
			t.Fatalf("%s:\nread    %x\nwritten %x", x.name, b, again)
		}
	}
	return err == nil
}

// samples returns encodings of all structures, in all their cases.
func samples(t testing.TB) (all []sample) {
	w := newWorld(t, 1)
	add := func(name string, m syntax.Marshaler) {
		for i := range structures {
			if structures[i].name == name {
				all = append(all, sample{byte(i), syntax.Marshal(m)})
				return
			}
		}
		t.Fatalf("no structure %s", name)
	}
	ref := message.ProposalRef(mlstest.Bytes(1, 32))
	path := &treekem.UpdatePath{LeafNode: *w.leaf(tree.SourceCommit), Nodes: []treekem.UpdatePathNode{
		{EncryptionKey: mlstest.Bytes(2, 32), EncryptedPathSecret: []suite.Ciphertext{{KEMOutput: mlstest.Bytes(3, 32), Ciphertext: mlstest.Bytes(4, 48)}}},
		{EncryptionKey: mlstest.Bytes(5, 32)},
	}}
	everything := &message.Commit{Proposals: []message.ProposalOrRef{{Reference: ref}}, Path: path}
	for _, p := range append(w.proposals(t),
		&message.AppDataUpdate{Component: 5, Remove: true},
		&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageBranch, GroupID: []byte("g"), Epoch: 4, Nonce: ref}},
		&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ApplicationPSK, Component: 0x8000, ID: []byte("id")}},
		&message.GroupContextExtensions{Extensions: tree.Extensions{{Type: 1}, {Type: 0x0a0a, Data: []byte("x")}}},
	) {
		add("Proposal", &proposalCodec{p})
		everything.Proposals = append(everything.Proposals, message.ProposalOrRef{Proposal: p})
		if psk, ok := p.(*message.PreSharedKey); ok {
			add("PreSharedKeyID", &psk.PSK)
			add("GroupSecrets", &message.GroupSecrets{JoinerSecret: ref, PathSecret: ref, PSKs: []schedule.PreSharedKeyID{psk.PSK}})
		}
	}
	add("Commit", everything)
	add("Commit", &message.Commit{})
	add("UpdatePath", path)
	for from := message.SenderMember; from <= message.SenderNewMemberCommit; from++ {
		s := message.Sender{Type: from}
		add("Sender", s)
		for kind := message.ContentApplication; kind <= message.ContentCommit; kind++ {
			c := w.content(t, s, kind)
			m := &message.PublicMessage{Content: c, Auth: message.FramedContentAuthData{Signature: ref, ConfirmationTag: ref}, MembershipTag: ref}
			add("PublicMessage", m)
			add("MLSMessage", message.Wrap(m))
			add("AuthenticatedContent", &message.AuthenticatedContent{WireFormat: 2, Content: c, Auth: m.Auth})
		}
	}
	secret := mlstest.Bytes(6, 32)
	invite := message.NewWelcome(w.s, secret, w.groupInfo(t))
	invite.Secrets = []message.EncryptedGroupSecrets{{NewMember: ref, EncryptedGroupSecrets: suite.Ciphertext{KEMOutput: ref, Ciphertext: secret}}}
	private := protectedSample(t, w)
	add("GroupSecrets", &message.GroupSecrets{JoinerSecret: secret})
	add("SenderData", &message.SenderData{LeafIndex: 1, Generation: 2, ReuseGuard: [4]byte{3, 4, 5, 6}})
	for name, body := range map[string]message.Body{"Welcome": invite, "GroupInfo": w.groupInfo(t), "KeyPackage": w.keyPackage(t), "PrivateMessage": private} {
		add(name, body)
		add("MLSMessage", message.Wrap(body))
	}
	return all
}

func protectedSample(t testing.TB, w *world) *message.PrivateMessage {
	return parse[*message.PrivateMessage](t, w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication)))
}

type sample struct {
	kind byte
	b    []byte
}

// TestStructuresAreTheGrammar mutates valid encodings, and has the package and the
// grammar judge them.
func TestStructuresAreTheGrammar(t *testing.T) {
	all := samples(t)
	for _, s := range all {
		if !compare(t, int(s.kind), s.b) {
			t.Errorf("%s: a sample does not parse: %x", structures[s.kind].name, s.b)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(all).Draw(t, "sample")
		b := bytes.Clone(s.b)
		for range rapid.IntRange(1, 3).Draw(t, "mutations") {
			if len(b) == 0 {
				break
			}
			i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "mutation") {
			case 0:
				b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			case 1:
				b = append(b[:i:i], b[i+1:]...)
			case 2:
				b = append(b[:i+1:i+1], b[i:]...)
			case 3:
				b = b[:i]
			}
		}
		// The same bytes as every structure, not only as the one they are from.
		for kind := range structures {
			compare(t, kind, b)
		}
	})
}

// FuzzMessage: each structure parses exactly what the grammar derives, is written
// as it was read, and no rule about it panics.
func FuzzMessage(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.kind, s.b)
	}
	w := newWorld(f, 1)
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		if !compare(t, int(kind)%len(structures), b) {
			return
		}
		// Nothing that was not made with the group's keys is accepted.
		if m, err := message.Parse(b); err == nil {
			if a, err := w.unprotect(b); err == nil {
				if leaf, ok := a.Content.Sender.Leaf(); !ok || leaf != 1 || string(a.Content.ApplicationData) != "hello" {
					t.Fatalf("accepted: %x", b)
				}
			}
			switch m := m.Body.(type) {
			case *message.KeyPackage:
				_ = m.Validate(w.s, &tree.Rules{Now: 150})
			case *message.GroupInfo:
				_, _, _ = m.ExternalPub()
			case *message.PublicMessage:
				_ = m.Content.NewMemberKey()
			}
		}
	})
}
