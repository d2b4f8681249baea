package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestNobodyTakesAPlace_12_2: an Authenticator that only knows who everybody is, and
// never compares, lets nobody put a member out and come in as its successor: by an
// external Commit, an Update, or a Commit.
func TestNobodyTakesAPlace_12_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 91)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob, carol := all[0], all[1], all[2]
	carol.State.cfg.Authenticator = AuthenticatorFunc(func([]byte, []Candidate) error { return nil })
	mallory := w.client("mallory")
	mallory.naive, bob.naive = true, true
	info, err := alice.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		t.Fatal(err)
	}
	_, external, err := JoinExternal(mallory.cfg, info, ExternalOptions{Leaf: mallory.leaf(),
		Resync: func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "alice" }})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(external, ErrSuccessor, carol)
	w.refuses(external, ErrUnauthenticated, carol)
	robert := &LeafChange{Credential: &tree.Credential{Type: tree.CredentialBasic, Identity: []byte("robert")}}
	update, err := bob.ProposeUpdate(robert, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(update, ErrSuccessor, carol)
	p, err := bob.Commit(CommitOptions{Leaf: robert})
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(p.Message, ErrSuccessor, carol)
	bob.Abandon()
	if _, err := carol.ProposeUpdate(robert, ProposalOptions{}); !errors.Is(err, ErrSuccessor) {
		t.Errorf("carol's own Update: %v", err)
	}
	if _, err := carol.Commit(CommitOptions{Leaf: robert}); !errors.Is(err, ErrSuccessor) {
		t.Errorf("carol's own Commit: %v", err)
	}
	// One who comes back is the same, with another key.
	alice.cfg.Signer = alice.newSigner()
	_, external, err = JoinExternal(alice.cfg, info, ExternalOptions{Leaf: alice.leaf(),
		Resync: func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "alice" }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := carol.Process(external); err != nil {
		t.Errorf("alice comes back: %v", err)
	}
}

// What a SuccessorAuthenticator is asked, and what others are not.
func TestSuccessors(t *testing.T) {
	t.Parallel()
	basic := func(name string) tree.Credential { return tree.BasicCredential([]byte(name)) }
	x509 := func(cert string) tree.Credential {
		return tree.Credential{Type: tree.CredentialX509, Certificates: [][]byte{[]byte(cert)}}
	}
	unknown := func(data string) tree.Credential { return tree.Credential{Type: 0xf00f, Unknown: []byte(data)} }
	w := newWorld(t, testSuite, 92)
	cfg := w.client("bob").cfg
	for what, c := range map[string]struct {
		old, next tree.Credential
		same, ok  bool
	}{
		"the same":                 {basic("a"), basic("a"), true, true},
		"another identity":         {basic("a"), basic("b"), false, false},
		"to X.509":                 {basic("a"), x509("a"), false, false},
		"from X.509":               {x509("a"), basic("a"), false, false},
		"another certificate":      {x509("a"), x509("b"), false, true},
		"the same certificate":     {x509("a"), x509("a"), true, true},
		"another, unknown":         {unknown("a"), unknown("b"), false, true},
		"from an unknown to X.509": {unknown("a"), x509("b"), false, false},
	} {
		candidate := func() []Candidate {
			return []Candidate{{Credential: basic("new")}, {Credential: c.next, Replaces: &tree.LeafNode{Credential: c.old}}}
		}
		cfg.Authenticator = AuthenticatorFunc(func([]byte, []Candidate) error { return nil })
		err := cfg.authenticate([]byte("g"), candidate())
		if c.ok != (err == nil) || err != nil && (!errors.Is(err, ErrSuccessor) || !errors.Is(err, ErrUnauthenticated)) {
			t.Errorf("%s: %v", what, err)
		}
		for _, says := range []error{nil, errRefused} {
			a := &successors{says: says}
			cfg.Authenticator = a
			err := cfg.authenticate([]byte("g"), candidate())
			want := says
			if c.same {
				want = nil
			}
			if !errors.Is(err, want) || want != nil && !errors.Is(err, ErrUnauthenticated) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
			if asked := a.asked != nil; asked == c.same || asked && (a.asked.Suite != testSuite || !a.asked.Credential.Equal(&c.next)) {
				t.Errorf("%s: asked about %+v", what, a.asked)
			}
			if a.all != (want == nil) {
				t.Errorf("%s: asked about all: %v", what, a.all)
			}
		}
	}
}

type successors struct {
	says  error
	asked *Candidate
	all   bool
}

func (s *successors) Authenticate([]byte, []Candidate) error { s.all = true; return nil }

func (s *successors) AllowSuccessor(_ []byte, c *Candidate) error { s.asked = c; return s.says }
