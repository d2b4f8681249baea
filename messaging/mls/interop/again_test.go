package interop

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestRemovedAndAdded: a client is removed and added again by one commit ("Proposal List
// Validation", 12.2), by both; and comes back with the signature key that it had.
func TestRemovedAndAdded(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := founders(t, p, s, true)
	for i, by := range all[:2] {
		for _, again := range all[2:] {
			rest := others(again, others(by, all...)...)
			made := commits(t, change{remove: []uint32{leafOf(again)}, add: [][]byte{again.keyPackage()}}, by, rest...)
			must(t, again.join(made.welcome, made.tree))
			agree(t, all...)
		}
		talk(t, all...)
		made := commits(t, change{remove: []uint32{leafOf(all[2+i])}}, by, others(all[2+i], others(by, all...)...)...)
		goes(t, made.commit, all[2+i], false)
		adds(t, change{}, all[2+i], by, others(all[2+i], others(by, all...)...)...)
		talk(t, all...)
	}
}
