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

// An outsider may send proposals to a group without being in it: as an external
// sender, or to be added itself ("External Proposals", 12.1.8).
type outsider interface {
	member
	// proposes is what the index-th external sender sends to the group of a member.
	proposes(to member, index uint32, c change) []byte
	// applies asks the group to be added.
	applies(to member) []byte
}

func (m *ours) target(to member) group.Target {
	m.t.Helper()
	groupInfo, _ := to.groupInfo(false)
	context := body[*message.GroupInfo](m.t, groupInfo).GroupContext
	return group.Target{GroupID: context.GroupID, Epoch: context.Epoch}
}

func (m *ours) proposes(to member, index uint32, c change) []byte {
	m.t.Helper()
	b, err := group.ProposeExternal(m.cfg.Suite, m.cfg.Signer, m.target(to), index, m.proposals(c)[0])
	must(m.t, err)
	return b
}

func (m *ours) applies(to member) []byte {
	m.t.Helper()
	kp := body[*message.KeyPackage](m.t, m.keyPackage())
	b, err := group.ProposeJoin(m.cfg.Suite, m.cfg.Signer, m.target(to), kp)
	must(m.t, err)
	return b
}

func (m *theirs) proposes(to member, index uint32, c change) []byte {
	m.t.Helper()
	groupInfo, _ := to.groupInfo(false)
	fields := q{"groupInfo": groupInfo, "index": index}
	switch {
	case len(c.add) > 0:
		fields["add"] = c.add[0]
	case len(c.remove) > 0:
		fields["remove"] = c.remove[0]
	}
	c.others(fields)
	return m.ask("proposeOutside", fields).Proposal
}

func (m *theirs) applies(to member) []byte {
	m.t.Helper()
	groupInfo, _ := to.groupInfo(false)
	return m.ask("apply", q{"groupInfo": groupInfo}).Proposal
}

// anybody is a policy by which whoever asks is added.
type anybody struct{}

func (anybody) AllowProposal(*group.View, group.Covered) error { return nil }
func (anybody) AllowCommit(*group.View, message.Sender, *tree.LeafNode, []group.Covered) error {
	return nil
}

// sendersOf is the extension that admits them, and another one before and after them.
func sendersOf(t testing.TB, s *suite.Suite, senders ...outsider) tree.Extension {
	all := []tree.ExternalSender{sender(newOurs(t, s, "first"))}
	for _, m := range senders {
		all = append(all, sender(m))
	}
	return tree.ExternalSendersExtension(append(all, sender(newOurs(t, s, "last"))))
}

func sender(m member) tree.ExternalSender {
	return tree.ExternalSender{SignatureKey: m.signatureKey(), Credential: tree.BasicCredential([]byte("robot"))}
}

// founders is a group of two of each kind, with these extensions, founded by either.
func founders(t testing.TB, p *peer, s *suite.Suite, byOurs bool, extensions ...tree.Extension) []member {
	t.Helper()
	a, b := newOurs(t, s, "a1"), newTheirs(t, p, s, "b1", nil)
	a2, b2 := newOurs(t, s, "a2"), newTheirs(t, p, s, "b2", nil)
	for _, m := range []*ours{a, a2} {
		m.cfg.Policy = anybody{}
	}
	all := []member{a, b, a2, b2}
	if byOurs {
		a.found([]byte(groupID), extensions)
	} else {
		b.found([]byte(groupID), extensions)
		all[0], all[1] = b, a
	}
	for i := 1; i < len(all); i++ {
		adds(t, change{treeInside: i == 1}, all[i], all[0], all[1:i]...)
	}
	return all
}

// TestExternalSenders: a sender of either kind proposes to a group, founded by either,
// to add and to remove, and a member of either kind commits.
func TestExternalSenders(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	for _, byOurs := range []bool{true, false} {
		t.Run(fmt.Sprintf("byOurs=%t", byOurs), func(t *testing.T) {
			t.Parallel()
			senders := []outsider{newOurs(t, s, "robot"), newTheirs(t, p, s, "robot", nil)}
			all := founders(t, p, s, byOurs, sendersOf(t, s, senders...))
			for i, from := range senders {
				for j, by := range []member{all[0], all[1]} {
					var newcomer member = newOurs(t, s, "newcomer")
					if i == j {
						newcomer = newTheirs(t, p, s, "newcomer", nil)
					}
					add := from.proposes(all[2], uint32(1+i), change{add: [][]byte{newcomer.keyPackage()}})
					tell(t, add, from, all...)
					made := commits(t, change{}, by, others(by, all...)...)
					must(t, newcomer.join(made.welcome, made.tree))
					agree(t, append(all, newcomer)...)
					remove := from.proposes(newcomer, uint32(1+i), change{remove: []uint32{leafOf(newcomer)}})
					tell(t, remove, from, append(all, newcomer)...)
					made = commits(t, change{}, by, others(by, all...)...)
					goes(t, made.commit, newcomer, false)
				}
				// It is signed by the sender of that index, for this epoch.
				for _, bad := range [][]byte{
					from.proposes(all[0], 0, change{remove: []uint32{3}}),
					from.proposes(all[0], 4, change{remove: []uint32{3}}),
				} {
					for _, m := range all {
						refused(t, m, m.process(bad), "a proposal of %s under another's index", from.name())
					}
				}
				late := from.proposes(all[0], uint32(1+i), change{remove: []uint32{3}})
				commits(t, change{}, all[1], others(all[1], all...)...)
				for _, m := range all {
					refused(t, m, m.process(late), "a proposal of %s for the epoch before", from.name())
				}
			}
			talk(t, all...)
		})
	}
}

// TestExternalSendersAreAuthenticated: our Authenticator is asked about the senders of
// a group that it joins. ts-mls does not ask then.
func TestExternalSendersAreAuthenticated(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	robot, their, our := newOurs(t, s, "robot"), newTheirs(t, p, s, "b", nil), newOurs(t, s, "a")
	their.found([]byte(groupID), tree.Extensions{sendersOf(t, s, robot)})
	made := their.commit(change{add: [][]byte{our.keyPackage()}})
	our.refuse(nil, [][]byte{robot.signatureKey()})
	if err := our.join(made.welcome, made.tree); !errors.Is(err, group.ErrUnauthenticated) {
		t.Errorf("a group with a sender that is refused: %v", err)
	}
	our.refuse(nil, nil)
	must(t, our.join(made.welcome, made.tree))
	agree(t, our, their)
}

// TestApplying: somebody of either kind asks to be added, and a member of either kind
// does so.
func TestApplying(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	for _, by := range []member{all[0], all[1]} {
		for _, from := range []outsider{newOurs(t, s, "new"), newTheirs(t, p, s, "new", nil)} {
			tell(t, from.applies(by), from, all...)
			made := commits(t, change{}, by, others(by, all...)...)
			must(t, from.join(made.welcome, made.tree))
			agree(t, append(all, from)...)
			made = commits(t, change{remove: []uint32{leafOf(from)}}, by, others(by, all...)...)
			goes(t, made.commit, from, false)
		}
	}
}
