package group

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// "Proposals" (12.1): a proposal is of the current epoch, and a reference is to one of
// it ("Commit", 12.4).
func TestProposalsOfAnEpoch_12_1(t *testing.T) {
	t.Parallel()
	for _, public := range []bool{false, true} {
		w := newWorld(t, testSuite, 71)
		all := w.group("alice bob carol", CreateOptions{})
		alice, bob, carol := all[0], all[1], all[2]
		remove := &message.Remove{Removed: carol.Me()}
		propose := func(c *peer) []byte {
			msg, err := c.Propose(remove, ProposalOptions{Public: public})
			if err != nil {
				t.Fatal(err)
			}
			return msg
		}
		late := propose(alice)
		w.tell(alice, []*peer{alice, bob}, late)
		waiting := bob.Waiting()[0]
		w.commit(bob, all, CommitOptions{References: []message.ProposalRef{}})
		w.refuses(late, ErrPast, bob, carol)
		if n := len(bob.Waiting()); n != 0 {
			t.Errorf("%d proposals of the epoch before wait", n)
		}
		w.refuses(alice.forge(badCommit{proposals: []Covered{waiting}}), ErrUnknownProposal, bob, carol)

		p, err := alice.Commit(CommitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Merge(p); err != nil {
			t.Fatal(err)
		}
		w.refuses(propose(alice), ErrFuture, bob, carol)
	}
}

// "Extensions" (13.4), in a ReInit (12.1.5) and GroupContextExtensions (12.1.7): no two
// of one type, in what we make, too.
func TestProposedExtensions_13_4(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 72)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	twice := append(requiring(tree.RequiredCapabilities{}), requiring(tree.RequiredCapabilities{})...)
	p := &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: testSuite, Extensions: twice}
	if _, err := alice.Propose(p, ProposalOptions{}); !errors.Is(err, ErrProposal) {
		t.Errorf("proposed: %v", err)
	}
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{p}}); !errors.Is(err, ErrProposal) {
		t.Errorf("committed: %v", err)
	}
	change := &message.GroupContextExtensions{Extensions: twice}
	if _, err := alice.Propose(change, ProposalOptions{}); !errors.Is(err, ErrProposal) {
		t.Errorf("proposed: %v", err)
	}
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{change}}); !errors.Is(err, ErrProposal) {
		t.Errorf("committed: %v", err)
	}
	w.refuses(alice.sends(p), tree.ErrDuplicateExtension, bob)
	w.refuses(alice.sends(change), tree.ErrDuplicateExtension, bob)
}

// "GroupContextExtensions" (12.1.7): what is required must be supported by those who
// are members after the Commit: not by whom it removes, and as an Update in it says.
func TestRequirementsAfterTheCommit_12_1_7(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 73)
	all := w.clients("alice bob carol")
	alice, bob, carol := all[0], all[1], all[2]
	alice.create(CreateOptions{})
	old := func(c *peer) message.Proposal {
		return &message.Add{KeyPackage: c.keyPackageWith(func(o *LeafOptions) { o.Capabilities.Proposals = nil }, nil)}
	}
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{old(bob), old(carol)}})
	require := &message.GroupContextExtensions{Extensions: requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}})}
	remove := &message.Remove{Removed: carol.Me()}
	learned := DefaultCapabilities(tree.CredentialBasic)
	update, err := bob.ProposeUpdate(&LeafChange{Capabilities: &learned}, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.tell(bob, all, update)
	covered := []Covered{alice.Waiting()[0], alice.value(remove), alice.value(require)}
	for i := range 2 { // without either of the two
		list := slices.Delete(slices.Clone(covered), i, i+1)
		w.refuses(alice.forge(badCommit{proposals: list}), nil, bob)
	}
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{remove, require}})
	if carol.State != nil || len(bob.Context().Extensions) != 1 {
		t.Error("carol is there, or the requirement is not")
	}
}

// "Applying a Proposal List" (12.3): in the order of the types, whatever that of the
// list: extensions, Update, SelfRemove, Remove, Add.
func TestOrderOfProposals_12_3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 74)
	all := w.group("alice bob carol dave", CreateOptions{})
	alice, bob, carol, dave := all[0], all[1], all[2], all[3]
	erin, frank := w.client("erin"), w.client("frank")
	list := []Covered{
		alice.value(adds(erin)[0]),
		carol.forgeProposal(&message.SelfRemove{}, dave),
		alice.value(adds(frank)[0]),
		alice.value(&message.Remove{Removed: bob.Me()}),
		dave.forgeProposal(dave.updateOf(nil), dave),
		alice.value(&message.GroupContextExtensions{Extensions: requiring(tree.RequiredCapabilities{})}),
	}
	dave.cache.order[1].own = &ownUpdate{key: make([]byte, 32), signer: dave.State.cfg.Signer}
	list = append(list[:4], list[5]) // dave's own Update has a key that he lacks here
	if _, err := dave.Process(alice.forge(badCommit{proposals: list})); err != nil {
		t.Fatal(err)
	}
	for i, name := range map[tree.LeafIndex]string{0: "alice", 1: "erin", 2: "frank", 3: "dave"} {
		if got := string(dave.Member(i).Credential.Identity); got != name {
			t.Errorf("leaf %d is %s, not %s", i, got, name)
		}
	}
}

