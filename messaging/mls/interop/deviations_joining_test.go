package interop

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// More of where ts-mls 1.6.4 departs from RFC 9420: who joins.

// TestUnmergedLeaves: "For each non-empty parent node and each entry in the node's
// unmerged_leaves field", the nodes between it and that leaf have to list the leaf too
// ("Joining via Welcome Message", 12.4.3.1). ts-mls wants their whole lists to be the
// same, and refuses trees in which one newcomer was followed by a second elsewhere. We
// join.
func TestUnmergedLeaves(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := []member{newOurs(t, s, "0")}
	all[0].create([]byte(groupID))
	for i := 1; i < 6; i++ {
		m := newOurs(t, s, fmt.Sprint(i))
		adds(t, change{}, m, all[0], all[1:]...)
		all = append(all, m)
	}
	for _, m := range all {
		commits(t, change{}, m, others(m, all...)...)
	}
	// The node over leaves 0 to 3 gets a key from 2; 1 is new under it. Then the root
	// gets another one from 5, to which 1 is no newcomer.
	without := append([]member{all[0]}, all[2:]...)
	made := commits(t, change{remove: []uint32{1}}, all[5], others(all[5], without...)...)
	goes(t, made.commit, all[1], false)
	commits(t, change{}, all[2], others(all[2], without...)...)
	our, their := newOurs(t, s, "ours"), newTheirs(t, p, s, "theirs", nil)
	made = commits(t, change{add: [][]byte{our.keyPackage(), their.keyPackage()}}, all[5], others(all[5], without...)...)
	must(t, our.join(made.welcome, made.tree))
	if unmergedAlike(our.group.Tree()) {
		t.Fatal("that is not the tree it should be")
	}
	refused(t, their, their.join(made.welcome, made.tree), "a tree in which a leaf is unmerged for some nodes")
	enters := newTheirs(t, p, s, "enters", nil)
	info, tree := our.groupInfo(false)
	_, err = enters.external(info, tree, false)
	refused(t, enters, err, "such a tree in a GroupInfo")

	// Once the newcomer has sent a commit, all is well.
	without = append(without, our)
	commits(t, change{}, our, others(our, without...)...)
	if !unmergedAlike(our.group.Tree()) {
		t.Fatal("a leaf is still unmerged")
	}
	info, tree = our.groupInfo(false)
	commit, err := enters.external(info, tree, false)
	must(t, err)
	tell(t, commit, enters, without...)
	agree(t, append(without, enters)...)
}

// TestRejoining: a Welcome may come with a resumption PSK of usage application, for
// somebody who was in the group before ("Joining via Welcome Message", 12.4.3.1). ts-mls
// takes any resumption PSK for that of a ReInit or a branch, and refuses it; we join.
func TestRejoining(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := fourMembers(t, p, s)
	our, their := all[2].(*ours), all[3]
	epoch := our.state().agreed.epoch
	secret, ok := our.group.ResumptionPSK(epoch)
	if !ok {
		t.Fatal("no resumption PSK")
	}
	in := members(all[:2])
	made := commits(t, change{remove: []uint32{2, 3}}, all[0], all[1])
	goes(t, made.commit, our, false)
	goes(t, made.commit, their, false)
	for _, by := range all[:2] {
		our, their := newOurs(t, s, "a2"), their.again(s)
		our.cfg.Resumption = func([]byte, uint64) ([]byte, error) { return slices.Clone(secret), nil }
		made := commits(t, change{add: [][]byte{our.keyPackage(), their.keyPackage()}, epochPSK: &epoch}, by, others(by, in...)...)
		must(t, our.join(made.welcome, made.tree))
		in = append(in, our)
		agree(t, in...)
		refused(t, their, their.join(made.welcome, made.tree), "a Welcome with a resumption PSK of the application")
	}
}

// TestSuccessorsWithoutAuthentication: "the application's authentication service" is
// asked about all leaves that a Welcome brings (5.3.1). The functions of ts-mls for those
// of a ReInit and a branch have no configuration to ask; joinGroup, with the state of
// the old group, does ask. So do we, always.
func TestSuccessorsWithoutAuthentication(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := fourMembers(t, p, s)
	our, their, founder := all[0].again(s), all[1].again(s), all[2].again(s)
	made, err := founder.branches([]byte("branch"), keyPackages(our, their))
	must(t, err)
	for _, m := range []successor{our, their} {
		m.refuse([]string{"a2"}, nil)
		refused(t, m, m.join(made.welcome, made.tree), "a branch with somebody it refuses")
	}
	if err := our.join(made.welcome, made.tree); !errors.Is(err, group.ErrUnauthenticated) {
		t.Errorf("a branch with somebody we refuse: %v", err)
	}
	their.(*theirs).by = "branch"
	must(t, their.join(made.welcome, made.tree))
}
