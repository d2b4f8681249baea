package group

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// joinExternal has c join by an external Commit, which all members follow.
func (w *world) joinExternal(c *peer, all []*peer, o ExternalOptions) {
	w.t.Helper()
	o.Leaf = c.leaf()
	s, msg, err := JoinExternal(c.cfg, groupInfo(w.t, members(all)[0]), o)
	if err != nil {
		w.t.Fatalf("%s joins: %v", c.name, err)
	}
	for _, m := range members(all) {
		if m == c {
			continue
		}
		event, err := m.Process(msg)
		if err != nil {
			w.t.Fatalf("%s processes the external commit: %v", m.name, err)
		}
		if got := event.(*Committed); got.Removed {
			m.State = nil
		} else if !got.External || !slices.Contains(got.Added, s.Me()) {
			w.t.Fatalf("%s sees %+v", m.name, got)
		}
	}
	c.State = s
	w.agree(all)
}

func TestJoinExternal_12_4_3_2(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		all := w.group("alice bob carol", CreateOptions{})
		dave := w.client("dave")
		all = append(all, dave)
		w.joinExternal(dave, all, ExternalOptions{})
		w.talk(all)
		if dave.Me() != 3 {
			t.Errorf("dave has leaf %d", dave.Me())
		}
		w.commit(dave, all, CommitOptions{})
		w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: 1}}})
		erin := w.client("erin")
		all = append(all, erin)
		w.joinExternal(erin, all, ExternalOptions{})
		if erin.Me() != 1 {
			t.Errorf("erin has leaf %d, and not the leftmost blank one", erin.Me())
		}
		w.talk(all)
	})
}

