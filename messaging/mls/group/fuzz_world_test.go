package group

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/cryptotest"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
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

// fuzzWorld is two groups of the same clients, whose messages an adversary delivers.
// One of the clients, mallory, does with her keys what she likes; all others are
// honest. The Delivery Service is honest in one thing, without which members of
// every group disagree (RFC 9420, 14): no two members get two different Commits of
// an epoch.
type fuzzWorld struct {
	*world
	t       *testing.T
	s       *fuzzScript
	clients []*peer
	erin    *peer // in no group, and so is frank
	frank   *peer
	groups  []*fuzzGroup
	byBytes map[string]*fuzzSent
	made    map[string]int // what was done, by name
	sends   int
	kps     map[string]*KeyPackage // by the encryption key of the leaf
	resume  map[string][]byte      // resumption PSKs, for those who join later
}

// fuzzGroup is a group as nobody in it knows it: completely.
type fuzzGroup struct {
	id       []byte
	members  []*fuzzMember // also those who were removed
	epoch    uint64        // the newest
	wire     []*fuzzSent   // all that was sent
	summary  map[uint64][sha256.Size]byte
	oldKeys  []fuzzOldKeys // what mallory keeps of epochs that are over
	welcomes [][]byte
}

type fuzzOldKeys struct{ membership, senderData []byte }

// fuzzMember is a client in a group.
type fuzzMember struct {
	*State
	w        *fuzzWorld
	peer     *peer
	group    *fuzzGroup
	inbox    []*fuzzSent // that have not reached it, in order
	accepted map[*fuzzSent]bool
	next     map[string]uint64 // by epoch, sender and kind: the generation after the highest accepted
	joined   uint64
	lost     bool // it came back by another leaf, and its state is gone
	records  map[string][]byte
}

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
	lost       bool // a Commit that lost its epoch to another
	content    *message.AuthenticatedContent
}

func newFuzzWorld(t *testing.T, data []byte) *fuzzWorld {
	s := &fuzzScript{data}
	seed := uint64(s.n(256))
	cryptotest.SetGlobalRandom(t, seed)
	w := &fuzzWorld{
		world: newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, seed),
		t:     t, s: s, byBytes: map[string]*fuzzSent{}, made: map[string]int{},
		kps: map[string]*KeyPackage{}, resume: map[string][]byte{},
	}
	w.psks["psk"] = []byte("a key of the application")
	w.clients = w.world.clients("alice mallory bob carol dave")
	w.erin, w.frank = w.client("erin"), w.client("frank")
	for _, c := range append(slices.Clone(w.clients), w.erin, w.frank) {
		c.cfg.Resumption = func(groupID []byte, epoch uint64) ([]byte, error) {
			return w.resume[fmt.Sprint(string(groupID), epoch)], nil
		}
	}
	for _, id := range []string{"the group", "the other"} {
		g := &fuzzGroup{id: []byte(id), summary: map[uint64][sha256.Size]byte{}}
		w.groups = append(w.groups, g)
		alice := w.clients[0]
		state, err := Create(alice.cfg, g.id, alice.leaf(), CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m := w.enter(g, alice, state)
		w.newest(m)
		n := 2 + w.s.n(3) // of 5 clients, one is outside or none
		w.commit(m, CommitOptions{ByValue: w.adds(w.clients[1 : n+1]...)})
	}
	return w
}

func (w *fuzzWorld) adds(clients ...*peer) []message.Proposal {
	var out []message.Proposal
	for _, c := range clients {
		out = append(out, &message.Add{KeyPackage: w.keyPackage(c)})
	}
	return out
}

// keyPackage makes a KeyPackage and keeps its private keys.
func (w *fuzzWorld) keyPackage(c *peer) *message.KeyPackage {
	public := c.keyPackage()
	w.kps[string(public.LeafNode.EncryptionKey)] = c.kp
	return public
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
		accepted: map[*fuzzSent]bool{}, next: map[string]uint64{}, records: map[string][]byte{},
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
		if m.peer == c && !m.lost && !m.Removed() {
			return m
		}
	}
	return nil
}

