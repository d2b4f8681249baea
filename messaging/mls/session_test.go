package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

const testSuite = suite.X25519_AES128GCM_SHA256_Ed25519

// world is where clients of tests live: a clock, randomness, and an Authentication
// Service that knows who has which key.
type world struct {
	t     testing.TB
	rand  io.Reader
	now   time.Time
	mu    sync.Mutex
	keys  map[string]string // identity: signature key
	asked map[group.Entry]int
	psk   []byte // external PSK of every identifier
}

func newWorld(t testing.TB, seed uint64) *world {
	return &world{t: t, rand: mlstest.Rand(seed), now: time.Unix(1_800_000_000, 0), keys: map[string]string{}, asked: map[group.Entry]int{}}
}

func (w *world) Authenticate(_ []byte, candidates []group.Candidate) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range candidates {
		w.asked[c.Entry]++
		if w.keys[string(c.Credential.Identity)] != string(c.SignatureKey) {
			return fmt.Errorf("%s has another key", c.Credential.Identity)
		}
	}
	return nil
}

// config returns the Config of somebody with a new signature key.
func (w *world) config(name string, store mls.Store) mls.Config {
	s, err := suite.Get(testSuite)
	if err != nil {
		w.t.Fatal(err)
	}
	_, signer, err := s.GenerateSigner(w.rand)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keys[name] = string(signer.Public())
	return mls.Config{
		Suite:         testSuite,
		Credential:    tree.BasicCredential([]byte(name)),
		Signer:        signer,
		Authenticator: w,
		Store:         store,
		Rand:          w.rand,
		Now:           func() time.Time { return w.now },
		PSK:           func([]byte) ([]byte, error) { return w.psk, nil },
	}
}

func (w *world) client(name string) *mls.Client {
	w.t.Helper()
	return must(w.t)(mls.NewClient(w.config(name, &mls.Memory{})))
}

// must returns a function that fails the test for an error.
func must(t testing.TB) func(c *mls.Client, err error) *mls.Client { return ok[*mls.Client](t) }

func ok[T any](t testing.TB) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// add lets g invite the clients; they join.
func add(t testing.TB, g *mls.Group, clients ...*mls.Client) []*mls.Group {
	t.Helper()
	var packs [][]byte
	for _, c := range clients {
		packs = append(packs, ok[[][]byte](t)(c.KeyPackages(1))[0])
	}
	ok[*mls.Staged](t)(g.Invite(packs...))
	changed := ok[mls.Event](t)(g.Confirm()).(*mls.Changed)
	var joined []*mls.Group
	for _, c := range clients {
		joined = append(joined, ok[*mls.Group](t)(c.Join(changed.Own.Welcome, nil)))
	}
	return joined
}

func wantMessage(t testing.TB, g *mls.Group, message []byte, text string) *mls.Message {
	t.Helper()
	m, isMessage := ok[mls.Event](t)(g.Receive(message)).(*mls.Message)
	if !isMessage || string(m.Plaintext) != text {
		t.Fatalf("received %+v, want %q", m, text)
	}
	return m
}

func sameEpoch(t testing.TB, groups ...*mls.Group) {
	t.Helper()
	want := ok[[]byte](t)(groups[0].EpochAuthenticator())
	for i, g := range groups[1:] {
		if got := ok[[]byte](t)(g.EpochAuthenticator()); !bytes.Equal(got, want) {
			t.Fatalf("member %d is in another epoch than member 0", i+1)
		}
	}
}