// "Creating a Commit" (12.4.1), "Pre-Shared Keys" (8.4): the order of the pre-shared
// keys is that of the list, for the members and in the Welcome.
func TestOrderOfPSKs_12_4_1(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 75)
	all := w.group("alice bob", CreateOptions{})
	alice, bob, carol := all[0], all[1], w.client("carol")
	var psks []schedule.PSK
	list := []Covered{alice.value(adds(carol)[0])}
	for i, id := range []string{"b", "c", "a"} {
		w.psks[id] = []byte("key of " + id)
		q := schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id), Nonce: mlstest.Bytes(uint64(i), w.suite.HashSize())}
		psks = append(psks, schedule.PSK{ID: q, Secret: w.psks[id]})
		list = append(list, alice.value(&message.PreSharedKey{PSK: q}))
	}
	secret, err := schedule.PSKSecret(w.suite, psks)
	if err != nil {
		t.Fatal(err)
	}
	twin := &peer{w: w, name: "bob", State: bob.State, cfg: bob.cfg}
	msg := alice.forge(badCommit{proposals: list, psk: secret})
	reversed := slices.Clone(psks)
	slices.Reverse(reversed)
	if secret, err = schedule.PSKSecret(w.suite, reversed); err != nil {
		t.Fatal(err)
	}
	w.refuses(alice.forge(badCommit{proposals: list, psk: secret}), ErrConfirmation, twin)
	var values []message.Proposal
	for _, p := range list {
		values = append(values, p.Proposal)
	}
	p, err := alice.Commit(CommitOptions{ByValue: values})
	if err != nil {
		t.Fatal(err)
	}
	m, err := message.Parse(p.Welcome)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Body.(*message.Welcome).Open(w.suite, carol.kp.Public, carol.kp.Private.InitKey)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got.PSKs, psks, func(a schedule.PreSharedKeyID, b schedule.PSK) bool {
		return bytes.Equal(syntax.Marshal(&a), syntax.Marshal(&b.ID))
	}) {
		t.Errorf("the welcome names %v", got.PSKs)
	}
	if err := carol.join(p.Welcome); err != nil {
		t.Error(err)
	}
	if _, err := bob.Process(msg); err != nil {
		t.Error(err)
	}
}

// "Commit" (12.4): a proposal was made once, and is carried out once.
func TestReferenceTwice_12_4(t *testing.T) {
	t.Parallel()
	for _, p := range []message.Proposal{
		&message.AppEphemeral{Component: component.AppAckID, Data: []byte{0}},
		&message.AppDataUpdate{Component: component.AppComponentsID, Update: []byte{0}},
	} {
		w := newWorld(t, testSuite, 76)
		all := w.group("alice bob carol", CreateOptions{})
		alice, bob, carol := all[0], all[1], all[2]
		w.propose(bob, all, p)
		once := alice.Waiting()[0]
		w.refuses(alice.forge(badCommit{proposals: []Covered{once, once}}), ErrProposalList, bob, carol)
		if _, err := alice.Commit(CommitOptions{References: []message.ProposalRef{once.Ref, once.Ref}}); !errors.Is(err, ErrProposalList) {
			t.Errorf("made: %v", err)
		}
	}
}

// "Proposal List Validation" (12.2): with a Remove, the leaf of an external Commit
// meets what an Update of the removed leaf would: another encryption key.
func TestResyncRenewsTheKey_12_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 77)
	all := w.group("alice bob", CreateOptions{})
	random := w.rand
	seed := mlstest.Bytes(5, 32) // of the leaf's key, which is drawn first
	join := func(first []byte, drop bool) (*rogue, []byte) {
		w.rand = random
		r := newRogue(w, all[0], "dave")
		if drop {
			r.value(&message.Remove{Removed: 2})
			r.drops = append(r.drops, 2)
		}
		w.rand = io.MultiReader(bytes.NewReader(first), random)
		msg, err := r.commit()
		if err != nil {
			t.Fatal(err)
		}
		return r, msg
	}
	_, msg := join(seed, false)
	w.tell(nil, all, msg)
	_, msg = join(seed, true)
	w.refuses(msg, tree.ErrDuplicateKey, all...)
	_, msg = join(mlstest.Bytes(6, 32), true)
	w.tell(nil, all, msg)
}

