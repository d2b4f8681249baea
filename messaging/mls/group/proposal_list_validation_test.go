package group

import (
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

const testSuite = suite.X25519_AES128GCM_SHA256_Ed25519

// keyPackageOf makes a KeyPackage of c's after change has changed what it says.
func (c *peer) keyPackageWith(change func(*LeafOptions), lie func(*message.KeyPackage)) *message.KeyPackage {
	c.w.t.Helper()
	o := c.leaf()
	capabilities := DefaultCapabilities(tree.CredentialBasic)
	o.Capabilities = &capabilities
	if change != nil {
		change(&o)
	}
	kp, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: o})
	if err != nil {
		c.w.t.Fatal(err)
	}
	if lie != nil {
		lie(kp.Public)
	}
	c.kp = kp
	return kp.Public
}

// updateOf is a valid Update of c's.
func (c *peer) updateOf(change func(*tree.LeafNode)) *message.Update {
	c.w.t.Helper()
	leaf := *c.current.leaf()
	_, public, err := c.w.suite.GenerateKeyPair(c.w.rand)
	if err != nil {
		c.w.t.Fatal(err)
	}
	leaf.EncryptionKey, leaf.Source, leaf.ParentHash, leaf.Lifetime = public, tree.SourceUpdate, nil, tree.Lifetime{}
	if change != nil {
		change(&leaf)
	}
	if err := leaf.Sign(c.w.suite, c.State.cfg.Signer, c.GroupID(), c.Me()); err != nil {
		c.w.t.Fatal(err)
	}
	return &message.Update{LeafNode: &leaf}
}

// supporting makes a leaf support types that nobody else does.
func supporting(l *tree.LeafNode) {
	l.Capabilities.Extensions = append(slices.Clone(l.Capabilities.Extensions), 0xf123)
	l.Capabilities.Proposals = append(slices.Clone(l.Capabilities.Proposals), 0xf123)
}

func requiring(q tree.RequiredCapabilities) tree.Extensions {
	return tree.Extensions{q.Extension()}
}

func pskProposal(s *suite.Suite, change func(*schedule.PreSharedKeyID)) *message.PreSharedKey {
	p := &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("psk"), Nonce: mlstest.Bytes(7, s.HashSize())}}
	if change != nil {
		change(&p.PSK)
	}
	return p
}

// TestForgedCommitWithoutFault: what the other tests take for forgeries are good
// Commits but for the one fault that each has.
func TestForgedCommitWithoutFault(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		all := w.group("alice bob carol", CreateOptions{})
		dave := w.client("dave")
		alice, bob, carol := all[0], all[1], all[2]
		update := bob.forgeProposal(bob.updateOf(nil), alice, carol)
		msg := alice.forge(badCommit{proposals: []Covered{
			alice.value(&message.Add{KeyPackage: dave.keyPackage()}), update,
		}})
		if _, err := carol.Process(msg); err != nil {
			t.Fatal(err)
		}
		if n := len(slices.Collect(func(yield func(int) bool) {
			for range carol.Members() {
				yield(1)
			}
		})); n != 4 {
			t.Fatalf("%d members", n)
		}
	})
}

