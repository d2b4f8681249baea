package interop

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestRandomSession is a long life of a group of more than 64 leaves, with blanks, in
// which members of both kinds take turns. With KITH_SOAK it is 200 turns, from a seed that
// is logged; KITH_SEED repeats them.
func TestRandomSession(t *testing.T) {
	t.Parallel()
	turns, seed := 25, uint64(1)
	if os.Getenv("KITH_SOAK") != "" {
		turns, seed = 200, rand.Uint64()
	}
	if again := os.Getenv("KITH_SEED"); again != "" {
		var err error
		seed, err = strconv.ParseUint(again, 10, 64)
		must(t, err)
	}
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	c := newCrowd(t, start(t, "peer.mjs"), s, seed)
	defer func() { t.Logf("seed %d: %d epochs, %v", seed, c.epochs, c.counts) }()
	for range turns {
		c.turn()
	}
	if n := c.tree().LeafCount(); n < 64 {
		t.Errorf("%d leaves", n)
	}
}

// A crowd is a group of which a few members, of both kinds, are played; the others have
// been added, and say nothing.
type crowd struct {
	t      *testing.T
	p      *peer
	suite  *suite.Suite
	rand   *rand.Rand
	live   []member
	names  int
	epochs int
	counts map[string]int
}

const (
	crowded = 70 // about as many members
	played  = 5  // and so many who are played
)

func newCrowd(t *testing.T, p *peer, s *suite.Suite, seed uint64) *crowd {
	c := &crowd{t: t, p: p, suite: s, rand: rand.New(rand.NewPCG(seed, 9420)), counts: map[string]int{}}
	first := newOurs(t, s, "first")
	first.create([]byte(groupID))
	first.psk("key", "secret")
	c.live = []member{first}
	ours, theirs := c.newcomer(true), c.newcomer(false)
	kps := append(c.silent(crowded-20), ours.keyPackage(), theirs.keyPackage())
	kps = append(kps, c.silent(20)...)
	made := first.commit(change{add: kps, treeInside: true})
	for _, m := range []member{ours, theirs} {
		must(t, m.join(made.welcome, nil))
		c.live = append(c.live, m)
	}
	agree(t, c.live...)
	return c
}

func (c *crowd) newcomer(ours bool) (m member) {
	c.names++
	name := strconv.Itoa(c.names)
	if ours {
		m = newOurs(c.t, c.suite, name)
	} else {
		m = newTheirs(c.t, c.p, c.suite, name, nil)
	}
	m.psk("key", "secret")
	return m
}

// silent are key packages of those who are not played.
func (c *crowd) silent(n int) (kps [][]byte) {
	for range n {
		kps = append(kps, c.newcomer(c.rand.IntN(4) > 0).keyPackage())
	}
	return kps
}

// tree is the group's, as one of ours sees it.
func (c *crowd) tree() *tree.Tree {
	for _, m := range c.live {
		if m, ok := m.(*ours); ok {
			return m.group.Tree()
		}
	}
	panic("none of ours")
}

func (c *crowd) one() member { return c.live[c.rand.IntN(len(c.live))] }

// two are different ones, the first of each kind every second time.
func (c *crowd) two() (m, other member) {
	m = c.one()
	return m, others(m, c.live...)[c.rand.IntN(len(c.live)-1)]
}

func (c *crowd) isLive(leaf tree.LeafIndex) bool {
	return slices.ContainsFunc(c.live, func(m member) bool { return leafOf(m) == uint32(leaf) })
}

