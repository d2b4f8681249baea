package group

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

func TestCreateAndJoin(t *testing.T) {
	for _, id := range suite.All() {
		s, err := suite.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			alice, bob, carol := newClient(t, id, "alice"), newClient(t, id, "bob"), newClient(t, id, "carol")
			a := alice.create()
			joined := add(t, a, bob, carol)
			b, c := joined[0], joined[1]
			agree(t, a, b, c)
			commit(t, CommitOptions{}, b, a, c)
			agree(t, a, b, c)
			dave := newClient(t, id, "dave")
			p, err := c.Commit(CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: a.Me()}}})
			if err != nil {
				t.Fatal(err)
			}
			deliver(t, p.Message, a, b)
			if _, err := c.Merge(p); err != nil {
				t.Fatal(err)
			}
			if !a.Removed() {
				t.Error("who was removed does not know")
			}
			d := add(t, c, dave)[0]
			if d.Me() != 0 {
				t.Errorf("the new member is leaf %d", d.Me())
			}
		})
	}
}
