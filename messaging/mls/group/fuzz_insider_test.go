package group

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// What a member does with the group's keys. All of it is written here by hand, from
// the RFC, so that nothing in the package keeps the insider from anything.

// insider is mallory in a group, and one who shall believe her.
type insider struct {
	w      *fuzzWorld
	s      *fuzzScript
	cs     *suite.Suite
	in     *fuzzMember
	victim *fuzzMember
	e      *epoch // mallory's current one
}

// errNotNow: an attack has no place in the group as it is.
var errNotNow = errors.New("not now")

// insider brings mallory and a victim to the group's newest epoch; nil if they are
// not both members.
func (w *fuzzWorld) insider(g *fuzzGroup) *insider {
	i := &insider{w: w, s: w.s, cs: w.suite}
	for _, m := range g.active() {
		if m.mallory() {
			i.in = m
		}
	}
	if i.in == nil {
		return nil
	}
	w.catchUp(i.in)
	victims := slices.DeleteFunc(g.active(), func(m *fuzzMember) bool { return m == i.in })
	if len(victims) == 0 {
		return nil
	}
	i.victim = fuzzPick(w.s, victims)
	w.catchUp(i.victim)
	if i.in.Removed() || i.victim.Removed() || i.in.Epoch() != g.epoch || i.victim.Epoch() != g.epoch {
		return nil
	}
	i.e = i.in.current
	return i
}

// attackFromInside has mallory do something.
func (w *fuzzWorld) attackFromInside() {
	i := w.insider(fuzzPick(w.s, w.groups))
	if i == nil {
		return
	}
	switch w.s.n(8) {
	case 0:
		i.sound(w.s.n(sounds))
	case 1, 2, 3:
		i.attack(fuzzPick(w.s, commitAttacks))
	case 4, 5:
		i.attack(fuzzPick(w.s, messageAttacks))
	default:
		i.invite(fuzzPick(w.s, inviteAttacks))
	}
}

// insiderAttack makes a message that the victim must refuse.
type insiderAttack struct {
	name string
	make func(i *insider) ([]byte, error)
}

func (i *insider) attack(a insiderAttack) {
	msg, err := a.make(i)
	if errors.Is(err, errNotNow) {
		return
	}
	if err != nil {
		i.w.t.Fatalf("insider: %s: %v", a.name, err)
	}
	i.w.deliver(i.victim, msg, "insider: "+a.name)
}

const sounds = 7

// sound makes what is right by the same hands: it must be accepted, or the attacks
// would fail for another reason than their own. A copy of the victim gets it.
func (i *insider) sound(which int) {
	c := fuzzCommit{insider: i}
	name := fmt.Sprintf("sound commit %d", which)
	var msg []byte
	switch which {
	case 1:
		c.private = true
	case 2:
		c.proposals = i.values(&message.Add{KeyPackage: i.freshKeyPackage(nil)}, i.psk("psk"))
		c.noPath = i.s.chance(2)
	case 3:
		if other, ok := i.in.leafOf(i.in.Me(), i.victim.Me()); ok {
			c.proposals = i.values(&message.Remove{Removed: other})
		}
	case 4:
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()})
	case 5:
		name = "sound message 5"
		msg = i.seal(i.sign(message.WireFormatPrivateMessage, message.ContentApplication, nil), fuzzSeal{padding: make([]byte, i.s.n(50))})
	case 6:
		name = "sound message 6"
		msg = i.public(i.sign(message.WireFormatPublicMessage, message.ContentProposal, nil))
	}
	if msg == nil {
		var err error
		if msg, err = c.make(); err != nil {
			i.w.t.Fatal(err)
		}
	}
	i.w.made[name]++
	state := i.victim.load()
	if _, err := state.Process(msg); err != nil {
		i.w.t.Fatalf("%s: %s refuses it: %v", name, i.victim, err)
	}
	if c.next != nil && !bytes.Equal(state.EpochAuthenticator(), c.next.EpochAuthenticator) {
		i.w.t.Fatalf("%s: %s comes to another epoch", name, i.victim)
	}
}

// values are proposals of mallory's by value.
func (i *insider) values(proposals ...message.Proposal) []Covered {
	var out []Covered
	for _, p := range proposals {
		out = append(out, Covered{Proposal: p, Sender: message.Member(i.in.Me())})
	}
	return out
}

func (i *insider) psk(id string) *message.PreSharedKey {
	p := &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id)}}
	i.must(p.PSK.FreshNonce(i.cs, i.w.rand))
	return p
}

func (i *insider) must(err error) {
	if err != nil {
		i.w.t.Helper()
		i.w.t.Fatal(err)
	}
}

func (i *insider) random(n int) []byte {
	b, err := random(i.w.rand, n)
	i.must(err)
	return b
}

