package group

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// tb is what testing.T, testing.B and rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is clients and groups in memory, for the tests of this package: an
// Authentication Service that knows everybody, a clock, and randomness that is the
// same in every run (but for HPKE's, see suite.EncryptWithLabel).
type world struct {
	t     tb
	suite *suite.Suite
	rand  io.Reader
	now   time.Time
	known map[string]bool // what the Authenticator knows: identity, zero byte, signature key
	// asked is every Candidate that anybody's Authenticator was asked about, by
	// client. refuse makes all refuse what it returns an error for.
	asked   map[string][]Candidate
	batches map[string]int // calls, by client
	refuse  func(client string, c Candidate) error
	psks    map[string][]byte
	limits  Limits
}

var errStranger = errors.New("test: stranger")

func newWorld(t tb, id suite.ID, seed uint64) *world {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, suite: s, rand: mlstest.Rand(seed), now: time.Unix(1_700_000_000, 0),
		known: map[string]bool{}, asked: map[string][]Candidate{}, batches: map[string]int{}, psks: map[string][]byte{},
	}
}

// peer is somebody with a signature key, and at most one group.
type peer struct {
	*State // nil: in no group
	w      *world
	name   string
	cfg    Config
	kp     *KeyPackage // the last one made
	naive  bool        // its own Authenticator refuses nobody
}

// client returns a new client, whom everybody's Authenticator knows.
func (w *world) client(name string) *peer {
	w.t.Helper()
	c := &peer{w: w, name: name}
	signer := c.newSigner()
	c.cfg = Config{
		Suite:         w.suite,
		Signer:        signer,
		Authenticator: opinion{c.authenticate},
		PSK:           func(id []byte) ([]byte, error) { return w.psks[string(id)], nil },
		Rand:          w.rand,
		Now:           func() time.Time { return w.now },
		Limits:        w.limits,
	}
	return c
}

// newSigner returns a new signature key, which the Authenticator takes for c's.
func (c *peer) newSigner() suite.Signer {
	c.w.t.Helper()
	_, signer, err := c.w.suite.GenerateSigner(c.w.rand)
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.w.known[c.name+"\x00"+string(signer.Public())] = true
	return signer
}

// forget makes a name one that the Authenticator does not know.
func (w *world) forget(name string) {
	maps.DeleteFunc(w.known, func(known string, _ bool) bool { return strings.HasPrefix(known, name+"\x00") })
}

func (w *world) clients(names string) []*peer {
	var out []*peer
	for name := range strings.FieldsSeq(names) {
		out = append(out, w.client(name))
	}
	return out
}

// opinion is an Authenticator that says itself who may take somebody's place.
type opinion struct{ AuthenticatorFunc }

func (opinion) AllowSuccessor([]byte, *Candidate) error { return nil }

func (c *peer) authenticate(_ []byte, candidates []Candidate) error {
	c.w.asked[c.name] = append(c.w.asked[c.name], candidates...)
	c.w.batches[c.name]++
	if c.naive {
		return nil
	}
	for _, a := range candidates {
		if a.Suite != c.w.suite.ID() {
			return fmt.Errorf("asked about a key of suite %v", a.Suite)
		}
		if c.w.refuse != nil {
			if err := c.w.refuse(c.name, a); err != nil {
				return err
			}
		}
		if !c.w.known[string(a.Credential.Identity)+"\x00"+string(a.SignatureKey)] {
			return errStranger
		}
		if a.Replaces != nil && !bytes.Equal(a.Replaces.Credential.Identity, a.Credential.Identity) {
			return errStranger
		}
	}
	return nil
}

func (c *peer) leaf() LeafOptions {
	return LeafOptions{Credential: tree.BasicCredential([]byte(c.name))}
}

// create founds a group.
func (c *peer) create(o CreateOptions) {
	c.w.t.Helper()
	s, err := Create(c.cfg, []byte("the group"), c.leaf(), o)
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.State = s
}

// keyPackage makes a KeyPackage, and keeps its private keys.
func (c *peer) keyPackage() *message.KeyPackage {
	c.w.t.Helper()
	kp, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: c.leaf()})
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.kp = kp
	return kp.Public
}

// adds is an Add for each client, with a new KeyPackage.
func adds(clients ...*peer) []message.Proposal {
	var out []message.Proposal
	for _, c := range clients {
		out = append(out, &message.Add{KeyPackage: c.keyPackage()})
	}
	return out
}

// join enters a group by an encoded Welcome.
func (c *peer) join(welcome []byte) error {
	m, err := message.Parse(welcome)
	if err != nil {
		return err
	}
	s, err := Join(c.cfg, c.kp, m.Body.(*message.Welcome), JoinOptions{})
	if err != nil {
		return err
	}
	c.State = s
	return nil
}

