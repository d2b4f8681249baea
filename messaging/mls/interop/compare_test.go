package interop

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestCompare measures both implementations in turn and prints the tables of
// docs/performance.md. For each operation they have medians: of the processor time of
// both, with the quotient, which travels to busy and to other machines; and of the time
// by the clock, of this project on one core and on all, and of ts-mls, with the
// quotient of the last and the first. It is run by hand (KITH_COMPARE=1) and asserts no
// speed. KITH_COMPARE=2,16 measures groups of 2 and 16.
func TestCompare(t *testing.T) {
	which := os.Getenv("KITH_COMPARE")
	if which == "" {
		t.Skip("measures for some minutes: KITH_COMPARE is not set")
	}
	sizes := []int{2, 16, 128, 1024}
	if which != "1" {
		sizes = nil
		for _, f := range strings.Split(which, ",") {
			n, err := strconv.Atoi(f)
			must(t, err)
			sizes = append(sizes, n)
		}
	}
	for _, pair := range []struct {
		title  string
		ours   suite.ID
		theirs int
	}{
		{"classical: suite 1 of both", suite.X25519_AES128GCM_SHA256_Ed25519, 1},
		{"post-quantum: ML-KEM-768 with X25519, AES-256 and Ed25519 of both; SHA-384 here, SHA-512 in ts-mls's suite 83", suite.MLKEM768X25519_AES256GCM_SHA384_Ed25519, 83},
	} {
		t.Run(fmt.Sprintf("suite %d", pair.theirs), func(t *testing.T) {
			s, err := suite.Get(pair.ours)
			must(t, err)
			p := start(t, "bench.mjs")
			var r report
			for _, n := range sizes {
				(&comparison{t: t, p: p, r: &r, n: n, name: fmt.Sprint(n), suite: s, theirs: pair.theirs}).run()
				t.Logf("%d members are measured", n)
			}
			t.Logf("%s, %d cores\n%s", pair.title, runtime.NumCPU(), r.String())
		})
	}
}

// comparison is one group of each side.
type comparison struct {
	t      *testing.T
	p      *peer
	r      *report
	n      int
	name   string
	suite  *suite.Suite
	theirs int
	one    *world // measured on one core
	all    *world // measured on all
}

// measured is what bench.mjs answers, in nanoseconds and bytes.
type measured struct {
	Error           string
	Costs           []cost
	Cost            cost
	Commit, Process cost
	Send, Receive   cost
	Bytes, Welcome  int
}

func (c *comparison) ask(op string, fields q) measured {
	c.t.Helper()
	fields["world"] = c.name
	var m measured
	c.p.try(op, fields, &m)
	if m.Error != "" {
		c.t.Fatalf("%s: %s", op, m.Error)
	}
	return m
}

// rounds is how often something is measured that has to do with so many members.
func (c *comparison) rounds() int {
	return map[int]int{2: 31, 16: 21, 128: 7}[c.n]
}

// on runs f with so many cores.
func on(cores int, f func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	runtime.GC() // what others left behind is not ours to clean up
	f()
}

func (c *comparison) run() {
	rounds := max(c.rounds(), 3)
	cores := runtime.NumCPU()

	var times []cost
	on(1, func() { c.one, times = newWorld(c.t, c.suite, c.n) })
	var kp sample
	kp.one = times
	on(cores, func() { c.all, kp.all = newWorld(c.t, c.suite, c.n) })
	setup := c.ask("setup", q{"suite": c.theirs, "members": c.n})
	kp.theirs = setup.Costs
	if c.n > 100 { // the first ones are cold
		c.r.add(c.n, "key package", &kp, len(c.one.clients[0].encoded), setup.Bytes)
	}

	var create sample
	var size, welcome [2]int
	for range rounds {
		on(1, func() { d, n := c.one.create(); create.one = append(create.one, d); size[0] = n })
		on(cores, func() { d, _ := c.all.create(); create.all = append(create.all, d) })
		m := c.ask("create", q{})
		create.their(m.Cost)
		size[1], welcome[0], welcome[1] = m.Bytes, len(c.one.welcome), m.Welcome
	}
	c.r.add(c.n, "create", &create, size[0], size[1])
	var join sample
	for range rounds {
		on(1, func() { join.one = append(join.one, c.one.join()) })
		on(cores, func() { join.all = append(join.all, c.all.join()) })
		join.their(c.ask("join", q{}).Cost)
	}
	c.r.add(c.n, "join; Welcome of all", &join, welcome[0], welcome[1])

	c.turns("", rounds)
	if c.n > 2 {
		updates := min(c.n/2, settled)
		c.one.settle(updates)
		c.all.settle(updates)
		c.ask("settle", q{"updates": updates})
		c.turns(", settled", rounds)
	}
	c.messages()
	c.ask("drop", q{})
}