// "Joining via External Commits" (12.4.3.2): a resync removes the old self, and
// everybody is asked whether the new one may take its place.
func TestResync_12_4_3_2(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	w.asked = map[string][]Candidate{}
	lost := bob.State
	bob.State = nil
	mine := func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "bob" }
	w.joinExternal(bob, all, ExternalOptions{Resync: mine})
	w.talk(all)
	var replaces *tree.LeafNode
	for _, c := range w.asked["alice"] {
		if c.Entry == InExternalCommit {
			replaces = c.Replaces
		}
	}
	if replaces == nil || !mine(replaces) {
		t.Errorf("alice was not asked about a successor of bob's leaf: %v", replaces)
	}
	msg, err := alice.Protect([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lost.Process(msg); err == nil {
		t.Error("the old self still reads")
	}

	info := groupInfo(t, alice)
	for what, c := range map[string]struct {
		pick func(*tree.LeafNode) bool
		want error
	}{
		"none":      {func(*tree.LeafNode) bool { return false }, ErrNotAdded},
		"all":       {func(*tree.LeafNode) bool { return true }, ErrConfig},
		"no remove": {nil, tree.ErrDuplicateKey}, // the same signature key twice
	} {
		if _, _, err := JoinExternal(bob.cfg, info, ExternalOptions{Leaf: bob.leaf(), Resync: c.pick}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	// Eve takes bob's place.
	eve := w.client("eve")
	if _, _, err := JoinExternal(eve.cfg, info, ExternalOptions{Leaf: eve.leaf(), Resync: mine}); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("eve's own authenticator: %v", err)
	}
	eve.naive = true
	_, commit, err := JoinExternal(eve.cfg, info, ExternalOptions{Leaf: eve.leaf(), Resync: mine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Process(commit); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("eve takes bob's place: %v", err)
	}
}

// "Joining via External Commits" (12.4.3.2) with PSKs: by value, and all members
// must have them.
func TestJoinExternalPSK_12_4_3_2(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	w.psks["a"], w.psks["b"] = []byte("1"), []byte("2")
	all := w.group("alice bob", CreateOptions{})
	dave := w.client("dave")
	all = append(all, dave)
	psk := func(id string) schedule.PreSharedKeyID {
		return schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id)}
	}
	w.joinExternal(dave, all, ExternalOptions{PSKs: []schedule.PreSharedKeyID{psk("a"), psk("b")}})
	w.talk(all)

	erin := w.client("erin")
	erin.cfg.PSK = func(id []byte) ([]byte, error) { return []byte("only erin's"), nil }
	info := groupInfo(t, all[0])
	_, other, err := JoinExternal(erin.cfg, info, ExternalOptions{Leaf: erin.leaf(), PSKs: []schedule.PreSharedKeyID{psk("a")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Process(other); !errors.Is(err, ErrConfirmation) {
		t.Errorf("another value of the PSK: %v", err)
	}
	_, unknown, err := JoinExternal(erin.cfg, info, ExternalOptions{Leaf: erin.leaf(), PSKs: []schedule.PreSharedKeyID{psk("c")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Process(unknown); !errors.Is(err, ErrPSK) {
		t.Errorf("an unknown PSK: %v", err)
	}
	erin.cfg.PSK = nil
	if _, _, err := JoinExternal(erin.cfg, info, ExternalOptions{Leaf: erin.leaf(), PSKs: []schedule.PreSharedKeyID{psk("a")}}); !errors.Is(err, ErrPSK) {
		t.Errorf("a PSK that the joiner lacks: %v", err)
	}
}

// What is wrong with the GroupInfo, or with what the joiner wants.
func TestJoinExternalRejects_12_4_3_2(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	for name, c := range map[string]struct {
		change func(c *peer, info *message.GroupInfo, o *ExternalOptions)
		want   error
	}{
		"nothing is wrong": {func(*peer, *message.GroupInfo, *ExternalOptions) {}, nil},
		"no external_pub": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) {
			info.Extensions = tree.Extensions{all[0].Tree().Extension()}
			_ = info.Sign(w.suite, all[0].cfg.Signer)
		}, ErrNotOpen},
		"malformed external_pub": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) {
			info.Extensions = tree.Extensions{all[0].Tree().Extension(), {Type: tree.ExtensionExternalPub, Data: []byte{5}}}
			_ = info.Sign(w.suite, all[0].cfg.Signer)
		}, syntax.ErrSyntax},
		"external_pub is no key": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) {
			info.Extensions = tree.Extensions{all[0].Tree().Extension(), message.ExternalPubExtension(make([]byte, 32))}
			_ = info.Sign(w.suite, all[0].cfg.Signer)
		}, suite.ErrKey},
		"signature":       {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) { info.Signature[0] ^= 1 }, suite.ErrSignature},
		"signer":          {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) { info.Signer = 1 }, suite.ErrSignature},
		"signer is blank": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) { info.Signer = 2 }, ErrSender},
		"suite": {func(c *peer, _ *message.GroupInfo, _ *ExternalOptions) {
			c.cfg.Suite, _ = suite.Get(suite.X25519_CHACHA20POLY1305_SHA256_Ed25519)
		}, message.ErrSuite},
		"tree hash": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) {
			info.GroupContext.TreeHash = mlstest.Bytes(1, 32)
			_ = info.Sign(w.suite, all[0].cfg.Signer)
		}, tree.ErrTreeHash},
		"no tree": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) {
			info.Extensions = nil
			_ = info.Sign(w.suite, all[0].cfg.Signer)
		}, ErrNoTree},
		"confirmation tag is cut": {func(_ *peer, info *message.GroupInfo, _ *ExternalOptions) {
			info.ConfirmationTag = info.ConfirmationTag[1:]
			_ = info.Sign(w.suite, all[0].cfg.Signer)
		}, ErrConfirmation},
		"group is joined already": {func(_ *peer, _ *message.GroupInfo, o *ExternalOptions) {
			o.Member = func([]byte) bool { return true }
		}, ErrMember},
		"own leaf does not support the group": {func(_ *peer, info *message.GroupInfo, o *ExternalOptions) {
			info.GroupContext.Extensions = tree.Extensions{(&tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}}).Extension()}
			_ = info.Sign(w.suite, all[0].cfg.Signer)
			o.Leaf.Capabilities = &tree.Capabilities{
				Versions: []tree.ProtocolVersion{tree.MLS10}, CipherSuites: suite.All(), Credentials: []tree.CredentialType{tree.CredentialBasic},
			}
		}, tree.ErrUnsupported},
		"self_remove that is none": {func(_ *peer, _ *message.GroupInfo, o *ExternalOptions) {
			p, _ := all[0].Propose(&message.Remove{Removed: 1}, ProposalOptions{Public: true})
			o.SelfRemoves = [][]byte{p}
		}, message.ErrMalformed},
		"an Add among the application's proposals": {func(_ *peer, _ *message.GroupInfo, o *ExternalOptions) {
			o.AppData = adds(w.client("x"))
		}, ErrConfig},
		"an unknown component": {func(_ *peer, _ *message.GroupInfo, o *ExternalOptions) {
			o.AppData = []message.Proposal{&message.AppEphemeral{Component: 0x9999}}
		}, ErrProposal},
	} {
		dave := w.client("dave " + name)
		info := groupInfo(t, all[0])
		o := ExternalOptions{Leaf: dave.leaf()}
		c.change(dave, info, &o)
		if _, _, err := JoinExternal(dave.cfg, info, o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// rogue makes external Commits without asking any rule of this package.
type rogue struct {
	w     *world
	from  *epoch
	cfg   Config
	leaf  tree.LeafNode
	list  []Covered
	init  []byte
	drops []tree.LeafIndex // applied to the tree
	kem   []byte
	// path changes the UpdatePath before it is signed.
	path   func(*treekem.UpdatePath)
	signer suite.Signer
	sender message.Sender
	tag    func([]byte)
}

func newRogue(w *world, by *peer, name string) *rogue {
	c := w.client(name)
	cfg, err := c.cfg.complete()
	if err != nil {
		w.t.Fatal(err)
	}
	info := groupInfo(w.t, by)
	from, err := cfg.outside(info, &JoinOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	leaf, err := cfg.newLeaf(c.leaf())
	if err != nil {
		w.t.Fatal(err)
	}
	public, _, _ := info.ExternalPub()
	kem, init, err := w.suite.ExportSend(public, externalInitLabel, w.suite.HashSize())
	if err != nil {
		w.t.Fatal(err)
	}
	r := &rogue{w: w, from: from, cfg: cfg, leaf: *leaf, init: init, kem: kem, signer: cfg.Signer, sender: message.Sender{Type: message.SenderNewMemberCommit}}
	r.value(&message.ExternalInit{KEMOutput: kem})
	return r
}

func (r *rogue) value(p message.Proposal) {
	r.list = append(r.list, Covered{Proposal: p, Sender: r.sender})
}

func (r *rogue) commit() ([]byte, error) {
	s := r.w.suite
	t := r.from.tree.Clone()
	for _, i := range r.drops {
		if err := t.Remove(i); err != nil {
			return nil, err
		}
	}
	made, err := treekem.CreateExternal(s, t, r.leaf, r.signer, r.from.context.GroupID, r.w.rand)
	if err != nil {
		return nil, err
	}
	context := *r.from.context
	context.Epoch++
	context.TreeHash = t.RootHash()
	path, err := made.Encrypt(context.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	if r.path != nil {
		r.path(path)
	}
	commit := &message.Commit{Path: path}
	var psks []schedule.PSK
	for _, p := range r.list {
		if p.Ref != nil {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Reference: p.Ref})
		} else {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Proposal: p.Proposal})
		}
		if q, ok := p.Proposal.(*message.PreSharedKey); ok {
			psks = append(psks, schedule.PSK{ID: q.PSK, Secret: r.w.psks[string(q.PSK.ID)]})
		}
	}
	signed, err := message.Sign(s, r.signer, message.WireFormatPublicMessage, message.FramedContent{
		GroupID: r.from.context.GroupID, Epoch: r.from.context.Epoch, Sender: r.sender,
		ContentType: message.ContentCommit, Commit: commit,
	}, r.from.context)
	if err != nil {
		return nil, err
	}
	psk, err := schedule.PSKSecret(s, psks)
	if err != nil {
		psk = schedule.NoSecret(s)
	}
	context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(s, r.from.interim, signed.ConfirmedTranscriptHashInput())
	secrets := schedule.Next(s, r.init, made.CommitSecret(), psk, &context)
	signed.Auth.ConfirmationTag = secrets.ConfirmationTag(context.ConfirmedTranscriptHash)
	if r.tag != nil {
		r.tag(signed.Auth.ConfirmationTag)
	}
	m, err := signed.ProtectPublic(s, nil, r.from.context)
	if err != nil {
		return nil, err
	}
	return message.Wrap(m).Bytes(), nil
}

