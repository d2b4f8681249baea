package combined

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// steady makes a log whose entries are ten ms apart, with one new version in each
// of the entries listed.
func steady(params Params, entries int, updates ...int) *world {
	w := &world{params: params}
	for pos := range entries {
		versions := 0
		if slices.Contains(updates, pos) {
			versions = 1
		}
		w.grow(uint64(1000+10*pos), versions, 2)
	}
	return w
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// "If multiple proofs are consumed for the same log entry, users MUST verify that
// they all produce the same root hash."
func TestMUSTProofsFromOneEntryProduceTheSameRoot(t *testing.T) {
	// Version 0 and 1 in entry 5: a search for 0 has to look it up in 5 again.
	w := &world{params: Params{ReasonableMonitoringWindow: 1000000}}
	for pos := range uint64(8) {
		w.grow(pos, map[bool]int{true: 2}[pos == 5], 2)
	}
	o := run{name: "fixed", known: w.known(8, 0, 1), algo: func(v *View) (any, error) { return v.Fixed(0) }}
	proof, terminal, _ := o.check(t, w, 8, 0)
	if terminal != uint64(5) {
		t.Fatalf("terminal %v", terminal)
	}
	// The same lookup, honestly made, but in entry 6.
	other := NewRecord(w, 8, 0, outputs)
	if _, err := other.Lookups(6, []uint32{0}, never); err != nil {
		t.Fatal(err)
	}
	bad := cloneProof(proof)
	bad.PrefixProofs[len(bad.PrefixProofs)-1] = other.proof.PrefixProofs[0]
	_, _, err := o.verify(w.params, bad, 8, nil)
	wantError(t, err, ErrProof)
}

// "If the log entry is one whose data the user retained, users MUST verify that
// the produced root hash matches their retained prefix tree root hash for that log
// entry, due to the fact that the log entry will not be covered by inclusion."
func TestMUSTRetainedEntriesKeepTheirPrefixTree(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 1000000}, 8, 3)
	o := run{name: "greatest", known: w.known(8, 0, 1), algo: func(v *View) (any, error) { return v.Greatest(0) }}
	o.check(t, w, 8, 8)
	liar := steady(w.params, 7, 3)
	liar.grow(w.entries[7].Timestamp, 0, 1)
	proof, _, err := o.prove(liar, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	prev := w.retained(8)
	_, _, err = o.verify(w.params, proof, 8, &prev)
	wantError(t, err, ErrProof)
}

// "Users processing a CombinedTreeProof MUST verify that the timestamps,
// prefix_proofs, and prefix_roots fields contain exactly the expected number of
// entries -- no more and no less."
func TestMUSTExactlyTheExpectedNumberOfEntries(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 50}, 23, 3, 19)
	o := run{name: "greatest", known: w.known(23, SearchVersions(1)...), algo: func(v *View) (any, error) { return v.Greatest(1) }}
	for _, last := range []uint64{0, 9} {
		proof, _, _ := o.check(t, w, 23, last)
		prev := w.retained(last)
		for _, way := range []tampering{
			{"a timestamp more", func(p *wire.CombinedTreeProof) {
				p.Timestamps = append(p.Timestamps, p.Timestamps[len(p.Timestamps)-1])
			}},
			{"a timestamp less", func(p *wire.CombinedTreeProof) { p.Timestamps = p.Timestamps[:len(p.Timestamps)-1] }},
			{"a prefix proof more", func(p *wire.CombinedTreeProof) { p.PrefixProofs = append(p.PrefixProofs, p.PrefixProofs[0]) }},
			{"a prefix proof less", func(p *wire.CombinedTreeProof) { p.PrefixProofs = p.PrefixProofs[:len(p.PrefixProofs)-1] }},
			{"a prefix root more", func(p *wire.CombinedTreeProof) { p.PrefixRoots = append(p.PrefixRoots, wire.HashValue{}) }},
			{"a prefix root less", func(p *wire.CombinedTreeProof) { p.PrefixRoots = p.PrefixRoots[:len(p.PrefixRoots)-1] }},
			{"an element more", func(p *wire.CombinedTreeProof) {
				p.Inclusion.Elements = append(p.Inclusion.Elements, wire.HashValue{})
			}},
			{"an element less", func(p *wire.CombinedTreeProof) {
				p.Inclusion.Elements = p.Inclusion.Elements[:len(p.Inclusion.Elements)-1]
			}},
			{"a result more", func(p *wire.CombinedTreeProof) {
				p.PrefixProofs[0].Results = append(p.PrefixProofs[0].Results, p.PrefixProofs[0].Results[0])
			}},
		} {
			bad := cloneProof(proof)
			way.apply(bad)
			if _, _, err := o.verify(w.params, bad, 23, &prev); !errors.Is(err, ErrProof) {
				t.Errorf("from %d, %s: %v", last, way.name, err)
			}
		}
	}
}

