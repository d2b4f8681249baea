package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// heirs are clients of w2 for the clients of a group, each with its old State.
type heirs struct {
	all []*peer
	old map[string]*State
}

func newHeirs(w2 *world, old []*peer) *heirs {
	h := &heirs{old: map[string]*State{}}
	for _, c := range old {
		h.all = append(h.all, w2.client(c.name))
		h.old[c.name] = c.State
	}
	return h
}

func (h *heirs) keyPackages(except ...int) []*message.KeyPackage {
	var out []*message.KeyPackage
	for i, c := range h.all {
		if i > 0 && (len(except) == 0 || except[0] != i) {
			out = append(out, c.keyPackage())
		}
	}
	return out
}

func (h *heirs) join(c *peer, welcome []byte) error {
	m, err := message.Parse(welcome)
	if err != nil {
		return err
	}
	c.State, err = Join(c.cfg, c.kp, m.Body.(*message.Welcome), JoinOptions{Origin: func(groupID []byte) *State {
		if s := h.old[c.name]; s != nil && string(s.GroupID()) == string(groupID) {
			return s
		}
		return nil
	}})
	return err
}

// "Reinitialization" (11.2), to another cipher suite: propose, commit, found, join;
// the old group is closed for everybody.
func TestReInit_11_2(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	w2 := newWorld(t, suite.P256_AES128GCM_SHA256_P256, 2)
	old := w.group("alice bob carol", CreateOptions{})
	extensions := tree.Extensions{(&tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}}).Extension()}
	late, err := old[2].Protect([]byte("late"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.propose(old[1], old, &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: w2.suite.ID(), Extensions: extensions})
	if got := w.commit(old[0], old, CommitOptions{}); got.ReInit == nil {
		t.Fatalf("%+v", got)
	}
	for _, c := range old {
		if _, err := c.Protect(nil, nil); !errors.Is(err, ErrReinitialized) || !errors.Is(err, ErrInactive) {
			t.Errorf("%s sends in the closed group: %v", c.name, err)
		}
		if _, err := c.Commit(CommitOptions{}); !errors.Is(err, ErrReinitialized) {
			t.Errorf("%s commits in the closed group: %v", c.name, err)
		}
		if _, err := c.Propose(&message.Remove{Removed: 1}, ProposalOptions{}); !errors.Is(err, ErrReinitialized) {
			t.Errorf("%s proposes in the closed group: %v", c.name, err)
		}
		if _, err := c.GroupInfo(GroupInfoOptions{ExternalPub: true}); !errors.Is(err, ErrReinitialized) {
			t.Errorf("%s invites to the closed group: %v", c.name, err)
		}
		if _, _, err := c.Branch(c.cfg, nil, nil, ContinueOptions{Leaf: c.leaf()}); !errors.Is(err, ErrReinitialized) {
			t.Errorf("%s branches off the closed group: %v", c.name, err)
		}
	}
	if _, err := old[0].Process(late); err != nil {
		t.Errorf("a late message from before is lost: %v", err)
	}

	// Not the committer but carol founds the new group.
	h := newHeirs(w2, []*peer{old[2], old[0], old[1]})
	carol := h.all[0]
	s, welcome, err := old[2].Reinitialize(carol.cfg, ContinueOptions{Leaf: carol.leaf(), KeyPackages: h.keyPackages()})
	if err != nil {
		t.Fatal(err)
	}
	carol.State = s
	for _, c := range h.all[1:] {
		if err := h.join(c, welcome); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	w2.agree(h.all)
	w2.talk(h.all)
	if s.Epoch() != 1 || string(s.GroupID()) != "next" || s.Suite() != w2.suite || len(s.Context().Extensions) != 1 {
		t.Errorf("epoch %d of %q in suite %v", s.Epoch(), s.GroupID(), s.Suite().ID())
	}
	w2.commit(h.all[1], h.all, CommitOptions{})
}

// "Reinitialization" (11.2): what Reinitialize refuses to make.
func TestReinitializeRejects_11_2(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	old := w.group("alice bob carol", CreateOptions{})
	h := newHeirs(w, old)
	alice := h.all[0]
	o := ContinueOptions{Leaf: alice.leaf(), KeyPackages: h.keyPackages()}
	if _, _, err := old[0].Reinitialize(alice.cfg, o); !errors.Is(err, ErrOrigin) {
		t.Errorf("without a ReInit: %v", err)
	}
	w.commit(old[0], old, CommitOptions{ByValue: []message.Proposal{&message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: w.suite.ID()}}})
	if _, _, err := old[0].Reinitialize(alice.cfg, ContinueOptions{Leaf: alice.leaf(), KeyPackages: h.keyPackages(1)}); !errors.Is(err, ErrOrigin) {
		t.Errorf("without bob: %v", err)
	}
	other := alice.cfg
	other.Suite, _ = suite.Get(suite.X25519_CHACHA20POLY1305_SHA256_Ed25519)
	if _, _, err := old[0].Reinitialize(other, o); !errors.Is(err, ErrConfig) {
		t.Errorf("another suite than that of the ReInit: %v", err)
	}
	if _, _, err := old[0].Reinitialize(alice.cfg, o); err != nil {
		t.Errorf("as it should be: %v", err)
	}
	gone := w.group("frank grace", CreateOptions{})
	grace := gone[1].State
	w.commit(gone[0], gone, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: 1}}})
	if _, _, err := grace.Reinitialize(gone[1].cfg, ContinueOptions{Leaf: gone[1].leaf()}); !errors.Is(err, ErrRemoved) {
		t.Errorf("by somebody who was removed: %v", err)
	}
	future := w.group("dave", CreateOptions{})
	future[0].State.reinit = &message.ReInit{GroupID: []byte("next"), Version: 2, CipherSuite: w.suite.ID()}
	if _, _, err := future[0].Reinitialize(future[0].cfg, ContinueOptions{Leaf: future[0].leaf()}); !errors.Is(err, message.ErrVersion) {
		t.Errorf("a version that we do not have: %v", err)
	}
}

