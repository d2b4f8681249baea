package combined

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

// A script is a Source over a reference's log that panics when it is asked
// anything but what the reference asked, in that order.
type script struct {
	*reference
	next int
}

// outOfOrder is what a script panics with.
type outOfOrder string

func (s *script) expect(event string) {
	if s.next >= len(s.events) {
		panic(outOfOrder(fmt.Sprintf("asked for %q after the last of %v", event, s.events)))
	}
	if s.events[s.next] != event {
		panic(outOfOrder(fmt.Sprintf("asked for %q as question %d of %v", event, s.next, s.events)))
	}
	s.next++
}

func (s *script) Timestamp(pos uint64) (uint64, error) {
	s.expect(fmt.Sprintf("timestamp %d", pos))
	return s.ms[pos], nil
}

func (s *script) Lookups(pos uint64, versions []uint32, done func(uint32, bool) bool) (found []bool, err error) {
	for _, v := range versions {
		included := int64(v) <= s.greatest[pos]
		found = append(found, included)
		if done(v, included) {
			break
		}
	}
	s.expect(fmt.Sprintf("lookups %d %v", pos, versions[:len(found)]))
	return found, nil
}

// at is a GreatestAt.
func (r *reference) at(pos uint64) (uint32, bool) {
	return uint32(max(0, r.greatest[pos])), r.greatest[pos] >= 0
}

// follow runs an algorithm over the reference's script, after the view update.
func (r *reference) follow(t fataler, prev int, algo func(v *View)) {
	t.Helper()
	s := &script{reference: r}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(outOfOrder); !ok {
				panic(p)
			}
			t.Fatalf("%d entries %v, greatest %v, params %+v, prev %d:\n%v", len(r.ms), r.ms, r.greatest, r.params, prev, p)
		}
	}()
	frontier := make([]wire.LogEntry, 0)
	for _, pos := range treemath.Frontier(uint64(prev)) {
		frontier = append(frontier, wire.LogEntry{Timestamp: r.ms[pos]})
	}
	v, err := NewView(s, r.params, uint64(len(r.ms)), uint64(prev), frontier)
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	algo(v)
	if s.next != len(s.events) {
		panic(outOfOrder(fmt.Sprintf("asked only the first %d of %v", s.next, s.events)))
	}
}

// drawLog draws a log, its parameters and the size a user saw before. Versions
// come one by one if small, and else reach up to the greatest possible one. What
// a log holds comes from a seed: rapid alone prefers logs in which little happens.
func drawLog(t *rapid.T, small bool) (*reference, int) {
	seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
	rng := rand.New(rand.NewChaCha8([32]byte(seed)))
	n := rapid.SampledFrom([]int{40, 31, 16, 64, 150, 13, 8, 100, 7, 5, 6, 4, 3, 2, 1}).Draw(t, "most entries")
	n -= rng.IntN(n/2 + 1)
	pick := func(of ...uint64) uint64 { return of[rng.IntN(len(of))] }
	ms, step, busy, start := pick(0, 3, 1<<40), pick(0, 1, 3, 20), rng.IntN(12)+1, rng.IntN(n+1)
	var stamps []uint64
	var greatest []int64
	version := int64(-1)
	for i := range n {
		ms += rng.Uint64N(step + 1)
		stamps = append(stamps, ms)
		if i >= start && rng.IntN(busy) == 0 {
			most := uint64(4)
			if !small {
				most = pick(1, 4, 1<<10, 1<<31)
			}
			version = min(version+1+rng.Int64N(int64(most)), 1<<32-1)
		}
		greatest = append(greatest, version)
	}
	params := Params{ReasonableMonitoringWindow: pick(0, 1, 5, 30, 200, 1<<50)}
	switch age := stamps[n-1] - stamps[rng.IntN(n)]; {
	case age > 0 && rng.IntN(2) == 0: // some entry expires just now
		params = Params{ReasonableMonitoringWindow: rng.Uint64N(age), MaximumLifetime: age}
	case rng.IntN(2) == 0:
		params.MaximumLifetime = params.ReasonableMonitoringWindow + 1 + rng.Uint64N(100)
	}
	prev := rng.IntN(n + 1)
	r := newReference(stamps, greatest, params)
	r.updateView(prev)
	return r, prev
}

