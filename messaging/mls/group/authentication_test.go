package group

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

var errRefused = errors.New("test: refused")

// TestMembersAuthenticate_5_3_1: each way by which a leaf, or an external sender, can
// enter a group that we are in. The Authenticator of every member is asked about it,
// and nobody changes if it refuses.
func TestMembersAuthenticate_5_3_1(t *testing.T) {
	t.Parallel()
	senders := func(p people) *message.GroupContextExtensions {
		return &message.GroupContextExtensions{Extensions: tree.Extensions{tree.ExternalSendersExtension([]tree.ExternalSender{
			{SignatureKey: p.dave.cfg.Signer.Public(), Credential: tree.BasicCredential([]byte("dave"))},
		})}}
	}
	tests := []struct {
		way   string
		entry Entry
		who   string
		// send returns the message that brings it in, made by alice.
		send func(p people) []byte
	}{
		{"an add by itself", InAdd, "dave", func(p people) []byte {
			return p.proposes(adds(p.dave)[0])
		}},
		{"an add in a commit", InAdd, "dave", func(p people) []byte {
			return p.commits(CommitOptions{ByValue: adds(p.dave)})
		}},
		{"an add in a commit, by reference", InAdd, "dave", func(p people) []byte {
			p.alice.forgeAdd(p.dave, p.bob, p.carol)
			return p.commits(CommitOptions{})
		}},
		{"an update by itself", InUpdate, "alice", func(p people) []byte {
			msg, err := p.alice.ProposeUpdate(&LeafChange{Signer: p.alice.newSigner()}, ProposalOptions{})
			if err != nil {
				p.w.t.Fatal(err)
			}
			return msg
		}},
		{"an update in a commit", InUpdate, "bob", func(p people) []byte {
			u := p.bob.updateOf(nil)
			p.bob.forgeProposal(u, p.alice, p.carol)
			return p.commits(CommitOptions{})
		}},
		{"the leaf of a commit", InCommit, "alice", func(p people) []byte {
			return p.commits(CommitOptions{})
		}},
		{"the leaf of a commit with a new key", InCommit, "alice", func(p people) []byte {
			return p.commits(CommitOptions{Leaf: &LeafChange{Signer: p.alice.newSigner()}})
		}},
		{"external senders by themselves", InExternalSender, "dave", func(p people) []byte {
			return p.proposes(senders(p))
		}},
		{"external senders in a commit", InExternalSender, "dave", func(p people) []byte {
			return p.commits(CommitOptions{ByValue: []message.Proposal{senders(p)}})
		}},
		{"somebody who joins by itself", InExternalCommit, "dave", func(p people) []byte {
			info, err := p.alice.GroupInfo(GroupInfoOptions{ExternalPub: true})
			if err != nil {
				p.w.t.Fatal(err)
			}
			_, msg, err := JoinExternal(p.dave.cfg, info, ExternalOptions{Leaf: p.dave.leaf()})
			if err != nil {
				p.w.t.Fatal(err)
			}
			return msg
		}},
		{"somebody who comes back by itself", InExternalCommit, "alice", func(p people) []byte {
			info, err := p.alice.GroupInfo(GroupInfoOptions{ExternalPub: true})
			if err != nil {
				p.w.t.Fatal(err)
			}
			_, msg, err := JoinExternal(p.alice.cfg, info, ExternalOptions{
				Leaf:   p.alice.leaf(),
				Resync: func(l *tree.LeafNode) bool { return string(l.Credential.Identity) == "alice" },
			})
			if err != nil {
				p.w.t.Fatal(err)
			}
			return msg
		}},
	}
	for _, test := range tests {
		t.Run(test.way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testSuite, 32)
			all := w.group("alice bob carol", CreateOptions{})
			p := people{w, all[0], all[1], all[2], w.client("dave")}
			msg := test.send(p)
			hit := func(c Candidate) bool {
				return c.Entry == test.entry && string(c.Credential.Identity) == test.who
			}
			w.refuse = func(_ string, c Candidate) error {
				if hit(c) {
					return errRefused
				}
				return nil
			}
			w.refuses(msg, ErrUnauthenticated, p.carol)
			w.refuses(msg, errRefused, p.carol)
			w.refuse = nil
			clear(w.asked)
			if _, err := p.carol.Process(msg); err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(w.asked["carol"], hit)
			if i < 0 {
				t.Fatalf("carol's authenticator was asked about %v", w.asked["carol"])
			}
			c := w.asked["carol"][i]
			if replaces := c.Replaces != nil; replaces != (test.who != "dave") {
				t.Fatalf("replaces %v", c.Replaces)
			}
			if (c.Leaf == nil) != (test.entry == InExternalSender) {
				t.Fatalf("leaf %v", c.Leaf)
			}
		})
	}
}

func (p people) proposes(q message.Proposal) []byte {
	p.w.t.Helper()
	msg, err := p.alice.Propose(q, ProposalOptions{})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return msg
}

