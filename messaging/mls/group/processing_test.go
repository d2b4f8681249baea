package group

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// TestProcessingACommit_12_4_2 has one Commit for each way in which a member's
// Commit can be wrong besides its proposals.
func TestProcessingACommit_12_4_2(t *testing.T) {
	t.Parallel()
	remove := func(p people) []Covered { return []Covered{p.alice.value(&message.Remove{Removed: p.bob.Me()})} }
	tests := []struct {
		rule string
		want error
		make func(p people) badCommit
	}{
		{"no path and no proposals", ErrPathRequired, func(people) badCommit { return badCommit{noPath: true} }},
		{"no path and a remove", ErrPathRequired, func(p people) badCommit { return badCommit{noPath: true, proposals: remove(p)} }},
		{"no path and an update", ErrPathRequired, func(p people) badCommit {
			return badCommit{noPath: true, proposals: []Covered{p.bob.forgeProposal(p.bob.updateOf(nil), p.carol)}}
		}},
		{"no path and group_context_extensions", ErrPathRequired, func(p people) badCommit {
			return badCommit{noPath: true, proposals: []Covered{p.alice.value(&message.GroupContextExtensions{})}}
		}},
		{"no path and a self_remove", ErrPathRequired, func(p people) badCommit {
			return badCommit{noPath: true, proposals: []Covered{p.bob.forgeProposal(&message.SelfRemove{}, p.carol)}}
		}},
		{"a leaf that is not of a commit", ErrCommit, func(people) badCommit {
			return badCommit{commit: func(c *message.Commit) { c.Path.LeafNode.Source = tree.SourceUpdate }}
		}},
		{"a leaf whose signature is wrong", ErrCommit, func(people) badCommit {
			return badCommit{commit: func(c *message.Commit) { c.Path.LeafNode.Signature[3] ^= 1 }}
		}},
		{"a leaf without the group's credential type", ErrCommit, func(people) badCommit {
			return badCommit{leaf: func(l *tree.LeafNode) { l.Capabilities.Credentials = nil }}
		}},
		{"a leaf that lacks what the group requires", ErrCommit, func(p people) badCommit {
			e := requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}})
			return badCommit{
				leaf:      func(l *tree.LeafNode) { l.Capabilities.Proposals = nil },
				proposals: []Covered{p.alice.value(&message.GroupContextExtensions{Extensions: e})},
			}
		}},
		{"a leaf with somebody else's signature key", ErrProposalList, func(p people) badCommit {
			return badCommit{signer: p.bob.State.cfg.Signer}
		}},
		{"the committer's old encryption key", treekem.ErrKeyReused, func(p people) badCommit {
			return badCommit{commit: func(c *message.Commit) {
				c.Path.LeafNode.EncryptionKey = p.alice.current.leaf().EncryptionKey
				p.sign(&c.Path.LeafNode)
			}}
		}},
		{"a key of the path that is in the tree", treekem.ErrKeyReused, func(p people) badCommit {
			return badCommit{commit: func(c *message.Commit) { c.Path.Nodes[0].EncryptionKey = p.bob.current.leaf().EncryptionKey }}
		}},
		{"a key of the path that is another one", treekem.ErrParentHash, func(p people) badCommit {
			return badCommit{commit: func(c *message.Commit) { _, c.Path.Nodes[0].EncryptionKey, _ = p.w.suite.GenerateKeyPair(p.w.rand) }}
		}},
		{"a parent hash that is wrong", treekem.ErrParentHash, func(p people) badCommit {
			return badCommit{commit: func(c *message.Commit) {
				c.Path.LeafNode.ParentHash = bytes.Repeat([]byte{1}, 32)
				p.sign(&c.Path.LeafNode)
			}}
		}},
		{"a node too few", treekem.ErrShape, func(people) badCommit {
			return badCommit{commit: func(c *message.Commit) { c.Path.Nodes = c.Path.Nodes[1:] }}
		}},
		{"a node too many", treekem.ErrShape, func(p people) badCommit {
			return badCommit{commit: func(c *message.Commit) {
				_, public, _ := p.w.suite.GenerateKeyPair(p.w.rand)
				c.Path.Nodes = append(c.Path.Nodes, treekem.UpdatePathNode{EncryptionKey: public})
			}}
		}},
		{"a ciphertext too few", treekem.ErrShape, func(people) badCommit {
			return badCommit{commit: func(c *message.Commit) { c.Path.Nodes[0].EncryptedPathSecret = nil }}
		}},
		{"a path secret that does not decrypt", ErrCommit, func(people) badCommit {
			return badCommit{commit: func(c *message.Commit) {
				for _, n := range c.Path.Nodes {
					for _, e := range n.EncryptedPathSecret {
						e.Ciphertext[3] ^= 1
					}
				}
			}}
		}},
		{"a path secret of another node", ErrCommit, func(p people) badCommit {
			return badCommit{commit: func(c *message.Commit) {
				for i := range c.Path.Nodes {
					other, err := p.w.suite.EncryptWithLabel(p.carol.current.leaf().EncryptionKey, "UpdatePathNode", nil, make([]byte, p.w.suite.HashSize()))
					if err != nil {
						p.w.t.Fatal(err)
					}
					for j := range c.Path.Nodes[i].EncryptedPathSecret {
						c.Path.Nodes[i].EncryptedPathSecret[j] = other
					}
				}
			}}
		}},
		{"a confirmation tag of nothing", ErrConfirmation, func(people) badCommit {
			return badCommit{auth: func(a *message.AuthenticatedContent) { a.Auth.ConfirmationTag[0] ^= 1 }}
		}},
		{"a change that is not in the list", ErrCommit, func(p people) badCommit {
			return badCommit{extra: remove(p)}
		}},
		{"a pre-shared key that we have not", ErrPSK, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(pskProposal(p.w.suite, nil))}}
		}},
		{"a pre-shared key that is another one", ErrConfirmation, func(p people) badCommit {
			p.w.psks["psk"] = []byte("ours")
			return badCommit{proposals: []Covered{p.alice.value(pskProposal(p.w.suite, nil))}}
		}},
		{"a signature that is wrong", suite.ErrSignature, func(people) badCommit {
			return badCommit{auth: func(a *message.AuthenticatedContent) { a.Auth.Signature[3] ^= 1 }}
		}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testSuite, 22)
			all := w.group("alice bob carol", CreateOptions{})
			p := people{w, all[0], all[1], all[2], nil}
			w.refuses(p.alice.forge(test.make(p)), test.want, p.carol)
			w.commit(p.bob, all, CommitOptions{References: []message.ProposalRef{}})
		})
	}
}