func TestReferenceUpdateView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, false)
		x := rapid.IntRange(0, len(r.ms)-1).Draw(t, "entry")
		r.path(x)
		r.follow(t, prev, func(v *View) {
			if v.Rightmost() != r.ms[len(r.ms)-1] {
				t.Fatalf("rightmost %d", v.Rightmost())
			}
			pos, ok := v.RightmostDistinguished()
			want := -1
			for x := range r.distinguished {
				want = max(want, x)
			}
			if ok != (want >= 0) || ok && int(pos) != want {
				t.Fatalf("rightmost distinguished %d %v, want %d", pos, ok, want)
			}
			if d, err := v.IsDistinguished(uint64(x)); err != nil || d != r.distinguished[x] {
				t.Fatalf("entry %d: distinguished %v %v", x, d, err)
			}
			if v.MustMonitor(uint64(x)) != (x > want) {
				t.Fatalf("entry %d must be monitored: %v", x, v.MustMonitor(uint64(x)))
			}
		})
	})
}

func TestReferenceGreatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, false)
		version := r.greatest[len(r.ms)-1]
		if version < 0 {
			t.Skip("no version")
		}
		want := r.greatestSearch(version)
		r.follow(t, prev, func(v *View) {
			got, err := v.Greatest(uint32(version))
			if err != nil || int(got) != want {
				t.Fatalf("terminal %d %v, want %d", got, err, want)
			}
		})
	})
}

func TestReferenceFixed(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, rapid.Bool().Draw(t, "small"))
		around := rapid.SampledFrom(r.greatest).Draw(t, "around")
		target := min(max(around+rapid.Int64Range(-2, 2).Draw(t, "offset"), 0), 1<<32-1)
		want := r.fixedSearch(target)
		r.follow(t, prev, func(v *View) {
			got, err := v.Fixed(uint32(target))
			switch want {
			case "expired", "expired at once":
				if !errors.Is(err, ErrExpired) {
					t.Fatalf("%d %v, want expired", got, err)
				}
			case "not found":
				if !errors.Is(err, ErrNotFound) {
					t.Fatalf("%d %v, want not found", got, err)
				}
			default:
				if err != nil || int(got) != want {
					t.Fatalf("terminal %d %v, want %v", got, err, want)
				}
			}
		})
		if s, ok := want.(string); ok {
			seen[s]++
		} else {
			seen["found"]++
		}
	})
	for _, outcome := range []string{"expired", "expired at once", "not found", "found"} {
		if seen[outcome] == 0 {
			t.Errorf("no search ended as %q", outcome)
		}
	}
}

// drawMap draws a monitoring map that honest searches can have left behind: the
// positions are on the direct paths of the first entries of their versions.
func drawMap(t *rapid.T, r *reference) []wire.MonitorMapEntry {
	var entries []wire.MonitorMapEntry
	for i, g := range r.greatest {
		if g < 0 || i > 0 && g == r.greatest[i-1] || rapid.IntRange(0, 2).Draw(t, "skip") > 0 {
			continue
		}
		path := []int{i}
		for _, a := range r.directPath(i) {
			if a > i {
				path = append(path, a)
			}
		}
		x := rapid.SampledFrom(path).Draw(t, "position")
		if len(entries) > 0 && entries[len(entries)-1].Position >= uint64(x) {
			continue
		}
		entries = append(entries, wire.MonitorMapEntry{Position: uint64(x), Version: uint32(g)})
	}
	return entries
}

func checkMap(t fataler, got []wire.MonitorMapEntry, err error, want map[int]int64, ok bool) {
	t.Helper()
	if (err == nil) != ok {
		t.Fatalf("map %v, error %v; want %v %v", got, err, want, ok)
	}
	if !ok {
		if !errors.Is(err, ErrProof) {
			t.Fatalf("error %v", err)
		}
		return
	}
	if len(got) != len(want) {
		t.Fatalf("map %v, want %v", got, want)
	}
	for i, e := range got {
		if v, ok := want[int(e.Position)]; !ok || v != int64(e.Version) {
			t.Fatalf("map %v, want %v", got, want)
		}
		if i > 0 && got[i-1].Position >= e.Position {
			t.Fatalf("map %v does not ascend", got)
		}
	}
}

func TestReferenceContact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, false)
		entries := drawMap(t, r)
		want, ok := r.contact(entries, -1)
		r.follow(t, prev, func(v *View) {
			got, err := v.Contact(slices.Clone(entries), nil)
			checkMap(t, got, err, want, ok)
			for _, e := range got {
				if !slices.Contains(r.frontier(), int(e.Position)) || r.distinguished[int(e.Position)] {
					t.Fatalf("entry %d remains", e.Position)
				}
			}
		})
	})
}

