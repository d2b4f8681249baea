package interop

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// A world is a group that is measured: its first member founds it and commits, its
// second receives. It does what bench.mjs does, step for step, so inputs are the bytes
// that came and outputs the bytes to be sent.
type world struct {
	t       testing.TB
	suite   *suite.Suite
	clients []*client
	a, b    *group.State
	welcome []byte
	log     [][]byte // all handshake messages since the Welcome
}

// client is somebody with one key package.
type client struct {
	cfg     group.Config
	kp      []byte // both halves, since joining erases the private one
	encoded []byte
}

// everybody is an Authentication Service without an opinion, as it is on the other
// side: what asking costs is the application's.
func everybody([]byte, []group.Candidate) error { return nil }

// newClient makes a client, and returns how long its key package took. Its leaf and
// key package have what the other side's have: one suite, one type of credential,
// and no extensions.
func newClient(t testing.TB, s *suite.Suite, name string) (*client, time.Duration) {
	t.Helper()
	_, signer, err := s.GenerateSigner(rand.Reader)
	must(t, err)
	c := &client{cfg: group.Config{
		Suite: s, Signer: signer, Rand: rand.Reader, Now: time.Now,
		Authenticator: group.AuthenticatorFunc(everybody),
		Padding:       message.PadToBlock(0),
	}}
	before := time.Now()
	kp, err := group.NewKeyPackage(c.cfg, group.KeyPackageOptions{Leaf: plainLeaf(s, name), Extensions: tree.Extensions{}})
	must(t, err)
	c.encoded = message.Wrap(kp.Public).Bytes()
	took := time.Since(before)
	c.kp = syntax.Marshal(kp)
	return c, took
}

func plainLeaf(s *suite.Suite, name string) group.LeafOptions {
	return group.LeafOptions{
		Credential: tree.BasicCredential([]byte(name)),
		Capabilities: &tree.Capabilities{
			Versions: []tree.ProtocolVersion{tree.MLS10}, CipherSuites: []suite.ID{s.ID()}, Credentials: []tree.CredentialType{tree.CredentialBasic},
		},
	}
}

// newWorld makes n clients, and how long each key package took.
func newWorld(t testing.TB, s *suite.Suite, n int) (*world, []time.Duration) {
	t.Helper()
	w := &world{t: t, suite: s}
	var times []time.Duration
	for i := range n {
		c, took := newClient(t, s, fmt.Sprintf("member %d", i))
		w.clients, times = append(w.clients, c), append(times, took)
	}
	return w, times
}

func (w *world) add(encoded []byte) message.Proposal {
	return &message.Add{KeyPackage: body[*message.KeyPackage](w.t, encoded)}
}

// create makes the group of all clients, by one commit that adds everybody else.
func (w *world) create() (took time.Duration, commit int) {
	w.t.Helper()
	first := w.clients[0]
	before := time.Now()
	s, err := group.Create(first.cfg, []byte("bench"), plainLeaf(w.suite, "member 0"), group.CreateOptions{})
	must(w.t, err)
	o := group.CommitOptions{OmitPath: true}
	for _, c := range w.clients[1:] {
		o.ByValue = append(o.ByValue, w.add(c.encoded))
	}
	p, err := s.Commit(o)
	must(w.t, err)
	_, err = s.Merge(p)
	must(w.t, err)
	took = time.Since(before)
	w.a, w.b, w.welcome, w.log = s, nil, p.Welcome, nil
	return took, len(p.Message)
}

// enter has a client join by the Welcome.
func (w *world) enter(i int) (*group.State, time.Duration) {
	w.t.Helper()
	kp := new(group.KeyPackage)
	must(w.t, syntax.Unmarshal(append([]byte(nil), w.clients[i].kp...), kp))
	before := time.Now()
	s, err := group.Join(w.clients[i].cfg, kp, body[*message.Welcome](w.t, w.welcome), group.JoinOptions{})
	must(w.t, err)
	return s, time.Since(before)
}

// join has the second client join.
func (w *world) join() (took time.Duration) {
	w.t.Helper()
	w.b, took = w.enter(1)
	return took
}

// settle has so many members, evenly spread, join and send an update each.
func (w *world) settle(updates int) {
	w.t.Helper()
	for k := 1; k < updates; k++ {
		s, _ := w.enter(k * len(w.clients) / updates)
		for _, m := range w.log {
			_, err := s.Process(m)
			must(w.t, err)
		}
		p, err := s.Commit(group.CommitOptions{})
		must(w.t, err)
		for _, to := range []*group.State{w.a, w.b} {
			_, err := to.Process(p.Message)
			must(w.t, err)
		}
		w.log = append(w.log, p.Message)
	}
}

// turn is one epoch: a commit and what it takes to process it.
type turn struct {
	commit, process time.Duration
	bytes, welcome  int
}

// turn has the first member commit an update, an add, or the removal of whom was
// added last, and the second process it. An add has no path, unless it is "add with
// path", which is what Commit does by default.
func (w *world) turn(what string) turn {
	w.t.Helper()
	var c *client
	if what != "update" && what != "remove" {
		c, _ = newClient(w.t, w.suite, "one more")
	}
	before := time.Now()
	var o group.CommitOptions
	switch what {
	case "add", "add with path":
		o = group.CommitOptions{OmitPath: what == "add", ByValue: []message.Proposal{w.add(c.encoded)}}
	case "remove":
		o.ByValue = []message.Proposal{&message.Remove{Removed: tree.LeafIndex(len(w.clients))}}
	}
	p, err := w.a.Commit(o)
	must(w.t, err)
	_, err = w.a.Merge(p)
	must(w.t, err)
	commit := time.Since(before)
	before = time.Now()
	_, err = w.b.Process(p.Message)
	must(w.t, err)
	took := time.Since(before)
	if string(w.a.EpochAuthenticator()) != string(w.b.EpochAuthenticator()) {
		w.t.Fatal("they disagree")
	}
	w.log = append(w.log, p.Message)
	return turn{commit, took, len(p.Message), len(p.Welcome)}
}

// messages has the first member send so many messages of so many bytes, and the second
// receive them.
func (w *world) messages(count, size int) (send, receive time.Duration, bytes int) {
	w.t.Helper()
	text := make([]byte, size)
	messages := make([][]byte, count)
	var err error
	before := time.Now()
	for i := range messages {
		messages[i], err = w.a.Protect(text, nil)
		must(w.t, err)
	}
	send = time.Since(before)
	before = time.Now()
	for _, m := range messages {
		event, err := w.b.Process(m)
		must(w.t, err)
		if len(event.(*group.Application).Data) != size {
			w.t.Fatal("another text")
		}
	}
	return send, time.Since(before), len(messages[0])
}
