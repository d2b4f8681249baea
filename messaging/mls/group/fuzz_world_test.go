package group

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/cryptotest"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// fuzzScript is the bytes that decide what happens in a fuzzWorld. When they are at
// their end, so is the session.
type fuzzScript struct{ rest []byte }

func (s *fuzzScript) done() bool { return len(s.rest) == 0 }

// n takes a number of [0, k), k <= 65536; 0 at the end of the script.
func (s *fuzzScript) n(k int) int {
	if k <= 1 {
		return 0
	}
	v := 0
	for size := 1; size < k && len(s.rest) > 0; size <<= 8 {
		v, s.rest = v<<8|int(s.rest[0]), s.rest[1:]
	}
	return v % k
}

func (s *fuzzScript) chance(of int) bool { return s.n(of) == 0 }

func fuzzPick[T any](s *fuzzScript, from []T) T { return from[s.n(len(from))] }

// fuzzWorld is groups of the same clients, whose messages an adversary delivers: two
// to begin with, to which branches come, and which others may continue after a ReInit.
// One of the clients, mallory, does with her keys what she likes; all others are
// honest. The Delivery Service is honest in one thing, without which members of
// every group disagree (RFC 9420, 14): no two members get two different Commits of
// an epoch.
type fuzzWorld struct {
	t       *testing.T
	s       *fuzzScript
	seed    uint64
	rand    io.Reader
	realms  map[suite.ID]*fuzzRealm
	groups  []*fuzzGroup // that go on
	all     []*fuzzGroup // and those that others continue
	byBytes map[string]*fuzzSent
	made    map[string]int // what was done, by name
	sends   int
	kps     map[string]*KeyPackage // by the encryption key of the leaf
	resume  map[string][]byte      // resumption PSKs, for those who join later
	nonces  map[string]bool        // of pre-shared keys
	policy  map[string]*fuzzPolicy // of each client; nil: there is none
}

// fuzzGroup is a group as nobody in it knows it: completely.
type fuzzGroup struct {
	id       []byte
	realm    *fuzzRealm
	members  []*fuzzMember // also those who were removed
	open     bool          // it has an external sender
	epoch    uint64        // the newest
	wire     []*fuzzSent   // all that was sent
	summary  map[uint64][sha256.Size]byte
	oldKeys  []fuzzOldKeys // what mallory keeps of epochs that are over
	welcomes [][]byte
	closed   *message.ReInit // that led to the newest epoch
	from     *fuzzGroup      // that it continues, or is a branch of
}

type fuzzOldKeys struct{ membership, senderData []byte }

// fuzzSent is a message that somebody made with the package's own code.
type fuzzSent struct {
	name       string
	bytes      []byte
	group      *fuzzGroup
	epoch      uint64
	kind       message.ContentType
	by         *fuzzMember // nil: a joiner or a stranger
	sender     message.Sender
	private    bool
	generation uint32
	data, aad  []byte
	ref        []byte
	refs       [][]byte // of a Commit
	removes    []tree.LeafIndex
	lost       bool            // a Commit that lost its epoch to another
	reinit     *message.ReInit // of a Commit
	content    *message.AuthenticatedContent
}

func newFuzzWorld(t *testing.T, data []byte) *fuzzWorld {
	s := &fuzzScript{data}
	seed := uint64(s.n(256))
	cryptotest.SetGlobalRandom(t, seed)
	w := &fuzzWorld{
		t: t, s: s, seed: seed, rand: mlstest.Rand(1<<32 | seed), realms: map[suite.ID]*fuzzRealm{},
		byBytes: map[string]*fuzzSent{}, made: map[string]int{}, nonces: map[string]bool{},
		kps: map[string]*KeyPackage{}, resume: map[string][]byte{}, policy: map[string]*fuzzPolicy{},
	}
	r := w.realm(fuzzSuite(int(seed / 4)))
	for _, id := range []string{"the group", "the other"} {
		alice := r.clients[0]
		var o CreateOptions
		if len(w.groups) == 1 {
			o.Extensions = r.openGroup()
		}
		r.asked[alice.name] = nil
		state, err := Create(alice.cfg, []byte(id), alice.leaf(), o)
		if err != nil {
			t.Fatal(err)
		}
		m := w.begin(r, alice, state)
		w.wereAsked(m, "creation", []Candidate{candidate(InCreate, 0, m.current.leaf(), nil)})
		n := 2 + w.s.n(3) // of 5 clients, one is outside or none
		w.commit(m, CommitOptions{ByValue: w.adds(r.clients[1 : n+1]...)})
	}
	return w
}

