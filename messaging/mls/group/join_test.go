package group

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// forgery is all that goes into a Welcome, as its sender knows it, so that a test
// can change one thing and have the rest fit. The group is alice (leaf 0, who
// signs), bob (1) and the newcomer carol, whom alice has added with a path.
type forgery struct {
	w          *world
	alice, bob *peer
	carol      *peer
	suite      *suite.Suite

	tree       *tree.Tree
	context    schedule.GroupContext // TreeHash is filled in unless set
	extensions tree.Extensions       // of the GroupInfo, besides the tree
	encoded    []byte                // ratchet_tree; nil: tree
	signer     tree.LeafIndex
	joiner     []byte
	pathSecret []byte
	psks       []schedule.PSK
	// The last steps, each of which a test can replace.
	tag    func(tag []byte) []byte
	signed func(info *message.GroupInfo)
	info   func(w *message.Welcome)
	join   JoinOptions
}

// freshLeaf makes a leaf of p for the tree.
func freshLeaf(p *peer) *tree.LeafNode { return p.keyPackage().LeafNode }

func forge(t tb, extensions ...tree.Extension) *forgery {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 7)
	f := &forgery{w: w, suite: w.suite, alice: w.client("alice"), bob: w.client("bob"), carol: w.client("carol")}
	f.tree = tree.New(w.suite)
	f.tree.Add(freshLeaf(f.alice))
	f.tree.Add(freshLeaf(f.bob))
	f.tree.Add(freshLeaf(f.carol))
	f.context = schedule.GroupContext{
		CipherSuite:             w.suite.ID(),
		GroupID:                 []byte("forged"),
		Epoch:                   1,
		ConfirmedTranscriptHash: mlstest.Bytes(3, w.suite.HashSize()),
		Extensions:              extensions,
	}
	f.joiner = mlstest.Bytes(4, w.suite.HashSize())
	f.path()
	return f
}

// path puts alice's path into the tree and sets the path secret for carol.
func (f *forgery) path() {
	made, err := treekem.Create(f.suite, f.tree, 0, *f.tree.Leaf(0), f.alice.cfg.Signer, f.context.GroupID, f.w.rand)
	if err != nil {
		f.w.t.Fatal(err)
	}
	f.pathSecret = slices.Clone(made.PathSecret(2))
}

func (f *forgery) welcome() *message.Welcome {
	fatal := func(err error) {
		if err != nil {
			f.w.t.Fatal(err)
		}
	}
	var ids []schedule.PreSharedKeyID
	for i := range f.psks {
		if f.psks[i].ID.Nonce == nil {
			f.psks[i].ID.Nonce = mlstest.Bytes(uint64(10+i), f.suite.HashSize())
		}
		ids = append(ids, f.psks[i].ID)
	}
	psk, err := schedule.PSKSecret(f.suite, f.psks)
	if err != nil { // what the schedule refuses to make is for the receiver to refuse
		psk = schedule.NoSecret(f.suite)
	}
	context := f.context
	if context.TreeHash == nil {
		context.TreeHash = f.tree.RootHash()
	}
	secrets := schedule.FromJoiner(f.suite, f.joiner, psk, &context)
	tag := secrets.ConfirmationTag(context.ConfirmedTranscriptHash)
	if f.tag != nil {
		tag = f.tag(tag)
	}
	extensions := slices.Clone(f.extensions)
	if f.encoded != nil {
		extensions = append(extensions, tree.Extension{Type: tree.ExtensionRatchetTree, Data: f.encoded})
	} else {
		extensions = append(extensions, f.tree.Extension())
	}
	info := &message.GroupInfo{GroupContext: context, Extensions: extensions, ConfirmationTag: tag, Signer: f.signer}
	fatal(info.Sign(f.suite, f.alice.cfg.Signer))
	if f.signed != nil {
		f.signed(info)
	}
	w := message.NewWelcome(f.suite, secrets.Welcome, info)
	if f.info != nil {
		f.info(w)
	}
	fatal(w.Add(f.suite, f.carol.kp.Public, &message.GroupSecrets{JoinerSecret: f.joiner, PathSecret: f.pathSecret, PSKs: ids}))
	return w
}

