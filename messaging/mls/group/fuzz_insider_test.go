package group

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// What a member does with the group's keys. All of it is written here by hand, from
// the RFC, so that nothing in the package keeps the insider from anything.

// insider is mallory in a group, and one who shall believe her.
type insider struct {
	w      *fuzzWorld
	s      *fuzzScript
	realm  *fuzzRealm
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
	i := &insider{w: w, s: w.s, realm: g.realm, cs: g.realm.suite}
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
	g := fuzzPick(w.s, w.all)
	if g.closed != nil {
		w.attackClosed(g, w.s.n(sounds))
		return
	}
	i := w.insider(g)
	if i == nil {
		return
	}
	if w.s.chance(6) {
		i.found(fuzzPick(w.s, successorAttacks))
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

const sounds = 9

// soundMessage makes what is right by the same hands; nil if there is no place for it.
// next is what a Commit leads to.
func (i *insider) soundMessage(which int) (name string, msg []byte, next *schedule.Secrets) {
	c := fuzzCommit{insider: i}
	name = fmt.Sprintf("sound commit %d", which)
	switch which {
	case 1:
		c.private = true
	case 2:
		c.proposals = i.values(&message.Add{KeyPackage: i.freshKeyPackage(nil)}, i.psk("psk"))
		c.noPath = i.s.chance(2)
	case 3:
		if other, ok := i.in.leafOf(0, i.in.Me(), i.victim.Me()); ok { // leaf 0 is under the policy's protection
			c.proposals = i.values(&message.Remove{Removed: other})
		}
	case 4:
		c.external, c.proposals = true, i.values(&message.Remove{Removed: i.in.Me()})
	case 5:
		name = "sound message 5"
		if i.in.generation(schedule.Application) > i.expected(schedule.Application)+schedule.MaxForward {
			return name, nil, nil // too many before it were lost
		}
		msg = i.seal(i.sign(message.WireFormatPrivateMessage, message.ContentApplication, nil), fuzzSeal{padding: make([]byte, i.s.n(50))})
	case 6:
		name = "sound message 6"
		msg = i.public(i.sign(message.WireFormatPublicMessage, message.ContentProposal, nil))
	case 7:
		c.private, c.proposals = i.s.chance(2), i.values(i.w.reInit(i.in.group))
	case 8:
		epoch := i.e.context.Epoch - uint64(i.s.n(int(min(i.e.context.Epoch, 2))+1))
		c.proposals, c.noPath = i.values(i.resumption(schedule.UsageApplication, i.in.group, epoch)), i.s.chance(2)
	}
	if msg == nil {
		var err error
		if msg, err = c.make(); err != nil {
			i.w.t.Fatal(err)
		}
	}
	return name, msg, c.next
}

// sound has a copy of the victim accept what is right: or the attacks would fail for
// another reason than their own.
func (i *insider) sound(which int) {
	name, msg, next := i.soundMessage(which)
	if msg == nil {
		return
	}
	i.w.made[name]++
	state := i.victim.load()
	if _, err := state.Process(msg); err != nil {
		i.w.t.Fatalf("%s: %s refuses it: %v", name, i.victim, err)
	}
	if next != nil && !bytes.Equal(state.EpochAuthenticator(), next.EpochAuthenticator) {
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

// resumption is a resumption PSK of an epoch of a group.
func (i *insider) resumption(usage schedule.ResumptionUsage, g *fuzzGroup, epoch uint64) *message.PreSharedKey {
	return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage,
		GroupID: g.id, Epoch: epoch, Nonce: i.random(i.cs.HashSize())}}
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

// freshKeyPackage is one of erin's, who is in no group. change is made before the
// signatures.
func (i *insider) freshKeyPackage(change func(*message.KeyPackage)) *message.KeyPackage {
	return i.keyPackageOf(i.realm.erin, i.realm.erin.cfg.Signer, change)
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
