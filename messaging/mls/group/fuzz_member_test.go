package group

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// fuzzMember is a client in a group.
type fuzzMember struct {
	*State
	w        *fuzzWorld
	peer     *peer
	group    *fuzzGroup
	inbox    []*fuzzSent // that have not reached it, in order
	accepted map[*fuzzSent]bool
	next     map[fuzzRatchet]uint64 // the generation after the highest accepted
	joined   uint64
	lost     bool // it came back by another leaf, and its state is gone
	records  map[string][]byte
}

// over reports whether the member knows that its group was closed by a ReInit.
func (m *fuzzMember) over() bool { return m.group.closed != nil && m.Epoch() == m.group.epoch }

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
	if !s.removed { // nobody needs them any more
		w.Vector(s.current.confirmationTag)
		w.Vector(s.current.interim)
	}
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

// consistent looks at a member that has entered an epoch.
func (w *fuzzWorld) consistent(m *fuzzMember) {
	if err := m.current.private.Check(m.Suite(), m.Tree()); err != nil {
		w.t.Fatalf("%s: private keys: %v", m, err)
	}
	if string(m.Member(m.Me()).Credential.Identity) != m.peer.name {
		w.t.Fatalf("%s sits on another's leaf", m)
	}
	rules := &tree.Rules{GroupID: m.group.id, Extensions: m.Context().Extensions}
	if err := m.Tree().Validate(m.Context().TreeHash, rules); err != nil {
		w.t.Fatalf("%s: tree: %v", m, err)
	}
	for epoch := range m.Epoch() + 1 {
		key, ok := m.ResumptionPSK(epoch)
		kept := epoch >= m.joined && m.Epoch()-epoch <= uint64(DefaultLimits.ResumptionEpochs)
		if ok != kept || ok && !bytes.Equal(key, w.resume[fmt.Sprint(string(m.group.id), epoch)]) {
			w.t.Fatalf("%s: resumption PSK of epoch %d: %v", m, epoch, ok)
		}
	}
}