func (f *forgery) carolJoins() (*State, error) {
	// Over the wire, as it comes.
	m, err := message.Parse(message.Wrap(f.welcome()).Bytes())
	if err != nil {
		return nil, err
	}
	return Join(f.carol.cfg, f.carol.kp, m.Body.(*message.Welcome), f.join)
}

// reTree replaces a leaf, signed anew by its owner, and alice's path over it.
func (f *forgery) reTree(i tree.LeafIndex, owner *peer, change func(*tree.LeafNode)) {
	leaf := *f.tree.Leaf(i)
	change(&leaf)
	if err := leaf.Sign(f.suite, owner.cfg.Signer, f.context.GroupID, i); err != nil {
		f.w.t.Fatal(err)
	}
	if err := f.tree.SetLeaf(i, &leaf); err != nil {
		f.w.t.Fatal(err)
	}
	f.path()
}

func external(id string) schedule.PSK {
	return schedule.PSK{ID: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id)}, Secret: []byte("key of " + id)}
}

func resumption(usage schedule.ResumptionUsage, s *State) schedule.PSK {
	secret, _ := s.ResumptionPSK(s.Epoch())
	return schedule.PSK{ID: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage, GroupID: s.GroupID(), Epoch: s.Epoch()}, Secret: secret}
}

var requiresUnknown = (&tree.RequiredCapabilities{Proposals: []tree.ProposalType{0xf00d}}).Extension()