// begin notes a group that somebody has founded, who is its first member.
func (w *fuzzWorld) begin(r *fuzzRealm, c *peer, state *State) *fuzzMember {
	g := &fuzzGroup{id: state.GroupID(), realm: r, summary: map[uint64][sha256.Size]byte{}}
	_, g.open = state.Context().Extensions.Find(tree.ExtensionExternalSenders)
	w.groups, w.all = append(w.groups, g), append(w.all, g)
	m := w.enter(g, c, state)
	m.joined = 0
	if psk, ok := m.ResumptionPSK(0); ok { // of the epoch before its first Commit
		w.resume[fmt.Sprint(string(g.id), 0)] = psk
	}
	w.newest(m)
	return m
}

// newest notes what the members of the group's new epoch must agree on.
func (w *fuzzWorld) newest(m *fuzzMember) {
	g := m.group
	g.epoch = m.Epoch()
	g.summary[g.epoch] = m.summarize()
	psk, _ := m.ResumptionPSK(g.epoch)
	w.resume[fmt.Sprint(string(g.id), g.epoch)] = psk
	w.consistent(m)
}

// enter makes a client a member. A State that it had in the group is gone.
func (w *fuzzWorld) enter(g *fuzzGroup, c *peer, state *State) *fuzzMember {
	m := &fuzzMember{
		State: state, w: w, peer: c, group: g, joined: state.Epoch(),
		accepted: map[*fuzzSent]bool{}, next: map[fuzzRatchet]uint64{}, records: map[string][]byte{},
	}
	g.members = append(g.members, m)
	return m
}

// active are the members who have not been removed as far as they know.
func (g *fuzzGroup) active() []*fuzzMember {
	return slices.DeleteFunc(slices.Clone(g.members), func(m *fuzzMember) bool { return m.lost || m.Removed() })
}

// current are those who have followed the group to its newest epoch.
func (g *fuzzGroup) current() []*fuzzMember {
	return slices.DeleteFunc(g.active(), func(m *fuzzMember) bool { return m.Epoch() != g.epoch })
}

// of returns a client's latest membership; nil if it has none or was removed.
func (g *fuzzGroup) of(c *peer) *fuzzMember {
	for _, m := range slices.Backward(g.members) {
		if m.peer.name == c.name && !m.lost && !m.Removed() {
			return m
		}
	}
	return nil
}

// sent notes a message, and puts it into the inboxes of those who are to have it.
func (w *fuzzWorld) sent(x *fuzzSent) *fuzzSent {
	if before := w.byBytes[string(x.bytes)]; before != nil {
		w.made["one message twice"]++
		return before // an external sender says the same again: one message, sent once
	}
	g := x.group
	x.name = fmt.Sprintf("message %d (%v of epoch %d of %s)", w.sends, x.kind, x.epoch, g.id)
	w.sends++
	g.wire = append(g.wire, x)
	w.byBytes[string(x.bytes)] = x
	x.content = w.opened(x)
	for _, m := range g.active() {
		if m != x.by && !x.lost {
			m.inbox = append(m.inbox, x)
		}
	}
	return x
}

// opened is what mallory makes of a message: she is a member and can read it.
func (w *fuzzWorld) opened(x *fuzzSent) *message.AuthenticatedContent {
	m, err := message.Parse(bytes.Clone(x.bytes))
	if err != nil {
		w.t.Fatal(err)
	}
	switch body := m.Body.(type) {
	case *message.PublicMessage:
		return &message.AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: body.Content, Auth: body.Auth}
	case *message.PrivateMessage:
		for _, m := range x.group.active() {
			if m.mallory() && m != x.by && m.Epoch() == x.epoch {
				if o, err := open(&m.cfg, body, m.current.reading()); err == nil {
					o.key.Discard()
					return o.content
				}
			}
		}
	}
	return nil
}