// gone picks up to n of those who are not played, to be removed. Something stays in the
// left half of the tree: see TestBlankRoot.
func (c *crowd) gone(n int) (leaves []uint32) {
	var all []uint32
	for i := range c.tree().Members() {
		if !c.isLive(i) && i > 3 {
			all = append(all, uint32(i))
		}
	}
	c.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// commit has somebody commit, and all agree.
func (c *crowd) commit(what string, by member, ch change) sent {
	c.t.Helper()
	ch.public = c.rand.IntN(2) == 0
	c.counts[what]++
	c.epochs++
	return commits(c.t, ch, by, others(by, c.live...)...)
}

// turn is one thing that happens, in one epoch or more.
func (c *crowd) turn() {
	c.t.Helper()
	size := c.tree().MemberCount()
	switch x := c.rand.IntN(100); {
	case x < 30:
		c.commit("update", c.one(), change{})
	case x < 55:
		c.proposals()
	case x < 65 || size > crowded+15:
		c.commit("remove", c.one(), change{remove: c.gone(1 + c.rand.IntN(6))})
	case x < 75 || size < crowded-15:
		c.commit("add", c.one(), change{add: c.silent(1 + c.rand.IntN(4))})
	case x < 85:
		c.join()
	case x < 90:
		c.external()
	case x < 95:
		epoch := c.live[0].state().agreed.epoch
		c.commit("psk", c.one(), change{psk: "key", epochPSK: &epoch})
	default:
		c.leave()
	}
	from, to := c.two()
	if text, _, err := to.receive(from.send("", "in this epoch")[0]); err != nil || text != "in this epoch" {
		c.t.Fatalf("%s reads %q, %v of %s", to.name(), text, err, from.name())
	}
}

// proposals are some that go together, of which somebody else makes a commit.
func (c *crowd) proposals() {
	c.t.Helper()
	by, updates := c.two()
	gone := c.gone(1 + c.rand.IntN(2))
	in := change{public: c.rand.IntN(2) == 0}
	if c.rand.IntN(3) > 0 {
		in.update = true
		waits(c.t, in, updates, others(updates, c.live...)...)
		in.update = false
	}
	for _, leaf := range gone {
		in.remove = []uint32{leaf}
		from := c.one()
		waits(c.t, in, from, others(from, c.live...)...)
	}
	in.remove = nil
	for _, kp := range c.silent(c.rand.IntN(3)) {
		in.add = [][]byte{kp}
		from := c.one()
		waits(c.t, in, from, others(from, c.live...)...)
	}
	c.commit("proposals", by, change{})
}

// settle has newcomers send commits until ts-mls takes the tree for a valid one.
func (c *crowd) settle() bool {
	c.t.Helper()
	for range 2 * played {
		t := c.tree()
		if unmergedAlike(t) {
			return true
		}
		by := c.one()
		for _, n := range parents(t) {
			if len(t.Parent(n).UnmergedLeaves) == 0 {
				continue
			}
			for _, m := range c.live {
				if n.Contains(tree.LeafIndex(leafOf(m)).Node()) {
					by = m
				}
			}
			break
		}
		c.commit("settle", by, change{})
	}
	return false
}

// join has somebody who is played come in, or one of ts-mls be refused by itself.
func (c *crowd) join() {
	c.t.Helper()
	if len(c.live) >= 2*played {
		c.leave()
		return
	}
	m := c.newcomer(c.rand.IntN(2) == 0)
	_, their := m.(*theirs)
	if their {
		c.settle()
	}
	ch := change{add: [][]byte{m.keyPackage()}, treeInside: c.rand.IntN(2) == 0, omitPath: c.rand.IntN(2) == 0}
	made := c.commit("join", c.one(), ch)
	err := m.join(made.welcome, unlessInside(ch, made))
	if their && !unmergedAlike(c.tree()) {
		refused(c.t, m, err, "a tree in which a leaf is unmerged for some nodes")
		c.counts["not joined"]++
		return
	}
	if err != nil {
		c.t.Fatalf("%s does not join: %v", m.name(), err)
	}
	c.live = append(c.live, m)
	agree(c.t, c.live...)
}

// external has somebody come in by an external commit, or come back by one.
func (c *crowd) external() {
	c.t.Helper()
	teller, m := c.two()
	resync := c.rand.IntN(2) == 0
	if !resync {
		m = c.newcomer(c.rand.IntN(2) == 0)
	}
	if _, their := m.(*theirs); their && !c.settle() {
		return
	}
	c.counts["external"]++
	c.epochs++
	enters(c.t, m, teller, resync, c.rand.IntN(2) == 0, others(m, others(teller, c.live...)...)...)
	if !resync {
		c.live = append(c.live, m)
	}
}

// leave has somebody who is played be removed, as long as there are two of each kind.
func (c *crowd) leave() {
	c.t.Helper()
	var of [2][]member
	for _, m := range c.live {
		if _, our := m.(*ours); our {
			of[0] = append(of[0], m)
		} else {
			of[1] = append(of[1], m)
		}
	}
	some := of[c.rand.IntN(2)]
	if len(some) < 3 {
		return
	}
	m := some[c.rand.IntN(len(some))]
	c.live = others(m, c.live...)
	made := c.commit("leave", c.one(), change{remove: []uint32{leafOf(m)}})
	goes(c.t, made.commit, m, false)
}
