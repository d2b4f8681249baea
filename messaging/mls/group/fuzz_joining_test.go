package group

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// fuzzInvite is a group that mallory makes up to have erin join it: by a Welcome, or
// by an external Commit. But for what a hook changes, all in it fits together.
type fuzzInvite struct {
	*insider
	kp       *KeyPackage
	external bool
	before   func(*tree.Tree)                                                                          // before erin is added
	without  bool                                                                                      // erin is not in the tree
	node     func(tree.NodeIndex, *tree.LeafNode, *tree.ParentNode) (*tree.LeafNode, *tree.ParentNode) // of the finished tree
	context  func(*schedule.GroupContext)
	tag      func([]byte) []byte
	info     func(*message.GroupInfo)
	signer   suite.Signer
	signed   func(*message.GroupInfo)
	secrets  func(*message.GroupSecrets)
	psks     []schedule.PSK
	welcome  func(*message.Welcome)
}

// inviteAttack makes of an invitation one that must be refused.
type inviteAttack struct {
	name string
	// welcome: it makes no difference to who joins by an external Commit.
	welcome bool
	change  func(i *insider, v *fuzzInvite)
}

// invite has erin refuse an invitation, or accept one without a fault.
func (i *insider) invite(a inviteAttack) {
	i.w.keyPackage(i.realm.erin)
	v := &fuzzInvite{insider: i, kp: i.realm.erin.kp}
	sound := i.s.chance(8)
	if !sound {
		a.change(i, v)
	}
	v.external = !a.welcome && i.s.chance(2)
	if v.external && (v.without || sound) {
		v.without = true // by an external Commit one is added only then
	}
	name := "invitation: " + a.name
	if sound {
		name = "sound invitation"
	}
	info, welcome := v.make()
	if info == nil {
		return
	}
	var err error
	if v.external {
		name += " (external)"
		received := new(message.GroupInfo)
		if err = syntax.Unmarshal(syntax.Marshal(info), received); err == nil {
			_, _, err = JoinExternal(i.realm.erin.cfg, received, ExternalOptions{Leaf: i.realm.erin.leaf()})
		}
	} else {
		_, err = Join(i.realm.erin.cfg, v.kp, welcome, JoinOptions{})
	}
	i.w.made[name]++
	switch {
	case sound && err != nil:
		i.w.t.Fatalf("%s is refused: %v", name, err)
	case !sound && err == nil:
		i.w.t.Fatalf("%s is accepted", name)
	}
}

// retree writes a tree with other nodes.
func retree(s *suite.Suite, t *tree.Tree, change func(tree.NodeIndex, *tree.LeafNode, *tree.ParentNode) (*tree.LeafNode, *tree.ParentNode)) *tree.Tree {
	end := tree.NodeIndex(tree.NodeCount(t.LeafCount()))
	for end > 0 && t.IsBlank(end-1) {
		end--
	}
	var w syntax.Writer
	w.Nested(func(w *syntax.Writer) {
		for n := range end {
			var leaf *tree.LeafNode
			parent := t.Parent(n)
			if n.IsLeaf() {
				leaf = t.Leaf(n.Leaf())
			}
			leaf, parent = change(n, leaf, parent)
			w.Optional(leaf != nil || parent != nil)
			switch {
			case leaf != nil:
				w.Uint8(1)
				leaf.Marshal(w)
			case parent != nil:
				w.Uint8(2)
				parent.Marshal(w)
			}
		}
	})
	out, err := tree.Parse(s, w.Bytes())
	if err != nil {
		return nil
	}
	return out
}