// TestProposalListValidation_12_2 has one Commit for each rule of "Proposal List
// Validation", each with the one fault, and in all else as it should be.
func TestProposalListValidation_12_2(t *testing.T) {
	t.Parallel()
	everybody := func(p people) []*peer { return []*peer{p.bob, p.carol} }
	tests := []struct {
		rule string
		want error
		make func(p people) badCommit
	}{
		{"an add whose KeyPackage is not signed", ErrProposal, func(p people) badCommit {
			kp := p.dave.keyPackageWith(nil, func(kp *message.KeyPackage) { kp.Signature[5] ^= 1 })
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp})}}
		}},
		{"an add whose leaf is not signed", ErrProposal, func(p people) badCommit {
			kp := p.dave.keyPackageWith(nil, func(kp *message.KeyPackage) {
				kp.LeafNode.Signature[5] ^= 1
				if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
					t.Fatal(err)
				}
			})
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp})}}
		}},
		{"an add of another cipher suite", ErrProposal, func(p people) badCommit {
			kp := p.dave.keyPackageWith(nil, func(kp *message.KeyPackage) {
				kp.CipherSuite = suite.X25519_CHACHA20POLY1305_SHA256_Ed25519
				if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
					t.Fatal(err)
				}
			})
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp})}}
		}},
		{"an add whose leaf lives too long", ErrProposal, func(p people) badCommit {
			leaf := *p.dave.keyPackage().LeafNode
			leaf.Lifetime = tree.Lifetime{NotBefore: 0, NotAfter: 1 << 62}
			if err := leaf.Sign(p.w.suite, p.dave.cfg.Signer, nil, 0); err != nil {
				t.Fatal(err)
			}
			kp := *p.dave.kp.Public
			kp.LeafNode = &leaf
			if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
				t.Fatal(err)
			}
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: &kp})}}
		}},
		{"an update by the committer, by value", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(p.alice.updateOf(nil))}}
		}},
		{"an update by the committer, by reference", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.forgeProposal(p.alice.updateOf(nil), everybody(p)...)}}
		}},
		{"an update that keeps its encryption key", ErrProposal, func(p people) badCommit {
			u := p.bob.updateOf(func(l *tree.LeafNode) { l.EncryptionKey = p.bob.current.leaf().EncryptionKey })
			return badCommit{proposals: []Covered{p.bob.forgeProposal(u, p.carol)}}
		}},
		{"an update with a leaf of a KeyPackage", ErrProposal, func(p people) badCommit {
			u := p.bob.updateOf(func(l *tree.LeafNode) { l.Source, l.Lifetime = tree.SourceKeyPackage, tree.Lifetime{NotAfter: 10} })
			return badCommit{proposals: []Covered{p.bob.forgeProposal(u, p.carol)}}
		}},
		{"an update whose signature is wrong", ErrProposal, func(p people) badCommit {
			u := p.bob.updateOf(nil)
			u.LeafNode.Signature[3] ^= 1
			return badCommit{proposals: []Covered{p.bob.forgeProposal(u, p.carol)}}
		}},
		{"an update that does not support the group's extensions", ErrProposal, func(p people) badCommit {
			u := p.bob.updateOf(func(l *tree.LeafNode) { l.Capabilities.Extensions = nil; l.Extensions = nil })
			e := requiring(tree.RequiredCapabilities{Extensions: []tree.ExtensionType{tree.ExtensionAppDataDictionary}})
			return badCommit{proposals: []Covered{p.bob.forgeProposal(u, p.carol), p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"a remove of the committer", ErrProposalList, func(p people) badCommit {
			return badCommit{noPath: true, proposals: []Covered{p.alice.value(&message.Remove{Removed: p.alice.Me()})}}
		}},
		{"a remove of the committer, by reference", ErrProposalList, func(p people) badCommit {
			return badCommit{noPath: true, proposals: []Covered{p.bob.forgeProposal(&message.Remove{Removed: p.alice.Me()}, p.carol)}}
		}},
		{"a remove of a blank leaf", ErrProposal, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.Remove{Removed: 3})}}
		}},
		{"a remove of a leaf beyond the tree", ErrProposal, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.Remove{Removed: 1 << 31})}}
		}},
		{"an update and a remove of one leaf", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.bob.forgeProposal(p.bob.updateOf(nil), p.carol), p.alice.value(&message.Remove{Removed: p.bob.Me()})}}
		}},
		{"two updates of one leaf", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.bob.forgeProposal(p.bob.updateOf(nil), p.carol), p.bob.forgeProposal(p.bob.updateOf(nil), p.carol)}}
		}},
		{"two removes of one leaf", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.Remove{Removed: p.bob.Me()}), p.alice.value(&message.Remove{Removed: p.bob.Me()})}}
		}},
		{"two adds of one client", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: p.dave.keyPackage()}), p.alice.value(&message.Add{KeyPackage: p.dave.keyPackage()})}}
		}},
		{"an add of a client in the group", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: p.bob.keyPackage()})}}
		}},
		{"two proposals of one pre-shared key", ErrProposalList, func(p people) badCommit {
			secret := []byte("secret")
			p.w.psks["psk"] = secret
			one := pskProposal(p.w.suite, nil)
			psk, err := schedule.PSKSecret(p.w.suite, []schedule.PSK{{ID: one.PSK, Secret: secret}, {ID: one.PSK, Secret: secret}})
			if err != nil {
				t.Fatal(err)
			}
			return badCommit{psk: psk, proposals: []Covered{p.alice.value(one), p.alice.value(pskProposal(p.w.suite, nil))}}
		}},
		{"a pre-shared key for a reinit", ErrProposal, func(p people) badCommit {
			return p.resumption(t, schedule.UsageReInit)
		}},
		{"a pre-shared key for a branch", ErrProposal, func(p people) badCommit {
			return p.resumption(t, schedule.UsageBranch)
		}},
		{"a psk_nonce of the wrong length", ErrProposal, func(p people) badCommit {
			p.w.psks["psk"] = []byte("secret")
			return badCommit{proposals: []Covered{p.alice.value(pskProposal(p.w.suite, func(id *schedule.PreSharedKeyID) { id.Nonce = id.Nonce[1:] }))}}
		}},
		{"two group_context_extensions", ErrProposalList, func(p people) badCommit {
			q := &message.GroupContextExtensions{}
			return badCommit{proposals: []Covered{p.alice.value(q), p.alice.value(q)}}
		}},
		{"a required capability that somebody lacks", ErrProposalList, func(p people) badCommit {
			e := requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{0xf123}})
			return badCommit{leaf: supporting, proposals: []Covered{p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"a group extension that somebody lacks", ErrProposalList, func(p people) badCommit {
			e := tree.Extensions{{Type: 0xf123, Data: []byte{1}}}
			return badCommit{leaf: supporting, proposals: []Covered{p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"an add that lacks what the same commit requires", ErrProposal, func(p people) badCommit {
			kp := p.dave.keyPackageWith(func(o *LeafOptions) { o.Capabilities.Proposals = nil }, nil)
			e := requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}})
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp}), p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"required_capabilities that cannot be read", ErrProposal, func(p people) badCommit {
			e := tree.Extensions{{Type: tree.ExtensionRequiredCapabilities, Data: []byte{1}}}
			return badCommit{proposals: []Covered{p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"external_senders that cannot be read", ErrProposal, func(p people) badCommit {
			e := tree.Extensions{{Type: tree.ExtensionExternalSenders, Data: []byte{1}}}
			return badCommit{proposals: []Covered{p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"an external sender whose key is no key", ErrProposal, func(p people) badCommit {
			e := tree.Extensions{tree.ExternalSendersExtension([]tree.ExternalSender{{SignatureKey: []byte{1, 2}, Credential: tree.BasicCredential([]byte("x"))}})}
			return badCommit{proposals: []Covered{p.alice.value(&message.GroupContextExtensions{Extensions: e})}}
		}},
		{"an add whose credential type somebody lacks", ErrProposalList, func(p people) badCommit {
			kp := p.dave.keyPackageWith(func(o *LeafOptions) {
				o.Credential = tree.Credential{Type: 0xf00d, Unknown: []byte("dave")}
				o.Capabilities.Credentials = []tree.CredentialType{0xf00d, tree.CredentialBasic}
			}, nil)
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp})}}
		}},
		{"an add that lacks the members' credential type", ErrProposal, func(p people) badCommit {
			kp := p.dave.keyPackage()
			leaf := *kp.LeafNode
			leaf.Capabilities.Credentials = nil
			if err := leaf.Sign(p.w.suite, p.dave.cfg.Signer, nil, 0); err != nil {
				t.Fatal(err)
			}
			kp.LeafNode = &leaf
			if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
				t.Fatal(err)
			}
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp})}}
		}},
		{"an add with an encryption key that is in the tree", ErrProposalList, func(p people) badCommit {
			kp := p.dave.keyPackage()
			leaf := *kp.LeafNode
			leaf.EncryptionKey = p.bob.current.leaf().EncryptionKey
			if err := leaf.Sign(p.w.suite, p.dave.cfg.Signer, nil, 0); err != nil {
				t.Fatal(err)
			}
			kp.LeafNode = &leaf
			if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
				t.Fatal(err)
			}
			return badCommit{proposals: []Covered{p.alice.value(&message.Add{KeyPackage: kp})}}
		}},
		{"a reinit and another proposal", ErrProposalList, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.ReInit{GroupID: []byte("new"), Version: message.MLS10, CipherSuite: testSuite}), p.alice.value(&message.Remove{Removed: p.bob.Me()})}}
		}},
		{"a reinit to an older version", ErrProposal, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.ReInit{GroupID: []byte("new"), CipherSuite: testSuite})}}
		}},
		{"an external_init of a member", ErrProposalList, func(p people) badCommit {
			_, public, err := p.alice.current.secrets.ExternalKeyPair()
			if err != nil {
				t.Fatal(err)
			}
			kem, _, err := p.w.suite.ExportSend(public, externalInitLabel, p.w.suite.HashSize())
			if err != nil {
				t.Fatal(err)
			}
			return badCommit{proposals: []Covered{p.alice.value(&message.ExternalInit{KEMOutput: kem})}}
		}},
		{"a proposal of a type that nobody knows", ErrProposal, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.Unknown{Type: 0xf123, Data: []byte{1}})}}
		}},
		{"a reference to a proposal that was not received", ErrUnknownProposal, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.bob.forgeProposal(&message.Remove{Removed: p.carol.Me()})}}
		}},
		{"data of a component that is not known", ErrProposal, func(p people) badCommit {
			return badCommit{proposals: []Covered{p.alice.value(&message.AppEphemeral{Component: component.PrivateUse + 9})}}
		}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testSuite, 12)
			all := w.group("alice bob carol", CreateOptions{})
			p := people{w, all[0], all[1], all[2], w.client("dave")}
			w.known["\x00"+string(p.dave.cfg.Signer.Public())] = true // of another credential type
			f := test.make(p)
			w.refuses(p.alice.forge(f), test.want, p.carol)
			// The one who would commit it refuses to.
			own := slices.ContainsFunc(f.proposals, func(c Covered) bool { return c.Ref != nil })
			if !own {
				var values []message.Proposal
				for _, c := range f.proposals {
					values = append(values, c.Proposal)
				}
				o := CommitOptions{ByValue: values}
				if f.leaf != nil {
					leaf := *p.alice.current.leaf()
					f.leaf(&leaf)
					o.Leaf = &LeafChange{Capabilities: &leaf.Capabilities}
				}
				if _, err := p.alice.Commit(o); !errors.Is(err, test.want) {
					t.Fatalf("alice commits it: %v", err)
				}
			}
			w.commit(p.bob, all, CommitOptions{References: []message.ProposalRef{}}) // all goes on
		})
	}
}

