package group

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// originOf gives carol, who is about to join the forged group, a group of her own
// that it says to come from, after change. Members are taken to be the same whoever
// they are.
func (f *forgery) originOf(usage schedule.ResumptionUsage, change func(w *world, all []*peer)) *State {
	w := f.w
	all := w.group("carol2 dave", CreateOptions{})
	if change != nil {
		change(w, all)
	}
	s := all[0].State
	f.join.Origin = func([]byte) *State { return s }
	f.join.Identity = func(*tree.LeafNode) string { return "" }
	f.psks = append(f.psks, resumption(usage, s))
	return s
}

// "Group Creation" (11): the secret is drawn, and nothing else that the creator draws
// yields it.
func TestCreateDrawsTheSecret_11(t *testing.T) {
	w := newWorld(t, testSuite, 60)
	alice := w.client("alice")
	create := func(rand io.Reader) *State {
		alice.cfg.Rand = rand
		s, err := Create(alice.cfg, nil, alice.leaf(), CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var drawn bytes.Buffer
	one := create(io.TeeReader(w.rand, &drawn))
	before := drawn.Len() - w.suite.HashSize()
	two := create(io.MultiReader(io.LimitReader(&drawn, int64(before)), w.rand))
	if !bytes.Equal(one.Context().Bytes(), two.Context().Bytes()) {
		t.Fatal("the secret is not what is drawn last")
	}
	if bytes.Equal(one.EpochAuthenticator(), two.EpochAuthenticator()) {
		t.Error("two groups have one secret")
	}
}

// "Reinitialization" (11.2): version, cipher_suite, group_id and extensions are those
// of the ReInit.
func TestReInitParameters_11_2(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*message.ReInit)
		want   error
	}{
		"as agreed":    {func(*message.ReInit) {}, nil},
		"version":      {func(p *message.ReInit) { p.Version = 2 }, ErrOrigin},
		"cipher_suite": {func(p *message.ReInit) { p.CipherSuite = suite.X25519_CHACHA20POLY1305_SHA256_Ed25519 }, ErrOrigin},
		"group_id":     {func(p *message.ReInit) { p.GroupID = []byte("another") }, ErrOrigin},
		"extensions":   {func(p *message.ReInit) { p.Extensions = requiring(tree.RequiredCapabilities{}) }, ErrOrigin},
	} {
		f := forge(t)
		p := &message.ReInit{GroupID: f.context.GroupID, Version: message.MLS10, CipherSuite: f.suite.ID()}
		c.change(p)
		f.originOf(schedule.UsageReInit, func(w *world, all []*peer) {
			// Not by Commit, which sends no ReInit to a version that is not ours.
			w.tell(all[1], all, all[1].forge(badCommit{proposals: []Covered{all[1].value(p)}}))
		})
		if _, err := f.carolJoins(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// "Subgroup Branching" (11.3): the cipher suite is that of the old group.
func TestBranchSuite_11_3(t *testing.T) {
	for _, id := range []suite.ID{testSuite, suite.X25519_CHACHA20POLY1305_SHA256_Ed25519} {
		f := forge(t)
		old := newWorld(t, id, 3).group("carol", CreateOptions{})[0].State
		f.join.Origin = func([]byte) *State { return old }
		f.join.Identity = func(*tree.LeafNode) string { return "" }
		f.psks = append(f.psks, resumption(schedule.UsageBranch, old))
		var want error
		if id != testSuite {
			want = ErrOrigin
		}
		if _, err := f.carolJoins(); !errors.Is(err, want) {
			t.Errorf("branch of a group of %v: %v, want %v", id, err, want)
		}
	}
}

// "Joining via Welcome Message" (12.4.3.1): the group that a PSK of usage reinit or
// branch names is one that we are in.
func TestOriginIsOurGroup_12_4_3_1(t *testing.T) {
	for name, change := range map[string]func(f *forgery, s *State){
		"another group": func(f *forgery, _ *State) { f.psks[0].ID.GroupID = []byte("another") },
		"one that removed us": func(f *forgery, s *State) {
			s.removed = true
			t.Cleanup(func() { s.removed = false })
		},
	} {
		f := forge(t)
		s := f.originOf(schedule.UsageBranch, nil)
		change(f, s)
		if _, err := f.carolJoins(); !errors.Is(err, ErrOrigin) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// "Processing a Commit" (12.4.2): after a ReInit nothing is sent, and nothing that
// somebody sends nevertheless is processed.
func TestClosedGroup_12_4_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 61)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{
		&message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: testSuite},
	}})
	remove := &message.Remove{Removed: all[2].Me()}
	w.refuses(alice.sends(remove), ErrReinitialized, bob)
	w.refuses(alice.forge(badCommit{}), ErrReinitialized, bob)
	alice.reinit = nil // she does not keep to it
	public, err := alice.Propose(remove, ProposalOptions{Public: true})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(public, ErrReinitialized, bob)
}