func (v *fuzzInvite) make() (*message.GroupInfo, *message.Welcome) {
	s, e := v.cs, v.e
	t := e.tree.Clone()
	if v.before != nil {
		v.before(t)
	}
	if !v.without && !v.external {
		t.Add(v.kp.Public.LeafNode)
	}
	if v.node != nil {
		changed := false
		t = retree(s, t, func(n tree.NodeIndex, l *tree.LeafNode, p *tree.ParentNode) (*tree.LeafNode, *tree.ParentNode) {
			l2, p2 := v.node(n, l, p)
			changed = changed || l != l2 || p != p2
			return l2, p2
		})
		if t == nil || !changed {
			return nil, nil
		}
	}
	context := *e.context
	context.Epoch++
	context.TreeHash = t.RootHash()
	context.ConfirmedTranscriptHash = v.random(s.HashSize())
	if v.context != nil {
		v.context(&context)
	}
	group := &message.GroupSecrets{JoinerSecret: v.random(s.HashSize())}
	if v.secrets != nil {
		v.secrets(group)
	}
	for _, p := range v.psks {
		group.PSKs = append(group.PSKs, p.ID)
	}
	psk := fuzzPSKSecret(s, v.psks)
	secrets := schedule.FromJoiner(s, group.JoinerSecret, psk, &context)
	info := &message.GroupInfo{GroupContext: context, Signer: v.in.Me(), ConfirmationTag: secrets.ConfirmationTag(context.ConfirmedTranscriptHash)}
	if v.tag != nil {
		info.ConfirmationTag = v.tag(info.ConfirmationTag)
	}
	_, public, err := secrets.ExternalKeyPair()
	v.must(err)
	info.Extensions = tree.Extensions{t.Extension(), message.ExternalPubExtension(public)}
	if v.info != nil {
		v.info(info)
	}
	if v.signer == nil {
		v.signer = v.in.cfg.Signer
	}
	v.must(info.Sign(s, v.signer))
	if v.signed != nil {
		v.signed(info)
	}
	welcome := message.NewWelcome(s, schedule.WelcomeSecret(s, group.JoinerSecret, psk), info)
	v.must(welcome.Add(s, v.kp.Public, group))
	if v.welcome != nil {
		v.welcome(welcome)
	}
	return info, welcome
}

// onParent changes the highest parent node that there is.
func onParent(change func(i *insider, t *tree.Tree, p *tree.ParentNode)) func(i *insider, v *fuzzInvite) {
	return func(i *insider, v *fuzzInvite) {
		root := i.e.tree.Root()
		v.node = func(n tree.NodeIndex, l *tree.LeafNode, p *tree.ParentNode) (*tree.LeafNode, *tree.ParentNode) {
			if n == root && p != nil {
				q := *p
				q.UnmergedLeaves = slices.Clone(p.UnmergedLeaves)
				change(i, i.e.tree, &q)
				return l, &q
			}
			return l, p
		}
	}
}

// onLeaf changes mallory's own leaf, who signs it again if she can.
func onLeaf(sign bool, change func(i *insider, l *tree.LeafNode)) func(i *insider, v *fuzzInvite) {
	return func(i *insider, v *fuzzInvite) {
		v.node = func(n tree.NodeIndex, l *tree.LeafNode, p *tree.ParentNode) (*tree.LeafNode, *tree.ParentNode) {
			if n != i.in.Me().Node() {
				return l, p
			}
			m := *l
			change(i, &m)
			if sign && bytes.Equal(m.SignatureKey, i.in.cfg.Signer.Public()) {
				i.must(m.Sign(i.cs, i.in.cfg.Signer, i.e.context.GroupID, i.in.Me()))
			}
			return &m, p
		}
	}
}

// onInfo changes the GroupInfo before it is signed.
func onInfo(change func(i *insider, g *message.GroupInfo)) func(i *insider, v *fuzzInvite) {
	return func(i *insider, v *fuzzInvite) { v.info = func(g *message.GroupInfo) { change(i, g) } }
}

// one more leaf in the tree.
func (i *insider) guest(c *peer, signer suite.Signer, change func(*message.KeyPackage)) func(t *tree.Tree) {
	kp := i.keyPackageOf(c, signer, change)
	return func(t *tree.Tree) { t.Add(kp.LeafNode) }
}

