package interop

import (
	"crypto/rand"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// cost is what something took: by the clock, and of processors, the garbage
// collector's share included.
type cost struct {
	Clock, CPU time.Duration
}

// begin returns the cost so far whenever it is asked.
func begin() func() cost {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	cpu, clock := used(), time.Now()
	return func() cost { return cost{time.Since(clock), used() - cpu} }
}

func (c cost) plus(d cost) cost { return cost{c.Clock + d.Clock, c.CPU + d.CPU} }

func (c cost) over(n int) cost {
	return cost{c.Clock / time.Duration(n), c.CPU / time.Duration(n)}
}

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
func newClient(t testing.TB, s *suite.Suite, name string) (*client, cost) {
	t.Helper()
	_, signer, err := s.GenerateSigner(rand.Reader)
	must(t, err)
	c := &client{cfg: group.Config{
		Suite: s, Signer: signer, Rand: rand.Reader, Now: time.Now,
		Authenticator: group.AuthenticatorFunc(everybody),
		Padding:       message.PadToBlock(0),
	}}
	end := begin()
	kp, err := group.NewKeyPackage(c.cfg, group.KeyPackageOptions{Leaf: plainLeaf(s, name), Extensions: tree.Extensions{}})
	must(t, err)
	c.encoded = message.Wrap(kp.Public).Bytes()
	took := end()
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
func newWorld(t testing.TB, s *suite.Suite, n int) (*world, []cost) {
	t.Helper()
	w := &world{t: t, suite: s}
	var times []cost
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
func (w *world) create() (took cost, commit int) {
	w.t.Helper()
	first := w.clients[0]
	end := begin()
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
	took = end()
	w.a, w.b, w.welcome, w.log = s, nil, p.Welcome, nil
	return took, len(p.Message)
}

// enter has a client join by the Welcome.
func (w *world) enter(i int) (*group.State, cost) {
	w.t.Helper()
	kp := new(group.KeyPackage)
	must(w.t, syntax.Unmarshal(append([]byte(nil), w.clients[i].kp...), kp))
	end := begin()
	s, err := group.Join(w.clients[i].cfg, kp, body[*message.Welcome](w.t, w.welcome), group.JoinOptions{})
	must(w.t, err)
	return s, end()
}

// join has the second client join.
func (w *world) join() (took cost) {
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
	commit, process cost
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
	end := begin()
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
	commit := end()
	end = begin()
	_, err = w.b.Process(p.Message)
	must(w.t, err)
	took := end()
	if string(w.a.EpochAuthenticator()) != string(w.b.EpochAuthenticator()) {
		w.t.Fatal("they disagree")
	}
	w.log = append(w.log, p.Message)
	return turn{commit, took, len(p.Message), len(p.Welcome)}
}

// messages has the first member send so many messages of so many bytes, and the second
// receive them.
func (w *world) messages(count, size int) (send, receive cost, bytes int) {
	w.t.Helper()
	text := make([]byte, size)
	messages := make([][]byte, count)
	var err error
	end := begin()
	for i := range messages {
		messages[i], err = w.a.Protect(text, nil)
		must(w.t, err)
	}
	send = end()
	end = begin()
	for _, m := range messages {
		event, err := w.b.Process(m)
		must(w.t, err)
		if len(event.(*group.Application).Data) != size {
			w.t.Fatal("another text")
		}
	}
	return send, end(), len(messages[0])
}

// devices are the first two members of a group of as many members as a world has, by
// the session API.
type devices struct {
	t    testing.TB
	a, b *mls.Group
}

func newDevices(w *world) *devices {
	w.t.Helper()
	device := func(name string) *mls.Client {
		c, _ := newClient(w.t, w.suite, name)
		client, err := mls.NewClient(mls.Config{
			Suite: w.suite.ID(), Credential: tree.BasicCredential([]byte(name)), Signer: c.cfg.Signer, Authenticator: c.cfg.Authenticator,
			Store: new(mls.Memory), Rand: c.cfg.Rand, Now: c.cfg.Now, Padding: c.cfg.Padding, Capabilities: plainLeaf(w.suite, name).Capabilities,
		})
		must(w.t, err)
		return client
	}
	a, b := device("a"), device("b")
	g, err := a.Create(nil, nil)
	must(w.t, err)
	kps, err := b.KeyPackages(1)
	must(w.t, err)
	for _, c := range w.clients[2:] {
		kps = append(kps, c.encoded)
	}
	staged, err := g.Invite(kps...)
	must(w.t, err)
	_, err = g.Confirm()
	must(w.t, err)
	h, err := b.Join(staged.Welcome, nil)
	must(w.t, err)
	return &devices{w.t, g, h}
}

// messages is that of a world.
func (d *devices) messages(count, size int) (send, receive cost) {
	d.t.Helper()
	text := make([]byte, size)
	messages := make([][]byte, count)
	var err error
	end := begin()
	for i := range messages {
		messages[i], err = d.a.Send(text, nil)
		must(d.t, err)
	}
	send = end()
	end = begin()
	for _, m := range messages {
		event, err := d.b.Receive(m)
		must(d.t, err)
		if len(event.(*mls.Message).Plaintext) != size {
			d.t.Fatal("another text")
		}
	}
	return send, end()
}