// TestExternalCommitRejects_12_2 is "Proposal List Validation" (12.2) for an external
// Commit, and what 12.4.3.2 and 12.4.2 ask of one, as the members see it.
func TestExternalCommitRejects_12_2(t *testing.T) {
	psk := func(id string, nonce int) message.Proposal {
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id), Nonce: mlstest.Bytes(1, nonce)}}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, r *rogue, all []*peer)
		want   error
	}{
		"nothing is wrong": {func(*testing.T, *rogue, []*peer) {}, nil},
		"one remove": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.value(&message.Remove{Removed: 1})
			r.drops = append(r.drops, 1)
		}, ErrUnauthenticated /* bob is not the newcomer */},
		"no external_init": {func(_ *testing.T, r *rogue, _ []*peer) { r.list = nil }, ErrProposalList},
		"two external_init": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.value(&message.ExternalInit{KEMOutput: r.kem})
		}, ErrProposalList},
		"two removes": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.value(&message.Remove{Removed: 1})
			r.value(&message.Remove{Removed: 2})
			r.drops = append(r.drops, 1, 2)
		}, ErrProposalList},
		"remove of a blank leaf": {func(_ *testing.T, r *rogue, _ []*peer) { r.value(&message.Remove{Removed: 3}) }, ErrProposal},
		"add":                    {func(_ *testing.T, r *rogue, _ []*peer) { r.value(adds(r.w.client("x"))[0]) }, ErrProposalList},
		"group_context_extensions": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.value(&message.GroupContextExtensions{})
		}, ErrProposalList},
		"reinit": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.value(&message.ReInit{GroupID: []byte("x"), Version: message.MLS10, CipherSuite: r.w.suite.ID()})
		}, ErrProposalList},
		"update": {func(_ *testing.T, r *rogue, all []*peer) {
			r.value(&message.Update{LeafNode: all[0].Member(0)})
		}, ErrProposal},
		"by reference": {func(t *testing.T, r *rogue, all []*peer) {
			msg, err := all[1].Propose(&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("a")}}, ProposalOptions{Public: true})
			if err != nil {
				t.Fatal(err)
			}
			r.w.tell(all[1], all, msg)
			r.list = append(r.list, all[0].Waiting()...)
		}, ErrProposalList},
		"by unknown reference": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.list = append(r.list, Covered{Ref: mlstest.Bytes(1, 32)})
		}, ErrUnknownProposal},
		"PSK":                    {func(_ *testing.T, r *rogue, _ []*peer) { r.value(psk("a", 32)) }, nil},
		"PSK with a short nonce": {func(_ *testing.T, r *rogue, _ []*peer) { r.value(psk("a", 31)) }, ErrProposal},
		"PSK twice":              {func(_ *testing.T, r *rogue, _ []*peer) { r.value(psk("a", 32)); r.value(psk("a", 32)) }, ErrProposalList},
		"PSK of usage reinit": {func(_ *testing.T, r *rogue, all []*peer) {
			r.value(&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageReInit, GroupID: all[0].GroupID(), Nonce: mlstest.Bytes(1, 32)}})
		}, ErrProposal},
		"PSK of usage branch": {func(_ *testing.T, r *rogue, all []*peer) {
			r.value(&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageBranch, GroupID: all[0].GroupID(), Nonce: mlstest.Bytes(1, 32)}})
		}, ErrProposal},
		"unknown component": {func(_ *testing.T, r *rogue, _ []*peer) { r.value(&message.AppEphemeral{Component: 0x9000}) }, ErrProposal},
		"kem_output": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.list[0].Proposal = &message.ExternalInit{KEMOutput: make([]byte, 32)}
		}, ErrProposal},
		"another init secret":                   {func(_ *testing.T, r *rogue, _ []*peer) { r.init = mlstest.Bytes(1, 32) }, ErrConfirmation},
		"confirmation tag":                      {func(_ *testing.T, r *rogue, _ []*peer) { r.tag = func(tag []byte) { tag[0] ^= 1 } }, ErrConfirmation},
		"leaf without the credential's support": {func(_ *testing.T, r *rogue, _ []*peer) { r.leaf.Capabilities.Credentials = nil }, tree.ErrUnsupported},
		"leaf with a member's signature key": {func(_ *testing.T, r *rogue, all []*peer) {
			r.signer = all[0].cfg.Signer
			r.leaf.SignatureKey = r.signer.Public()
		}, tree.ErrDuplicateKey},
		"leaf's signature": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.path = func(p *treekem.UpdatePath) { p.LeafNode.Signature[0] ^= 1 }
		}, suite.ErrSignature},
		"leaf's source": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.path = func(p *treekem.UpdatePath) { p.LeafNode.Source = tree.SourceUpdate }
		}, treekem.ErrSource},
		"leaf's parent hash": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.path = func(p *treekem.UpdatePath) { p.LeafNode.ParentHash = mlstest.Bytes(1, 32) }
		}, treekem.ErrParentHash},
		"path is too short": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.path = func(p *treekem.UpdatePath) { p.Nodes = p.Nodes[1:] }
		}, treekem.ErrShape},
		"path with a key of the tree": {func(_ *testing.T, r *rogue, all []*peer) {
			r.path = func(p *treekem.UpdatePath) { p.Nodes[0].EncryptionKey = all[0].Member(0).EncryptionKey }
		}, treekem.ErrKeyReused},
		"path secret": {func(_ *testing.T, r *rogue, _ []*peer) {
			r.path = func(p *treekem.UpdatePath) {
				for _, n := range p.Nodes {
					for i := range n.EncryptedPathSecret {
						n.EncryptedPathSecret[i].Ciphertext[0] ^= 1
					}
				}
			}
		}, treekem.ErrPathSecret},
		"stranger": {func(_ *testing.T, r *rogue, _ []*peer) { r.w.forget("dave") }, ErrUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
			w.psks["a"] = []byte("1")
			all := w.group("alice bob carol", CreateOptions{})
			r := newRogue(w, all[0], "dave")
			c.change(t, r, all)
			msg, err := r.commit()
			if err != nil {
				t.Fatal(err)
			}
			before := all[0].Context().Bytes()
			event, err := all[0].Process(msg)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want == nil && event.(*Committed).Epoch != all[0].Epoch() {
				t.Errorf("%+v", event)
			}
			if c.want != nil && !bytes.Equal(before, all[0].Context().Bytes()) {
				t.Error("refused, and the epoch is another one")
			}
			if c.want != nil { // the group goes on
				if _, err := all[0].Commit(CommitOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// An external Commit can carry application data (extensions draft).
func TestJoinExternalAppData(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.clients("alice bob dave")
	for _, c := range all {
		c.cfg.Components = map[component.ID]Component{0x8001: appendComponent{}}
	}
	all[0].create(CreateOptions{})
	w.commit(all[0], all, CommitOptions{ByValue: adds(all[1])})
	w.joinExternal(all[2], all, ExternalOptions{AppData: []message.Proposal{&message.AppDataUpdate{Component: 0x8001, Update: []byte("dave")}}})
	if data, _ := all[0].View().AppData(0x8001); string(data) != "dave" {
		t.Errorf("%q", data)
	}
	w.talk(all)
}
