package mls_test

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestJoinOfTheFirstVersion confirms an external Commit that the first version staged. It
// covers the SelfRemove of a member, and the store does not say whose.
func TestJoinOfTheFirstVersion(t *testing.T) {
	golden := readGoldenFile(t, "testdata/joining-1.json")
	cfg := golden.config(t)
	cfg.Credential = tree.BasicCredential([]byte("dora"))
	g := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Open([]byte("g")))
	changed, isChanged := ok[mls.Event](t)(g.Receive(golden.Lost)).(*mls.Changed)
	if !isChanged || changed.Own == nil || len(changed.Added) != 1 {
		t.Errorf("the event is %+v", changed)
	}
	if n := len(ok[[]mls.Member](t)(g.Members())); n != 3 {
		t.Errorf("%d members, want Alice, Carol and Dora", n)
	}
}