// members are those of clients who are in a group.
func members(clients []*peer) []*peer {
	return slices.DeleteFunc(slices.Clone(clients), func(c *peer) bool { return c.State == nil || c.Removed() })
}

// commit makes by's Commit, gives it to all other members and merges it; those whom
// it adds join, those whom it removes are left without a group. It fails the test if
// anybody refuses, or if they do not agree afterwards.
func (w *world) commit(by *peer, clients []*peer, o CommitOptions) *Committed {
	w.t.Helper()
	p, err := by.Commit(o)
	if err != nil {
		w.t.Fatalf("%s commits: %v", by.name, err)
	}
	return w.follow(by, clients, p)
}

// follow is commit for a Commit that is made.
func (w *world) follow(by *peer, clients []*peer, p *Pending) *Committed {
	w.t.Helper()
	for _, c := range members(clients) {
		if c == by {
			continue
		}
		event, err := c.Process(p.Message)
		if err != nil {
			w.t.Fatalf("%s processes %s's commit: %v", c.name, by.name, err)
		}
		if event.(*Committed).Removed {
			c.State = nil
		}
	}
	out, err := by.Merge(p)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, q := range p.Committed.Proposals {
		add, ok := q.Proposal.(*message.Add)
		if !ok {
			continue
		}
		for _, c := range clients {
			if c.name == string(add.KeyPackage.LeafNode.Credential.Identity) {
				if err := c.join(p.Welcome); err != nil {
					w.t.Fatalf("%s joins: %v", c.name, err)
				}
			}
		}
	}
	w.agree(clients)
	return out
}

// propose makes a proposal and gives it to all other members.
func (w *world) propose(by *peer, clients []*peer, p message.Proposal) {
	w.t.Helper()
	msg, err := by.Propose(p, ProposalOptions{})
	if err != nil {
		w.t.Fatalf("%s proposes: %v", by.name, err)
	}
	w.tell(by, clients, msg)
}

// tell gives a message to all members but one; nil: to all.
func (w *world) tell(by *peer, clients []*peer, msg []byte) []Event {
	w.t.Helper()
	if by == nil {
		by = &peer{name: "somebody"}
	}
	var events []Event
	for _, c := range members(clients) {
		if c == by {
			continue
		}
		event, err := c.Process(msg)
		if err != nil {
			w.t.Fatalf("%s processes %s's message: %v", c.name, by.name, err)
		}
		events = append(events, event)
	}
	return events
}

// agree fails the test unless all members see the same group.
func (w *world) agree(clients []*peer) {
	w.t.Helper()
	all := members(clients)
	for _, c := range all {
		first := all[0]
		for what, equal := range map[string]bool{
			"epoch":                c.Epoch() == first.Epoch(),
			"epoch authenticator":  bytes.Equal(c.EpochAuthenticator(), first.EpochAuthenticator()),
			"tree hash":            bytes.Equal(c.Tree().RootHash(), first.Tree().RootHash()),
			"context":              bytes.Equal(c.Context().Bytes(), first.Context().Bytes()),
			"confirmation tag":     bytes.Equal(c.ConfirmationTag(), first.ConfirmationTag()),
			"interim hash":         bytes.Equal(c.current.interim, first.current.interim),
			"init secret":          bytes.Equal(c.current.secrets.Init, first.current.secrets.Init),
			"exported secret":      bytes.Equal(w.export(c), w.export(first)),
			"members":              maps.Equal(w.names(c), w.names(first)),
			"own leaf":             string(c.Member(c.Me()).Credential.Identity) == c.name,
			"tree hash in context": bytes.Equal(c.Tree().RootHash(), c.Context().TreeHash),
		} {
			if !equal {
				w.t.Fatalf("epoch %d of %s, %d of %s: they differ in %s", c.Epoch(), c.name, first.Epoch(), first.name, what)
			}
		}
		if err := c.current.private.Check(w.suite, c.Tree()); err != nil {
			w.t.Fatalf("%s's private keys: %v", c.name, err)
		}
	}
	if len(all) == 0 {
		return
	}
	if names := w.names(all[0]); len(names) != len(all) {
		w.t.Fatalf("%d clients are members, the tree has %d", len(all), len(names))
	}
	if err := all[0].Tree().Validate(all[0].Context().TreeHash, &tree.Rules{GroupID: all[0].GroupID(), Extensions: all[0].Context().Extensions}); err != nil {
		w.t.Fatalf("tree: %v", err)
	}
}