// A liar is a Record whose View is shown ascending timestamps, and whose proof
// holds those of the tree.
type liar struct{ *Record }

func (l liar) Timestamp(pos uint64) (uint64, error) {
	_, err := l.Record.Timestamp(pos)
	return 1000 + 10*pos, err
}

// "users MUST verify that the timestamps explicitly included in timestamps, along
// with any retained timestamps, represent a monotonic series"
func TestMUSTTimestampsAreMonotonic(t *testing.T) {
	const n = 16
	search := func(v *View) (any, error) { return v.Fixed(0) }
	for name, c := range map[string]struct {
		pos, ms, last uint64
		algo          func(v *View) (any, error)
	}{
		"frontier":                    {15, 900, 0, search},
		"first new before retained":   {15, 1000 + 10*11 - 1, 12, search},
		"old entry after its root":    {7, 2000, 0, search},
		"old entry after retained":    {3, 1000 + 10*7 + 1, 8, search},
		"old entry between retained":  {9, 1000 + 10*7 - 1, 12, func(v *View) (any, error) { return nil, v.inclusions(9, []uint32{0}) }},
		"entries not near each other": {3, 0, 0, func(v *View) (any, error) { _ = v.inclusions(1, []uint32{}); return nil, v.inclusions(3, []uint32{0}) }},
	} {
		honest := steady(Params{ReasonableMonitoringWindow: 1000000}, n, 0, 5)
		w := &world{params: honest.params}
		for pos := range uint64(n) {
			ms := 1000 + 10*pos
			if pos == c.pos {
				ms = c.ms
			}
			w.grow(ms, map[bool]int{true: 1}[pos == 0 || pos == 5], 2)
		}
		rec := NewRecord(w, n, c.last, outputs)
		v, err := NewView(liar{rec}, w.params, n, c.last, honest.retained(c.last).Frontier)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.algo(v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		proof, err := rec.Finish(0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o := run{known: w.known(n, 0, 1), algo: c.algo}
		prev := w.retained(c.last)
		if _, _, err := o.verify(w.params, proof, n, &prev); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// "Users MUST verify that the computed value for the head of any such subtree
// matches the retained value": a user of one log is never led to another one's
// root, whatever it asks.
func TestMUSTForkBehindRetainedSubtreesIsRefused(t *testing.T) {
	refused := 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 10))
		ours := newWorld(rng, 30)
		// The fork differs in one leaf of one old entry, and goes on alike.
		fork := &world{params: ours.params, noise: 0}
		at := rng.IntN(20)
		for pos, e := range ours.entries {
			versions := ours.greatest[pos] + 1
			if pos > 0 {
				versions = ours.greatest[pos] - ours.greatest[pos-1]
			}
			fork.grow(e.Timestamp, versions, map[bool]int{true: 1}[pos == at])
		}
		for last := uint64(at + 1); last <= 30; last++ {
			n := last + rng.Uint64N(31-last)
			prev := ours.retained(last)
			for _, o := range operations(t, fork, n, rng) {
				proof, _, err := o.prove(fork, n, last)
				if err != nil {
					t.Fatal(err)
				}
				result, _, err := o.verify(ours.params, proof, n, &prev)
				if err == nil && result.Root == fork.root(n) {
					t.Fatalf("%s from %d to %d: led to the fork", o.name, last, n)
				}
				if err != nil {
					wantError(t, err, ErrProof)
					refused++
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no fork was refused before its root")
	}
}

// "Clients MUST NOT accept a proof where the identified log entry is itself the
// leftmost unexpired and distinguished log entry."
func TestMUSTNOTAcceptLeftmostDistinguishedWithAGreaterVersion(t *testing.T) {
	for _, c := range []struct {
		second int // entry that adds version 1
		want   error
	}{
		{4, ErrExpired}, // in entry 4, version 0 is not the greatest any more
		{5, nil},        // in entry 4, it still is
	} {
		w := &world{params: Params{ReasonableMonitoringWindow: 10, MaximumLifetime: 100}}
		for pos, ms := range []uint64{0, 0, 0, 0, 150, 200} { // 3, the root, is expired; 4 and 5 are distinguished
			w.grow(ms, map[bool]int{true: 1}[pos == 1 || pos == c.second], 1)
		}
		o := run{name: "fixed", known: w.known(6, 0, 1), algo: func(v *View) (any, error) { return v.Fixed(0) }}
		_, _, err := o.prove(w, 6, 0)
		if !errors.Is(err, c.want) {
			t.Errorf("version 1 in entry %d: prover: %v", c.second, err)
		}
		// A directory that does not stop there proves the version all the same.
		rec := NewRecord(w, 6, 0, outputs)
		v, err := rec.View(Params{ReasonableMonitoringWindow: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, pos := range []uint64{5, 4} {
			if _, err := v.searchLadder(pos, 0, true); err != nil {
				t.Fatal(err)
			}
		}
		if c.want != nil {
			if err := v.inclusions(4, []uint32{0}); err != nil {
				t.Fatal(err)
			}
		}
		proof, err := rec.Finish(0)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = o.verify(w.params, proof, 6, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("version 1 in entry %d: %v", c.second, err)
		}
	}
}

// "This starting position MUST correspond to an unexpired distinguished log entry."
func TestMUSTStartIsUnexpiredAndDistinguished(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 60, MaximumLifetime: 100}, 21, 2)
	heads := distinguishedAt(t, w, 21)
	accepted := 0
	for start := range uint64(25) {
		rec := NewRecord(w, 21, 0, outputs)
		v, err := rec.View(w.params)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.InitEntries(start)
		unexpired := start < 21 && w.entries[20].Timestamp-w.entries[start].Timestamp < 100
		if slices.Contains(heads, start) && unexpired {
			accepted++
			if err != nil {
				t.Errorf("start %d: %v", start, err)
			}
			continue
		}
		wantError(t, err, ErrRequest)
	}
	if accepted == 0 || accepted == len(heads) {
		t.Errorf("%d starts accepted of %d distinguished entries", accepted, len(heads))
	}
}

// An application's definition of "recent" "MUST NOT include any expired
// distinguished log entries".
func TestMUSTRecentHeadsAreNotExpired(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 20, MaximumLifetime: 150}, 60)
	o := run{name: "distinguished", algo: func(v *View) (any, error) { return v.Distinguished(Recent{}, nil) }}
	_, out, _ := o.check(t, w, 60, 0)
	heads := out.([]uint64)
	all := distinguishedAt(t, w, 60)
	want := slices.DeleteFunc(all, func(x uint64) bool { return w.entries[59].Timestamp-w.entries[x].Timestamp >= 150 })
	if len(want) == 0 || !slices.Equal(heads, want) {
		t.Errorf("heads %v, want %v", heads, want)
	}
}

// "If defined, it MUST be greater than zero and greater than the RMW."
func TestMUSTMaximumLifetimeExceedsWindow(t *testing.T) {
	u := func(v uint64) *uint64 { return &v }
	for _, c := range []struct {
		lifetime *uint64
		want     error
	}{{nil, nil}, {u(0), ErrRequest}, {u(9), ErrRequest}, {u(10), ErrRequest}, {u(11), nil}} {
		config := &wire.Configuration{ReasonableMonitoringWindow: 10, MaximumLifetime: c.lifetime}
		if err := CheckParams(config); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.lifetime, err)
		}
		if p := ParamsOf(config); c.lifetime != nil && p.MaximumLifetime != *c.lifetime || p.ReasonableMonitoringWindow != 10 {
			t.Errorf("params %+v", p)
		}
	}
}

