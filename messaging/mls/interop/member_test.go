package interop

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// A member is one of this project's or of ts-mls's, in one group, so that the tests
// can be written once and played with both in all roles. Methods that fail end the
// test, except that process, join and external return what the member says.
type member interface {
	name() string
	keyPackage() []byte
	create(group []byte)
	// join enters by a Welcome; tree is nil if it is inside.
	join(welcome, tree []byte) error
	// external enters by an external commit; tree is nil if it is inside. With resync
	// the member replaces itself.
	external(groupInfo, tree []byte, resync bool) (commit []byte, err error)
	groupInfo(treeInside bool) (groupInfo, tree []byte)
	// commit commits all proposals that wait, and what change has, and enters the
	// epoch.
	commit(change) sent
	// propose proposes the one thing that change has.
	propose(change) []byte
	process(message []byte) error
	send(aad string, texts ...string) [][]byte
	// receive is process of an application message.
	receive(message []byte) (text, aad string, err error)
	// psk gives the member an external pre-shared key.
	psk(id, secret string)
	// refuse is whom the member's authentication service refuses from now on.
	refuse(identities []string, keys [][]byte)
	// asked is whom it was asked about since the last time.
	asked() []who
	signatureKey() []byte
	state() state
}

// groupID is that of the groups in which PSKs of epochs are used.
const groupID = "group"

// change is what a proposal proposes, or a commit has by value.
type change struct {
	add          [][]byte         // key packages
	remove       []uint32         // leaves
	update       bool             // in a proposal: new keys for the sender's leaf
	identity     string           // with update: another identity too
	certificates [][]byte         // with update: a credential of them
	psk          string           // an external pre-shared key
	epochPSK     *uint64          // the resumption key of an epoch of the group
	extensions   *tree.Extensions // instead of those of the group
	reinit       *message.ReInit
	custom       *message.Unknown
	public       bool // signed, not encrypted
	treeInside   bool // the Welcome brings the tree
	omitPath     bool // ours: without a path, if it need not have one
	aad          string
}

// sent is what a commit gives to others.
type sent struct{ commit, welcome, tree []byte }

// who is one question to an authentication service.
type who struct{ identity, key string } // the key in hexadecimal

func whoIs(identity string, key []byte) who { return who{identity, fmt.Sprintf("%x", key)} }

// state is what all members of an epoch agree on.
type state struct {
	active bool
	leaf   uint32
	agreed agreed
}

type agreed struct {
	epoch                   uint64
	closed                  bool // by a ReInit
	treeHash, transcript    string
	authenticator, exported string
	members                 string
}

var errPeer = errors.New("ts-mls")

// agree fails unless all are in the same epoch of the same group: the same tree,
// transcript, epoch authenticator and exported secret.
func agree(t testing.TB, members ...member) {
	t.Helper()
	first := members[0].state()
	for _, m := range members {
		s := m.state()
		if !s.active || s.agreed != first.agreed {
			t.Fatalf("%s and %s are not in the same epoch:\n%+v\n%+v", members[0].name(), m.name(), first, s)
		}
	}
}

// tell has all of others process a message of from, and all agree.
func tell(t testing.TB, commit []byte, from member, others ...member) {
	t.Helper()
	for _, m := range others {
		if err := m.process(commit); err != nil {
			t.Fatalf("%s does not take what %s sent: %v", m.name(), from.name(), err)
		}
	}
}

// commits has one member commit, the others take it, and all agree.
func commits(t testing.TB, c change, from member, others ...member) sent {
	t.Helper()
	s := from.commit(c)
	tell(t, s.commit, from, others...)
	agree(t, append(slices.Clip(others), from)...)
	return s
}

// adds has a member commit another to the group, who joins by the Welcome.
func adds(t testing.TB, c change, newcomer, from member, others ...member) {
	t.Helper()
	c.add = append(c.add, newcomer.keyPackage())
	s := commits(t, c, from, others...)
	if err := newcomer.join(s.welcome, unlessInside(c, s)); err != nil {
		t.Fatalf("%s does not join by the Welcome of %s: %v", newcomer.name(), from.name(), err)
	}
	agree(t, from, newcomer)
}

func unlessInside(c change, s sent) []byte {
	if c.treeInside {
		return nil
	}
	return s.tree
}

// enters has a member join by an external commit with what another tells of the
// group, and all agree.
func enters(t testing.TB, newcomer, teller member, resync, treeInside bool, others ...member) {
	t.Helper()
	info, tree := teller.groupInfo(treeInside)
	if treeInside {
		tree = nil
	}
	commit, err := newcomer.external(info, tree, resync)
	if err != nil {
		t.Fatalf("%s does not join with the GroupInfo of %s: %v", newcomer.name(), teller.name(), err)
	}
	tell(t, commit, newcomer, append(slices.Clip(others), teller)...)
	agree(t, append(slices.Clip(others), teller, newcomer)...)
}

// leafOf returns a member's leaf.
func leafOf(m member) uint32 { return m.state().leaf }

func refused(t testing.TB, m member, err error, format string, args ...any) {
	t.Helper()
	if err == nil {
		t.Errorf("%s accepts %s", m.name(), fmt.Sprintf(format, args...))
	}
}
