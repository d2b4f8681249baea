package group

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// "Credential Validation" (5.3.1): what was stored does not come to life again
// without an Authenticator.
func TestLoadNeedsAnAuthenticator_5_3_1(t *testing.T) {
	w := newWorld(t, testSuite, 70)
	all := w.group("alice bob", CreateOptions{})
	k := &keeper{}
	k.save(t, all[1].State)
	cfg := all[1].cfg
	if _, err := Load(cfg, k.records); err != nil {
		t.Fatal(err)
	}
	cfg.Authenticator = nil
	if _, err := Load(cfg, k.records); !errors.Is(err, ErrNoAuthenticator) {
		t.Errorf("Load: %v", err)
	}
}

// "Credential Expiry and Revocation" (5.3.2): a member whose credential is not good
// any more renews it. The old leaf is not looked at again, in an Update as in a
// Commit.
func TestExpiredCredentialIsRenewed_5_3_2(t *testing.T) {
	w := newWorld(t, testSuite, 71)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	w.forget("bob")
	w.refuses(func() []byte {
		bob.naive = true
		defer func() { bob.naive = false }()
		p, err := bob.Commit(CommitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bob.Abandon()
		return p.Message
	}(), ErrUnauthenticated, alice) // with the old key
	w.commit(bob, all, CommitOptions{Leaf: &LeafChange{Signer: bob.newSigner()}})

	w.forget("bob")
	msg, err := bob.ProposeUpdate(&LeafChange{Signer: bob.newSigner()}, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.tell(bob, all, msg)
	w.commit(alice, all, CommitOptions{})
	w.talk(all)
}

// "Sender Data Encryption" (6.3.2): the leaf that the sender data names is one of the
// tree, and not blank. Everybody has the keys of blank leaves.
func TestSenderDataNamesAMember_6_3_2(t *testing.T) {
	w := newWorld(t, testSuite, 72)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	e := alice.current
	for _, kind := range []message.ContentType{message.ContentApplication, message.ContentProposal} {
		for _, leaf := range []tree.LeafIndex{3, 4, 1 << 31} {
			content := message.FramedContent{
				GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: message.Member(leaf),
				ContentType: kind, ApplicationData: []byte("from nobody"), Proposal: &message.Remove{Removed: 2},
			}
			signed, err := message.Sign(w.suite, alice.State.cfg.Signer, message.WireFormatPrivateMessage, content, e.context)
			if err != nil {
				t.Fatal(err)
			}
			key := schedule.Key{Key: make([]byte, w.suite.KeySize()), Nonce: make([]byte, w.suite.NonceSize())}
			if leaf == 3 {
				opening, err := e.keys.Peek(leaf, kind.Kind(), 0)
				if err != nil {
					t.Fatal(err)
				}
				key = opening.Key()
			}
			m, err := signed.ProtectPrivate(w.suite, e.secrets.SenderData, 0, key, w.rand, nil, e.context)
			if err != nil {
				t.Fatal(err)
			}
			w.refuses(message.Wrap(m).Bytes(), ErrSender, bob)
		}
	}
}

// "Leaf Node Validation" (7.3): a KeyPackage whose time is over, or has not begun, is
// not added by us. One that others add is measured by its length alone: it may have
// expired on its way, and who refused the Commit could not follow the group.
func TestLifetimeOfAnAdd_7_3(t *testing.T) {
	w := newWorld(t, testSuite, 73)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	dave := w.client("dave")
	add := &message.Add{KeyPackage: dave.keyPackage()}
	began := w.now
	for what, now := range map[string]time.Time{
		"over": began.Add(DefaultLifetime + time.Second), "not begun": began.Add(-time.Hour - time.Second),
	} {
		w.now = now
		if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{add}}); !errors.Is(err, tree.ErrLifetime) {
			t.Errorf("%s, in a Commit: %v", what, err)
		}
		if _, err := alice.Propose(add, ProposalOptions{}); !errors.Is(err, tree.ErrLifetime) {
			t.Errorf("%s, by itself: %v", what, err)
		}
	}
	w.now = began
	p, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{add}})
	if err != nil {
		t.Fatal(err)
	}
	w.now = began.Add(DefaultLifetime + time.Hour)
	if _, err := bob.Process(p.Message); err != nil {
		t.Errorf("it expired on its way: %v", err)
	}
}

// "Group Context" (8.1): from one epoch to the next the number goes up by one, the
// identifier, the suite and the extensions stay, and the hashes are those of the tree
// and of the Commit.
func TestGroupContextOfTheNextEpoch_8_1(t *testing.T) {
	w := newWorld(t, testSuite, 74)
	e := requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}})
	all := w.group("alice bob", CreateOptions{Extensions: e})
	for range 3 {
		before, interim := *all[0].Context(), all[0].current.interim
		w.commit(all[0], all, CommitOptions{})
		for _, c := range all {
			after := *c.Context()
			if after.Epoch != before.Epoch+1 || !bytes.Equal(after.GroupID, before.GroupID) || after.CipherSuite != before.CipherSuite {
				t.Errorf("epoch %d of %q after %d of %q", after.Epoch, after.GroupID, before.Epoch, before.GroupID)
			}
			if len(after.Extensions) != 1 || !bytes.Equal(after.Extensions[0].Data, e[0].Data) {
				t.Errorf("extensions %v", after.Extensions)
			}
			if !bytes.Equal(after.TreeHash, c.Tree().RootHash()) || bytes.Equal(after.TreeHash, before.TreeHash) {
				t.Errorf("tree hash %x", after.TreeHash)
			}
			if bytes.Equal(after.ConfirmedTranscriptHash, before.ConfirmedTranscriptHash) || bytes.Equal(c.current.interim, interim) {
				t.Error("the transcript is as it was")
			}
		}
	}
}

