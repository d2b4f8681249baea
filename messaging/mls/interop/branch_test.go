package interop

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestBranch: one of either kind branches a group of three of four members, with the
// old group's suite and extensions ("Subgroup Branching", 11.3), and both groups go on.
func TestBranch(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	for _, id := range []suite.ID{1, 2} {
		for founder := range 2 {
			t.Run(fmt.Sprintf("suite=%d/founder=%d", id, founder), func(t *testing.T) {
				t.Parallel()
				s, err := suite.Get(id)
				must(t, err)
				all := fourMembers(t, p, s)
				required := tree.RequiredCapabilities{Credentials: []tree.CredentialType{tree.CredentialBasic}}
				extensions := tree.Extensions{required.Extension()}
				commits(t, change{extensions: &extensions}, all[0], members(all[1:])...)
				branch := []successor{all[founder].again(s), all[1-founder].again(s), all[3-founder].again(s)}
				group, err := branch[0].branches([]byte("branch"), keyPackages(branch[1:]...))
				must(t, err)
				nextGroup(t, "branch", branch[0], group, branch[1:]...)
				for _, m := range branch {
					if m, ok := m.(*ours); ok && !bytes.Equal(syntax.Marshal(m.group.Context().Extensions), syntax.Marshal(extensions)) {
						t.Errorf("the branch has the extensions %v", m.group.Context().Extensions)
					}
				}
				talk(t, members(all)...)
				// Once more, from the epoch that it is in now, without those functions.
				for i := range branch {
					branch[i] = branch[i].again(s)
				}
				group, err = branch[0].branches([]byte("branch of the branch"), keyPackages(branch[1:]...))
				must(t, err)
				nextGroup(t, "", branch[0], group, branch[1:]...)
			})
		}
	}
}

// TestBranchWithAStranger: "Each LeafNode in a new subgroup MUST match some LeafNode in
// the original group" (11.3). ts-mls makes such a branch, and does not look; we refuse it.
func TestBranchWithAStranger(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := fourMembers(t, p, s)
	stranger := newOurs(t, s, "stranger")
	their, our, their2 := all[1].again(s), all[0].again(s), all[3].again(s)
	group, err := their.branches([]byte("branch"), append(keyPackages(our, their2), stranger.keyPackage()))
	must(t, err)
	refusesOrigin(t, our, our.join(group.welcome, group.tree), "a branch with a stranger")
	must(t, their2.join(group.welcome, group.tree))

	_, err = our.branches([]byte("branch of ours"), [][]byte{stranger.keyPackage()})
	refusesOrigin(t, our, err, "to make a branch with a stranger")

	// Who is not in the old group does not have its key.
	made, err := all[1].again(s).branches([]byte("branch"), [][]byte{stranger.keyPackage()})
	must(t, err)
	if err := stranger.join(made.welcome, made.tree); err == nil {
		t.Error("a stranger joins a branch")
	}
}