func (i *insider) publicKey() []byte {
	_, public, err := i.cs.GenerateKeyPair(i.w.rand)
	i.must(err)
	return public
}

// stranger is a signer whom no Authenticator knows.
func (i *insider) stranger() suite.Signer {
	_, signer, err := i.cs.GenerateSigner(i.w.rand)
	i.must(err)
	return signer
}

// tbs is FramedContentTBS.
func (i *insider) tbs(a *message.AuthenticatedContent) []byte {
	var w syntax.Writer
	w.Uint16(1)
	w.Uint16(uint16(a.WireFormat))
	a.Content.Marshal(&w)
	if t := a.Content.Sender.Type; t == message.SenderMember || t == message.SenderNewMemberCommit {
		i.e.context.Marshal(&w)
	}
	return w.Bytes()
}

func (i *insider) resign(a *message.AuthenticatedContent, signer suite.Signer) {
	var err error
	a.Auth.Signature, err = i.cs.SignWithLabel(signer, "FramedContentTBS", i.tbs(a))
	i.must(err)
}

// sign signs content of mallory's. Application data and a proposal come by
// themselves, change can make something else of them before the signature.
func (i *insider) sign(format message.WireFormat, t message.ContentType, change func(*message.FramedContent)) *message.AuthenticatedContent {
	a := &message.AuthenticatedContent{WireFormat: format, Content: message.FramedContent{
		GroupID: i.e.context.GroupID, Epoch: i.e.context.Epoch, Sender: message.Member(i.in.Me()), ContentType: t,
	}}
	switch t {
	case message.ContentApplication:
		a.Content.ApplicationData = []byte("from mallory")
	case message.ContentProposal:
		a.Content.Proposal = i.psk("psk")
	}
	if change != nil {
		change(&a.Content)
	}
	i.resign(a, i.in.cfg.Signer)
	return a
}

func writeFuzzAuth(w *syntax.Writer, a *message.AuthenticatedContent) {
	w.Vector(a.Auth.Signature)
	if a.Content.ContentType == message.ContentCommit {
		w.Vector(a.Auth.ConfirmationTag)
	}
}

// public makes a PublicMessage with a valid membership tag.
func (i *insider) public(a *message.AuthenticatedContent) []byte {
	return i.publicWith(a, i.e.secrets.Membership)
}

func (i *insider) publicWith(a *message.AuthenticatedContent, membership []byte) []byte {
	w := syntax.NewWriter(i.tbs(a))
	writeFuzzAuth(w, a)
	return message.Wrap(&message.PublicMessage{Content: a.Content, Auth: a.Auth, MembershipTag: i.cs.MAC(membership, w.Bytes())}).Bytes()
}

// fuzzSeal is how content is encrypted. Zero values: as mallory's own next message.
type fuzzSeal struct {
	leaf       *tree.LeafIndex
	generation *uint32
	key        *schedule.Key
	padding    []byte
	aad        []byte
	header     func(*message.PrivateMessage) // before encryption
	senderData []byte                        // sender_data_secret
}

// seal makes a PrivateMessage.
func (i *insider) seal(a *message.AuthenticatedContent, o fuzzSeal) []byte {
	data := message.SenderData{LeafIndex: i.in.Me()}
	if o.leaf != nil {
		data.LeafIndex = *o.leaf
	}
	kind := a.Content.ContentType.Kind()
	data.Generation = i.nextOf(data.LeafIndex, kind)
	if o.generation != nil {
		data.Generation = *o.generation
	}
	key := schedule.Key{Key: make([]byte, i.cs.KeySize()), Nonce: make([]byte, i.cs.NonceSize())}
	if opening, err := i.e.keys.Peek(data.LeafIndex, kind, data.Generation); err == nil {
		key = schedule.Key{Key: bytes.Clone(opening.Key().Key), Nonce: bytes.Clone(opening.Key().Nonce)}
		opening.Discard()
	}
	if o.key != nil {
		key = *o.key
	}
	var w syntax.Writer
	switch a.Content.ContentType {
	case message.ContentApplication:
		w.Vector(a.Content.ApplicationData)
	case message.ContentProposal:
		message.WriteProposal(&w, a.Content.Proposal)
	case message.ContentCommit:
		a.Content.Commit.Marshal(&w)
	}
	writeFuzzAuth(&w, a)
	w.Raw(o.padding)
	m := &message.PrivateMessage{GroupID: a.Content.GroupID, Epoch: a.Content.Epoch, ContentType: a.Content.ContentType, AuthenticatedData: a.Content.AuthenticatedData}
	if o.header != nil {
		o.header(m)
	}
	var aad syntax.Writer
	aad.Vector(m.GroupID)
	aad.Uint64(m.Epoch)
	aad.Uint8(uint8(m.ContentType))
	header := bytes.Clone(aad.Bytes())
	aad.Vector(m.AuthenticatedData)
	nonce := key.Nonce
	m.Ciphertext = i.cs.Seal(key.Key, nonce, aad.Bytes(), w.Bytes()) // a reuse guard of zeros
	secret := i.e.secrets.SenderData
	if o.senderData != nil {
		secret = o.senderData
	}
	k, n := schedule.SenderDataKey(i.cs, secret, m.Ciphertext)
	m.EncryptedSenderData = i.cs.Seal(k, n, header, syntax.Marshal(&data))
	return message.Wrap(m).Bytes()
}

