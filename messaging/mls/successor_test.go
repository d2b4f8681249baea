package mls_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// careless is an Authenticator that takes everybody, in everybody's place.
type careless struct{}

func (careless) Authenticate([]byte, []group.Candidate) error  { return nil }
func (careless) AllowSuccessor([]byte, *group.Candidate) error { return nil }

// TestNobodyTakesAPlaceInTheExample: whoever the Authenticator of the documentation knows
// does not become somebody else's successor by that.
func TestNobodyTakesAPlaceInTheExample(t *testing.T) {
	names := directory{}
	alice, bob := names.newClient("alice"), names.newClient("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]

	names["robert"] = names["bob"]
	robert := tree.BasicCredential([]byte("robert"))
	if _, err := b.Update(&group.LeafChange{Credential: &robert}); !errors.Is(err, mls.ErrUnauthenticated) {
		t.Errorf("Bob, who becomes Robert: %v, want ErrUnauthenticated", err)
	}

	s := ok[*suite.Suite](t)(suite.Get(testSuite))
	_, signer, err := s.GenerateSigner(mlstest.Rand(131))
	if err != nil {
		t.Fatal(err)
	}
	names["mallory"] = signer.Public()
	info := ok[*message.MLSMessage](t)(message.Parse(ok[[]byte](t)(a.GroupInfo()))).Body.(*message.GroupInfo)
	_, commit, err := group.JoinExternal(
		group.Config{Suite: s, Signer: signer, Rand: mlstest.Rand(132), Now: time.Now, Authenticator: careless{}},
		info, group.ExternalOptions{
			Leaf:   group.LeafOptions{Credential: tree.BasicCredential([]byte("mallory"))},
			Resync: func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "alice" },
		})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Receive(commit); !errors.Is(err, mls.ErrUnauthenticated) {
		t.Errorf("Mallory, who takes Alice's place: %v, want ErrUnauthenticated", err)
	}
}