func TestSession(t *testing.T) {
	w := newWorld(t, 1)
	alice, bob, carol := w.client("alice"), w.client("bob"), w.client("carol")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	sameEpoch(t, a, b)
	m := wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("hello"), []byte("aad"))), "hello")
	if string(m.Sender.Credential.Identity) != "alice" || string(m.AAD) != "aad" || m.Epoch != 1 || m.Generation != 0 {
		t.Fatalf("received %+v", m)
	}
	wantMessage(t, a, ok[[]byte](t)(b.Send([]byte("hi"), nil)), "hi")

	// Bob invites Carol; everybody hears of it.
	staged := ok[*mls.Staged](t)(b.Invite(ok[[][]byte](t)(carol.KeyPackages(1))...))
	changed := ok[mls.Event](t)(a.Receive(staged.Message)).(*mls.Changed)
	if len(changed.Added) != 1 || string(changed.Added[0].Credential.Identity) != "carol" || string(changed.Committer.Credential.Identity) != "bob" {
		t.Fatalf("changed: %+v", changed)
	}
	own := ok[mls.Event](t)(b.Receive(staged.Message)).(*mls.Changed)
	if own.Own == nil || !bytes.Equal(own.Own.Welcome, staged.Welcome) {
		t.Fatalf("own: %+v", own)
	}
	c := ok[*mls.Group](t)(carol.Join(own.Own.Welcome, nil))
	sameEpoch(t, a, b, c)

	// Two Commits at once: the first one counts.
	mine, theirs := ok[*mls.Staged](t)(a.Update(nil)), ok[*mls.Staged](t)(c.Update(nil))
	lost := ok[mls.Event](t)(a.Receive(theirs.Message)).(*mls.Changed)
	if lost.Lost == nil || !bytes.Equal(lost.Lost.Message, mine.Message) {
		t.Fatalf("lost: %+v", lost)
	}
	ok[mls.Event](t)(b.Receive(theirs.Message))
	ok[mls.Event](t)(c.Confirm())
	if _, err := b.Receive(mine.Message); !errors.Is(err, mls.ErrPast) {
		t.Fatalf("the Commit that lost: %v", err)
	}
	sameEpoch(t, a, b, c)

	// Carol leaves, and cannot send before; Alice carries it out.
	leave := ok[[]byte](t)(c.Leave())
	ok[mls.Event](t)(a.Receive(leave))
	ok[mls.Event](t)(b.Receive(leave))
	if _, err := a.Send([]byte("x"), nil); !errors.Is(err, mls.ErrUnapplied) {
		t.Fatalf("Send before the Commit: %v", err)
	}
	staged = ok[*mls.Staged](t)(a.Commit(group.CommitOptions{}))
	ok[mls.Event](t)(a.Confirm())
	ok[mls.Event](t)(b.Receive(staged.Message))
	if _, isRemoved := ok[mls.Event](t)(c.Receive(staged.Message)).(*mls.Removed); !isRemoved {
		t.Fatal("carol is not told that she is out")
	}
	if _, err := c.Send([]byte("x"), nil); !errors.Is(err, mls.ErrRemoved) {
		t.Fatalf("Send after Removed: %v", err)
	}
	if ids := ok[[][]byte](t)(carol.Groups()); len(ids) != 0 {
		t.Fatalf("carol's groups: %x", ids)
	}
	sameEpoch(t, a, b)

	// Bob is removed by Alice.
	members := ok[[]mls.Member](t)(a.Members())
	staged = ok[*mls.Staged](t)(a.Remove(members[1]))
	ok[mls.Event](t)(a.Confirm())
	if _, isRemoved := ok[mls.Event](t)(b.Receive(staged.Message)).(*mls.Removed); !isRemoved {
		t.Fatal("bob is not told that he is out")
	}
}

// TestAppAck: what the delivery service has dropped at the end of an epoch shows.
func TestAppAck(t *testing.T) {
	w := newWorld(t, 2)
	alice, bob := w.client("alice"), w.client("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("arrives"), nil)), "arrives")
	ok[[]byte](t)(a.Send([]byte("is dropped"), nil))
	ack, err := b.AppAck()
	if err != nil {
		t.Fatal(err)
	}
	proposed := ok[mls.Event](t)(a.Receive(ok[[]byte](t)(b.Propose(ack, group.ProposalOptions{})))).(*mls.Proposed)
	report, err := a.CheckAppAck(1, mls.Covered{Proposal: proposed.Proposal, Sender: proposed.Sender})
	if err != nil || report == nil || len(report.Unreceived) != 1 || report.Unreceived[0].First != 1 || report.Unreceived[0].Last != 1 {
		t.Fatalf("report %+v, %v; want generation 1 of alice", report, err)
	}
}

func TestGroupOf(t *testing.T) {
	w := newWorld(t, 3)
	alice, bob := w.client("alice"), w.client("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	add(t, a, bob)
	m := ok[[]byte](t)(a.Send([]byte("x"), nil))
	if id, epoch, err := mls.GroupOf(m); err != nil || !bytes.Equal(id, a.ID()) || epoch != 1 {
		t.Fatalf("GroupOf: %x, %d, %v", id, epoch, err)
	}
	if _, _, err := mls.GroupOf(ok[[][]byte](t)(bob.KeyPackages(1))[0]); !errors.Is(err, group.ErrUnexpected) {
		t.Fatalf("GroupOf a KeyPackage: %v", err)
	}
	if _, err := alice.Open([]byte("nobody's")); !errors.Is(err, mls.ErrNoGroup) {
		t.Fatalf("Open: %v", err)
	}
}

// TestCommitBeforeItsProposal: a Commit that came before what it refers to is received
// again after it.
func TestCommitBeforeItsProposal(t *testing.T) {
	w := newWorld(t, 77)
	alice, bob, carol := w.client("alice"), w.client("bob"), w.client("carol")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	hs := add(t, a, bob, carol)
	b, c := hs[0], hs[1]
	proposal := ok[[]byte](t)(b.ProposeUpdate(nil, group.ProposalOptions{}))
	ok[mls.Event](t)(a.Receive(proposal))
	staged := ok[*mls.Staged](t)(a.Commit(group.CommitOptions{}))
	if _, err := c.Receive(staged.Message); !errors.Is(err, mls.ErrUnknownProposal) {
		t.Fatalf("Receive: %v, want ErrUnknownProposal", err)
	}
	ok[mls.Event](t)(c.Receive(proposal))
	ok[mls.Event](t)(c.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())
	sameEpoch(t, a, c)
}