// TestJoinRejects_12_4_3_1 is "Joining via Welcome Message", step by step.
func TestJoinRejects_12_4_3_1(t *testing.T) {
	otherGroup := func(f *forgery, reinit bool) *State {
		all := f.w.group("carol2 dave", CreateOptions{})
		s := all[0].State
		if reinit {
			f.w.commit(all[1], all, CommitOptions{ByValue: []message.Proposal{&message.ReInit{GroupID: f.context.GroupID, Version: message.MLS10, CipherSuite: f.suite.ID(), Extensions: f.context.Extensions}}})
		}
		f.join.Origin = func(id []byte) *State {
			if bytes.Equal(id, s.GroupID()) {
				return s
			}
			return nil
		}
		f.join.Identity = func(*tree.LeafNode) string { return "" }
		return s
	}
	for name, c := range map[string]struct {
		change func(f *forgery)
		want   error // nil: accepted
	}{
		"nothing is wrong": {func(f *forgery) {}, nil},
		"no entry has the reference of our KeyPackage": {func(f *forgery) { f.carol.keyPackage() /* another one */ }, nil /* see below */},
		"cipher suite of the Welcome is not the KeyPackage's": {func(f *forgery) {
			f.info = func(w *message.Welcome) { w.CipherSuite = suite.X25519_CHACHA20POLY1305_SHA256_Ed25519 }
		}, message.ErrSuite},
		"secrets encrypted to another key": {func(f *forgery) {
			f.carol.kp.Private.InitKey, _, _ = f.suite.GenerateKeyPair(f.w.rand)
		}, suite.ErrDecrypt},
		"group info encrypted with another key": {func(f *forgery) {
			f.info = func(w *message.Welcome) { w.EncryptedGroupInfo[3] ^= 1 }
		}, suite.ErrDecrypt},
		"a PSK that we have": {func(f *forgery) {
			f.w.psks["a"] = []byte("key of a")
			f.psks = append(f.psks, external("a"))
		}, nil},
		"a PSK that we do not have": {func(f *forgery) { f.psks = append(f.psks, external("a")) }, ErrPSK},
		"a PSK of which we have another value": {func(f *forgery) {
			f.w.psks["a"] = []byte("another")
			f.psks = append(f.psks, external("a"))
		}, suite.ErrDecrypt},
		"a PSK twice": {func(f *forgery) {
			f.w.psks["a"] = []byte("key of a")
			f.psks = append(f.psks, external("a"), external("a"))
			f.psks[0].ID.Nonce = mlstest.Bytes(9, 32)
			f.psks[1].ID.Nonce = mlstest.Bytes(9, 32)
		}, schedule.ErrPSK},
		"a PSK with a short nonce": {func(f *forgery) {
			f.w.psks["a"] = []byte("key of a")
			f.psks = append(f.psks, external("a"))
			f.psks[0].ID.Nonce = []byte{1}
		}, schedule.ErrPSK},
		"two PSKs of usage reinit and branch": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s), resumption(schedule.UsageBranch, s))
		}, message.ErrMalformed},
		"a joiner secret of another length": {func(f *forgery) { f.joiner = f.joiner[1:] }, message.ErrMalformed},
		"signature of the GroupInfo": {func(f *forgery) {
			f.signed = func(info *message.GroupInfo) { info.Signature[5] ^= 1 }
		}, suite.ErrSignature},
		"signed GroupInfo is changed": {func(f *forgery) {
			f.signed = func(info *message.GroupInfo) {
				info.Extensions = append(info.Extensions, tree.Extension{Type: 0xf0f0})
			}
		}, suite.ErrSignature},
		"signature of another member": {func(f *forgery) { f.signer = 1 }, suite.ErrSignature},
		"signer is blank":             {func(f *forgery) { f.signer = 3 }, ErrSender},
		"signer is outside":           {func(f *forgery) { f.signer = 1 << 31 }, ErrSender},
		"we are in this group": {func(f *forgery) {
			f.join.Member = func(id []byte) bool { return string(id) == "forged" }
		}, ErrMember},
		"we are in another group": {func(f *forgery) {
			f.join.Member = func(id []byte) bool { return string(id) == "another" }
		}, nil},
		"cipher suite of the GroupInfo": {func(f *forgery) {
			f.context.CipherSuite = suite.X25519_CHACHA20POLY1305_SHA256_Ed25519
		}, message.ErrSuite},
		"tree hash": {func(f *forgery) { f.context.TreeHash = mlstest.Bytes(1, 32) }, tree.ErrTreeHash},
		"tree is missing": {func(f *forgery) {
			f.signed = func(info *message.GroupInfo) {
				info.Extensions = nil
				_ = info.Sign(f.suite, f.alice.cfg.Signer)
			}
		}, ErrNoTree},
		"tree comes in another way": {func(f *forgery) {
			f.signed = func(info *message.GroupInfo) {
				info.Extensions = nil
				_ = info.Sign(f.suite, f.alice.cfg.Signer)
			}
			f.join.RatchetTree = syntax.Marshal(f.tree)
		}, nil},
		"tree comes in another way and is another": {func(f *forgery) {
			f.signed = func(info *message.GroupInfo) {
				info.Extensions = nil
				_ = info.Sign(f.suite, f.alice.cfg.Signer)
			}
			other := f.tree.Clone()
			_ = other.Remove(1)
			f.join.RatchetTree = syntax.Marshal(other)
		}, tree.ErrTreeHash},
		"tree ends with a blank": {func(f *forgery) {
			encoded := syntax.Marshal(f.tree)
			r := syntax.NewReader(encoded)
			content := append(bytes.Clone(r.Vector()), 0, 0)
			var w syntax.Writer
			w.Vector(content)
			f.encoded = w.Bytes()
		}, tree.ErrRatchetTree},
		"parent hash": {func(f *forgery) {
			// Alice's leaf says another parent hash, signed.
			leaf := *f.tree.Leaf(0)
			leaf.ParentHash = mlstest.Bytes(2, 32)
			_ = leaf.Sign(f.suite, f.alice.cfg.Signer, f.context.GroupID, 0)
			_ = f.tree.SetLeaf(0, &leaf)
		}, tree.ErrParentHash},
		"signature of a leaf": {func(f *forgery) {
			leaf := *f.tree.Leaf(1)
			leaf.Signature = bytes.Clone(leaf.Signature)
			leaf.Signature[1] ^= 1
			_ = f.tree.SetLeaf(1, &leaf)
			f.path()
		}, suite.ErrSignature},
		"leaf of another group": {func(f *forgery) {
			f.context.GroupID = []byte("elsewhere") // alice's leaf is signed for "forged"
		}, suite.ErrSignature},
		"leaf has expired": {func(f *forgery) { f.w.now = f.w.now.Add(DefaultLifetime + time.Hour) }, tree.ErrLifetime},
		"leaf has expired, and is allowed to": {func(f *forgery) {
			f.w.now = f.w.now.Add(DefaultLifetime + time.Hour)
			f.join.AllowExpired = true
		}, nil},
		"leaf lives too long": {func(f *forgery) {
			f.reTree(1, f.bob, func(l *tree.LeafNode) { l.Lifetime.NotAfter = l.Lifetime.NotBefore + tree.DefaultMaxLifetime + 1 })
		}, tree.ErrLifetime},
		"leaf does not support its credential": {func(f *forgery) {
			f.reTree(1, f.bob, func(l *tree.LeafNode) { l.Capabilities.Credentials = []tree.CredentialType{tree.CredentialX509} })
		}, tree.ErrUnsupported},
		"leaf does not support the suite": {func(f *forgery) {
			f.reTree(1, f.bob, func(l *tree.LeafNode) { l.Capabilities.CipherSuites = []suite.ID{suite.P256_AES128GCM_SHA256_P256} })
		}, tree.ErrUnsupported},
		"leaf does not support its extension": {func(f *forgery) {
			f.reTree(1, f.bob, func(l *tree.LeafNode) { l.Extensions = tree.Extensions{{Type: 0xf0f0}} })
		}, tree.ErrUnsupported},
		"two leaves with one signature key": {func(f *forgery) {
			leaf := *freshLeaf(f.bob)
			f.tree.Add(&leaf)
			f.path()
		}, tree.ErrDuplicateKey},
		"two leaves with one encryption key": {func(f *forgery) {
			f.reTree(1, f.bob, func(l *tree.LeafNode) { l.EncryptionKey = f.tree.Leaf(2).EncryptionKey })
		}, tree.ErrDuplicateKey},
		"unmerged leaves": {func(f *forgery) {
			f.encoded = f.withUnmerged(3) // which is blank
			r := syntax.NewReader(f.encoded)
			f.context.TreeHash = tree.Read(f.suite, r).RootHash()
		}, tree.ErrUnmergedLeaves},
		"our leaf is not in the tree": {func(f *forgery) {
			_ = f.tree.Remove(2)
			f.path()
			f.pathSecret = mlstest.Bytes(5, 32)
		}, ErrNotAdded},
		"our leaf is another than in the KeyPackage": {func(f *forgery) {
			f.reTree(2, f.carol, func(l *tree.LeafNode) { l.Lifetime.NotAfter++ })
		}, ErrNotAdded},
		"path secret":                   {func(f *forgery) { f.pathSecret[0] ^= 1 }, treekem.ErrKeyMismatch},
		"path secret of another length": {func(f *forgery) { f.pathSecret = f.pathSecret[1:] }, message.ErrMalformed},
		"no path secret":                {func(f *forgery) { f.pathSecret = nil }, nil},
		"confirmation tag": {func(f *forgery) {
			f.tag = func(tag []byte) []byte { tag[0] ^= 1; return tag }
		}, ErrConfirmation},
		"confirmation tag is cut": {func(f *forgery) {
			f.tag = func(tag []byte) []byte { return tag[:16] }
		}, ErrConfirmation},
		"no confirmation tag": {func(f *forgery) {
			f.tag = func([]byte) []byte { return nil }
		}, ErrConfirmation},
		"required capability that members lack (11.1)": {func(f *forgery) {
			f.context.Extensions = tree.Extensions{requiresUnknown}
		}, tree.ErrUnsupported},
		"extension of the group that we do not support (13.4)": {func(f *forgery) {
			f.context.Extensions = tree.Extensions{{Type: 0xf0f0}}
		}, tree.ErrUnsupported},
		"two extensions of one type (13.4)": {func(f *forgery) {
			f.context.Extensions = tree.Extensions{requiresUnknown, requiresUnknown}
		}, tree.ErrDuplicateExtension},
		"two extensions of one type in the GroupInfo (13.4)": {func(f *forgery) {
			f.extensions = tree.Extensions{{Type: 0xf0f0}, {Type: 0xf0f0}}
		}, tree.ErrDuplicateExtension},
		"extension of the GroupInfo that nobody knows (13.4)": {func(f *forgery) {
			f.extensions = tree.Extensions{{Type: 0xf0f0, Data: []byte("?")}, {Type: 0x0a0a}}
		}, nil},
		"key of an external sender (12.1.8.1)": {func(f *forgery) {
			f.context.Extensions = tree.Extensions{tree.ExternalSendersExtension([]tree.ExternalSender{{SignatureKey: []byte("no key"), Credential: tree.BasicCredential([]byte("x"))}})}
		}, suite.ErrKey},
		"malformed external_senders": {func(f *forgery) {
			f.context.Extensions = tree.Extensions{{Type: tree.ExtensionExternalSenders, Data: []byte{9}}}
		}, syntax.ErrSyntax},
		"malformed app_data_dictionary": {func(f *forgery) {
			f.context.Extensions = tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{9}}}
		}, syntax.ErrSyntax},
		"component that members lack": {func(f *forgery) {
			f.context.Extensions = component.Dictionary{}.With(component.AppComponentsID, syntax.Marshal(component.List{0x8001})).Into(nil)
		}, tree.ErrUnsupported},
		"component that members have": {func(f *forgery) {
			f.context.Extensions = component.Dictionary{}.With(component.AppComponentsID, syntax.Marshal(component.List{component.AppAckID})).Into(nil)
		}, nil},
		"a leaf's credential is too large":       {func(f *forgery) { f.carol.cfg.Limits.CredentialSize = 3 }, ErrLimit},
		"no group, where one is to be continued": {func(f *forgery) { f.join.Continues = []byte("the group") }, ErrOrigin},
		"another group than the one to be continued": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
			f.join.Continues = []byte("another")
		}, ErrOrigin},
		"the group that is to be continued": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
			f.join.Continues = []byte("the group")
		}, nil},
		"reinit of a group that we were removed from": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s))
			s.removed = true
		}, ErrOrigin},
		"reinit of another group than is found": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s))
			other := f.w.group("x", CreateOptions{})[0]
			other.current.context.GroupID = []byte("other")
			f.join.Origin = func([]byte) *State { return other.State }
		}, ErrOrigin},
		"reinit loses one of two leaves of somebody (11.2)": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s))
			// Both old members are one person, who has one leaf in the new group.
			f.join.Identity = func(leaf *tree.LeafNode) string {
				switch string(leaf.Credential.Identity) {
				case "alice", "bob":
					return "others"
				}
				return "carol"
			}
		}, ErrOrigin},
		"reinit to another version (11.2)": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s))
			s.reinit.Version = 2
		}, ErrOrigin},
		"reinit to another suite (11.2)": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s))
			s.reinit.CipherSuite = suite.P256_AES128GCM_SHA256_P256
		}, ErrOrigin},
		"branch to another suite (11.3)": {func(f *forgery) {
			s := otherGroup(f, false)
			f.psks = append(f.psks, resumption(schedule.UsageBranch, s))
			s.cfg.Suite, _ = suite.Get(suite.P256_AES128GCM_SHA256_P256)
		}, ErrOrigin},
		"too many members": {func(f *forgery) { f.carol.cfg.Limits.Members = 2 }, ErrLimit},
		"extensions are too large": {func(f *forgery) {
			f.carol.cfg.Limits.ExtensionsSize = 100
			f.context.Extensions = component.Dictionary{}.With(component.AppComponentsID, make([]byte, 100)).Into(nil)
		}, ErrLimit},
		"no authenticator": {func(f *forgery) { f.carol.cfg.Authenticator = nil }, ErrNoAuthenticator},
		"another signature key than that of the KeyPackage": {func(f *forgery) {
			f.carol.cfg.Signer = f.bob.cfg.Signer
		}, ErrConfig},
		"reinit of a group that we are not in": {func(f *forgery) {
			s := otherGroup(f, true)
			f.psks = append(f.psks, resumption(schedule.UsageReInit, s))
			f.join.Origin = nil
		}, ErrOrigin},
		"reinit": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
		}, nil},
		"reinit without a ReInit (11.2)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, false)))
		}, ErrOrigin},
		"reinit from the epoch before the ReInit (11.2)": {func(f *forgery) {
			s := otherGroup(f, true)
			p := resumption(schedule.UsageReInit, s)
			p.ID.Epoch--
			p.Secret, _ = s.ResumptionPSK(p.ID.Epoch)
			f.psks = append(f.psks, p)
		}, ErrOrigin},
		"reinit in epoch 2 (11.2)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
			f.context.Epoch = 2
		}, ErrOrigin},
		"reinit with another group id (11.2)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
			f.context.GroupID = []byte("not the one")
			f.path()
		}, ErrOrigin},
		"reinit with other extensions (11.2)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
			f.context.Extensions = tree.Extensions{(&tree.RequiredCapabilities{}).Extension()}
		}, ErrOrigin},
		"reinit loses a member (11.2)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageReInit, otherGroup(f, true)))
			f.join.Identity = nil
		}, ErrOrigin},
		"branch": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageBranch, otherGroup(f, false)))
		}, nil},
		"branch in epoch 2 (11.3)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageBranch, otherGroup(f, false)))
			f.context.Epoch = 2
		}, ErrOrigin},
		"branch with somebody new (11.3)": {func(f *forgery) {
			f.psks = append(f.psks, resumption(schedule.UsageBranch, otherGroup(f, false)))
			f.join.Identity = nil
		}, ErrOrigin},
		"branch from an epoch that is not known": {func(f *forgery) {
			p := resumption(schedule.UsageBranch, otherGroup(f, false))
			p.ID.Epoch = 99
			f.psks = append(f.psks, p)
		}, ErrPSK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := forge(t)
			if name == "no entry has the reference of our KeyPackage" {
				w := f.welcome()
				c.change(f)
				if _, err := Join(f.carol.cfg, f.carol.kp, w, f.join); !errors.Is(err, message.ErrNotForUs) {
					t.Fatal(err)
				}
				return
			}
			c.change(f)
			s, err := f.carolJoins()
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want != nil && (s != nil || len(f.carol.kp.Private.InitKey) == 0) {
				t.Error("refused, but there is a state, or the KeyPackage is used up")
			}
			if c.want == nil && (s == nil || len(f.carol.kp.Private.InitKey) != 0) {
				t.Error("joined, but the KeyPackage can be used again")
			}
		})
	}
}

// withUnmerged is the encoded tree, whose root says that a leaf is unmerged.
func (f *forgery) withUnmerged(i tree.LeafIndex) []byte {
	root := *f.tree.Parent(3)
	root.UnmergedLeaves = []tree.LeafIndex{i}
	var w syntax.Writer
	w.Nested(func(w *syntax.Writer) {
		for x := tree.NodeIndex(0); x <= 4; x++ {
			w.Optional(!f.tree.IsBlank(x))
			switch {
			case x.IsLeaf():
				w.Uint8(1)
				f.tree.Leaf(x.Leaf()).Marshal(w)
			case x == 3:
				w.Uint8(2)
				root.Marshal(w)
			case !f.tree.IsBlank(x):
				w.Uint8(2)
				f.tree.Parent(x).Marshal(w)
			}
		}
	})
	return w.Bytes()
}