func TestReferenceOwnerInit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, false)
		start := rapid.IntRange(0, len(r.ms)-1).Draw(t, "start")
		list, ok := r.ownerInit(start)
		var greatest []uint32
		for _, x := range list {
			if r.greatest[x] >= 0 {
				greatest = append(greatest, uint32(r.greatest[x]))
			}
		}
		r.follow(t, prev, func(v *View) {
			got, err := v.OwnerInit(uint64(start), greatest)
			if !ok {
				if !errors.Is(err, ErrRequest) {
					t.Fatalf("start %d: %v", start, err)
				}
				return
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(list) {
				t.Fatalf("start %d: %v %v, want %v", start, got, err, list)
			}
		})
	})
}

func TestReferenceOwnerMonitor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, false)
		start := rapid.IntRange(0, len(r.ms)-1).Draw(t, "start")
		limit := rapid.IntRange(0, 9).Draw(t, "limit")
		advertised := rapid.SampledFrom(r.greatest).Draw(t, "advertised")
		entries := drawMap(t, r)
		wantMap, ok := r.contact(entries, start)
		var want []int
		if ok {
			want = r.ownerMonitor(start, advertised, limit)
		}
		r.follow(t, prev, func(v *View) {
			s := uint64(start)
			got, err := v.Contact(entries, &s)
			checkMap(t, got, err, wantMap, ok)
			if !ok {
				return
			}
			var newest *uint32
			if advertised >= 0 {
				u := uint32(advertised)
				newest = &u
			}
			walk, err := v.OwnerMonitor(s, r.at, StopAt(limit, newest, r.at))
			if err != nil || fmt.Sprint(walk.Verified) != fmt.Sprint(want) {
				t.Fatalf("verified %v %v, want %v", walk.Verified, err, want)
			}
			end := start
			if len(want) > 0 {
				end = want[len(want)-1]
			}
			done := true
			for x := range r.distinguished {
				done = done && x <= end
			}
			if int(walk.Start) != end || walk.Done != done {
				t.Fatalf("walk %+v, want start %d, done %v", walk, end, done)
			}
		})
	})
}

func TestReferenceLabelUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, true)
		var updates []int
		for i, g := range r.greatest {
			if g >= 0 && (i == 0 || r.greatest[i-1] != g) {
				updates = append(updates, i)
			}
		}
		if len(updates) == 0 {
			t.Skip("no update")
		}
		pos := rapid.SampledFrom(updates).Draw(t, "update")
		start := -1
		for x := range r.distinguished {
			if x < pos && rapid.Bool().Draw(t, "later start") {
				start = max(start, x)
			}
		}
		u := LabelUpdate{Position: uint64(pos), Greatest: uint32(r.greatest[pos]), At: r.at}
		if pos > 0 && r.greatest[pos-1] >= 0 {
			previous := uint32(r.greatest[pos-1])
			u.Previous, u.PreviousPosition = &previous, uint64(slices.Index(r.greatest, r.greatest[pos-1]))
		}
		want := r.labelUpdate(pos, start)
		r.follow(t, prev, func(v *View) {
			got, err := v.LabelUpdate(u)
			if err != nil || got != want {
				t.Fatalf("update %+v: %v %v, want %v", u, got, err, want)
			}
		})
	})
}

func TestReferenceDistinguished(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prev := drawLog(t, false)
		recent := Recent{
			Count:  rapid.IntRange(0, 10).Draw(t, "count"),
			Window: rapid.SampledFrom([]uint64{0, 1, 20, 300}).Draw(t, "recent window"),
		}
		stop := rapid.IntRange(-1, len(r.ms)).Draw(t, "stop")
		want := r.heads(recent, stop)
		r.follow(t, prev, func(v *View) {
			var s *uint64
			if stop >= 0 {
				u := uint64(stop)
				s = &u
			}
			got, err := v.Distinguished(recent, s)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("heads %v %v, want %v", got, err, want)
			}
		})
	})
}

// A script must panic when a question comes out of order, or the tests above say
// nothing.
func TestScriptPanicsOutOfOrder(t *testing.T) {
	for name, ask := range map[string]func(v *View){
		"too few":  func(v *View) {},
		"too many": func(v *View) { _, _ = v.Greatest(1); _ = v.monitoringLadder(2, 1) },
		"other":    func(v *View) { _, _ = v.Fixed(0) },
	} {
		r := newReference([]uint64{1, 2, 3}, []int64{-1, 0, 1}, Params{ReasonableMonitoringWindow: 100})
		r.updateView(0)
		r.greatestSearch(1)
		var f failure
		r.follow(&f, 0, ask)
		if !strings.Contains(string(f), "asked") {
			t.Errorf("%s: not noticed: %q", name, f)
		}
	}
}

// A failure is a test that is expected to fail.
type failure string

func (f *failure) Helper()                           {}
func (f *failure) Fatalf(format string, args ...any) { *f += failure(fmt.Sprintf(format, args...)) }