// turns measures epochs.
func (c *comparison) turns(state string, rounds int) {
	whats := []string{"update", "add", "remove"}
	commits, processes := map[string]*sample{}, map[string]*sample{}
	for _, what := range whats {
		commits[what], processes[what] = new(sample), new(sample)
	}
	size, welcome := map[string][2]int{}, [2]int{}
	for range rounds {
		for _, what := range whats {
			var u, v turn
			on(1, func() { u = c.one.turn(what) })
			on(runtime.NumCPU(), func() { v = c.all.turn(what) })
			m := c.ask("turn", q{"what": what})
			commit, process := commits[what], processes[what]
			commit.one, process.one = append(commit.one, u.commit), append(process.one, u.process)
			commit.all, process.all = append(commit.all, v.commit), append(process.all, v.process)
			commit.their(m.Commit)
			process.their(m.Process)
			size[what] = [2]int{u.bytes, m.Bytes}
			if what == "add" {
				welcome = [2]int{u.welcome, m.Welcome}
			}
		}
	}
	for _, what := range whats {
		c.r.add(c.n, what+state+": commit", commits[what], size[what][0], size[what][1])
		c.r.add(c.n, what+state+": process", processes[what], 0, 0)
	}
	c.r.add(c.n, "add"+state+": Welcome of one", nil, welcome[0], welcome[1])
}

// messages measures application messages of 256 bytes, without padding.
func (c *comparison) messages() {
	const count, size, rounds = 100, 256, 7
	var send, receive sample
	var bytes [2]int
	for range rounds {
		on(1, func() {
			s, r, n := c.one.messages(count, size)
			send.one, receive.one, bytes[0] = append(send.one, s.over(count)), append(receive.one, r.over(count)), n
		})
		on(runtime.NumCPU(), func() {
			s, r, _ := c.all.messages(count, size)
			send.all, receive.all = append(send.all, s.over(count)), append(receive.all, r.over(count))
		})
		m := c.ask("messages", q{"count": count, "size": size})
		send.their(m.Send.over(count))
		receive.their(m.Receive.over(count))
		bytes[1] = m.Bytes
	}
	c.r.add(c.n, "send 256 bytes", &send, bytes[0], bytes[1])
	c.r.add(c.n, "receive 256 bytes", &receive, 0, 0)

	// The same by the session API, which stores each change first (here in memory).
	d := newDevices(c.one)
	stored := [2]sample{{theirs: send.theirs}, {theirs: receive.theirs}}
	for range rounds {
		on(1, func() {
			s, r := d.messages(count, size)
			stored[0].one, stored[1].one = append(stored[0].one, s.over(count)), append(stored[1].one, r.over(count))
		})
		on(runtime.NumCPU(), func() {
			s, r := d.messages(count, size)
			stored[0].all, stored[1].all = append(stored[0].all, s.over(count)), append(stored[1].all, r.over(count))
		})
	}
	c.r.add(c.n, "send 256 bytes, stored", &stored[0], 0, 0)
	c.r.add(c.n, "receive 256 bytes, stored", &stored[1], 0, 0)
}

// sample is one operation, measured again and again.
type sample struct{ one, all, theirs []cost }

func (s *sample) their(c cost) { s.theirs = append(s.theirs, c) }

// median returns the medians of both times.
func median(all []cost) cost {
	middle := func(of func(cost) time.Duration) time.Duration {
		var times []time.Duration
		for _, c := range all {
			times = append(times, of(c))
		}
		slices.Sort(times)
		return times[len(times)/2]
	}
	return cost{middle(func(c cost) time.Duration { return c.Clock }), middle(func(c cost) time.Duration { return c.CPU })}
}

// report is a table in Markdown.
type report struct {
	lines []string
	least float64
}

func (r *report) add(n int, what string, s *sample, ours, theirs int) {
	bytes := [2]string{"", ""}
	if ours > 0 {
		bytes = [2]string{strconv.Itoa(ours), strconv.Itoa(theirs)}
	}
	if s == nil {
		r.lines = append(r.lines, fmt.Sprintf("| %d | %s | | | | | | | | %s | %s |", n, what, bytes[0], bytes[1]))
		return
	}
	one, all, other := median(s.one), median(s.all), median(s.theirs)
	quotient := func(a, b time.Duration) float64 {
		x := float64(a) / float64(max(b, 1))
		if r.least == 0 || x < r.least {
			r.least = x
		}
		return x
	}
	r.lines = append(r.lines, fmt.Sprintf("| %d | %s | %s | %s | %.1f | %s | %s | %s | %.1f | %s | %s |", n, what,
		short(one.CPU), short(other.CPU), quotient(other.CPU, one.CPU),
		short(one.Clock), short(all.Clock), short(other.Clock), quotient(other.Clock, one.Clock), bytes[0], bytes[1]))
}

// short is a duration in three digits.
func short(d time.Duration) string {
	us := float64(d) / 1e3
	switch {
	case us < 1e3:
		return fmt.Sprintf("%.3g µs", us)
	case us < 1e6:
		return fmt.Sprintf("%.3g ms", us/1e3)
	}
	return fmt.Sprintf("%.3g s", us/1e6)
}

func (r *report) String() string {
	return "| members | operation | processor: here | ts-mls | × | clock: here, one core | all cores | ts-mls | × | bytes here | ts-mls |\n|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n" +
		strings.Join(r.lines, "\n") + fmt.Sprintf("\nthe least quotient is %.1f", r.least)
}
