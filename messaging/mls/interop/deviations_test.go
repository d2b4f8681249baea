package interop

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Where ts-mls 1.6.4 departs from RFC 9420, and what comes of it here. peer.mjs
// makes up for the first two in the other tests; what it does not make up for is not
// in them.

// TestCompressedSignatureKey: "Cipher Suites" (5.1) has ECDSA public keys as
// uncompressed points. The package's own keygen compresses them; such members are
// refused.
func TestCompressedSignatureKey(t *testing.T) {
	p := start(t, "peer.mjs")
	for _, id := range []suite.ID{suite.P256_AES128GCM_SHA256_P256, suite.P384_AES256GCM_SHA384_P384, suite.P521_AES256GCM_SHA512_P521} {
		s, err := suite.Get(id)
		must(t, err)
		our, their := newOurs(t, s, "a"), newTheirs(t, p, s, "b", q{"compressed": true})
		our.create([]byte("group"))
		_, err = our.group.Commit(group.CommitOptions{ByValue: our.proposals(change{add: [][]byte{their.keyPackage()}})})
		if !errors.Is(err, suite.ErrKey) {
			t.Errorf("%v: a compressed signature key: %v", s, err)
		}
	}
}

// TestExtensionsWithoutPath: a commit with GroupContextExtensions must have a path
// ("Commit", 12.4). ts-mls makes it without; it is refused, and nothing has changed.
// In the other direction our commit, with a path, is taken.
func TestExtensionsWithoutPath(t *testing.T) {
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	our, their := newOurs(t, s, "a"), newTheirs(t, p, s, "b", nil)
	their.create([]byte("group"))
	adds(t, change{treeInside: true}, our, their)
	commits(t, change{}, our, their)
	a := their.ask("commit", q{"extensions": []q{}, "dry": true})
	before := our.state()
	if err := our.process(a.Commit); !errors.Is(err, group.ErrPathRequired) {
		t.Errorf("new extensions without a path: %v", err)
	}
	if our.state() != before {
		t.Error("something has changed")
	}
	required := tree.RequiredCapabilities{Credentials: []tree.CredentialType{tree.CredentialBasic}}
	pending, err := our.group.Commit(group.CommitOptions{ByValue: []message.Proposal{
		&message.GroupContextExtensions{Extensions: tree.Extensions{required.Extension()}},
	}})
	must(t, err)
	_, err = our.group.Merge(pending)
	must(t, err)
	must(t, their.process(pending.Message))
	agree(t, our, their)
}

// TestBlankRoot: if one half of the tree is blank, the path of a commit does not reach
// the root. Its last secret is the one that the commit secret comes from ("Creating a
// Commit", 12.4.1); ts-mls goes on to the root. Both see that they do not agree, by the
// confirmation tag; and what is ours goes on as before.
func TestBlankRoot(t *testing.T) {
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	for _, by := range []int{2, 3} {
		our := newOurs(t, s, "2")
		m := []member{newOurs(t, s, "0"), newTheirs(t, p, s, "1", nil), our, newTheirs(t, p, s, "3", nil)}
		m[0].create([]byte(groupID))
		for i := 1; i < len(m); i++ {
			adds(t, change{}, m[i], m[0], m[1:i]...)
		}
		before := our.state()
		c := m[by].commit(change{remove: []uint32{0, 1}})
		err := m[5-by].process(c.commit)
		refused(t, m[5-by], err, "a commit whose secrets it derives in another way")
		if by == 2 {
			continue
		}
		if !errors.Is(err, group.ErrConfirmation) || our.state() != before {
			t.Errorf("%v, and %v became %v", err, before, our.state())
		}
	}
}
