package group

import (
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// testTime is the moment of all tests.
var testTime = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// client is somebody in tests: a Config and the name that is the credential.
type client struct {
	t    testing.TB
	name string
	cfg  Config
	// asked are the batches that the Authenticator of cfg was asked about.
	asked [][]Candidate
	// refuse, if set, is what it answers.
	refuse func(Candidate) error
}

// newClient returns a client whose keys depend on the test and the name.
func newClient(t testing.TB, id suite.ID, name string) *client {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(0)
	for _, b := range []byte(t.Name() + "/" + name) {
		seed = seed*1099511628211 + uint64(b)
	}
	rand := mlstest.Rand(seed)
	_, signer, err := s.GenerateSigner(rand)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, name: name}
	c.cfg = Config{
		Suite: s, Signer: signer, Rand: rand,
		Now: func() time.Time { return testTime },
		Authenticator: AuthenticatorFunc(func(_ []byte, all []Candidate) error {
			c.asked = append(c.asked, all)
			for _, candidate := range all {
				if c.refuse != nil {
					if err := c.refuse(candidate); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
	return c
}

func (c *client) leaf() LeafOptions {
	return LeafOptions{Credential: tree.BasicCredential([]byte(c.name))}
}

func (c *client) keyPackage() *KeyPackage {
	c.t.Helper()
	kp, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: c.leaf()})
	if err != nil {
		c.t.Fatal(err)
	}
	return kp
}

func (c *client) create(extensions ...tree.Extension) *State {
	c.t.Helper()
	s, err := Create(c.cfg, []byte("group"), c.leaf(), CreateOptions{Extensions: extensions})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// welcomeOf parses the Welcome of a Commit.
func welcomeOf(t testing.TB, encoded []byte) *message.Welcome {
	t.Helper()
	m, err := message.Parse(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return m.Body.(*message.Welcome)
}

// add has s add clients, and returns the States of all of them.
func add(t testing.TB, s *State, others ...*client) []*State {
	t.Helper()
	var proposals []message.Proposal
	var kps []*KeyPackage
	for _, c := range others {
		kp := c.keyPackage()
		kps = append(kps, kp)
		proposals = append(proposals, &message.Add{KeyPackage: kp.Public})
	}
	p, err := s.Commit(CommitOptions{ByValue: proposals})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Merge(p); err != nil {
		t.Fatal(err)
	}
	var states []*State
	for i, c := range others {
		joined, err := Join(c.cfg, kps[i], welcomeOf(t, p.Welcome), JoinOptions{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		states = append(states, joined)
	}
	return states
}

// commit has the first of states commit, and the others follow.
func commit(t testing.TB, o CommitOptions, states ...*State) {
	t.Helper()
	p, err := states[0].Commit(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := states[0].Merge(p); err != nil {
		t.Fatal(err)
	}
	deliver(t, p.Message, states[1:]...)
}

// deliver has states process a message.
func deliver(t testing.TB, msg []byte, states ...*State) {
	t.Helper()
	for _, s := range states {
		if _, err := s.Process(msg); err != nil {
			t.Fatalf("member %d: %v", s.Me(), err)
		}
	}
}

// agree requires that states are in the same epoch, and can talk to each other.
func agree(t testing.TB, states ...*State) {
	t.Helper()
	for _, s := range states {
		if string(s.EpochAuthenticator()) != string(states[0].EpochAuthenticator()) {
			t.Fatalf("members %d and %d are in different epochs: %d, %d", s.Me(), states[0].Me(), s.Epoch(), states[0].Epoch())
		}
		msg, err := s.Protect([]byte("hello"), nil)
		if err != nil {
			t.Fatalf("member %d: %v", s.Me(), err)
		}
		for _, other := range states {
			if other == s {
				continue
			}
			event, err := other.Process(msg)
			if err != nil {
				t.Fatalf("member %d to %d: %v", s.Me(), other.Me(), err)
			}
			if got := event.(*Application); string(got.Data) != "hello" || got.Sender != s.Me() {
				t.Fatalf("member %d to %d: %q from %d", s.Me(), other.Me(), got.Data, got.Sender)
			}
		}
	}
}
