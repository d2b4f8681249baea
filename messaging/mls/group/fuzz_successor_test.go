package group

import (
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// fuzzPSKSecret is psk_secret (8.4), written once more, without a rule.
func fuzzPSKSecret(s *suite.Suite, psks []schedule.PSK) []byte {
	zero := make([]byte, s.HashSize())
	secret := zero
	for n, p := range psks {
		var label syntax.Writer
		p.ID.Marshal(&label)
		label.Uint16(uint16(n))
		label.Uint16(uint16(len(psks)))
		secret = s.Extract(s.ExpandWithLabel(s.Extract(zero, p.Secret), "derived psk", label.Bytes(), s.HashSize()), secret)
	}
	return secret
}

// fuzzSuccessor is a group that mallory makes up, to have the victim join it as the one
// that continues theirs, or as a branch of it.
type fuzzSuccessor struct {
	*insider
	reinit     *message.ReInit // that closed the group; nil: a branch
	origin     *State          // the victim's, a copy
	realm      *fuzzRealm      // of the new group
	groupID    []byte
	epoch      uint64
	extensions tree.Extensions
	names      []string // of the others in the new group
	psks       []schedule.PSK
	options    JoinOptions
}

// successorAttack makes of the group one that the victim must refuse.
type successorAttack struct {
	name           string
	reinit, branch bool  // whom it is for
	why            error // nil: any
	change         func(v *fuzzSuccessor) bool
}

// found has a copy of the victim refuse a group, or accept one without a fault.
func (i *insider) found(a successorAttack) {
	v := &fuzzSuccessor{insider: i, origin: i.victim.load(), realm: i.realm, epoch: 1}
	for _, leaf := range i.in.Members() {
		if name := string(leaf.Credential.Identity); name != i.in.peer.name {
			v.names = append(v.names, name)
		}
	}
	psk, name := i.resumption(schedule.UsageBranch, i.in.group, i.e.context.Epoch).PSK, "branch: "
	secret := i.e.secrets.ResumptionPSK
	if !a.branch || a.reinit && i.s.chance(2) {
		// Mallory's Commit closes the group, for this victim.
		name, v.reinit = "reinit: ", i.w.reInit(i.in.group)
		if fuzzSlow(v.reinit.CipherSuite) {
			v.reinit.CipherSuite = i.cs.ID()
			v.reinit.Extensions = nil
		}
		if a.name == "version" {
			v.reinit.Version = 2
		}
		if a.name != "group is not closed" {
			c := fuzzCommit{insider: i, proposals: i.values(v.reinit), private: i.s.chance(2)}
			msg, err := c.make()
			i.must(err)
			if _, err := v.origin.Process(msg); err != nil {
				i.w.t.Fatalf("%s refuses a ReInit: %v", i.victim, err)
			}
			secret = c.next.ResumptionPSK
			psk.Epoch++
		}
		psk.Usage = schedule.UsageReInit
		v.realm = i.w.realm(v.reinit.CipherSuite)
		v.groupID, v.extensions = v.reinit.GroupID, v.reinit.Extensions
	} else {
		v.groupID, v.extensions = []byte("branch"), i.e.context.Extensions
		if i.s.chance(2) {
			v.names = []string{i.victim.peer.name}
		}
	}
	psk.Nonce = i.random(v.realm.suite.HashSize())
	v.psks = []schedule.PSK{{ID: psk, Secret: secret}}
	v.options.Origin = func([]byte) *State { return v.origin }
	sound := a.name != "version" && a.name != "group is not closed" && i.s.chance(8)
	switch {
	case !sound:
		if !a.change(v) {
			return
		}
	case i.s.chance(2):
		p := i.psk("psk").PSK
		p.Nonce = i.random(v.realm.suite.HashSize())
		v.psks = append(v.psks, schedule.PSK{ID: p, Secret: i.realm.psks["psk"]})
		v.options.Continues = i.in.group.id
	}
	welcome, kp := v.make()
	c := v.realm.peer(i.victim.peer.name)
	if !sound {
		i.w.refusesWelcome(c, kp, welcome, v.options, a.why, name+a.name)
		return
	}
	i.w.made["sound "+name]++
	if _, err := i.w.join(c, kp, welcome, v.options); err != nil {
		i.w.t.Fatalf("sound %s%s refuses it: %v", name, i.victim, err)
	}
}

// make makes the group as if its founder had added all others with its first Commit,
// without a path.
func (v *fuzzSuccessor) make() ([]byte, *KeyPackage) {
	cs := v.realm.suite
	t := tree.New(cs)
	me := v.realm.peer(v.in.peer.name)
	t.Add(v.w.keyPackage(me).LeafNode)
	var mine *KeyPackage
	for _, name := range v.names {
		c := v.realm.peer(name)
		t.Add(v.w.keyPackage(c).LeafNode)
		if name == v.victim.peer.name {
			mine = c.kp
		}
	}
	context := schedule.GroupContext{CipherSuite: cs.ID(), GroupID: v.groupID, Epoch: v.epoch,
		TreeHash: t.RootHash(), ConfirmedTranscriptHash: v.random(cs.HashSize()), Extensions: v.extensions}
	group := &message.GroupSecrets{JoinerSecret: v.random(cs.HashSize())}
	for _, p := range v.psks {
		group.PSKs = append(group.PSKs, p.ID)
	}
	psk := fuzzPSKSecret(cs, v.psks)
	secrets := schedule.FromJoiner(cs, group.JoinerSecret, psk, &context)
	info := &message.GroupInfo{GroupContext: context, ConfirmationTag: secrets.ConfirmationTag(context.ConfirmedTranscriptHash),
		Extensions: tree.Extensions{t.Extension()}}
	v.must(info.Sign(cs, me.cfg.Signer))
	welcome := message.NewWelcome(cs, schedule.WelcomeSecret(cs, group.JoinerSecret, psk), info)
	v.must(welcome.Add(cs, mine.Public, group))
	return message.Wrap(welcome).Bytes(), mine
}

// third is where a member is in the list who is not the victim.
func (v *fuzzSuccessor) third() int {
	for n, name := range v.names {
		if name != v.victim.peer.name {
			return n
		}
	}
	return -1
}

// waits has the victim wait for what continues its group.
func (v *fuzzSuccessor) waits() { v.options.Continues = v.in.group.id }

var successorAttacks = []successorAttack{
	// "Reinitialization" (11.2), "Subgroup Branching" (11.3), and what "Joining via
	// Welcome Message" (12.4.3.1) says of both.
	{"without a member", true, false, ErrOrigin, func(v *fuzzSuccessor) bool {
		n := v.third()
		if n < 0 {
			return false
		}
		v.names = append(v.names[:n], v.names[n+1:]...)
		return true
	}},
	{"somebody else instead of a member", true, false, ErrOrigin, func(v *fuzzSuccessor) bool {
		n := v.third()
		if n < 0 {
			return false
		}
		v.names[n] = "frank"
		return true
	}},
	{"somebody who is not in the group", false, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.names = append(v.names, "erin")
		return true
	}},
	{"version", true, false, ErrOrigin, func(v *fuzzSuccessor) bool { return true }},
	{"suite", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.realm = v.w.realm(otherSuite(v.realm.suite.ID()))
		for n := range v.psks {
			v.psks[n].ID.Nonce = v.random(v.realm.suite.HashSize())
		}
		if v.reinit != nil {
			v.extensions = nil // whose senders have keys of the other suite
			v.reinit.Extensions = nil
			v.origin.reinit.Extensions = nil
		} else if v.in.group.open {
			v.extensions = v.realm.openGroup()
		}
		return true
	}},
	{"group id", true, false, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.groupID = []byte("another")
		return true
	}},
	{"extensions", true, false, ErrOrigin, func(v *fuzzSuccessor) bool {
		if v.extensions != nil {
			v.extensions = v.extensions[:v.s.n(len(v.extensions))]
		} else {
			v.extensions = tree.Extensions{(&tree.RequiredCapabilities{}).Extension()}
		}
		return true
	}},
	{"epoch 0", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.epoch = 0
		return true
	}},
	{"a later epoch", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.epoch += 1 + uint64(v.s.n(3))
		return true
	}},
	{"group is not closed", true, false, ErrOrigin, func(v *fuzzSuccessor) bool { return true }},
	{"key of the epoch before the reinit", true, false, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.psks[0].ID.Epoch--
		v.psks[0].Secret = v.e.secrets.ResumptionPSK
		return true
	}},
	{"key of an epoch to come", true, true, nil, func(v *fuzzSuccessor) bool {
		v.psks[0].ID.Epoch += 1 + uint64(v.s.n(3))
		v.psks[0].Secret = make([]byte, v.s.n(2)*v.cs.HashSize())
		return true
	}},
	{"key of a group that the victim is not in", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.psks[0].ID.GroupID = []byte("nowhere")
		v.options.Origin = func([]byte) *State { return nil }
		if v.s.chance(2) { // and a state that is of another group
			v.options.Origin = func([]byte) *State { return v.origin }
		}
		return true
	}},
	{"wrong key", true, true, nil, func(v *fuzzSuccessor) bool {
		v.psks[0].Secret = v.random(v.cs.HashSize())
		return true
	}},
	{"no key", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.psks = nil
		v.waits()
		return true
	}},
	{"key of the application instead", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		p := v.psk("psk").PSK
		p.Nonce = v.random(v.realm.suite.HashSize())
		v.psks = []schedule.PSK{{ID: p, Secret: v.in.w.realm(v.cs.ID()).psks["psk"]}}
		v.waits()
		return true
	}},
	{"usage application", false, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.psks[0].ID.Usage = schedule.UsageApplication
		v.waits()
		return true
	}},
	{"usage reinit of a branch", false, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.psks[0].ID.Usage = schedule.UsageReInit
		return true
	}},
	{"a branch for whom waits for the successor", true, false, ErrOrigin, func(v *fuzzSuccessor) bool {
		if v.realm != v.insider.realm {
			return false
		}
		v.psks[0].ID.Usage = schedule.UsageBranch
		v.names, v.extensions = []string{v.victim.peer.name}, nil
		v.waits()
		return true
	}},
	{"both usages", true, true, nil, func(v *fuzzSuccessor) bool {
		second := v.psks[0]
		second.ID.Usage = 5 - second.ID.Usage
		second.ID.Nonce = v.random(v.realm.suite.HashSize())
		v.psks = append(v.psks, second)
		return true
	}},
	{"key twice", true, true, nil, func(v *fuzzSuccessor) bool {
		v.psks = append(v.psks, v.psks[0])
		return true
	}},
	{"key twice, with another nonce", true, true, nil, func(v *fuzzSuccessor) bool {
		second := v.psks[0]
		second.ID.Nonce = v.random(v.realm.suite.HashSize())
		v.psks = append(v.psks, second)
		return true
	}},
	{"short nonce", true, true, nil, func(v *fuzzSuccessor) bool {
		v.psks[0].ID.Nonce = v.psks[0].ID.Nonce[1:]
		return true
	}},
	{"as a plain group", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.options.Origin = nil
		return true
	}},
	{"of a group that the victim waits for nothing of", true, true, ErrOrigin, func(v *fuzzSuccessor) bool {
		v.options.Continues = []byte("another")
		return true
	}},
}