var inviteAttacks = []inviteAttack{
	// "Joining via Welcome Message" (12.4.3.1), in its order.
	{"joiner secret", true, func(i *insider, v *fuzzInvite) {
		v.secrets = func(g *message.GroupSecrets) { g.JoinerSecret = g.JoinerSecret[1:] }
	}},
	{"path secret of nothing", true, func(i *insider, v *fuzzInvite) {
		v.secrets = func(g *message.GroupSecrets) { g.PathSecret = i.random(i.cs.HashSize()) }
	}},
	{"short path secret", true, func(i *insider, v *fuzzInvite) {
		v.secrets = func(g *message.GroupSecrets) { g.PathSecret = []byte{1} }
	}},
	{"psk that nobody has", true, func(i *insider, v *fuzzInvite) {
		v.psks = []schedule.PSK{{ID: i.psk("none").PSK, Secret: make([]byte, i.s.n(2)*i.cs.HashSize())}}
	}},
	{"psk with a short nonce", true, func(i *insider, v *fuzzInvite) {
		p := schedule.PSK{ID: i.psk("psk").PSK, Secret: i.realm.psks["psk"]}
		p.ID.Nonce = p.ID.Nonce[1:]
		v.psks = []schedule.PSK{p}
	}},
	{"psk twice", true, func(i *insider, v *fuzzInvite) {
		p := schedule.PSK{ID: i.psk("psk").PSK, Secret: i.realm.psks["psk"]}
		v.psks = []schedule.PSK{p, p}
	}},
	{"branch or reinit of a group that erin is not in", true, func(i *insider, v *fuzzInvite) {
		id := i.resumption(schedule.ResumptionUsage(2+i.s.n(2)), i.in.group, i.e.context.Epoch).PSK
		v.psks = []schedule.PSK{{ID: id, Secret: i.e.secrets.ResumptionPSK}}
		// Its own resumption PSKs erin may well have, and be in no such group.
		v.context = func(c *schedule.GroupContext) { c.Epoch = 1 }
	}},
	{"for another KeyPackage", true, func(i *insider, v *fuzzInvite) {
		v.welcome = func(w *message.Welcome) { w.Secrets[0].NewMember = i.random(32) }
	}},
	{"suite of the Welcome", true, func(i *insider, v *fuzzInvite) {
		v.welcome = func(w *message.Welcome) { w.CipherSuite++ }
	}},
	{"no tree", false, onInfo(func(i *insider, g *message.GroupInfo) { g.Extensions = g.Extensions[1:] })},
	{"malformed tree", false, onInfo(func(i *insider, g *message.GroupInfo) {
		d := bytes.Clone(g.Extensions[0].Data)
		g.Extensions[0].Data = d[:len(d)-1]
	})},
	{"signature of the GroupInfo", false, func(i *insider, v *fuzzInvite) {
		v.signed = func(g *message.GroupInfo) { g.Signature[3] ^= 1 }
	}},
	{"signed with a key that is not in the group", false, func(i *insider, v *fuzzInvite) { v.signer = i.stranger() }},
	{"signed by nobody", false, onInfo(func(i *insider, g *message.GroupInfo) { g.Signer = 100 })},
	{"signed by another", false, onInfo(func(i *insider, g *message.GroupInfo) { g.Signer = i.victim.Me() })},
	{"tree hash", false, func(i *insider, v *fuzzInvite) {
		v.context = func(c *schedule.GroupContext) { c.TreeHash = i.random(32) }
	}},
	{"suite of the group", false, func(i *insider, v *fuzzInvite) {
		v.context = func(c *schedule.GroupContext) { c.CipherSuite = otherSuite(i.cs.ID()) }
	}},
	{"another group's leaves", false, func(i *insider, v *fuzzInvite) {
		v.context = func(c *schedule.GroupContext) { c.GroupID = []byte("x") }
	}},
	{"extension that nobody knows", false, func(i *insider, v *fuzzInvite) {
		v.context = func(c *schedule.GroupContext) {
			c.Extensions = append(slices.Clone(c.Extensions), tree.Extension{Type: 0xf00d})
		}
	}},
	{"external sender whom nobody knows", false, func(i *insider, v *fuzzInvite) {
		p := i.context(strangerSender(i))
		v.context = func(c *schedule.GroupContext) { c.Extensions = p.Extensions }
	}},
	{"short confirmation tag", false, func(i *insider, v *fuzzInvite) { v.tag = func(t []byte) []byte { return t[1:] } }},
	{"confirmation tag", true, func(i *insider, v *fuzzInvite) { v.tag = func(t []byte) []byte { return i.random(len(t)) } }},
	{"erin is not in the tree", true, func(i *insider, v *fuzzInvite) { v.without = true }},
	{"no external_pub", false, func(i *insider, v *fuzzInvite) {
		if v.tag = func(t []byte) []byte { return t[1:] }; i.s.chance(2) {
			v.tag = nil
			v.info = func(g *message.GroupInfo) { g.Extensions = g.Extensions[:1]; g.Signer = 99 }
		}
	}},

	// "Verifying Parent Hashes" (7.9.2), unmerged leaves, keys, leaves.
	{"key of a parent", false, onParent(func(i *insider, t *tree.Tree, p *tree.ParentNode) { p.EncryptionKey = i.publicKey() })},
	{"parent hash", false, onParent(func(i *insider, t *tree.Tree, p *tree.ParentNode) { p.ParentHash = i.random(32) })},
	{"unmerged leaf too many", false, onParent(func(i *insider, t *tree.Tree, p *tree.ParentNode) {
		l := i.in.Me()
		if at, ok := slices.BinarySearch(p.UnmergedLeaves, l); !ok {
			p.UnmergedLeaves = slices.Insert(p.UnmergedLeaves, at, l)
		} else {
			p.ParentHash = i.random(32)
		}
	})},
	{"unmerged leaf of nobody", false, onParent(func(i *insider, t *tree.Tree, p *tree.ParentNode) { p.UnmergedLeaves = append(p.UnmergedLeaves, 1000) })},
	{"unmerged leaves out of order", false, onParent(func(i *insider, t *tree.Tree, p *tree.ParentNode) {
		p.UnmergedLeaves = append(p.UnmergedLeaves, p.UnmergedLeaves...)
		if len(p.UnmergedLeaves) == 0 {
			p.ParentHash = i.random(32)
		}
	})},
	{"leaf's parent hash", false, onLeaf(true, func(i *insider, l *tree.LeafNode) {
		l.Source, l.ParentHash = tree.SourceCommit, i.random(32)
		if i.e.leaf().Source != tree.SourceCommit { // then nothing hangs on it
			l.Capabilities.CipherSuites = nil
		}
	})},
	{"leaf's signature", false, onLeaf(false, func(i *insider, l *tree.LeafNode) {
		l.Signature = bytes.Clone(l.Signature)
		l.Signature[3] ^= 1
	})},
	{"leaf without the suite", false, onLeaf(true, func(i *insider, l *tree.LeafNode) { l.Capabilities.CipherSuites = nil })},
	{"leaf of another identity", false, onLeaf(true, func(i *insider, l *tree.LeafNode) { l.Credential = tree.BasicCredential([]byte("bob")) })},
	{"guest whom nobody knows", false, func(i *insider, v *fuzzInvite) {
		v.before = i.guest(i.realm.erin, i.stranger(), func(kp *message.KeyPackage) { kp.LeafNode.Credential = tree.BasicCredential([]byte("eve")) })
	}},
	{"guest who is a member", false, func(i *insider, v *fuzzInvite) { v.before = i.guest(i.in.peer, i.in.cfg.Signer, nil) }},
	{"guest with a member's encryption key", false, func(i *insider, v *fuzzInvite) {
		v.before = i.guest(i.realm.frank, i.realm.frank.cfg.Signer, func(kp *message.KeyPackage) {
			kp.LeafNode.EncryptionKey = i.e.tree.EncryptionKey(i.victim.Me().Node())
		})
	}},
	{"guest whose time is over", false, func(i *insider, v *fuzzInvite) {
		v.before = i.guest(i.realm.frank, i.realm.frank.cfg.Signer, func(kp *message.KeyPackage) {
			kp.LeafNode.Lifetime = tree.Lifetime{NotBefore: 1, NotAfter: 1000}
		})
	}},
	{"guest with another credential type", false, func(i *insider, v *fuzzInvite) {
		v.before = i.guest(i.realm.frank, i.realm.frank.cfg.Signer, func(kp *message.KeyPackage) { kp.LeafNode.Capabilities.Credentials = []tree.CredentialType{0x0a0a} })
	}},
	{"guest signed for an update elsewhere", false, func(i *insider, v *fuzzInvite) {
		v.before = i.guest(i.realm.frank, i.realm.frank.cfg.Signer, func(kp *message.KeyPackage) {
			// keyPackageOf signs it for leaf 0, where somebody else is.
			kp.LeafNode.Source, kp.LeafNode.Lifetime = tree.SourceUpdate, tree.Lifetime{}
		})
	}},
}

func strangerSender(i *insider) tree.Extension {
	var w syntax.Writer
	w.Nested(func(w *syntax.Writer) {
		w.Vector(i.stranger().Public())
		c := tree.BasicCredential([]byte("eve"))
		c.Marshal(w)
	})
	return tree.Extension{Type: tree.ExtensionExternalSenders, Data: w.Bytes()}
}