func (w *world) export(c *peer) []byte {
	secret, err := c.Export("test", []byte("context"), 40)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

func (w *world) names(c *peer) map[tree.LeafIndex]string {
	out := map[tree.LeafIndex]string{}
	for i, leaf := range c.Members() {
		out[i] = string(leaf.Credential.Identity)
	}
	return out
}

// talk has every member send a message to all others, who read it once and not
// twice.
func (w *world) talk(clients []*peer) {
	w.t.Helper()
	for i, by := range members(clients) {
		data, aad := fmt.Appendf(nil, "message %d of %s", i, by.name), []byte("in the clear")
		msg, err := by.Protect(data, aad)
		if err != nil {
			w.t.Fatalf("%s sends: %v", by.name, err)
		}
		for _, c := range members(clients) {
			if c == by {
				continue
			}
			event, err := c.Process(msg)
			if err != nil {
				w.t.Fatalf("%s reads %s's message: %v", c.name, by.name, err)
			}
			got := event.(*Application)
			if !bytes.Equal(got.Data, data) || !bytes.Equal(got.AAD, aad) || got.Sender != by.Me() || got.Epoch != by.Epoch() {
				w.t.Fatalf("%s reads %+v instead of %q of %d", c.name, got, data, by.Me())
			}
			if _, err := c.Process(msg); err == nil {
				w.t.Fatalf("%s reads %s's message twice", c.name, by.name)
			}
		}
	}
}

// fingerprint is everything that a State knows, as text that is equal if and only if
// nothing changed. It is for States that were never stored.
func fingerprint(s *State) string {
	var b strings.Builder
	keys := func(t *schedule.SecretTree) {
		fmt.Fprintf(&b, "nodes %x\n", t.InteriorRecord())
		_, leaves := t.Changes()
		for _, i := range leaves {
			fmt.Fprintf(&b, "leaf %x\n", t.LeafRecord(i))
		}
	}
	e := s.current
	fmt.Fprintf(&b, "context %x\ntree %x\nme %d\nprivate %x\nsecrets %x\ninterim %x\nsigner %x\n", e.context.Bytes(), syntax.Marshal(e.tree), e.me,
		syntax.Marshal(e.private), syntax.Marshal(e.secrets), e.interim, s.cfg.Signer.Public())
	keys(e.keys)
	for _, p := range s.past {
		fmt.Fprintf(&b, "past %d %x\n", p.context.Epoch, p.senderData)
		keys(p.keys)
	}
	for _, p := range s.psks {
		fmt.Fprintf(&b, "psk %d %x\n", p.epoch, p.secret)
	}
	for _, p := range s.cache.order {
		fmt.Fprintf(&b, "waiting %x %v\n", p.Ref, p.own != nil)
	}
	fmt.Fprintf(&b, "pending %v removed %v reinit %v", s.pending != nil, s.removed, s.reinit != nil)
	return b.String()
}

// refuses fails the test unless all of them refuse a message with an error of the
// class want (nil: any), and are as they were.
func (w *world) refuses(msg []byte, want error, peers ...*peer) {
	w.t.Helper()
	for _, c := range peers {
		before := fingerprint(c.State)
		event, err := c.Process(msg)
		if err == nil {
			w.t.Fatalf("%s accepts it: %T", c.name, event)
		}
		if want != nil && !errors.Is(err, want) {
			w.t.Fatalf("%s refuses it with %q instead of %q", c.name, err, want)
		}
		if fingerprint(c.State) != before {
			w.t.Fatalf("%s refused it and has changed", c.name)
		}
	}
}

// group returns a group of clients of these names, all members, the first of whom
// founded it.
func (w *world) group(names string, o CreateOptions) []*peer {
	w.t.Helper()
	all := w.clients(names)
	all[0].create(o)
	if len(all) > 1 {
		w.commit(all[0], all, CommitOptions{ByValue: adds(all[1:]...)})
	}
	return all
}

// eachSuite runs a test in a world of every cipher suite.
func eachSuite(t *testing.T, test func(t *testing.T, w *world)) {
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, id, uint64(id)))
		})
	}
}

// TestTwoMembers is the smallest whole life of a group.
func TestTwoMembers(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		all := w.group("alice bob", CreateOptions{})
		alice, bob := all[0], all[1]
		w.talk(all)
		w.commit(bob, all, CommitOptions{})
		w.talk(all)
		w.propose(bob, all, &message.Remove{Removed: alice.Me()})
		if _, err := alice.Protect(nil, nil); !errors.Is(err, ErrUnapplied) {
			t.Fatalf("alice sends while a proposal waits: %v", err)
		}
		w.commit(bob, all, CommitOptions{})
		if alice.State != nil {
			t.Fatal("alice is still there")
		}
	})
}