// nextOf is a generation that neither mallory nor the victim has used.
func (i *insider) nextOf(leaf tree.LeafIndex, kind schedule.Kind) uint32 {
	if leaf == i.in.Me() {
		return i.in.generation(kind)
	}
	x := &fuzzSent{epoch: i.in.Epoch(), sender: message.Member(leaf), kind: message.ContentApplication}
	if kind == schedule.Handshake {
		x.kind = message.ContentCommit
	}
	return uint32(max(i.in.next[x.ratchet()], i.victim.next[x.ratchet()]))
}

// fuzzCommit is a Commit, with a hook wherever something can be made wrong. All that
// depends on it is then right: tree hash, transcript, confirmation tag.
type fuzzCommit struct {
	*insider
	proposals []Covered
	noPath    bool
	external  bool
	private   bool
	signer    suite.Signer                                                     // of the new leaf
	publics   func(keys [][]byte)                                              // of the path
	leaf      func(*tree.LeafNode)                                             // before it is signed
	place     func(groupID []byte, at tree.LeafIndex) ([]byte, tree.LeafIndex) // that it is signed for
	signed    func(*tree.LeafNode)
	secret    func(to tree.NodeIndex, secret []byte) []byte // of the path, as encrypted
	path      func(*treekem.UpdatePath)
	content   func(*message.FramedContent)
	tag       func([]byte) []byte

	next *schedule.Secrets
}

func (c *fuzzCommit) make() ([]byte, error) {
	s, e := c.cs, c.e
	me, sender, init := c.in.Me(), message.Member(c.in.Me()), e.secrets.Init
	if c.signer == nil {
		c.signer = c.in.cfg.Signer
	}
	if c.external {
		sender = message.Sender{Type: message.SenderNewMemberCommit}
		for n := range c.proposals {
			c.proposals[n].Sender = sender
		}
		_, public, err := e.secrets.ExternalKeyPair()
		c.must(err)
		output, secret, err := s.ExportSend(public, externalInitLabel, s.HashSize())
		c.must(err)
		init = secret
		c.proposals = append([]Covered{{Proposal: &message.ExternalInit{KEMOutput: output}, Sender: sender}}, c.proposals...)
	}
	t, extensions, added := c.apply()
	commit := &message.Commit{}
	for _, p := range c.proposals {
		if p.Ref != nil {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Reference: p.Ref})
		} else {
			commit.Proposals = append(commit.Proposals, message.ProposalOrRef{Proposal: p.Proposal})
		}
	}
	context := *e.context
	context.Epoch++
	context.Extensions = extensions
	commitSecret := schedule.NoSecret(s)
	if !c.noPath {
		leaf := *e.leaf()
		if c.external {
			me = t.Add(&leaf)
		}
		if t.Leaf(me) == nil {
			return nil, errNotNow
		}
		steps := t.FilteredDirectPath(me)
		secrets := [][]byte{c.random(s.HashSize())}
		publics := make([][]byte, len(steps))
		for n := range steps {
			_, public, err := s.DeriveKeyPair(s.DeriveSecret(secrets[n], "node"))
			c.must(err)
			publics[n] = public
			secrets = append(secrets, s.DeriveSecret(secrets[n], "path"))
		}
		if c.publics != nil {
			if len(publics) == 0 {
				return nil, errNotNow
			}
			c.publics(publics)
		}
		commitSecret = secrets[len(steps)]
		var err error
		leaf.EncryptionKey, leaf.Source, leaf.Lifetime, leaf.SignatureKey = c.publicKey(), tree.SourceCommit, tree.Lifetime{}, c.signer.Public()
		if leaf.ParentHash, err = t.SetPath(me, publics); err != nil {
			return nil, err
		}
		if c.leaf != nil {
			c.leaf(&leaf)
		}
		groupID, at := e.context.GroupID, me
		if c.place != nil {
			groupID, at = c.place(groupID, at)
		}
		c.must(leaf.Sign(s, c.signer, groupID, at))
		if c.signed != nil {
			c.signed(&leaf)
		}
		c.must(t.SetLeaf(me, &leaf))
		context.TreeHash = t.RootHash()
		path := &treekem.UpdatePath{LeafNode: leaf}
		for n, step := range steps {
			node := treekem.UpdatePathNode{EncryptionKey: publics[n]}
			for _, to := range t.Resolution(step.Copath) {
				if to.IsLeaf() && slices.Contains(added, to.Leaf()) {
					continue
				}
				secret := secrets[n]
				if c.secret != nil {
					secret = c.secret(to, secret)
				}
				x, err := s.EncryptWithLabel(t.EncryptionKey(to), "UpdatePathNode", context.Bytes(), secret)
				c.must(err)
				node.EncryptedPathSecret = append(node.EncryptedPathSecret, x)
			}
			path.Nodes = append(path.Nodes, node)
		}
		if c.path != nil {
			c.path(path)
		}
		commit.Path = path
	}
	context.TreeHash = t.RootHash()
	psk, err := schedule.PSKSecret(s, c.psks())
	if err != nil {
		psk = schedule.NoSecret(s)
	}
	a := &message.AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: message.FramedContent{
		GroupID: e.context.GroupID, Epoch: e.context.Epoch, Sender: sender, ContentType: message.ContentCommit, Commit: commit,
	}}
	if c.private {
		a.WireFormat = message.WireFormatPrivateMessage
	}
	if c.content != nil {
		c.content(&a.Content)
	}
	signer := c.in.cfg.Signer
	if c.external {
		signer = c.signer
	}
	c.resign(a, signer)
	context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(s, e.interim, a.ConfirmedTranscriptHashInput())
	c.next = schedule.Next(s, init, commitSecret, psk, &context)
	a.Auth.ConfirmationTag = c.next.ConfirmationTag(context.ConfirmedTranscriptHash)
	if c.tag != nil {
		a.Auth.ConfirmationTag = c.tag(a.Auth.ConfirmationTag)
	}
	if c.private {
		return c.seal(a, fuzzSeal{}), nil
	}
	return c.public(a), nil
}

