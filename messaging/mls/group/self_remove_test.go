package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// selfRemove makes c's SelfRemove and gives it to all other members.
func (w *world) selfRemove(c *peer, all []*peer) []byte {
	w.t.Helper()
	msg, err := c.Propose(&message.SelfRemove{}, ProposalOptions{})
	if err != nil {
		w.t.Fatalf("%s leaves: %v", c.name, err)
	}
	w.tell(c, all, msg)
	return msg
}

// Extensions draft, "SelfRemove Proposal": sent as a PublicMessage, committed by
// reference, with a path, together with other proposals.
func TestSelfRemove(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		all := w.group("alice bob carol dave", CreateOptions{})
		msg := w.selfRemove(all[1], all)
		if m, err := message.Parse(msg); err != nil || m.Body.WireFormat() != message.WireFormatPublicMessage {
			t.Fatalf("in wire format %v, %v", m.Body.WireFormat(), err)
		}
		w.propose(all[2], all, &message.Remove{Removed: 3})
		got := w.commit(all[0], all, CommitOptions{OmitPath: true})
		if len(got.RemovedLeaves) != 2 || len(got.Updated) != 1 {
			t.Errorf("removed %v, updated %v", got.RemovedLeaves, got.Updated)
		}
		if all[1].State != nil || all[3].State != nil {
			t.Error("bob or dave are still there")
		}
		w.talk(all)
	})
}

// Extensions draft, "SelfRemove Proposal": the joiner takes the SelfRemove proposals
// of the epoch along, by reference.
func TestSelfRemoveInExternalCommit(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob carol", CreateOptions{})
	leaving := w.selfRemove(all[1], all)
	// What else waits is not for the joiner, and is gone with the epoch.
	w.propose(all[0], all, &message.Remove{Removed: 2})
	dave := w.client("dave")
	all = append(all, dave)
	w.joinExternal(dave, all, ExternalOptions{SelfRemoves: [][]byte{leaving, leaving}})
	if all[1].State != nil || dave.Me() != 1 || all[0].Tree().MemberCount() != 3 {
		t.Errorf("bob %v, dave is leaf %d of %d", all[1].State, dave.Me(), all[0].Tree().MemberCount())
	}
	w.talk(all)

	// Carol leaves, and comes back before anybody noticed: without a Remove.
	carol := all[2]
	leaving = w.selfRemove(carol, all)
	carol.State = nil
	w.joinExternal(carol, all, ExternalOptions{
		SelfRemoves: [][]byte{leaving},
		Resync:      func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "carol" },
	})
	w.talk(all)
}

