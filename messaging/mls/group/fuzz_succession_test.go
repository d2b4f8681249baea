package group

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// What honest members do at the end of a group, and when some of them go apart:
// "Reinitialization" (11.2) and "Subgroup Branching" (11.3).

// reInit is a proposal to close a group, for one in this cipher suite or another.
func (w *fuzzWorld) reInit(g *fuzzGroup) *message.ReInit {
	id := g.realm.suite.ID()
	if w.s.chance(2) {
		id = fuzzSuite(w.s.n(64))
	}
	p := &message.ReInit{GroupID: fmt.Appendf(nil, "next %d", w.sends), Version: message.MLS10, CipherSuite: id}
	if w.s.chance(2) {
		p.Extensions = w.realm(id).openGroup()
	}
	return p
}

// shut fails unless a member refused to do something in a closed group.
func (w *fuzzWorld) shut(m *fuzzMember, does string, err error) {
	if !errors.Is(err, ErrReinitialized) {
		w.t.Fatalf("%s %s in a closed group: %v", m, does, err)
	}
}

// reinitialize has a member found the group that the ReInit of a closed group
// announces; all others come with it.
func (w *fuzzWorld) reinitialize(g *fuzzGroup) {
	founder := fuzzPick(w.s, g.current())
	_, _, err := founder.Branch(founder.peer.cfg, nil, nil, ContinueOptions{Leaf: founder.peer.leaf()})
	w.shut(founder, "branches", err)
	r := w.realm(g.closed.CipherSuite)
	var others []*fuzzMember
	for i, leaf := range founder.Members() {
		if i != founder.Me() {
			others = append(others, g.of(r.peer(string(leaf.Credential.Identity))))
		}
	}
	w.made["reinitialization"]++
	if r != g.realm {
		w.made["reinitialization in another suite"]++
	}
	next := w.continued(founder, r, others, func(cfg Config, o ContinueOptions) (*State, []byte, error) {
		if len(o.KeyPackages) > 0 {
			o := o
			o.KeyPackages = o.KeyPackages[1:]
			if _, _, err := founder.Reinitialize(cfg, o); !errors.Is(err, ErrOrigin) {
				w.t.Fatalf("%s leaves somebody behind: %v", founder, err)
			}
		}
		wrong := cfg
		wrong.Suite, _ = suite.Get(otherSuite(cfg.Suite.ID()))
		if _, _, err := founder.Reinitialize(wrong, o); !errors.Is(err, ErrConfig) {
			w.t.Fatalf("%s founds a group in another suite: %v", founder, err)
		}
		return founder.Reinitialize(cfg, o)
	})
	if !maps.Equal(identities(next.current()[0].Tree()), identities(founder.Tree())) || len(next.current()) != len(g.active()) {
		w.t.Fatalf("%s has other members than %s", next.id, g.id)
	}
	if c := next.current()[0].Context(); !bytes.Equal(c.GroupID, g.closed.GroupID) || c.CipherSuite != g.closed.CipherSuite ||
		!slices.EqualFunc(c.Extensions, g.closed.Extensions, func(a, b tree.Extension) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }) {
		w.t.Fatalf("%s is not what was agreed on", next.id)
	}
	w.groups = slices.DeleteFunc(w.groups, func(h *fuzzGroup) bool { return h == g })
}

func identities(t *tree.Tree) map[string]int {
	out := map[string]int{}
	for _, leaf := range t.Members() {
		out[string(leaf.Credential.Identity)]++
	}
	return out
}

// mostGroups bounds what a session costs.
const mostGroups = 4

