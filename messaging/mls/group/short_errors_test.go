package group

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestErrorsAreShort: identifiers that others choose may be as long as a message, and
// errors end up in logs.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 88)
	all := w.group("alice bob", CreateOptions{})
	alice := all[0]
	cfg := &alice.State.cfg
	long := bytes.Repeat([]byte{7}, 1<<16)
	closed := &State{cfg: *cfg, current: &epoch{context: &schedule.GroupContext{GroupID: long, Epoch: 5}}}
	origin := func(s *State, usage schedule.ResumptionUsage) error {
		id := &schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage, GroupID: long, Epoch: 3}
		_, _, err := findOrigin(id, &JoinOptions{Origin: func([]byte) *State { return s }})
		return err
	}
	info := &message.GroupInfo{GroupContext: schedule.GroupContext{GroupID: long}}
	for what, attempt := range map[string]func() error{
		"an external PSK": func() error {
			_, err := cfg.psk(&schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: long})
			return err
		},
		"a component's PSK": func() error {
			_, err := cfg.psk(&schedule.PreSharedKeyID{Type: schedule.ApplicationPSK, Component: 1, ID: long})
			return err
		},
		"a resumption PSK": func() error {
			_, err := cfg.psk(&schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageApplication, GroupID: long})
			return err
		},
		"a group that we are not in": func() error { return origin(nil, schedule.UsageBranch) },
		"a group without a ReInit":   func() error { return origin(closed, schedule.UsageReInit) },
		"an epoch that is gone":      func() error { return origin(closed, schedule.UsageBranch) },
		"a group that we are in": func() error {
			_, err := cfg.groupOf(info, &JoinOptions{Member: func([]byte) bool { return true }})
			return err
		},
		"a group that continues none": func() error {
			_, _, err := cfg.welcomePSKs(nil, &JoinOptions{Continues: long})
			return err
		},
		"an unknown proposal": func() error {
			_, err := alice.Commit(CommitOptions{References: []message.ProposalRef{long}})
			return err
		},
		"a reference that is received": func() error {
			_, err := all[1].Process(alice.forge(badCommit{commit: func(c *message.Commit) {
				c.Proposals = []message.ProposalOrRef{{Reference: long}}
			}}))
			return err
		},
		"an identity": func() error {
			c := tree.BasicCredential(long)
			_, err := alice.ProposeUpdate(&LeafChange{Credential: &c}, ProposalOptions{})
			return err
		},
		"a component": func() error {
			_, err := cfg.component(component.ID(0x9999))
			return err
		},
	} {
		err := attempt()
		if err == nil {
			t.Errorf("%s: no error", what)
		} else if n := len(err.Error()); n > 300 {
			t.Errorf("%s: an error of %d bytes: %.100s", what, n, err)
		}
	}
}
