package interop

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// A successor is a member as it comes into a group that continues another: the same
// client, with the state of the old group at hand.
type successor interface {
	member
	// again is the client once more, for the next group.
	again(s *suite.Suite) successor
	// continues founds the group after a ReInit with the others, branches one from the
	// old group.
	continues(r *message.ReInit, others [][]byte) (sent, error)
	branches(id []byte, others [][]byte) (sent, error)
	// sendsOn is what the member says to a message of its own.
	sendsOn() error
}

func (m *ours) again(s *suite.Suite) successor {
	next := newOurs(m.t, s, m.who)
	next.origin = m
	return next
}

func (m *theirs) again(s *suite.Suite) successor {
	return newTheirs(m.t, m.p, s, m.who, q{"continues": m.id})
}

func (m *ours) continues(_ *message.ReInit, others [][]byte) (sent, error) {
	return m.founded(m.origin.group.Reinitialize(m.cfg, m.with(others)))
}

func (m *ours) branches(id []byte, others [][]byte) (sent, error) {
	return m.founded(m.origin.group.Branch(m.cfg, id, nil, m.with(others)))
}

func (m *ours) with(others [][]byte) group.ContinueOptions {
	o := group.ContinueOptions{Leaf: m.leaf(), WithoutTree: true}
	for _, kp := range others {
		o.KeyPackages = append(o.KeyPackages, body[*message.KeyPackage](m.t, kp))
	}
	return o
}

func (m *ours) founded(s *group.State, welcome []byte, err error) (sent, error) {
	if err != nil {
		return sent{}, err
	}
	m.group = s
	return sent{welcome: welcome, tree: syntax.Marshal(s.Tree())}, nil
}

func (m *theirs) continues(r *message.ReInit, others [][]byte) (sent, error) {
	return m.founded("continueGroup", q{"keyPackages": others, "group": r.GroupID, "extensions": extensionsOf(r.Extensions)})
}

func (m *theirs) branches(id []byte, others [][]byte) (sent, error) {
	return m.founded("branch", q{"keyPackages": others, "group": id})
}

func (m *theirs) founded(op string, fields q) (sent, error) {
	a, err := m.try(op, fields)
	m.in = m.in || err == nil
	return sent{welcome: a.Welcome, tree: a.Tree}, err
}

func (m *ours) sendsOn() error {
	_, err := m.group.Protect([]byte("on"), nil)
	return err
}

func (m *theirs) sendsOn() error {
	_, err := m.try("send", q{"texts": [][]byte{[]byte("on")}})
	return err
}

// fourMembers is two of each kind in one group, that has had commits of all.
func fourMembers(t testing.TB, p *peer, s *suite.Suite) []successor {
	t.Helper()
	return together(t, newOurs(t, s, "a1"), newTheirs(t, p, s, "b1", nil), newOurs(t, s, "a2"), newTheirs(t, p, s, "b2", nil))
}

// together has the first found a group and add all others.
func together(t testing.TB, all ...successor) []successor {
	t.Helper()
	all[0].create([]byte(groupID))
	for i := 1; i < len(all); i++ {
		adds(t, change{}, all[i], all[0], members(all[1:i])...)
	}
	for _, m := range all {
		commits(t, change{}, m, others(m, members(all)...)...)
	}
	return all
}

func members(all []successor) []member {
	m := make([]member, len(all))
	for i := range all {
		m[i] = all[i]
	}
	return m
}

// nextGroup makes the next group: all others join by the Welcome of the first. With
// by, those of ts-mls do so with its function for that.
func nextGroup(t testing.TB, by string, first successor, s sent, rest ...successor) {
	t.Helper()
	for _, m := range rest {
		if m, ok := m.(*theirs); ok {
			m.by = by
		}
		if err := m.join(s.welcome, s.tree); err != nil {
			t.Fatalf("%s does not join the group that %s has made: %v", m.name(), first.name(), err)
		}
	}
	all := append([]member{first}, members(rest)...)
	agree(t, all...)
	talk(t, all...)
}

// talk has all send and read in this epoch, and then commit.
func talk(t testing.TB, all ...member) {
	t.Helper()
	for _, from := range all {
		for _, m := range others(from, all...) {
			if text, _, err := m.receive(from.send("", "hello from "+from.name())[0]); err != nil || text != "hello from "+from.name() {
				t.Fatalf("%s reads %q, %v of %s", m.name(), text, err, from.name())
			}
		}
	}
	for _, from := range all {
		commits(t, change{}, from, others(from, all...)...)
	}
}

// keyPackages are fresh ones, by those who come into the next group.
func keyPackages(all ...successor) (kps [][]byte) {
	for _, m := range all {
		kps = append(kps, m.keyPackage())
	}
	return kps
}

// refusesOrigin requires that one of ours refuses a group for what it comes from.
func refusesOrigin(t testing.TB, m successor, err error, format string, args ...any) {
	t.Helper()
	refused(t, m, err, format, args...)
	if _, our := m.(*ours); our && err != nil && !errors.Is(err, group.ErrOrigin) {
		t.Errorf("%s refuses for another reason: %v", m.name(), err)
	}
}