func (p people) commits(o CommitOptions) []byte {
	p.w.t.Helper()
	c, err := p.alice.Commit(o)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return c.Message
}

// forgeAdd is an Add of c's that waits at everybody, whom nobody has authenticated.
func (c *peer) forgeAdd(who *peer, others ...*peer) {
	c.forgeProposal(&message.Add{KeyPackage: who.keyPackage()}, append(others, c)...)
}

// TestCommitterAuthenticates_5_3_1: who adds somebody asks first.
func TestCommitterAuthenticates_5_3_1(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 33)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	dave := w.client("dave")
	w.forget("dave")
	before := fingerprint(alice.State)
	add := adds(dave)
	if _, err := alice.Commit(CommitOptions{ByValue: add}); !errors.Is(err, ErrUnauthenticated) {
		t.Fatal(err)
	}
	if _, err := alice.Propose(add[0], ProposalOptions{}); !errors.Is(err, ErrUnauthenticated) {
		t.Fatal(err)
	}
	if fingerprint(alice.State) != before {
		t.Fatal("alice has changed")
	}
	for _, c := range w.asked["alice"] {
		if string(c.Credential.Identity) == "dave" && c.Entry != InKeyPackage {
			t.Fatalf("asked for %v", c.Entry)
		}
	}
	// Somebody else's Update to another name.
	signer := bob.newSigner()
	bob.naive = true
	if _, err := bob.ProposeUpdate(&LeafChange{Signer: signer, Credential: &tree.Credential{Type: tree.CredentialBasic, Identity: []byte("alice")}}, ProposalOptions{}); err != nil {
		t.Fatal(err)
	}
	w.known["alice\x00"+string(signer.Public())] = true
	update := bob.updateOf(func(l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("alice")) })
	w.known["alice\x00"+string(update.LeafNode.SignatureKey)] = true
	bob.forgeProposal(update, alice)
	if _, err := alice.Commit(CommitOptions{References: []message.ProposalRef{alice.cache.order[0].Ref}}); !errors.Is(err, ErrUnauthenticated) {
		t.Fatal(err)
	}
	// By default a Commit leaves it out, rather than have nobody commit at all.
	p, err := alice.Commit(CommitOptions{})
	if err != nil || len(p.Committed.Proposals) != 0 {
		t.Fatal(p, err)
	}
}

// TestPolicy: what the Policy refuses changes nothing, neither at those who receive
// it nor at those who make it.
func TestPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 34)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	carol.State.cfg.Policy = onlyAlice{}
	msg, err := bob.Propose(&message.Remove{Removed: alice.Me()}, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(msg, ErrForbidden, carol)
	p, err := bob.Commit(CommitOptions{References: []message.ProposalRef{}, ByValue: []message.Proposal{&message.Remove{Removed: alice.Me()}}})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(p.Message, ErrForbidden, carol)
	p2 := bob.forge(badCommit{proposals: []Covered{bob.value(&message.Remove{Removed: carol.Me()})}})
	w.refuses(p2, ErrForbidden, carol) // her own removal too
	bob.State.cfg.Policy = onlyAlice{}
	bob.Abandon()
	if _, err := bob.Commit(CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: alice.Me()}}}); !errors.Is(err, ErrForbidden) {
		t.Fatal(err)
	}
	if _, err := bob.Propose(&message.Remove{Removed: alice.Me()}, ProposalOptions{}); !errors.Is(err, ErrForbidden) {
		t.Fatal(err)
	}
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: bob.Me()}}})
}

// onlyAlice lets nobody but the member at leaf 0 remove others.
type onlyAlice struct{}

func (onlyAlice) AllowProposal(_ *View, p Covered) error {
	if _, ok := p.Proposal.(*message.Remove); ok && p.Sender != message.Member(0) {
		return errRefused
	}
	return nil
}

func (o onlyAlice) AllowCommit(view *View, committer message.Sender, leaf *tree.LeafNode, proposals []Covered) error {
	if i, ok := committer.Leaf(); ok && view.Member(i) != leaf {
		return fmt.Errorf("leaf of %v", committer)
	}
	for _, p := range proposals {
		if err := o.AllowProposal(view, p); err != nil {
			return err
		}
	}
	return nil
}

// TestNobodyAsksItselfIn: without a Policy nobody authorizes strangers' proposals
// ("External Proposals", 12.1.8).
func TestNobodyAsksItselfIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 35)
	all := w.group("alice bob", CreateOptions{})
	dave := w.client("dave")
	msg, err := ProposeJoin(w.suite, dave.cfg.Signer, Target{GroupID: all[0].GroupID(), Epoch: all[0].Epoch()}, dave.keyPackage())
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(msg, ErrForbidden, all...)
	for _, c := range all {
		c.State.cfg.Policy = onlyAlice{}
	}
	all = append(all, dave)
	w.tell(nil, all, msg)
	w.commit(all[0], all, CommitOptions{})
	if dave.State == nil {
		t.Fatal("dave is no member")
	}
}