// "Pre-Shared Keys" (8.4): the Welcome names the PSKs of the Commit, in their order.
func TestWelcomeNamesThePSKsOfTheCommit_8_4(t *testing.T) {
	w := newWorld(t, testSuite, 75)
	all := w.group("alice bob", CreateOptions{})
	dave := w.client("dave")
	all = append(all, dave)
	values := adds(dave)
	for _, id := range []string{"z", "a", "m"} {
		w.psks[id] = []byte("key of " + id)
		values = append(values, &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id)}})
	}
	p, err := all[0].Commit(CommitOptions{ByValue: values})
	if err != nil {
		t.Fatal(err)
	}
	welcome := parseAs[*message.Welcome](t, p.Welcome)
	secrets, err := welcome.Open(w.suite, dave.kp.Public, dave.kp.Private.InitKey)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	nonces := map[string]bool{}
	for _, id := range secrets.PSKs {
		got += string(id.ID)
		nonces[string(id.Nonce)] = true
		if len(id.Nonce) != w.suite.HashSize() {
			t.Errorf("psk_nonce of %d bytes", len(id.Nonce))
		}
	}
	if got != "zam" || len(nonces) != 3 {
		t.Errorf("PSKs %q, %d nonces", got, len(nonces))
	}
	w.follow(all[0], all, p)
	w.talk(all)
}

func parseAs[B message.Body](t *testing.T, b []byte) B {
	t.Helper()
	m, err := message.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m.Body.(B)
}

// "Resumption PSK" (8.6): those of the current epoch and of as many past ones as the
// limit says. Others are not available, and a Commit with one is refused.
func TestResumptionPSKs_8_6(t *testing.T) {
	w := newWorld(t, testSuite, 76)
	w.limits.ResumptionEpochs = 2
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	for range 4 {
		w.commit(alice, all, CommitOptions{})
	}
	now := alice.Epoch()
	of := func(group []byte, epoch uint64) *message.PreSharedKey {
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageApplication,
			GroupID: group, Epoch: epoch, Nonce: mlstest.Bytes(epoch, w.suite.HashSize())}}
	}
	for epoch, want := range map[uint64]error{now: nil, now - 1: nil, now - 2: nil, now - 3: ErrPSK, 0: ErrPSK, now + 1: ErrPSK} {
		_, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{of(alice.GroupID(), epoch)}})
		if !errors.Is(err, want) {
			t.Errorf("of epoch %d in %d: %v", epoch, now, err)
		}
		alice.Abandon()
	}
	w.refuses(alice.forge(badCommit{proposals: []Covered{alice.value(of(alice.GroupID(), now-3))}}), ErrPSK, bob)
	w.refuses(alice.forge(badCommit{proposals: []Covered{alice.value(of([]byte("another group"), now))}}), ErrPSK, bob)
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{of(alice.GroupID(), now-2)}})
}

// "Deletion Schedule" (9.2): what the secrets of the next epoch came from is gone with
// the epoch, and so is the private key of a leaf that was replaced.
func TestSecretsOfThePastAreErased_9_2(t *testing.T) {
	w := newWorld(t, testSuite, 77)
	all := w.group("alice bob", CreateOptions{})
	type secret struct {
		who, name string
		bytes     []byte
	}
	for _, by := range []int{0, 1} {
		var old []secret
		for _, c := range all {
			s := c.current.secrets
			if s.Joiner != nil || s.Welcome != nil || s.Encryption != nil {
				t.Errorf("%s holds the joiner, welcome or encryption secret of the current epoch", c.name)
			}
			old = append(old, secret{c.name, "init_secret", s.Init}, secret{c.name, "exporter_secret", s.Exporter},
				secret{c.name, "external_secret", s.External}, secret{c.name, "confirmation_key", s.Confirmation},
				secret{c.name, "membership_key", s.Membership}, secret{c.name, "sender_data_secret", s.SenderData})
		}
		committer := all[by]
		old = append(old, secret{committer.name, "leaf key", committer.current.private.Key(committer.Me().Node())})
		w.commit(committer, all, CommitOptions{})
		for _, s := range old {
			if len(s.bytes) == 0 || !allZero(s.bytes) {
				t.Errorf("the %s of %s outlived its epoch", s.name, s.who)
			}
		}
	}
}

// "Cipher Suites" (5.1): a suite that is not the group's, or that nobody knows, is
// refused wherever it is named.
func TestForeignSuites_5_1(t *testing.T) {
	w := newWorld(t, testSuite, 78)
	all := w.group("alice bob", CreateOptions{})
	dave := w.client("dave")
	for _, id := range []suite.ID{suite.P256_AES128GCM_SHA256_P256, 0, 0x0a0a, 0xffff} {
		kp := dave.keyPackageWith(nil, func(kp *message.KeyPackage) {
			kp.CipherSuite = id
			if err := kp.Sign(w.suite, dave.cfg.Signer); err != nil {
				t.Fatal(err)
			}
		})
		add := &message.Add{KeyPackage: kp}
		if _, err := all[0].Propose(add, ProposalOptions{}); !errors.Is(err, message.ErrSuite) {
			t.Errorf("KeyPackage of %v: %v", id, err)
		}
		w.refuses(all[0].forge(badCommit{proposals: []Covered{all[0].value(add)}}), message.ErrSuite, all[1])
		info := groupInfo(t, all[0])
		info.GroupContext.CipherSuite = id
		if err := info.Sign(w.suite, all[0].cfg.Signer); err != nil {
			t.Fatal(err)
		}
		if _, _, err := JoinExternal(dave.cfg, info, ExternalOptions{Leaf: dave.leaf()}); !errors.Is(err, message.ErrSuite) {
			t.Errorf("GroupInfo of %v: %v", id, err)
		}
	}
}