// There is no epoch after the last number of an epoch.
func TestEpochDoesNotWrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 62)
	all := w.group("alice bob", CreateOptions{})
	for _, c := range all {
		context := *c.current.context
		context.Epoch = math.MaxUint64
		c.current.context = &context
	}
	w.refuses(all[0].forge(badCommit{}), ErrCommit, all[1])
	if _, err := all[1].Commit(CommitOptions{}); !errors.Is(err, ErrCommit) {
		t.Errorf("made: %v", err)
	}
}

// "GREASE" (13.5) and "Extensions" (13.4): what stands in our capabilities as GREASE is
// not supported, so that a group with it cannot be founded, joined or made.
func TestGREASEIsNotSupported_13_5(t *testing.T) {
	t.Parallel()
	const grease = 0x2a2a
	listing := func(o *LeafOptions) {
		o.Capabilities.Extensions = append(o.Capabilities.Extensions, grease, 0xf123)
		o.Capabilities.Proposals = append(o.Capabilities.Proposals, grease, 0xf123)
	}
	in := func(e tree.ExtensionType) tree.Extensions { return tree.Extensions{{Type: e, Data: []byte("?")}} }
	required := func(p tree.ProposalType) tree.Extensions {
		return requiring(tree.RequiredCapabilities{Proposals: []tree.ProposalType{p}})
	}
	for name, c := range map[string]struct {
		extensions tree.Extensions
		want       error
	}{
		"an extension":          {in(0xf123), nil},
		"a required proposal":   {required(0xf123), nil},
		"GREASE":                {in(grease), tree.ErrUnsupported},
		"GREASE as requirement": {required(grease), tree.ErrUnsupported},
	} {
		w := newWorld(t, testSuite, 63)
		alice, bob := w.client("alice"), w.client("bob")
		leaf := func(c *peer) LeafOptions {
			o := c.leaf()
			capabilities := DefaultCapabilities(tree.CredentialBasic)
			o.Capabilities = &capabilities
			listing(&o)
			return o
		}
		if _, err := Create(alice.cfg, nil, leaf(alice), CreateOptions{Extensions: c.extensions}); !errors.Is(err, c.want) {
			t.Errorf("%s: founded: %v, want %v", name, err, c.want)
		}
		s, err := Create(alice.cfg, []byte("the group"), leaf(alice), CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		alice.State = s
		all := []*peer{alice, bob}
		w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: bob.keyPackageWith(listing, nil)}}})
		change := &message.GroupContextExtensions{Extensions: c.extensions}
		if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{change}}); !errors.Is(err, c.want) {
			t.Errorf("%s: committed: %v, want %v", name, err, c.want)
		}
		alice.Abandon()
		if _, err := alice.Propose(change, ProposalOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: proposed: %v, want %v", name, err, c.want)
		}
		alice.cache.reset()
		event, err := bob.Process(alice.forge(badCommit{proposals: []Covered{alice.value(change)}}))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: received: %v, %v, want %v", name, event, err, c.want)
		}

		// By Welcome and by external Commit.
		f := forge(t)
		f.context.Extensions = c.extensions
		for i, p := range []*peer{f.alice, f.bob} {
			f.reTree(tree.LeafIndex(i), p, func(l *tree.LeafNode) {
				l.Capabilities.Extensions = append(slices.Clone(l.Capabilities.Extensions), grease, 0xf123)
				l.Capabilities.Proposals = append(slices.Clone(l.Capabilities.Proposals), grease, 0xf123)
			})
		}
		kp := f.carol.keyPackageWith(listing, nil)
		if err := f.tree.SetLeaf(2, kp.LeafNode); err != nil {
			t.Fatal(err)
		}
		f.path()
		if _, err := f.carolJoins(); !errors.Is(err, c.want) {
			t.Errorf("%s: joined: %v, want %v", name, err, c.want)
		}
		_, public, err := alice.current.secrets.ExternalKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		context := f.context
		context.TreeHash = f.tree.RootHash()
		info := &message.GroupInfo{
			GroupContext:    context,
			Extensions:      tree.Extensions{f.tree.Extension(), message.ExternalPubExtension(public)},
			ConfirmationTag: bytes.Repeat([]byte{1}, f.suite.HashSize()),
		}
		if err := info.Sign(f.suite, f.alice.cfg.Signer); err != nil {
			t.Fatal(err)
		}
		dave := f.w.client("dave")
		if _, _, err := JoinExternal(dave.cfg, info, ExternalOptions{Leaf: leaf(dave)}); !errors.Is(err, c.want) {
			t.Errorf("%s: joined by an external commit: %v, want %v", name, err, c.want)
		}
	}
}