func (m *fuzzMember) mallory() bool { return m.peer.name == "mallory" }

// summarize is everything that the members of an epoch must agree on.
func (m *fuzzMember) summarize() [sha256.Size]byte {
	e := m.current
	secret, err := m.Export("fuzz", []byte("context"), 32)
	if err != nil {
		m.w.t.Fatal(err)
	}
	var w syntax.Writer
	e.context.Marshal(&w)
	e.tree.Marshal(&w)
	for _, b := range [][]byte{e.tree.RootHash(), e.confirmationTag, e.interim, secret, m.EpochAuthenticator()} {
		w.Vector(b)
	}
	e.secrets.Marshal(&w)
	return sha256.Sum256(w.Bytes())
}

// fingerprint is the whole state of a member, written without the bookkeeping of
// Changes, and all that its methods show.
func (m *fuzzMember) fingerprint() [sha256.Size]byte {
	var w syntax.Writer
	s := m.State
	(&stateRecord{s}).Marshal(&w)
	(&epochRecord{epoch: s.current}).Marshal(&w)
	s.current.tree.Marshal(&w)
	w.Vector(s.current.confirmationTag)
	w.Vector(s.current.interim)
	w.Vector(s.cfg.Signer.Public())
	fuzzKeys(&w, s.current.keys)
	for _, p := range s.past {
		(&pastRecord{p, differences(s.current.tree, p.tree, false)}).Marshal(&w)
		fuzzKeys(&w, p.keys)
	}
	for _, p := range s.cache.order {
		(&waitingRecord{waiting: p}).Marshal(&w)
	}
	w.Uint32(uint32(len(s.cache.byRef)))
	w.Optional(s.pending != nil)
	if s.pending != nil {
		(&pendingRecord{Pending: s.pending}).Marshal(&w)
	}
	return sha256.Sum256(w.Bytes())
}

func fuzzKeys(w *syntax.Writer, keys *schedule.SecretTree) {
	w.Vector(keys.InteriorRecord())
	for i := range tree.LeafIndex(keys.LeafCount()) {
		if keys.Unused(i) {
			continue
		}
		// A leaf of a State that was loaded is read when it is asked for.
		_, _ = keys.Peek(i, schedule.Application, 1<<32-1)
		w.Vector(keys.LeafRecord(i))
	}
}

// save takes the State's changes into its store.
func (m *fuzzMember) save() int {
	changes := m.Changes()
	for _, r := range changes {
		if r.Value == nil {
			delete(m.records, r.Key)
		} else {
			m.records[r.Key] = r.Value
		}
	}
	return len(changes)
}

// load returns another State of what is stored, as after a restart.
func (m *fuzzMember) load() *State {
	m.save()
	cfg := m.peer.cfg
	state, err := Load(cfg, maps.Clone(m.records))
	if err != nil {
		m.w.t.Fatalf("%s is loaded: %v", m, err)
	}
	return state
}

func (m *fuzzMember) restart() {
	before := m.fingerprint()
	m.State = m.load()
	if m.fingerprint() != before {
		m.w.t.Fatalf("%s is not the same after a restart", m)
	}
}

func (m *fuzzMember) String() string {
	return fmt.Sprintf("%s (leaf %d in epoch %d of %s)", m.peer.name, m.Me(), m.Epoch(), m.group.id)
}