// psks are the keys of the Commit's proposals; what nobody has is all zeros.
func (c *fuzzCommit) psks() []schedule.PSK {
	var out []schedule.PSK
	for _, p := range c.proposals {
		if q, ok := p.Proposal.(*message.PreSharedKey); ok {
			secret, err := c.in.psk(&q.PSK)
			if err != nil {
				secret = make([]byte, c.cs.HashSize())
			}
			out = append(out, schedule.PSK{ID: q.PSK, Secret: secret})
		}
	}
	return out
}

// apply is "Applying a Proposal List" (12.3) without a rule.
func (c *fuzzCommit) apply() (t *tree.Tree, extensions tree.Extensions, added []tree.LeafIndex) {
	t, extensions = c.e.tree.Clone(), c.e.context.Extensions
	each := func(f func(p Covered)) {
		for _, p := range c.proposals {
			f(p)
		}
	}
	each(func(p Covered) {
		switch q := p.Proposal.(type) {
		case *message.GroupContextExtensions:
			extensions = q.Extensions
		case *message.Update:
			_ = t.Update(tree.LeafIndex(p.Sender.Index), q.LeafNode)
		}
	})
	each(func(p Covered) {
		if _, ok := p.Proposal.(*message.SelfRemove); ok {
			_ = t.Remove(tree.LeafIndex(p.Sender.Index))
		}
	})
	each(func(p Covered) {
		if q, ok := p.Proposal.(*message.Remove); ok {
			_ = t.Remove(q.Removed)
		}
	})
	each(func(p Covered) {
		if q, ok := p.Proposal.(*message.Add); ok {
			added = append(added, t.Add(q.KeyPackage.LeafNode))
		}
	})
	if x, err := applyAppData(&c.in.cfg, c.e.view(), extensions, c.proposals); err == nil {
		extensions = x
	}
	return t, extensions, added
}

// freshKeyPackage is one of erin's, who is in no group. change is made before the
// signatures.
func (i *insider) freshKeyPackage(change func(*message.KeyPackage)) *message.KeyPackage {
	return i.keyPackageOf(i.w.erin, i.w.erin.cfg.Signer, change)
}

func (i *insider) keyPackageOf(c *peer, signer suite.Signer, change func(*message.KeyPackage)) *message.KeyPackage {
	kp := i.w.keyPackage(c)
	leaf := *kp.LeafNode
	leaf.SignatureKey = signer.Public()
	kp.LeafNode = &leaf
	if change != nil {
		change(kp)
	}
	if bytes.Equal(leaf.SignatureKey, kp.LeafNode.SignatureKey) {
		i.must(kp.LeafNode.Sign(i.cs, signer, i.e.context.GroupID, 0))
	}
	i.must(kp.Sign(i.cs, signer))
	return kp
}