// branch has a member found a group of some of its group. It need not know the newest
// epoch, as long as the others still have the key of the one it is in.
func (w *fuzzWorld) branch(m *fuzzMember) {
	g := m.group
	if m.over() {
		_, _, err := m.Branch(m.peer.cfg, nil, nil, ContinueOptions{Leaf: m.peer.leaf()})
		w.shut(m, "branches", err)
		return
	}
	newest := identities(g.current()[0].Tree())
	if len(w.groups) >= mostGroups || newest[m.peer.name] == 0 || g.epoch-m.Epoch() > uint64(DefaultLimits.ResumptionEpochs) {
		return
	}
	var others []*fuzzMember
	for _, o := range g.active() {
		if o != m && newest[o.peer.name] > 0 && o.joined <= m.Epoch() && w.s.n(4) > 0 {
			others = append(others, o)
		}
	}
	w.made["branch"]++
	next := w.continued(m, g.realm, others, func(cfg Config, o ContinueOptions) (*State, []byte, error) {
		id := fmt.Appendf(nil, "branch %d", w.sends)
		more := o
		more.KeyPackages = append(slices.Clone(o.KeyPackages), w.keyPackage(g.realm.frank))
		if _, _, err := m.Branch(cfg, id, nil, more); !errors.Is(err, ErrOrigin) {
			w.t.Fatalf("%s branches with somebody new: %v", m, err)
		}
		return m.Branch(cfg, id, nil, o)
	})
	if len(next.current()) != 1+len(others) {
		w.t.Fatalf("%s has %d members, not %d", next.id, len(next.current()), 1+len(others))
	}
	w.sends++
}

// continued has a member found a group of itself and others, who join it.
func (w *fuzzWorld) continued(by *fuzzMember, r *fuzzRealm, others []*fuzzMember, found func(Config, ContinueOptions) (*State, []byte, error)) *fuzzGroup {
	me := r.peer(by.peer.name)
	o := ContinueOptions{Leaf: me.leaf()}
	for _, m := range others {
		o.KeyPackages = append(o.KeyPackages, w.keyPackage(r.peer(m.peer.name)))
	}
	by.save()
	before := by.fingerprint()
	me.w.asked[me.name] = nil
	state, welcome, err := found(me.cfg, o)
	if err != nil {
		w.t.Fatalf("%s founds another group: %v", by, err)
	}
	if by.fingerprint() != before || by.save() != 0 {
		w.t.Fatalf("%s founds another group and is not as before", by)
	}
	founder := w.begin(r, me, state)
	next := founder.group
	next.from = by.group
	if next.epoch != 1 || founder.Tree().MemberCount() != 1+len(others) || state.Suite() != r.suite {
		w.t.Fatalf("%s begins in epoch %d with %d members", next.id, next.epoch, founder.Tree().MemberCount())
	}
	w.founderAsked(founder)
	if len(others) > 0 {
		w.names(w.kps[string(o.KeyPackages[0].LeafNode.EncryptionKey)], welcome, by)
	}
	for n, m := range others {
		kp := o.KeyPackages[n]
		c := r.peer(m.peer.name)
		join := w.options(c)
		private := w.kps[string(kp.LeafNode.EncryptionKey)]
		closed := by.over()
		if closed && !m.over() {
			w.refusesWelcome(c, private, welcome, join, ErrOrigin, "successor before the reinit")
		}
		if m.Epoch() < by.Epoch() {
			w.refusesWelcome(c, private, welcome, join, nil, "invitation before its epoch")
		}
		if closed || m.Epoch() < by.Epoch() {
			w.catchUp(m)
		}
		if !closed && m.over() { // it waits for something else
			waits := join
			waits.Continues = by.group.id
			w.refusesWelcome(c, private, welcome, waits, ErrOrigin, "branch of a group that is closed by now")
		} else if w.s.chance(2) {
			join.Continues = by.group.id
		}
		w.welcome(next, c, kp, welcome, join)
	}
	return next
}

// names fails unless a Welcome names one pre-shared key: that of the epoch that the new
// group comes from.
func (w *fuzzWorld) names(kp *KeyPackage, welcome []byte, by *fuzzMember) {
	m, err := message.Parse(bytes.Clone(welcome))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := suite.Get(kp.Public.CipherSuite)
	if err != nil {
		w.t.Fatal(err)
	}
	group, err := m.Body.(*message.Welcome).Open(s, kp.Public, kp.Private.InitKey)
	if err != nil {
		w.t.Fatal(err)
	}
	usage := schedule.UsageBranch
	if by.over() {
		usage = schedule.UsageReInit
	}
	if len(group.PSKs) != 1 {
		w.t.Fatalf("%d pre-shared keys", len(group.PSKs))
	}
	id := group.PSKs[0]
	w.freshNonce(id.Nonce)
	id.Nonce = nil
	if want := (schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage, GroupID: by.group.id, Epoch: by.Epoch()}); !bytes.Equal(syntax.Marshal(&id), syntax.Marshal(&want)) {
		w.t.Fatalf("%s names %+v", by, id)
	}
}
