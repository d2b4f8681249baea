package interop

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

const (
	topic = tree.ExtensionType(0xf0a0) // an extension of the application
	poll  = tree.ProposalType(0xf0b0)  // a proposal of the application
)

// ourKnowing and theirKnowing support them.
func ourKnowing(t testing.TB, s *suite.Suite, name string) *ours {
	m := newOurs(t, s, name)
	c := group.DefaultCapabilities(tree.CredentialBasic)
	c.Extensions, c.Proposals = append(c.Extensions, topic), append(c.Proposals, poll)
	m.leafCan = &c
	return m
}

func theirKnowing(t testing.TB, p *peer, s *suite.Suite, name string) *theirs {
	return newTheirs(t, p, s, name, q{"extensions": []tree.ExtensionType{topic}, "proposals": []tree.ProposalType{poll}})
}

// knowing is a group of two of each kind who support both.
func knowing(t testing.TB, p *peer, s *suite.Suite) []member {
	all := []member{ourKnowing(t, s, "a1"), theirKnowing(t, p, s, "b1"), ourKnowing(t, s, "a2"), theirKnowing(t, p, s, "b2")}
	all[0].create([]byte(groupID))
	for i := 1; i < len(all); i++ {
		adds(t, change{}, all[i], all[0], all[1:i]...)
	}
	return all
}

// TestGroupContextExtensions: both propose and commit new extensions of the group, with
// required_capabilities ("Required Capabilities", 11.1), and neither adds somebody who
// does not support what the group then has.
func TestGroupContextExtensions(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := knowing(t, p, s)
	our, their := all[0], all[1]
	required := tree.RequiredCapabilities{
		Extensions: []tree.ExtensionType{topic}, Proposals: []tree.ProposalType{poll}, Credentials: []tree.CredentialType{tree.CredentialBasic},
	}
	extensions := func(text string) *tree.Extensions {
		return &tree.Extensions{required.Extension(), {Type: topic, Data: []byte(text)}}
	}
	has := func(text string) {
		t.Helper()
		if data, ok := our.(*ours).group.Context().Extensions.Find(topic); !ok || string(data) != text {
			t.Fatalf("the group's extension is %q, not %q", data, text)
		}
		talk(t, all...)
	}
	commits(t, change{extensions: extensions("by value, ours")}, our, others(our, all...)...)
	has("by value, ours")
	for _, from := range []member{our, their} {
		waits(t, change{extensions: extensions("proposed by " + from.name())}, from, others(from, all...)...)
		commits(t, change{}, all[2], others(all[2], all...)...)
		has("proposed by " + from.name())
	}
	// ts-mls leaves the path away, unless another proposal wants it.
	waits(t, change{update: true}, our, others(our, all...)...)
	commits(t, change{extensions: extensions("by value, theirs")}, their, others(their, all...)...)
	has("by value, theirs")

	for _, newcomer := range []member{newOurs(t, s, "stranger"), newTheirs(t, p, s, "stranger", nil)} {
		kp := newcomer.keyPackage()
		for _, m := range all {
			refused(t, m, addsTo(m, kp), "to add somebody without what the group requires")
		}
		for _, teller := range []member{our, their} {
			info, tree := teller.groupInfo(false)
			_, err := newcomer.external(info, tree, false)
			refused(t, newcomer, err, "to join a group whose extension it does not support")
		}
	}
	for _, newcomer := range []member{ourKnowing(t, s, "a3"), theirKnowing(t, p, s, "b3")} {
		adds(t, change{}, newcomer, all[1], others(all[1], all...)...)
		all = append(all, newcomer)
	}
	for _, newcomer := range []member{ourKnowing(t, s, "a4"), theirKnowing(t, p, s, "b4")} {
		enters(t, newcomer, all[2], false, false, others(all[2], all...)...)
		all = append(all, newcomer)
	}
	talk(t, all...)

	// What somebody does not support cannot be required of the group.
	required.Extensions = append(required.Extensions, 0xf0a1)
	for _, m := range all[:2] {
		refused(t, m, tries(m, change{extensions: extensions("x")}), "to require what members do not support")
	}
}

// addsTo has a member try to add somebody.
func addsTo(m member, kp []byte) error { return tries(m, change{add: [][]byte{kp}}) }

// tries has a member try a commit, and drops it.
func tries(m member, c change) error {
	switch m := m.(type) {
	case *ours:
		_, err := m.group.Commit(group.CommitOptions{ByValue: m.proposals(c)})
		m.group.Abandon()
		return err
	case *theirs:
		fields := q{"add": c.add, "remove": c.remove, "dry": true}
		c.others(fields)
		_, err := m.try("commit", fields)
		return err
	}
	return nil
}