// "Joining via External Commits" (12.4.3.2): a policy can refuse newcomers, or those
// who remove somebody, and is shown the leaf that joins.
func TestPolicyOnExternalCommits_12_4_3_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 78)
	all := w.group("alice bob", CreateOptions{})
	info := groupInfo(t, all[0])
	join := func(name string) []byte {
		c := w.client(name)
		_, msg, err := JoinExternal(c.cfg, info, ExternalOptions{Leaf: c.leaf()})
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	for _, c := range all {
		c.State.cfg.Policy = notDave{}
	}
	w.refuses(join("dave"), ErrForbidden, all...)
	w.tell(nil, all, join("erin"))
	dave := w.client("dave")
	dave.cfg.Policy = notDave{}
	if _, _, err := JoinExternal(dave.cfg, info, ExternalOptions{Leaf: dave.leaf()}); !errors.Is(err, ErrForbidden) {
		t.Errorf("made: %v", err)
	}
}

// notDave lets nobody of this name join by an external Commit.
type notDave struct{ allowAll }

func (notDave) AllowCommit(_ *View, committer message.Sender, leaf *tree.LeafNode, _ []Covered) error {
	if committer.Type == message.SenderNewMemberCommit && string(leaf.Credential.Identity) == "dave" {
		return errRefused
	}
	return nil
}

// "Add" (12.1.1), "KeyPackage Validation" (10.1), "Group Creation" (11): what an Add
// of the group is measured by, and what its creator refuses to add.
func TestAddIsMeasuredByTheGroup_12_1_1(t *testing.T) {
	t.Parallel()
	signed := func(change func(kp *message.KeyPackage, leaf *tree.LeafNode)) func(c *peer) *message.KeyPackage {
		return func(c *peer) *message.KeyPackage {
			kp := *c.keyPackage()
			leaf := *kp.LeafNode
			kp.LeafNode = &leaf
			change(&kp, &leaf)
			if err := leaf.Sign(c.w.suite, c.cfg.Signer, nil, 0); err != nil {
				t.Fatal(err)
			}
			if err := kp.Sign(c.w.suite, c.cfg.Signer); err != nil {
				t.Fatal(err)
			}
			return &kp
		}
	}
	for name, c := range map[string]struct {
		make func(c *peer) *message.KeyPackage
		want error
	}{
		"as it is":                    {signed(func(*message.KeyPackage, *tree.LeafNode) {}), nil},
		"version of the KeyPackage":   {signed(func(kp *message.KeyPackage, _ *tree.LeafNode) { kp.Version = 2 }), message.ErrVersion},
		"leaf lacks the version":      {signed(func(_ *message.KeyPackage, l *tree.LeafNode) { l.Capabilities.Versions = nil }), tree.ErrUnsupported},
		"leaf lacks the cipher suite": {signed(func(_ *message.KeyPackage, l *tree.LeafNode) { l.Capabilities.CipherSuites = []suite.ID{3} }), tree.ErrUnsupported},
		"init_key is the leaf's":      {signed(func(kp *message.KeyPackage, l *tree.LeafNode) { kp.InitKey = l.EncryptionKey }), message.ErrKeyPackage},
		"init_key is none":            {signed(func(kp *message.KeyPackage, _ *tree.LeafNode) { kp.InitKey = make([]byte, 32) }), message.ErrKeyPackage},
		"encryption key is none":      {signed(func(_ *message.KeyPackage, l *tree.LeafNode) { l.EncryptionKey = make([]byte, 32) }), suite.ErrKey},
		"source of the leaf":          {signed(func(_ *message.KeyPackage, l *tree.LeafNode) { l.Source = tree.SourceCommit }), tree.ErrSource},
		"required by the group":       {signed(func(_ *message.KeyPackage, l *tree.LeafNode) { l.Capabilities.Proposals = nil }), tree.ErrUnsupported},
		"extension of the group": {signed(func(_ *message.KeyPackage, l *tree.LeafNode) {
			l.Capabilities.Extensions, l.Extensions = nil, nil
		}), tree.ErrUnsupported},
	} {
		w := newWorld(t, testSuite, 79)
		extensions := component.Dictionary{}.Into(requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}}))
		all := w.group("alice bob", CreateOptions{Extensions: extensions})
		dave := w.client("dave")
		add := &message.Add{KeyPackage: c.make(dave)}
		if _, err := all[0].Commit(CommitOptions{ByValue: []message.Proposal{add}}); !errors.Is(err, c.want) {
			t.Errorf("%s: made: %v, want %v", name, err, c.want)
		}
		all[0].Abandon()
		if _, err := all[1].Process(all[0].forge(badCommit{proposals: []Covered{all[0].value(add)}})); !errors.Is(err, c.want) {
			t.Errorf("%s: received: %v, want %v", name, err, c.want)
		}
	}
}