// sign signs a leaf of alice's that was changed.
func (p people) sign(l *tree.LeafNode) {
	p.w.t.Helper()
	if err := l.Sign(p.w.suite, p.alice.State.cfg.Signer, p.alice.GroupID(), p.alice.Me()); err != nil {
		p.w.t.Fatal(err)
	}
}

// TestMessagesOutOfPlace: what is not of this group and epoch, or not for it, is
// refused and changes nothing.
func TestMessagesOutOfPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 23)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	welcome := func() []byte {
		p, err := alice.Commit(CommitOptions{ByValue: adds(w.client("erin"))})
		if err != nil {
			t.Fatal(err)
		}
		alice.Abandon()
		return p.Welcome
	}()
	info, err := alice.GroupInfo(GroupInfoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(welcome, ErrUnexpected, bob)
	w.refuses(message.Wrap(info).Bytes(), ErrUnexpected, bob)
	w.refuses(message.Wrap(bob.keyPackage()).Bytes(), ErrUnexpected, bob)
	w.refuses(nil, nil, bob)

	other, err := Create(alice.cfg, []byte("another group"), alice.leaf(), CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := other.Protect(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(msg, ErrWrongGroup, bob)

	// Our own messages.
	own, err := bob.Protect([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(own, ErrOwnMessage, bob)
	own, err = bob.Propose(&message.Remove{Removed: alice.Me()}, ProposalOptions{Public: true})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(own, ErrOwnMessage, bob)
	w.tell(bob, all, own)
	w.refuses(own, ErrDuplicate, alice) // received before

	// Epochs: one that is over, one that is yet to come.
	p, err := bob.Commit(CommitOptions{References: []message.ProposalRef{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Merge(p); err != nil {
		t.Fatal(err)
	}
	future, err := bob.Protect([]byte("early"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(future, ErrFuture, alice)
	if _, err := alice.Process(p.Message); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Process(future); err != nil {
		t.Fatal(err)
	}
	w.refuses(p.Message, ErrPast, alice)
	w.refuses(p.Message, ErrPast, bob)
	w.agree(all)
}

// TestTamperedMessages flips each byte of messages of every kind: nobody accepts
// one, nobody changes, and the true message still works afterwards.
func TestTamperedMessages(t *testing.T) {
	t.Parallel()
	for _, public := range []bool{false, true} {
		w := newWorld(t, testSuite, 24)
		all := w.group("alice bob", CreateOptions{})
		alice, bob := all[0], all[1]
		each := func(what string, msg []byte) {
			t.Helper()
			for i := range msg {
				bad := slices.Clone(msg)
				bad[i] ^= 1 << (i % 8)
				before := fingerprint(bob.State)
				if _, err := bob.Process(bad); err == nil {
					t.Fatalf("%s, public %v: byte %d is not noticed", what, public, i)
				}
				if fingerprint(bob.State) != before {
					t.Fatalf("%s, public %v: byte %d changes the state", what, public, i)
				}
			}
			if _, err := bob.Process(msg); err != nil {
				t.Fatal(err)
			}
		}
		if !public {
			msg, err := alice.Protect([]byte("hello"), []byte("aad"))
			if err != nil {
				t.Fatal(err)
			}
			each("application", msg)
		}
		msg, err := alice.Propose(&message.Remove{Removed: bob.Me()}, ProposalOptions{Public: public, AAD: []byte("aad")})
		if err != nil {
			t.Fatal(err)
		}
		each("proposal", msg)
		p, err := alice.Commit(CommitOptions{References: []message.ProposalRef{}, Public: public})
		if err != nil {
			t.Fatal(err)
		}
		each("commit", p.Message)
	}
}

// TestMessagesWithUnknownKeys: the form is right and the authentication is not: the
// membership tag, and the signature of a member under another member's name.
func TestMessagesWithUnknownKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 25)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	e := alice.current
	content := message.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: message.Member(carol.Me()),
		ContentType: message.ContentApplication, ApplicationData: []byte("not from carol"),
	}
	signed, err := message.Sign(w.suite, alice.State.cfg.Signer, message.WireFormatPrivateMessage, content, e.context)
	if err != nil {
		t.Fatal(err)
	}
	// Alice can derive carol's keys, as every member can.
	opening, err := e.keys.Peek(carol.Me(), schedule.Application, 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := signed.ProtectPrivate(w.suite, e.secrets.SenderData, 0, opening.Key(), w.rand, nil, e.context)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(message.Wrap(m).Bytes(), suite.ErrSignature, bob)
	// The generation was not used up by the forgery.
	w.talk(all)
	// A leaf that is blank.
	content.Sender = message.Member(3)
	if signed, err = message.Sign(w.suite, alice.State.cfg.Signer, message.WireFormatPrivateMessage, content, e.context); err != nil {
		t.Fatal(err)
	}
	if opening, err = e.keys.Peek(3, schedule.Application, 0); err != nil {
		t.Fatal(err)
	}
	if m, err = signed.ProtectPrivate(w.suite, e.secrets.SenderData, 0, opening.Key(), w.rand, nil, e.context); err != nil {
		t.Fatal(err)
	}
	w.refuses(message.Wrap(m).Bytes(), ErrSender, bob, carol)

	content.ContentType, content.ApplicationData, content.Proposal = message.ContentProposal, nil, &message.Remove{Removed: bob.Me()}
	content.Sender = message.Member(alice.Me())
	if signed, err = message.Sign(w.suite, alice.State.cfg.Signer, message.WireFormatPublicMessage, content, e.context); err != nil {
		t.Fatal(err)
	}
	public, err := signed.ProtectPublic(w.suite, make([]byte, w.suite.HashSize()), e.context)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(message.Wrap(public).Bytes(), message.ErrMembership, bob, carol)
	// A member that does not exist.
	content.Sender = message.Member(77)
	if signed, err = message.Sign(w.suite, alice.State.cfg.Signer, message.WireFormatPublicMessage, content, e.context); err != nil {
		t.Fatal(err)
	}
	if public, err = signed.ProtectPublic(w.suite, e.secrets.Membership, e.context); err != nil {
		t.Fatal(err)
	}
	w.refuses(message.Wrap(public).Bytes(), ErrSender, bob, carol)
}

// TestLateMessages_15_3: application messages of the last epochs can be read, in any
// order, and those of older ones not any more.
func TestLateMessages_15_3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 26)
	w.limits.PastEpochs, w.limits.ResumptionEpochs = 2, 1
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	var sent [][]byte
	for i := range 4 {
		msg, err := alice.Protect(fmt.Append(nil, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, msg)
		w.commit(alice, all, CommitOptions{})
	}
	w.refuses(sent[0], ErrPast, bob)
	w.refuses(sent[1], ErrPast, bob)
	for _, i := range []int{3, 2} {
		event, err := bob.Process(sent[i])
		if err != nil || string(event.(*Application).Data) != fmt.Sprint(i) {
			t.Fatal(event, err)
		}
		w.refuses(sent[i], schedule.ErrConsumed, bob)
	}
	if len(bob.past) != 2 {
		t.Fatalf("%d past epochs are kept", len(bob.past))
	}
	// "Resumption PSK" (8.6): of as many past epochs as we were told to keep.
	for back, want := range []bool{true, true, false} {
		if _, ok := bob.ResumptionPSK(bob.Epoch() - uint64(back)); ok != want {
			t.Errorf("the resumption PSK of %d epochs ago: %v", back, ok)
		}
	}
}

// TestProposalsBeforeApplicationData_12_4: who has seen a proposal sends no
// application data before a Commit.
func TestProposalsBeforeApplicationData_12_4(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 27)
	all := w.group("alice bob carol", CreateOptions{})
	w.propose(all[0], all, &message.Remove{Removed: all[2].Me()})
	for _, c := range all {
		if _, err := c.Protect(nil, nil); !errors.Is(err, ErrUnapplied) {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	w.commit(all[1], all, CommitOptions{})
	if all[2].State != nil {
		t.Fatal("carol is a member")
	}
	w.talk(all)
}

// TestSequencing_14: making a Commit changes nothing but a message key; of two
// Commits one wins, and the other's maker follows it.
func TestSequencing_14(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 28)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	before, context := syntaxTree(alice), alice.Context().Bytes()
	p, err := alice.Commit(CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Commit(CommitOptions{}); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	if !bytes.Equal(syntaxTree(alice), before) || !bytes.Equal(alice.Context().Bytes(), context) || alice.Epoch() != bob.Epoch() {
		t.Fatal("a commit that is not merged changes the state")
	}
	w.talk(all) // still in the old epoch
	q, err := bob.Commit(CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.follow(bob, all, q)
	if _, err := alice.Merge(p); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	w.refuses(p.Message, ErrPast, alice, bob, carol)
	w.talk(all)

	// Our own Commit comes back to us.
	if p, err = carol.Commit(CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		event, err := c.Process(p.Message)
		if err != nil || event.(*Committed).Own != (c == carol) {
			t.Fatal(c.name, event, err)
		}
	}
	w.agree(all)
	// Another one is abandoned, and what it took away can be done anew.
	if p, err = carol.Commit(CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: alice.Me()}}}); err != nil {
		t.Fatal(err)
	}
	carol.Abandon()
	if _, err := carol.Merge(p); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	w.commit(carol, all, CommitOptions{})
}

func syntaxTree(c *peer) []byte { return c.Tree().RootHash() }

// TestRemovedMember_12_4_2: a member learns that it is removed, sends nothing any
// more, and can still read what was sent before.
func TestRemovedMember_12_4_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 29)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	late, err := alice.Protect([]byte("late"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: bob.Me()}}})
	if err != nil {
		t.Fatal(err)
	}
	gone := *bob
	w.follow(alice, all, p)
	if !gone.Removed() || carol.State == nil {
		t.Fatal("bob does not know")
	}
	for what, err := range map[string]error{
		"protect": second(gone.Protect(nil, nil)),
		"propose": second(gone.Propose(&message.Remove{Removed: 0}, ProposalOptions{})),
		"update":  second(gone.ProposeUpdate(nil, ProposalOptions{})),
		"commit":  second(gone.Commit(CommitOptions{})),
	} {
		if !errors.Is(err, ErrRemoved) || !errors.Is(err, ErrInactive) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := gone.Export("label", nil, 32); !errors.Is(err, ErrRemoved) {
		t.Fatal("a secret is exported that was erased")
	}
	if _, ok := gone.ResumptionPSK(gone.Epoch()); ok {
		t.Fatal("a resumption PSK that was erased")
	}
	if _, err := gone.Process(late); err != nil {
		t.Fatal(err)
	}
	secret := gone.current.secrets
	if !allZero(secret.Init) || !allZero(secret.Exporter) || !allZero(secret.External) {
		t.Fatal("what leads on was not erased")
	}
	msg, err := carol.Protect(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Process(msg); !errors.Is(err, ErrFuture) {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// TestOwnUpdate_12_1_2: an Update that somebody else commits gives us its keys, a
// new signature key among them.
func TestOwnUpdate_12_1_2(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		all := w.group("alice bob carol", CreateOptions{})
		alice, bob := all[0], all[1]
		signer := bob.newSigner()
		for _, o := range []ProposalOptions{{}, {Public: true}} {
			msg, err := bob.ProposeUpdate(&LeafChange{Signer: signer}, o)
			if err != nil {
				t.Fatal(err)
			}
			w.tell(bob, all, msg)
			w.commit(alice, all, CommitOptions{})
			if !bytes.Equal(bob.Member(bob.Me()).SignatureKey, signer.Public()) {
				t.Fatal("the key is not new")
			}
			w.talk(all)
			signer = bob.newSigner()
		}
		w.commit(bob, all, CommitOptions{Leaf: &LeafChange{Signer: signer}})
		w.talk(all)
		if !bytes.Equal(bob.Member(bob.Me()).SignatureKey, signer.Public()) {
			t.Fatal("the key is not new")
		}
	})
}

// TestHandshakeAAD: where a group asks for SafeAAD, that of proposals and Commits is
// one too (draft-ietf-mls-extensions, "Safe Additional Authenticated Data").
func TestHandshakeAAD(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 30)
	safe := component.Dictionary{}.With(component.SafeAADID, []byte{0}).Into(nil)
	all := w.clients("alice bob")
	alice, bob := all[0], all[1]
	empty := []byte{0} // no items
	alice.create(CreateOptions{Extensions: safe})
	w.commit(alice, all, CommitOptions{ByValue: adds(bob), AAD: empty})
	w.refuses(alice.forge(badCommit{aad: []byte("free")}), syntax.ErrSyntax, bob)
	if _, err := alice.Commit(CommitOptions{AAD: []byte("free")}); !errors.Is(err, syntax.ErrSyntax) {
		t.Fatal(err)
	}
	if _, err := alice.Propose(&message.Remove{Removed: bob.Me()}, ProposalOptions{AAD: []byte("free")}); !errors.Is(err, syntax.ErrSyntax) {
		t.Fatal(err)
	}
	w.commit(alice, all, CommitOptions{AAD: empty})
}

// TestDictionaryProposalByItself: in a group that requires AppDataUpdate, a
// GroupContextExtensions that changes the dictionary does not wait for a Commit.
func TestDictionaryProposalByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 31)
	e := requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalAppDataUpdate}})
	all := w.group("alice bob", CreateOptions{Extensions: e})
	changed := component.Dictionary{}.With(component.PrivateUse, []byte("x")).Into(e)
	w.refuses(all[0].sends(&message.GroupContextExtensions{Extensions: changed}), ErrProposal, all[1])
	w.tell(all[0], all, all[0].sends(&message.GroupContextExtensions{Extensions: e}))
}
