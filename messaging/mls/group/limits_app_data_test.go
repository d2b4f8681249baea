package group

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// keepsLast is a component whose data is its last update.
type keepsLast struct{}

func (keepsLast) Update(_ *View, _ []byte, _ bool, updates []AppData) ([]byte, error) {
	return updates[len(updates)-1].Data, nil
}
func (keepsLast) Remove(*View, message.Sender) error { return nil }
func (keepsLast) Ephemeral(*View, AppData) error     { return nil }

// TestLimitOfAppData: application data counts with the group's other extensions.
func TestLimitOfAppData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 63)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	id := component.PrivateUse
	for _, c := range all {
		c.State.cfg.Components = map[component.ID]Component{id: keepsLast{}}
	}
	bob.State.cfg.Limits.ExtensionsSize = 700
	extensions := func(n int) message.Proposal {
		return &message.GroupContextExtensions{Extensions: tree.Extensions{{Type: tree.ExtensionApplicationID, Data: make([]byte, n)}}}
	}
	update := &message.AppDataUpdate{Component: id, Update: bytes.Repeat([]byte("x"), 200)}
	p, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{extensions(500), update}})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(p.Message, ErrLimit, bob)
	alice.Abandon()
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{extensions(300), update}})
}