// resumption is a Commit with the group's resumption PSK for a use that is none.
func (p people) resumption(t *testing.T, usage schedule.ResumptionUsage) badCommit {
	t.Helper()
	id := schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage, GroupID: p.alice.GroupID(), Epoch: p.alice.Epoch()}
	if err := id.FreshNonce(p.w.suite, p.w.rand); err != nil {
		t.Fatal(err)
	}
	secret, _ := p.alice.ResumptionPSK(id.Epoch)
	psk, err := schedule.PSKSecret(p.w.suite, []schedule.PSK{{ID: id, Secret: secret}})
	if err != nil {
		t.Fatal(err)
	}
	return badCommit{psk: psk, proposals: []Covered{p.alice.value(&message.PreSharedKey{PSK: id})}}
}

// people are three members, and somebody who is none.
type people struct {
	w                       *world
	alice, bob, carol, dave *peer
}

// TestUnsupportedProposal_12_2: a proposal type that is not a default must be
// supported by all who process the Commit, and by nobody else.
func TestUnsupportedProposal_12_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 13)
	all := w.clients("alice bob carol")
	alice, bob, carol := all[0], all[1], all[2]
	alice.create(CreateOptions{})
	old := carol.keyPackageWith(func(o *LeafOptions) { o.Capabilities.Proposals = nil }, nil)
	w.commit(alice, all, CommitOptions{ByValue: append(adds(bob), &message.Add{KeyPackage: old})})

	ack := &message.AppEphemeral{Component: component.AppAckID, Data: []byte{0}}
	msg := alice.forge(badCommit{proposals: []Covered{alice.value(ack)}})
	w.refuses(msg, ErrProposalList, bob, carol)
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{ack}}); !errors.Is(err, ErrProposalList) {
		t.Fatal(err)
	}
	if _, err := alice.Propose(ack, ProposalOptions{}); !errors.Is(err, ErrProposal) {
		t.Fatal(err)
	}
	// By itself it may come: it is for the Commit to remove carol.
	signed, err := alice.sign(alice.cfg.Signer, message.WireFormatPrivateMessage, message.FramedContent{ContentType: message.ContentProposal, Proposal: ack})
	if err != nil {
		t.Fatal(err)
	}
	msg, err = alice.current.protect(&alice.State.cfg, signed)
	if err != nil {
		t.Fatal(err)
	}
	alice.cache.add(&waiting{Covered: Covered{Proposal: ack, Sender: message.Member(alice.Me()), Ref: signed.Ref(w.suite)}})
	w.tell(alice, all, msg)
	if p, err := bob.Commit(CommitOptions{}); err != nil || len(p.Committed.Proposals) != 0 {
		t.Fatal(p, err)
	}
	if c := w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: carol.Me()}}}); len(c.Proposals) != 2 {
		t.Fatalf("%+v", c)
	}
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: carol.keyPackageWith(func(o *LeafOptions) { o.Capabilities.Proposals = nil }, nil)}}})
	// Carol, who is removed, need not support it.
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{ack, &message.Remove{Removed: carol.Me()}}})
	// Nor need somebody who is added.
	old = carol.keyPackageWith(func(o *LeafOptions) { o.Capabilities.Proposals = nil }, nil)
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{ack, &message.Add{KeyPackage: old}}})
}

// TestRemoveAndAddOfOneClient_12_2: an Add of a client in the group is allowed with
// the Remove of its old leaf.
func TestRemoveAndAddOfOneClient_12_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 14)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	p, err := alice.Commit(CommitOptions{ByValue: append(adds(bob), &message.Remove{Removed: bob.Me()})})
	if err != nil {
		t.Fatal(err)
	}
	if event, err := bob.Process(p.Message); err != nil || !event.(*Committed).Removed {
		t.Fatal(err)
	}
	bob.State = nil
	w.follow(alice, all, p)
	w.talk(all)
}