// sent notes a message, and puts it into the inboxes of those who are to have it.
func (w *fuzzWorld) sent(x *fuzzSent) *fuzzSent {
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

// generation is what a member's next message has.
func (m *fuzzMember) generation(kind schedule.Kind) uint32 {
	if m.current.keys.Unused(m.Me()) {
		return 0
	}
	for g := uint32(0); ; g++ { // the first that is not used up; own keys are never passed over
		o, err := m.current.keys.Peek(m.Me(), kind, g)
		if err == nil {
			o.Discard()
			return g
		}
	}
}

// say sends application data.
func (w *fuzzWorld) say(m *fuzzMember) {
	data, aad := fmt.Appendf(nil, "data %d", w.sends), fmt.Appendf(nil, "aad %d", w.sends%3)
	generation := m.generation(schedule.Application)
	msg, err := m.Protect(data, aad)
	if len(m.Waiting()) > 0 {
		if err == nil {
			w.t.Fatalf("%s sends while proposals wait", m)
		}
		return
	}
	if err != nil {
		w.t.Fatalf("%s sends: %v", m, err)
	}
	w.sent(&fuzzSent{bytes: msg, group: m.group, epoch: m.Epoch(), kind: message.ContentApplication, by: m,
		sender: message.Member(m.Me()), private: true, generation: generation, data: data, aad: aad})
}

// burn has a member's next messages get lost before they are sent.
func (w *fuzzWorld) burn(m *fuzzMember) {
	for range fuzzPick(w.s, []int{1, 2, 40, schedule.Window - 1, schedule.Window, schedule.Window + 1, schedule.MaxForward - 1, schedule.MaxForward, schedule.MaxForward + 1}) {
		_, key, err := m.current.keys.NextKey(m.Me(), schedule.Application)
		if err != nil {
			w.t.Fatal(err)
		}
		key.Erase()
	}
}

// propose sends a proposal, if it is one that m's own code lets it make.
func (w *fuzzWorld) propose(m *fuzzMember) {
	o := ProposalOptions{Public: w.s.chance(2), AAD: fmt.Appendf(nil, "aad %d", w.sends%3)}
	generation := m.generation(schedule.Handshake)
	var msg []byte
	var err error
	if p := w.proposal(m); p != nil {
		msg, err = m.Propose(p, o)
	} else {
		msg, err = m.ProposeUpdate(nil, o)
	}
	if err != nil {
		return // not a proposal for this epoch
	}
	waiting := m.Waiting()
	p := waiting[len(waiting)-1]
	w.sent(&fuzzSent{bytes: msg, group: m.group, epoch: m.Epoch(), kind: message.ContentProposal, by: m,
		sender: p.Sender, private: fuzzPrivate(msg), generation: generation, ref: p.Ref, aad: o.AAD})
}

func fuzzPrivate(msg []byte) bool { return msg[3] == byte(message.WireFormatPrivateMessage) }

// proposal picks a proposal; nil is an Update.
func (w *fuzzWorld) proposal(m *fuzzMember) message.Proposal {
	switch w.s.n(8) {
	case 0:
		for _, c := range w.clients {
			if m.group.of(c) == nil {
				return &message.Add{KeyPackage: w.keyPackage(c)}
			}
		}
	case 1:
		if i := tree.LeafIndex(w.s.n(6)); m.Member(i) != nil && m.Tree().MemberCount() > 3 {
			return &message.Remove{Removed: i}
		}
	case 2:
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("psk")}}
	case 3:
		if m.Tree().MemberCount() > 3 {
			return &message.SelfRemove{}
		}
	case 4:
		list := component.List{component.AppComponentsID, component.ID(1 + w.s.n(4))}
		return &message.AppDataUpdate{Component: component.AppComponentsID, Update: syntax.Marshal(list)}
	case 5:
		ack := component.AppAck{Ranges: []component.MessageRange{{Sender: 0, First: 0, Last: uint32(w.s.n(4))}}}
		return &message.AppEphemeral{Component: component.AppAckID, Data: syntax.Marshal(ack)}
	case 6:
		return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageApplication,
			GroupID: m.group.id, Epoch: uint64(w.s.n(int(m.Epoch()) + 1))}}
	}
	return nil
}

