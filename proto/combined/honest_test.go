package combined

import (
	"errors"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// operations returns the operations that honest users may ask for at size n, a
// random one of each kind that is possible.
func operations(t fataler, w *world, n uint64, rng *rand.Rand) []run {
	greatest, exists := w.at(n - 1)
	ops := []run{{name: "view", algo: func(*View) (any, error) { return nil, nil }}}
	heads := distinguishedAt(t, w, n)

	recent := Recent{Count: rng.IntN(5)}
	var stop *uint64
	if rng.IntN(2) == 0 {
		s := rng.Uint64N(n)
		stop = &s
	}
	ops = append(ops, run{name: "distinguished", algo: func(v *View) (any, error) { return v.Distinguished(recent, stop) }})
	if exists {
		ops = append(ops, run{name: "greatest", known: w.known(n, SearchVersions(greatest)...),
			algo: func(v *View) (any, error) { return v.Greatest(greatest) }})
		target := rng.Uint32N(greatest + 1)
		fixed := run{name: "fixed", known: w.known(n, SearchVersions(target)...),
			algo: func(v *View) (any, error) { return v.Fixed(target) }}
		if _, _, err := fixed.prove(w, n, 0); err == nil {
			ops = append(ops, fixed)
		} else if !errors.Is(err, ErrExpired) {
			t.Fatalf("fixed-version search: %v", err)
		}
		if o, ok := contactRun(t, w, n, rng); ok {
			ops = append(ops, o)
		}
	}
	var unexpired []uint64
	for _, x := range heads {
		if l := w.params.MaximumLifetime; l == 0 || w.entries[n-1].Timestamp-w.entries[x].Timestamp < l {
			unexpired = append(unexpired, x)
		}
	}
	if len(unexpired) > 0 {
		start := unexpired[rng.IntN(len(unexpired))]
		ops = append(ops, initRun(t, w, n, start), ownerRun(w, n, start, rng))
	}
	if o, ok := updateRun(w, n, heads, rng); ok {
		ops = append(ops, o)
	}
	for i := range ops {
		if rng.IntN(2) == 0 {
			ops[i].auditor = 1 + rng.Uint64N(n)
		}
	}
	return ops
}

// distinguishedAt lists the distinguished entries at size n.
func distinguishedAt(t fataler, w *world, n uint64) []uint64 {
	t.Helper()
	ms := make([]uint64, n)
	for i := range ms {
		ms[i] = w.entries[i].Timestamp
	}
	r := newReference(ms, nil, w.params)
	var heads []uint64
	for x := range n {
		if r.distinguished[int(x)] {
			heads = append(heads, x)
		}
	}
	return heads
}

// searchedMap is what a user has in its monitoring map that searched for the
// greatest version at a few earlier sizes.
func searchedMap(t fataler, w *world, n uint64, rng *rand.Rand) []wire.MonitorMapEntry {
	var entries []wire.MonitorMapEntry
	for range 3 {
		m := 1 + rng.Uint64N(n)
		g, exists := w.at(m - 1)
		if !exists {
			continue
		}
		o := run{record: func(v *View, _ *Record) (any, error) {
			terminal, err := v.Greatest(g)
			if err == nil && v.MustMonitor(terminal) {
				entries = AddToMap(entries, terminal, g)
			}
			return nil, err
		}}
		if _, _, err := o.prove(w, m, 0); err != nil {
			t.Fatalf("search at %d: %v", m, err)
		}
	}
	for _, e := range entries {
		if !OnPath(e.Position, w.first[e.Version]) {
			t.Fatalf("monitoring %v, first in %d", e, w.first[e.Version])
		}
	}
	return entries
}

func contactRun(t fataler, w *world, n uint64, rng *rand.Rand) (run, bool) {
	entries := searchedMap(t, w, n, rng)
	var versions []uint32
	for _, e := range entries {
		versions = append(versions, SearchVersions(e.Version)...)
	}
	return run{name: "contact", known: w.known(n, versions...),
		algo: func(v *View) (any, error) { return v.Contact(entries, nil) }}, len(entries) > 0
}

// initGreatest is the greatest_versions of an owner who starts at start.
func initGreatest(v *View, w *world, start uint64) ([]uint32, error) {
	entries, err := v.InitEntries(start)
	var greatest []uint32
	for _, x := range entries {
		if g, ok := w.at(x); ok {
			greatest = append(greatest, g)
		}
	}
	return greatest, err
}

func initRun(t fataler, w *world, n, start uint64) run {
	var greatest []uint32
	probe := run{record: func(v *View, _ *Record) (_ any, err error) {
		greatest, err = initGreatest(v, w, start)
		return nil, err
	}}
	if _, _, err := probe.prove(w, n, 0); err != nil {
		t.Fatalf("init at %d from %d: %v", n, start, err)
	}
	return run{
		name: "owner init", known: w.known(n, OwnerInitVersions(greatest)...),
		record: func(v *View, _ *Record) (any, error) {
			greatest, err := initGreatest(v, w, start)
			if err != nil {
				return nil, err
			}
			return v.OwnerInit(start, greatest)
		},
		replay: func(v *View, _ *Replay) (any, error) { return v.OwnerInit(start, greatest) },
	}
}

// history is what an owner knows who started at start, of versions up to size n.
func (w *world) history(start, n uint64) History {
	var h History
	if g, ok := w.at(start); ok {
		h = append(h, wire.MonitorMapEntry{Position: start, Version: g})
	}
	for x := start + 1; x < n; x++ {
		if w.greatest[x] != w.greatest[x-1] {
			h = append(h, wire.MonitorMapEntry{Position: x, Version: uint32(w.greatest[x])})
		}
	}
	return h
}

func ownerRun(w *world, n, start uint64, rng *rand.Rand) run {
	h := w.history(start, n)
	h = h[:rng.IntN(len(h)+1)] // the owner may be behind
	if _, ok := w.at(start); ok && len(h) == 0 {
		h = w.history(start, n)[:1]
	}
	var advertised *uint32
	versions := []uint32{0}
	for _, e := range h {
		advertised = &e.Version
		versions = append(versions, SearchVersions(e.Version)...)
	}
	var entries []wire.MonitorMapEntry
	for _, e := range h {
		if e.Position > start && rng.IntN(2) == 0 {
			entries = append(entries, e)
		}
	}
	limit := rng.IntN(6)
	record := func(v *View, _ *Record) (any, error) {
		kept, err := v.Contact(entries, &start)
		if err != nil {
			return nil, err
		}
		walk, err := v.OwnerMonitor(start, w.at, StopAt(limit, advertised, w.at))
		return []any{kept, walk}, err
	}
	return run{
		name: "owner monitor", known: w.known(n, versions...), record: record,
		replay: func(v *View, r *Replay) (any, error) {
			kept, err := v.Contact(entries, &start)
			if err != nil {
				return nil, err
			}
			walk, err := v.OwnerMonitor(start, h.At, r.Exhausted)
			return []any{kept, walk}, err
		},
	}
}

func updateRun(w *world, n uint64, heads []uint64, rng *rand.Rand) (run, bool) {
	var updates []uint64
	for x := range n {
		if g, ok := w.at(x); ok && (x == 0 || w.greatest[x-1] != int(g)) && w.first[g] == x {
			updates = append(updates, x)
		}
	}
	if len(updates) == 0 {
		return run{}, false
	}
	pos := updates[rng.IntN(len(updates))]
	u := LabelUpdate{Position: pos, At: w.at}
	u.Greatest, _ = w.at(pos)
	known := UpdateVersions(nil, u.Greatest)
	if pos > 0 {
		if g, ok := w.at(pos - 1); ok {
			u.Previous, u.PreviousPosition = &g, w.first[g]
			known = append(UpdateVersions(&g, u.Greatest), SearchVersions(g)...)
		}
	}
	// The owner started at some distinguished entry before the update, if there is one.
	owner := u
	heads = slices.DeleteFunc(slices.Clone(heads), func(x uint64) bool { return x >= pos })
	if len(heads) > 0 {
		owner.At = w.history(heads[rng.IntN(len(heads))], pos).At
	}
	return run{
		name: "update", known: w.known(n, append(known, 0)...),
		record: func(v *View, _ *Record) (any, error) { return v.LabelUpdate(u) },
		replay: func(v *View, _ *Replay) (any, error) { return v.LabelUpdate(owner) },
	}, true
}

// Every operation at every size, to users who return from any earlier size, is
// accepted, and leaves the state that a fresh computation leaves.
func TestHonestProofsAreAccepted(t *testing.T) {
	worlds, least := 25, 50
	if testing.Short() {
		worlds, least = 5, 5
	}
	count := map[string]int{}
	for seed := range worlds {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		w := newWorld(rng, 2+rng.IntN(70))
		for n := uint64(1); n <= w.size(); n++ {
			for _, last := range []uint64{0, 1 + rng.Uint64N(n), 1 + rng.Uint64N(n), n} {
				for _, o := range operations(t, w, n, rng) {
					count[o.name]++
					_, out, result := o.check(t, w, n, last)
					if o.name == "distinguished" {
						checkHeads(t, w, result, out.([]uint64))
					}
				}
			}
		}
	}
	for _, name := range []string{"view", "greatest", "fixed", "contact", "owner init", "owner monitor", "update", "distinguished"} {
		if count[name] < least {
			t.Errorf("%s: only %d proofs", name, count[name])
		}
	}
}

// "Users compute and retain the full subtrees of the log tree at each point where
// a recently issued distinguished log entry is the log's rightmost log entry."
func checkHeads(t fataler, w *world, result *Result, heads []uint64) {
	t.Helper()
	for _, x := range heads {
		root, err := result.RootAt(x)
		if err != nil || root != w.root(x+1) {
			t.Fatalf("root at entry %d: %v", x, err)
		}
		kept, err := result.RetainedAt(x)
		if err != nil || !reflect.DeepEqual(kept, w.retained(x+1)) {
			t.Fatalf("retained at entry %d: %v", x, err)
		}
	}
}

// The whole life of a provisional credential: initial verification from a recent
// distinguished entry, and both ways of final verification.
func TestCredentials(t *testing.T) {
	var standard, provisional, settled int
	for seed := range 60 {
		rng := rand.New(rand.NewPCG(uint64(seed), 8))
		w := newWorld(rng, 2+rng.IntN(60))
		n := 1 + rng.Uint64N(w.size())
		version, exists := w.at(n - 1)
		heads := distinguishedAt(t, w, n)
		if !exists || len(heads) == 0 {
			continue
		}
		position := heads[len(heads)-1]
		known := w.known(n, SearchVersions(version)...)
		if g, ok := w.at(position); ok && g == version {
			ladder, err := StandardLadder(w, position, version, outputs)
			if err != nil {
				t.Fatal(err)
			}
			root, err := StandardCredential(version, known, ladder)
			if err != nil || root != w.entries[position].PrefixTree {
				t.Fatalf("standard credential at %d: %v", position, err)
			}
			if _, err := StandardLadder(w, position, version+1, outputs); !errors.Is(err, ErrProof) {
				t.Fatalf("standard credential of a missing version: %v", err)
			}
			standard++
			continue
		}
		o := run{name: "provisional", known: known, algo: func(v *View) (any, error) { return v.Provisional(version, position) }}
		_, out, result := o.check(t, w, n, position+1)
		provisional++
		terminal := out.(uint64)
		entry, ok := result.Entry(terminal)
		if !ok || entry != w.entries[terminal] {
			t.Fatalf("terminal entry %d is %v", terminal, entry)
		}
		// The first distinguished entry at or to the right of the terminal one.
		settles := distinguishedAt(t, w, w.size())
		i, _ := slices.BinarySearch(settles, terminal)
		if i == len(settles) || settles[i] == terminal || settles[i]+1 < n {
			continue
		}
		update := run{name: "credential update", known: known, algo: func(v *View) (any, error) { return nil, v.CredentialUpdate(terminal, version) }}
		update.check(t, w, settles[i]+1, n)
		settled++
	}
	if standard == 0 || provisional == 0 || settled == 0 {
		t.Errorf("%d standard, %d provisional, %d settled", standard, provisional, settled)
	}
}

// A user who returns is brought up to date from every size to every size, and told
// nothing at the size it knows.
func TestReturningUserFromEverySize(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(3, 3)), 40)
	o := run{name: "view", algo: func(*View) (any, error) { return nil, nil }}
	for n := uint64(1); n <= w.size(); n++ {
		for last := range n + 1 {
			proof, _, _ := o.check(t, w, n, last)
			if last == n && (len(proof.Timestamps)+len(proof.PrefixRoots)+len(proof.Inclusion.Elements)) > 0 {
				t.Fatalf("something new at the same size %d: %+v", n, proof)
			}
			if len(proof.Timestamps) > bits.Len64(n)+len(treemath.Frontier(n)) {
				t.Fatalf("%d timestamps from %d to %d", len(proof.Timestamps), last, n)
			}
		}
	}
}

// A directory fills binary_ladder with the commitments that its search met.
func TestRecordTellsCommitments(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 50}, 20, 2, 9, 14)
	rec := NewRecord(w, 20, 0, outputs)
	v, err := rec.View(w.params)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Greatest(2); err != nil {
		t.Fatal(err)
	}
	for _, version := range SearchVersions(2) {
		got, ok := rec.Commitment(version)
		if ok != (version <= 2) || ok && got != commitment(version) {
			t.Errorf("commitment of version %d: %x %v", version, got, ok)
		}
	}
}
