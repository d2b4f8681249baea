package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// outsiders is a group of alice and bob that robot (0) and admin (1) may send
// proposals to.
func outsiders(t *testing.T) (w *world, all []*peer, robot, admin *peer) {
	w = newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	robot, admin = w.client("robot"), w.client("admin")
	var list []tree.ExternalSender
	for _, c := range []*peer{robot, admin} {
		list = append(list, tree.ExternalSender{SignatureKey: c.cfg.Signer.Public(), Credential: c.leaf().Credential})
	}
	all = w.clients("alice bob carol")
	for _, c := range all {
		c.cfg.Components = map[component.ID]Component{appendID: appendComponent{}}
	}
	all[0].create(CreateOptions{Extensions: tree.Extensions{tree.ExternalSendersExtension(list)}})
	w.commit(all[0], all, CommitOptions{ByValue: adds(all[1])})
	return w, all, robot, admin
}

func target(s *State) Target { return Target{GroupID: s.GroupID(), Epoch: s.Epoch()} }

// "External Proposals" (12.1.8): those of the external_senders extension may send
// these types, and the members commit them.
func TestExternalProposals_12_1_8(t *testing.T) {
	for name, make := range map[string]func(w *world, all []*peer) message.Proposal{
		"add":    func(w *world, all []*peer) message.Proposal { return adds(all[2])[0] },
		"remove": func(*world, []*peer) message.Proposal { return &message.Remove{Removed: 1} },
		"psk": func(w *world, _ []*peer) message.Proposal {
			w.psks["a"] = []byte("1")
			return &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("a"), Nonce: mlstest.Bytes(1, 32)}}
		},
		"group_context_extensions": func(w *world, all []*peer) message.Proposal {
			return &message.GroupContextExtensions{Extensions: all[0].Context().Extensions}
		},
		"app_data_update": func(*world, []*peer) message.Proposal { return update(appendID, "x") },
		"app_ephemeral":   func(*world, []*peer) message.Proposal { return ephemeral(appendID, "x") },
		"reinit": func(w *world, all []*peer) message.Proposal {
			return &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: w.suite.ID()}
		},
	} {
		w, all, _, admin := outsiders(t)
		p := make(w, all)
		msg, err := ProposeExternal(w.suite, admin.cfg.Signer, target(all[0].State), 1, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, event := range w.tell(w.client("outside"), all, msg) {
			if got := event.(*Proposed); got.Sender != message.External(1) {
				t.Errorf("%s: from %v", name, got.Sender)
			}
		}
		got := w.commit(all[0], all, CommitOptions{})
		if len(got.Proposals) != 1 || got.Proposals[0].Proposal.ProposalType() != p.ProposalType() {
			t.Errorf("%s: %v", name, got.Proposals)
		}
		if (got.ReInit != nil) != (name == "reinit") {
			t.Errorf("%s: %v", name, got.ReInit)
		}
	}
}