// commit sends a Commit. One that is not of the newest epoch has lost.
func (w *fuzzWorld) commit(m *fuzzMember, o CommitOptions) {
	g := m.group
	if m.Pending() != nil {
		return
	}
	generation := m.generation(schedule.Handshake)
	p, err := m.Commit(o)
	if err != nil {
		return
	}
	x := &fuzzSent{bytes: p.Message, group: g, epoch: m.Epoch(), kind: message.ContentCommit, by: m,
		sender: message.Member(m.Me()), private: fuzzPrivate(p.Message), generation: generation, aad: o.AAD, lost: m.Epoch() != g.epoch}
	for _, q := range p.Committed.Proposals {
		if q.Ref != nil {
			x.refs = append(x.refs, q.Ref)
		}
	}
	x.removes = p.Committed.RemovedLeaves
	w.sent(x)
	if x.lost {
		return // it stays pending until the winner comes
	}
	w.keepOld(g)
	if w.s.chance(2) {
		if _, err := m.Process(p.Message); err != nil {
			w.t.Fatalf("%s merges its own commit: %v", m, err)
		}
	} else if _, err := m.Merge(p); err != nil {
		w.t.Fatal(err)
	}
	w.newest(m)
	for _, q := range p.Committed.Proposals {
		if add, ok := q.Proposal.(*message.Add); ok {
			w.welcome(g, string(add.KeyPackage.LeafNode.Credential.Identity), add.KeyPackage, p.Welcome)
		}
	}
}

// consistent looks at a member that has entered an epoch.
func (w *fuzzWorld) consistent(m *fuzzMember) {
	if err := m.current.private.Check(w.suite, m.Tree()); err != nil {
		w.t.Fatalf("%s: private keys: %v", m, err)
	}
	if string(m.Member(m.Me()).Credential.Identity) != m.peer.name {
		w.t.Fatalf("%s sits on another's leaf", m)
	}
	rules := &tree.Rules{GroupID: m.group.id, Extensions: m.Context().Extensions}
	if err := m.Tree().Validate(m.Context().TreeHash, rules); err != nil {
		w.t.Fatalf("%s: tree: %v", m, err)
	}
}

// keepOld has mallory keep what she should forget.
func (w *fuzzWorld) keepOld(g *fuzzGroup) {
	for _, m := range g.active() {
		if m.mallory() {
			g.oldKeys = append(g.oldKeys, fuzzOldKeys{bytes.Clone(m.current.secrets.Membership), bytes.Clone(m.current.secrets.SenderData)})
		}
	}
}

// joinExternal has a client enter by an external Commit, on the word of a member.
func (w *fuzzWorld) joinExternal(m *fuzzMember, c *peer) {
	g := m.group
	old := g.of(c)
	if old == m {
		return
	}
	info, err := m.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		w.t.Fatal(err)
	}
	o := ExternalOptions{Leaf: c.leaf(), AAD: []byte("here I am")}
	x := &fuzzSent{group: g, epoch: m.Epoch(), kind: message.ContentCommit, sender: message.Sender{Type: message.SenderNewMemberCommit}, aad: o.AAD}
	for i, leaf := range m.Members() {
		if string(leaf.Credential.Identity) == c.name {
			o.Resync = func(l *tree.LeafNode) bool { return l.Equal(leaf) }
			x.removes = append(x.removes, i)
		}
	}
	if len(x.removes) > 0 && c == m.peer {
		return
	}
	state, msg, err := JoinExternal(c.cfg, info, o)
	if err != nil {
		w.t.Fatalf("%s joins %s by an external commit: %v", c.name, g.id, err)
	}
	x.bytes, x.lost = msg, m.Epoch() != g.epoch
	if x.lost {
		w.sent(x)
		return
	}
	w.keepOld(g)
	if old != nil {
		old.lost = true
	}
	w.sent(x)
	joiner := w.enter(g, c, state)
	w.newest(joiner)
}