// Proposals of PSKs with usage reinit and branch are invalid in every other place
// ("Reinitialization" (11.2), "Subgroup Branching" (11.3)), also for the first
// Commit of a group that anybody else founds.
func TestOriginPSKElsewhere_12_1_4(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	for _, s := range []*peer{all[0], w.group("carol", CreateOptions{})[0]} {
		for _, usage := range []schedule.ResumptionUsage{schedule.UsageReInit, schedule.UsageBranch} {
			p := resumption(usage, all[0].State).ID
			if _, err := s.Commit(CommitOptions{ByValue: []message.Proposal{&message.PreSharedKey{PSK: p}}}); !errors.Is(err, ErrProposal) {
				t.Errorf("%s, usage %d: %v", s.name, p.Usage, err)
			}
			if _, err := s.Propose(&message.PreSharedKey{PSK: p}, ProposalOptions{}); !errors.Is(err, ErrProposal) {
				t.Errorf("%s, usage %d: %v", s.name, p.Usage, err)
			}
		}
	}
}

// "Subgroup Branching" (11.3): some members continue among themselves, and the old
// group goes on.
func TestBranch_11_3(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		old := w.group("alice bob carol dave", CreateOptions{})
		h := newHeirs(w, old[:3])
		alice := h.all[0]
		s, welcome, err := old[0].Branch(alice.cfg, []byte("branch"), nil, ContinueOptions{Leaf: alice.leaf(), KeyPackages: h.keyPackages()})
		if err != nil {
			t.Fatal(err)
		}
		alice.State = s
		// Bob's copy of the old group has moved on meanwhile.
		w.commit(old[3], old, CommitOptions{})
		for _, c := range h.all[1:] {
			if err := h.join(c, welcome); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		w.agree(h.all)
		w.talk(h.all)
		w.talk(old)
	})
}

// "Subgroup Branching" (11.3): what Branch refuses to make.
func TestBranchRejects_11_3(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	old := w.group("alice bob", CreateOptions{})
	alice := w.client("alice")
	if _, _, err := old[0].Branch(alice.cfg, nil, nil, ContinueOptions{Leaf: alice.leaf(), KeyPackages: []*message.KeyPackage{w.client("eve").keyPackage()}}); !errors.Is(err, ErrOrigin) {
		t.Errorf("with somebody new: %v", err)
	}
	eve := w.client("eve")
	if _, _, err := old[0].Branch(eve.cfg, nil, nil, ContinueOptions{Leaf: eve.leaf()}); !errors.Is(err, ErrOrigin) {
		t.Errorf("as somebody new: %v", err)
	}
	other := alice.cfg
	other.Suite, _ = suite.Get(suite.X25519_CHACHA20POLY1305_SHA256_Ed25519)
	if _, _, err := old[0].Branch(other, nil, nil, ContinueOptions{Leaf: alice.leaf()}); !errors.Is(err, ErrConfig) {
		t.Errorf("with another suite: %v", err)
	}
	// An invitation by somebody who only knows an older secret: the origin has to
	// be known.
	s, welcome, err := old[0].Branch(alice.cfg, nil, nil, ContinueOptions{Leaf: alice.leaf(), KeyPackages: []*message.KeyPackage{old[1].keyPackage()}})
	if err != nil || s.Epoch() != 1 {
		t.Fatal(err)
	}
	if err := old[1].join(welcome); !errors.Is(err, ErrOrigin) {
		t.Errorf("without Origin: %v", err)
	}
}
