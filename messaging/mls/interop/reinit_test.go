package interop

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestReInit: one proposes a ReInit, one commits it, one founds the group after it
// ("Reinitialization", 11.2), of either kind each, with the suite of the old group and
// with another one. All others join, and the old group goes on for nobody.
func TestReInit(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	for i, proposer := range []int{-1, 0, 1} { // by value, ours, theirs
		for committer := range 2 {
			for founder := range 2 {
				to := []suite.ID{1, 2, 3, 1, 7}[(i+committer+2*founder)%5]
				t.Run(fmt.Sprintf("proposer=%d/committer=%d/founder=%d/suite=%d", proposer, committer, founder, to), func(t *testing.T) {
					t.Parallel()
					reinitialize(t, p, proposer, committer+2, founder, to)
				})
			}
		}
	}
}

func reinitialize(t *testing.T, p *peer, proposer, committer, founder int, to suite.ID) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	next, err := suite.Get(to)
	must(t, err)
	all := fourMembers(t, p, s)
	required := tree.RequiredCapabilities{Credentials: []tree.CredentialType{tree.CredentialBasic}}
	r := &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: to, Extensions: tree.Extensions{required.Extension()}}

	by := all[committer]
	if proposer < 0 {
		commits(t, change{reinit: r}, by, others(by, members(all)...)...)
	} else {
		waits(t, change{reinit: r}, all[proposer], others(all[proposer], members(all)...)...)
		commits(t, change{}, by, others(by, members(all)...)...)
	}
	for _, m := range all {
		before := m.state()
		if err := m.sendsOn(); err == nil {
			t.Errorf("%s sends in a closed group", m.name())
		}
		if m.state() != before {
			t.Errorf("%s: something has changed", m.name())
		}
	}

	again := make([]successor, len(all))
	for i, m := range all {
		again[i] = m.again(next)
	}
	again[0], again[founder] = again[founder], again[0]
	group, err := again[0].continues(r, keyPackages(again[1:]...))
	must(t, err)
	nextGroup(t, "reinit", again[0], group, again[1:]...)
}

// TestReInitByItsFunction: ts-mls closes a group with its function for that, and our
// members say that it is closed, whatever comes.
func TestReInitByItsFunction(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := fourMembers(t, p, s)
	r := &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: s.ID()}
	their, our := all[1].(*theirs), all[0].(*ours)
	late := their.send("", "sent before")
	tell(t, their.ask("reinit", reinitOf(r)).Commit, their, others(their, members(all)...)...)
	agree(t, members(all)...)
	if text, _, err := our.receive(late[0]); err != nil || text != "sent before" {
		t.Errorf("a message of the epoch before: %q, %v", text, err)
	}
	for what, err := range map[string]error{
		"a message": our.sendsOn(),
		"a commit": func() error {
			_, err := our.group.Commit(group.CommitOptions{})
			return err
		}(),
		"a proposal": func() error {
			_, err := our.group.ProposeUpdate(nil, group.ProposalOptions{})
			return err
		}(),
		// ts-mls still proposes in a closed group.
		"a proposal of theirs": our.process(their.propose(change{remove: []uint32{2}})),
	} {
		if !errors.Is(err, group.ErrReinitialized) {
			t.Errorf("%s in a closed group: %v", what, err)
		}
	}
}

// TestReInitToAnotherGroup: the group after a ReInit is the one that was agreed on
// (11.2). What a founder makes that does not keep to it is refused by both; that a
// member is missing, by us alone.
func TestReInitToAnotherGroup(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	other, err := suite.Get(suite.X25519_CHACHA20POLY1305_SHA256_Ed25519)
	must(t, err)
	all := fourMembers(t, p, s)
	required := tree.RequiredCapabilities{Credentials: []tree.CredentialType{tree.CredentialBasic}}
	r := message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: s.ID(), Extensions: tree.Extensions{required.Extension()}}
	commits(t, change{reinit: &r}, all[0], members(all[1:])...)

	for what, c := range map[string]struct {
		suite   *suite.Suite
		change  func(r *message.ReInit)
		missing int
		accepts bool // so does ts-mls
	}{
		"another group":            {suite: s, change: func(r *message.ReInit) { r.GroupID = []byte("another") }},
		"other extensions":         {suite: s, change: func(r *message.ReInit) { r.Extensions = nil }},
		"another suite":            {suite: other, change: func(*message.ReInit) {}},
		"a group without a member": {suite: s, change: func(*message.ReInit) {}, missing: 1, accepts: true},
	} {
		made := r
		c.change(&made)
		again := []successor{all[1].again(c.suite), all[0].again(c.suite), all[3].again(c.suite), all[2].again(c.suite)}
		again = again[:len(again)-c.missing]
		group, err := again[0].continues(&made, keyPackages(again[1:]...))
		must(t, err)
		for _, m := range again[1:] {
			err := m.join(group.welcome, group.tree)
			if _, their := m.(*theirs); their && c.accepts {
				must(t, err)
				continue
			}
			refusesOrigin(t, m, err, "%s", what)
		}
	}

	// Ours does not even make such a group.
	us := all[0].again(s)
	_, err = us.continues(&r, keyPackages(all[1].again(s)))
	refusesOrigin(t, us, err, "to make a group without two members")
	// And a group that comes from nowhere does not pass for the one that we wait for.
	us.(*ours).origin = all[0].(*ours)
	stranger := newTheirs(t, p, s, "stranger", nil)
	stranger.create([]byte("next"))
	group := stranger.commit(change{add: [][]byte{us.keyPackage()}})
	refusesOrigin(t, us, us.join(group.welcome, group.tree), "a group that continues none")
}