// "External Proposals" (12.1.8) that members refuse.
func TestExternalProposalRejects_12_1_8(t *testing.T) {
	w, all, robot, admin := outsiders(t)
	remove := &message.Remove{Removed: 1}
	for name, c := range map[string]struct {
		signer suite.Signer
		to     func(*Target)
		index  uint32
		p      message.Proposal
		want   error
	}{
		"key of another sender":        {robot.cfg.Signer, nil, 1, remove, suite.ErrSignature},
		"key of a member":              {all[0].cfg.Signer, nil, 0, remove, suite.ErrSignature},
		"no such sender":               {admin.cfg.Signer, nil, 2, remove, ErrSender},
		"no such sender, by far":       {admin.cfg.Signer, nil, 1 << 31, remove, ErrSender},
		"another group":                {robot.cfg.Signer, func(to *Target) { to.GroupID = []byte("x") }, 0, remove, ErrWrongGroup},
		"a past epoch":                 {robot.cfg.Signer, func(to *Target) { to.Epoch-- }, 0, remove, ErrPast},
		"a future epoch":               {robot.cfg.Signer, func(to *Target) { to.Epoch++ }, 0, remove, ErrFuture},
		"remove of a blank leaf":       {robot.cfg.Signer, nil, 0, &message.Remove{Removed: 9}, ErrProposal},
		"PSK of usage branch":          {robot.cfg.Signer, nil, 0, &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageBranch, Nonce: mlstest.Bytes(1, 32)}}, ErrProposal},
		"PSK of usage reinit":          {robot.cfg.Signer, nil, 0, &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageReInit, Nonce: mlstest.Bytes(1, 32)}}, ErrProposal},
		"reinit to version 0 (12.1.5)": {robot.cfg.Signer, nil, 0, &message.ReInit{GroupID: []byte("x"), CipherSuite: w.suite.ID()}, ErrProposal},
		"unknown component":            {robot.cfg.Signer, nil, 0, update(0x9000, "x"), ErrProposal},
	} {
		to := target(all[0].State)
		if c.to != nil {
			c.to(&to)
		}
		msg, err := ProposeExternal(w.suite, c.signer, to, c.index, c.p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := all[0].Process(msg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if n := len(all[0].Waiting()); n != 0 {
			t.Errorf("%s: %d proposals wait", name, n)
		}
	}
	// Types that only members send: what cannot be made cannot be tried, package
	// message refuses both ways.
	for _, p := range []message.Proposal{&message.Update{LeafNode: all[0].Member(0)}, &message.ExternalInit{}, &message.SelfRemove{}, &message.Unknown{Type: 0xf000}} {
		if _, err := ProposeExternal(w.suite, robot.cfg.Signer, target(all[0].State), 0, p); !errors.Is(err, message.ErrMalformed) {
			t.Errorf("type %d: %v", p.ProposalType(), err)
		}
	}
	// And without the extension there are no external senders.
	bare := w.group("dave erin", CreateOptions{})
	msg, err := ProposeExternal(w.suite, robot.cfg.Signer, target(bare[0].State), 0, remove)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare[0].Process(msg); !errors.Is(err, ErrSender) {
		t.Errorf("no external_senders: %v", err)
	}
}

// Everybody is asked about external senders that are added or changed (5.3.1), and
// about whom they propose to add.
func TestExternalSendersAreAuthenticated_5_3_1(t *testing.T) {
	w, all, robot, _ := outsiders(t)
	w.asked = map[string][]Candidate{}
	more := tree.Extensions{senders(w, "other")}
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.GroupContextExtensions{Extensions: more}}})
	sameKeys(t, w.everybody(all[0]), "external sender 0 other", "Commit 0 alice")
	sameKeys(t, w.everybody(all[1]), "external sender 0 other", "Commit 0 alice")
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.GroupContextExtensions{Extensions: more}}})
	sameKeys(t, w.everybody(all[1]), "Commit 0 alice")
	// The old sender is none any more.
	msg, err := ProposeExternal(w.suite, robot.cfg.Signer, target(all[0].State), 0, &message.Remove{Removed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Process(msg); !errors.Is(err, suite.ErrSignature) {
		t.Errorf("the sender that was replaced: %v", err)
	}
	w.refuse = func(client string, c Candidate) error {
		if c.Entry == InExternalSender {
			return errStranger
		}
		return nil
	}
	if _, err := all[0].Commit(CommitOptions{ByValue: []message.Proposal{&message.GroupContextExtensions{Extensions: tree.Extensions{senders(w, "third")}}}}); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a sender that the authenticator refuses: %v", err)
	}
}

// "External Proposals" (12.1.8), new_member_proposal: a client asks for itself.
func TestProposeJoin_12_1_8(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	carol := w.client("carol")
	all = append(all, carol)
	// "External proposals that are not authorized are considered invalid."
	ask, err := ProposeJoin(w.suite, carol.cfg.Signer, target(all[0].State), carol.keyPackage())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Process(ask); !errors.Is(err, ErrForbidden) {
		t.Errorf("without a policy: %v", err)
	}
	for _, c := range all[:2] {
		c.State.cfg.Policy = allowAll{}
	}
	msg, err := ProposeJoin(w.suite, carol.cfg.Signer, target(all[0].State), carol.keyPackage())
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range w.tell(w.client("outside"), all, msg) {
		if got := event.(*Proposed); got.Sender.Type != message.SenderNewMemberProposal {
			t.Errorf("from %v", got.Sender)
		}
	}
	w.commit(all[1], all, CommitOptions{})
	w.talk(all)

	eve := w.client("eve")
	if _, err := ProposeJoin(w.suite, eve.cfg.Signer, target(all[0].State), carol.kp.Public); !errors.Is(err, ErrConfig) {
		t.Errorf("somebody else's KeyPackage: %v", err)
	}
	// Made by hand, it is the signature that is wrong.
	stolen, err := propose(w.suite, eve.cfg.Signer, target(all[0].State), message.Sender{Type: message.SenderNewMemberProposal}, &message.Add{KeyPackage: w.client("dave").keyPackage()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Process(stolen); !errors.Is(err, suite.ErrSignature) {
		t.Errorf("signed by another: %v", err)
	}
	clear(w.known)
	join, err := ProposeJoin(w.suite, eve.cfg.Signer, target(all[0].State), eve.keyPackage())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Process(join); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a stranger: %v", err)
	}
}

// allowAll is a Policy that everybody may do everything.
type allowAll struct{}

func (allowAll) AllowProposal(*View, Covered) error                                 { return nil }
func (allowAll) AllowCommit(*View, message.Sender, *tree.LeafNode, []Covered) error { return nil }
