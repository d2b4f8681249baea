package mls_test

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestMissingSignerIsNoDamage: what is missing is in the Config, and whoever is told of
// damage would delete the group.
func TestMissingSignerIsNoDamage(t *testing.T) {
	w := newWorld(t, 134)
	store := &mls.Memory{}
	old := w.config("alice", store)
	g := ok[*mls.Group](t)(must(t)(mls.NewClient(old)).Create(nil, nil))
	id, info := g.ID(), ok[[]byte](t)(g.GroupInfo())
	cfg := w.config("alice", store) // with a new signature key
	if _, err := must(t)(mls.NewClient(cfg)).Open(id); !errors.Is(err, mls.ErrConfig) || errors.Is(err, mls.ErrCorrupt) {
		t.Errorf("without the old signer: %v, want ErrConfig and not ErrCorrupt", err)
	}
	// Nor does it join again with a Commit that it could not confirm.
	if _, _, err := must(t)(mls.NewClient(cfg)).JoinExternal(info, mls.ExternalOptions{Resync: true}); !errors.Is(err, mls.ErrConfig) {
		t.Errorf("a resync without the old signer: %v, want ErrConfig", err)
	}
	cfg.OtherSigners = func([]byte) suite.Signer { return old.Signer }
	ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Open(id))
}
