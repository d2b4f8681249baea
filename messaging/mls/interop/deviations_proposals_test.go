package interop

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// More of where ts-mls 1.6.4 departs from RFC 9420: what is proposed. outside.mjs and
// provisional.mjs make up for the first two in the other tests.

// TestExternalSendersAreAVector: external_senders holds a vector of them, and a sender
// is named by its index there (12.1.8.1). ts-mls reads one sender, without the length
// around it, and knows none of a group that keeps to the RFC.
func TestExternalSendersAreAVector(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	robot, theirRobot := newOurs(t, s, "robot"), newTheirs(t, p, s, "robot", nil)
	extension := tree.ExternalSendersExtension([]tree.ExternalSender{sender(robot), sender(theirRobot)})
	all := founders(t, p, s, true, extension)
	their := all[1].(*theirs)
	_, err = their.try("process", q{"message": robot.proposes(all[0], 0, change{remove: []uint32{3}}), "literally": true})
	refused(t, their, err, "a proposal of the first external sender")
	info, _ := all[0].groupInfo(false)
	_, err = theirRobot.try("proposeOutside", q{"groupInfo": info, "remove": 3, "literally": true})
	refused(t, theirRobot, err, "to propose as an external sender")
	made := all[0].commit(change{extensions: &tree.Extensions{extension}})
	refused(t, their, their.process(made.commit), "new external senders")
}

// TestProvisionalContext: path secrets are encrypted with the provisional GroupContext,
// which has the new extensions ("Creating a Commit", 12.4.1). ts-mls makes such a commit
// with the old ones, and neither we nor other members of ts-mls can follow it.
func TestProvisionalContext(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := fourMembers(t, p, s)
	waits(t, change{update: true}, all[0], others(all[0], members(all)...)...)
	required := tree.RequiredCapabilities{Credentials: []tree.CredentialType{tree.CredentialBasic}}
	commit := all[1].(*theirs).ask("commit", q{"extensions": extensionsOf(tree.Extensions{required.Extension()}), "literally": true, "dry": true}).Commit
	for _, m := range all[2:] {
		before := m.state()
		refused(t, m, m.process(commit), "path secrets encrypted with the old extensions")
		if m.state() != before {
			t.Errorf("%s: something has changed", m.name())
		}
	}
}

// TestNoExtensions: GroupContextExtensions replace those of the group (12.1.7), also by
// none. ts-mls keeps the old ones then, and does not agree.
func TestNoExtensions(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	required := tree.RequiredCapabilities{Credentials: []tree.CredentialType{tree.CredentialBasic}}
	all := founders(t, p, s, true, required.Extension())
	made := all[0].commit(change{extensions: &tree.Extensions{}})
	must(t, all[2].process(made.commit))
	agree(t, all[0], all[2])
	refused(t, all[1], all[1].process(made.commit), "no extensions any more")
}

// TestDefaultsRequired: the extension types of RFC 9420 itself are supported by all, and
// "need not be listed" to be required (11.1). ts-mls looks for them in the capabilities,
// where they must not be.
func TestDefaultsRequired(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	required := tree.RequiredCapabilities{Extensions: []tree.ExtensionType{tree.ExtensionExternalSenders}, Credentials: []tree.CredentialType{tree.CredentialBasic}}
	made := all[0].commit(change{extensions: &tree.Extensions{required.Extension()}})
	must(t, all[2].process(made.commit))
	agree(t, all[0], all[2])
	refused(t, all[1], all[1].process(made.commit), "a default extension that is required")
}

// TestUpdateWithTheOldKey: an Update has another encryption key than the leaf that it
// replaces ("Update", 12.1.2). ts-mls does not look; we refuse it, and a commit with it.
func TestUpdateWithTheOldKey(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	our, their := all[0].(*ours), all[3].(*theirs)
	before := our.state()
	proposal := all[1].(*theirs).ask("propose", q{"update": q{"stale": true}}).Proposal
	if err := our.process(proposal); !errors.Is(err, group.ErrProposal) {
		t.Errorf("an Update with the key of before: %v", err)
	}
	must(t, their.process(proposal))
	refused(t, our, our.process(their.ask("commit", nil).Commit), "a commit with an Update that it has refused")
	if our.state() != before {
		t.Error("something has changed")
	}
}

// TestPSKsOfSuccessors: a PreSharedKey proposal with usage reinit or branch is invalid but in
// the first commit of the group that continues another (11.2, 11.3). ts-mls makes and
// takes it; we refuse it.
func TestPSKsOfSuccessors(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	our, their := all[0].(*ours), all[1].(*theirs)
	before := our.state()
	for _, op := range []string{"commit", "propose"} {
		for _, usage := range []string{"reinit", "branch"} {
			psk := q{"epoch": before.agreed.epoch, "usage": usage}
			a := their.ask(op, q{"psk": psk, "psks": []q{psk}, "dry": true})
			if err := our.process(append(a.Commit, a.Proposal...)); !errors.Is(err, group.ErrProposal) || our.state() != before {
				t.Errorf("%s with a PSK of usage %s: %v", op, usage, err)
			}
			if op == "propose" {
				must(t, all[3].process(a.Proposal))
			}
		}
	}
}

// TestReInitTogether: the group after a ReInit has version and suite of its own, so its
// proposal stands alone in a commit ("Proposal List Validation", 12.2); both refuse to
// make and to take others with it.
func TestReInitTogether(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	r := &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: s.ID()}
	for _, m := range all[:2] {
		refused(t, m, tries(m, change{reinit: r, remove: []uint32{3}}), "a ReInit with a Remove")
	}
}

// TestUnsupportedExtension: an extension of the group "MUST be supported by all members"
// ("Extensions", 13.4). ts-mls looks at those who are added alone, and makes and takes
// such commits; we refuse them.
func TestUnsupportedExtension(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	our, their, their2 := all[0].(*ours), all[1].(*theirs), all[3].(*theirs)
	waits(t, change{update: true}, all[2], others(all[2], all...)...)
	before := our.state()
	c := change{extensions: &tree.Extensions{{Type: topic, Data: []byte("unsupported")}}}
	commit := their.ask("commit", q{"extensions": extensionsOf(*c.extensions), "dry": true}).Commit
	if err := our.process(commit); !errors.Is(err, tree.ErrUnsupported) || our.state() != before {
		t.Errorf("a commit with an extension that we do not support: %v", err)
	}
	must(t, their2.process(commit))
	refused(t, our, tries(our, c), "to make such a commit")
	// The proposal by itself waits: members who do not support it might leave. Our commit
	// does without it.
	waits(t, c, their, our, all[2])
	made := our.commit(change{})
	tell(t, made.commit, our, their, all[2])
	agree(t, our, their, all[2])
}
