package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestReInitLeadsSomewhere: we neither propose nor commit a ReInit to a group that
// nobody here could found or enter. What others commit is followed.
func TestReInitLeadsSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 89)
	for what, c := range map[string]struct {
		p    message.ReInit
		want error
	}{
		"own identifier": {message.ReInit{GroupID: []byte("the group"), Version: message.MLS10, CipherSuite: testSuite}, ErrProposal},
		"unknown suite":  {message.ReInit{GroupID: []byte("x"), Version: message.MLS10, CipherSuite: 0xf0f0}, suite.ErrUnsupported},
		"later version":  {message.ReInit{GroupID: []byte("x"), Version: 2, CipherSuite: testSuite}, message.ErrVersion},
	} {
		all := w.group("alice bob", CreateOptions{})
		alice, bob := all[0], all[1]
		for how, attempt := range map[string]func() error{
			"proposed": func() error { _, err := alice.Propose(&c.p, ProposalOptions{}); return err },
			"committed": func() error {
				_, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{&c.p}})
				return err
			},
		} {
			if err := attempt(); !errors.Is(err, ErrProposal) || !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v", what, how, err)
			}
		}
		// One that somebody proposes does not keep a Commit from being made.
		w.tell(bob, all, bob.sends(&c.p))
		if got := w.commit(alice, all, CommitOptions{}); len(got.Proposals) != 0 {
			t.Errorf("%s: alice commits %v", what, got.Proposals)
		}
		e, err := bob.Process(alice.forge(badCommit{proposals: []Covered{alice.value(&c.p)}}))
		if err != nil || e.(*Committed).ReInit == nil {
			t.Errorf("%s, received: %v", what, err)
		}
	}
}