// Extensions draft, "SelfRemove Proposal": "MUST validate the SelfRemove Proposal
// before including it by reference".
func TestJoinerRejectsSelfRemove(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	good := w.selfRemove(all[1], all)
	for name, c := range map[string]struct {
		change func(m *message.PublicMessage)
		want   error
	}{
		"as it is":       {func(*message.PublicMessage) {}, nil},
		"membership tag": {func(m *message.PublicMessage) { m.MembershipTag[0] ^= 1 }, nil}, // cannot be checked
		"signature":      {func(m *message.PublicMessage) { m.Auth.Signature[0] ^= 1 }, suite.ErrSignature},
		"sender":         {func(m *message.PublicMessage) { m.Content.Sender = message.Member(0) }, suite.ErrSignature},
		"no such sender": {func(m *message.PublicMessage) { m.Content.Sender = message.Member(5) }, ErrSender},
		"external sender": {func(m *message.PublicMessage) {
			m.Content.Sender, m.MembershipTag = message.External(0), nil
		}, message.ErrMalformed},
		"epoch":         {func(m *message.PublicMessage) { m.Content.Epoch++ }, message.ErrContext},
		"group":         {func(m *message.PublicMessage) { m.Content.GroupID = []byte("x") }, message.ErrContext},
		"other content": {func(m *message.PublicMessage) { m.Content.Proposal = &message.Remove{Removed: 1} }, message.ErrMalformed},
	} {
		m, err := message.Parse(append([]byte{}, good...))
		if err != nil {
			t.Fatal(err)
		}
		c.change(m.Body.(*message.PublicMessage))
		dave := w.client("dave " + name)
		_, _, err = JoinExternal(dave.cfg, groupInfo(t, all[0]), ExternalOptions{Leaf: dave.leaf(), SelfRemoves: [][]byte{m.Bytes()}})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	dave := w.client("dave")
	dave.cfg.Limits.MessageSize = 10
	if _, _, err := JoinExternal(dave.cfg, groupInfo(t, all[0]), ExternalOptions{Leaf: dave.leaf(), SelfRemoves: [][]byte{good}}); !errors.Is(err, ErrLimit) {
		t.Errorf("a message that is too long: %v", err)
	}
	private, err := all[0].Propose(&message.Remove{Removed: 1}, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dave.cfg.Limits.MessageSize = 0
	if _, _, err := JoinExternal(dave.cfg, groupInfo(t, all[0]), ExternalOptions{Leaf: dave.leaf(), SelfRemoves: [][]byte{private}}); !errors.Is(err, ErrUnexpected) {
		t.Errorf("a PrivateMessage: %v", err)
	}
}

// The rules of a list with SelfRemove proposals (extensions draft, and 12.2).
func TestSelfRemoveListRejects(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob carol", CreateOptions{})
	t1 := all[0].Tree()
	self := func(i tree.LeafIndex, ref string) Covered {
		c := Covered{Proposal: &message.SelfRemove{}, Sender: message.Member(i)}
		if ref != "" {
			c.Ref = []byte(ref)
		}
		return c
	}
	by := message.Member(0)
	for name, c := range map[string]struct {
		committer message.Sender
		list      []Covered
		leaves    int
		want      error
	}{
		"none":                            {by, nil, 0, nil},
		"two members":                     {by, []Covered{self(1, "a"), self(2, "b")}, 2, nil},
		"by a joiner":                     {message.Sender{Type: message.SenderNewMemberCommit}, []Covered{self(0, "a"), self(2, "b")}, 2, nil},
		"by value":                        {by, []Covered{self(1, "")}, 0, ErrProposalList},
		"of the committer":                {by, []Covered{self(0, "a")}, 0, ErrProposalList},
		"twice":                           {by, []Covered{self(1, "a"), self(1, "b")}, 0, ErrProposalList},
		"of nobody":                       {by, []Covered{self(7, "a")}, 0, ErrProposal},
		"of an external sender":           {by, []Covered{{Proposal: &message.SelfRemove{}, Sender: message.External(1), Ref: []byte("a")}}, 0, ErrProposal},
		"with a remove of the same leaf":  {by, []Covered{{Proposal: &message.Remove{Removed: 1}, Sender: message.Member(2), Ref: []byte("b")}, self(1, "a")}, 0, ErrProposalList},
		"with a remove of another leaf":   {by, []Covered{{Proposal: &message.Remove{Removed: 2}, Sender: by}, self(1, "a")}, 1, nil},
		"with an update of the same leaf": {by, []Covered{{Proposal: &message.Update{}, Sender: message.Member(1), Ref: []byte("b")}, self(1, "a")}, 0, ErrProposalList},
	} {
		leaves, err := selfRemoves(t1, c.committer, c.list)
		if !errors.Is(err, c.want) || len(leaves) != c.leaves {
			t.Errorf("%s: %v, %v; want %d, %v", name, leaves, err, c.leaves, c.want)
		}
	}
}

// A member that does not support SelfRemove makes the group one where it cannot be
// used; "A client MUST NOT issue more than one SelfRemove proposal per epoch".
func TestSelfRemoveIsRefused(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	w.selfRemove(all[1], all)
	if _, err := all[1].Propose(&message.SelfRemove{}, ProposalOptions{}); !errors.Is(err, ErrProposal) {
		t.Errorf("a second one in the epoch: %v", err)
	}
	if _, err := all[1].Commit(CommitOptions{References: []message.ProposalRef{all[1].Waiting()[0].Ref}}); !errors.Is(err, ErrProposalList) {
		t.Errorf("of the committer: %v", err)
	}
	for _, by := range []message.Sender{message.External(0), message.Member(9), {Type: message.SenderNewMemberProposal}} {
		if err := checkSelfRemove(all[0].Tree(), Covered{Proposal: &message.SelfRemove{}, Sender: by}); !errors.Is(err, ErrProposal) {
			t.Errorf("from %v: %v", by, err)
		}
	}
	w.commit(all[0], all, CommitOptions{})

	carol := w.client("carol")
	caps := DefaultCapabilities(tree.CredentialBasic)
	caps.Proposals = nil
	kp, err := NewKeyPackage(carol.cfg, KeyPackageOptions{Leaf: LeafOptions{Credential: carol.leaf().Credential, Capabilities: &caps}})
	if err != nil {
		t.Fatal(err)
	}
	carol.kp = kp
	all = append(all, carol)
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: kp.Public}}})
	if _, err := all[0].Propose(&message.SelfRemove{}, ProposalOptions{}); !errors.Is(err, ErrProposal) {
		t.Errorf("in a group that is not capable of it: %v", err)
	}
	// What a member who does not keep to it has sent, a joiner does not carry out.
	signed, err := all[0].sign(all[0].cfg.Signer, message.WireFormatPublicMessage, message.FramedContent{ContentType: message.ContentProposal, Proposal: &message.SelfRemove{}})
	if err != nil {
		t.Fatal(err)
	}
	rogue, err := all[0].current.protect(&all[0].State.cfg, signed)
	if err != nil {
		t.Fatal(err)
	}
	dave := w.client("dave")
	if _, _, err := JoinExternal(dave.cfg, groupInfo(t, all[0]), ExternalOptions{Leaf: dave.leaf(), SelfRemoves: [][]byte{rogue}}); !errors.Is(err, ErrProposal) {
		t.Errorf("in an external Commit to a group that is not capable of it: %v", err)
	}
	if _, err := selfRemoves(all[0].Tree(), message.Member(0), []Covered{{Proposal: &message.SelfRemove{}, Sender: message.Member(1), Ref: []byte("a")}}); !errors.Is(err, ErrProposal) {
		t.Errorf("in a Commit of a group that is not capable of it: %v", err)
	}
}