// "the user MUST monitor the label" whose terminal entry is to the right of the
// rightmost distinguished one, and never needs to otherwise.
func TestMUSTMonitorRightOfRightmostDistinguished(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 1065}, 13, 2, 5, 12) // 7 is the rightmost distinguished entry
	for version, want := range map[uint32]bool{0: false, 1: false, 2: true} {
		o := run{algo: func(v *View) (any, error) {
			terminal, err := v.Fixed(version)
			return v.MustMonitor(terminal), err
		}}
		_, out, err := o.prove(w, 13, 0)
		if err != nil || out != want {
			t.Errorf("version %d: monitor %v %v", version, out, err)
		}
	}
}

// The greatest possible version is 2^32-1; lookups beyond it are skipped.
func TestGreatestPossibleVersion(t *testing.T) {
	const max = 1<<32 - 1
	w := &world{params: Params{ReasonableMonitoringWindow: 1000000}}
	w.grow(1, 0, 3)
	w.grow(2, 1, 3)
	w.add(3, max, treemath.BaseLadder(max)[1:], 3)
	w.grow(4, 0, 3)
	w.grow(5, 0, 3)
	known := w.known(5, SearchVersions(max)...)
	for name, algo := range map[string]func(v *View) (any, error){
		"greatest": func(v *View) (any, error) { return v.Greatest(max) },
		"fixed":    func(v *View) (any, error) { return v.Fixed(max) },
		"contact": func(v *View) (any, error) {
			return v.Contact([]wire.MonitorMapEntry{{Position: 2, Version: max}}, nil)
		},
	} {
		o := run{name: name, known: known, algo: algo}
		for last := range uint64(6) {
			o.check(t, w, 5, last)
		}
	}
}
