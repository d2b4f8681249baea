package combined

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// entries is a monitoring map, written shortly.
type (
	pair struct {
		Position uint64
		Version  uint32
	}
	entries []pair
)

func (e entries) wire() (out []wire.MonitorMapEntry) {
	for _, p := range e {
		out = append(out, wire.MonitorMapEntry(p))
	}
	return out
}

// Monitoring maps with several versions, whose paths meet or do not. The log has
// 16 entries: 12's path to the right is 13, 15; 8's is 9, 11, 15.
func TestContactMaps(t *testing.T) {
	start := func(v uint64) *uint64 { return &v }
	for _, c := range []struct {
		name   string
		size   int
		window uint64
		start  *uint64
		in     entries
		want   entries
		err    error
		asked  []uint64 // entries inspected, in order
	}{
		{name: "nothing", size: 16, window: 1 << 40, want: nil},
		{name: "one version", size: 16, window: 1 << 40, in: entries{{8, 0}}, want: entries{{15, 0}}, asked: []uint64{9, 11, 15}},
		{name: "on the frontier already", size: 12, window: 1 << 40, in: entries{{11, 0}}, want: entries{{11, 0}}},
		{name: "the greater version stays", size: 16, window: 1 << 40, in: entries{{8, 0}, {12, 1}}, want: entries{{15, 1}}, asked: []uint64{13, 15, 9, 11}},
		{name: "versions out of order", size: 16, window: 1 << 40, in: entries{{8, 1}, {12, 0}}, err: ErrProof, asked: []uint64{13, 15, 9, 11}},
		{name: "one that did not move is met", size: 12, window: 1 << 40, in: entries{{8, 0}, {11, 1}}, want: entries{{11, 1}}, asked: []uint64{9, 11}},
		{name: "one that did not move is less", size: 12, window: 1 << 40, in: entries{{8, 1}, {11, 0}}, err: ErrProof, asked: []uint64{9, 11}},
		{name: "two on the frontier", size: 11, window: 1 << 40, in: entries{{8, 0}, {10, 1}}, want: entries{{9, 0}, {10, 1}}, asked: []uint64{9}},
		// A window of 1005: 7 and 15 are distinguished at size 16.
		{name: "distinguished itself", size: 16, window: 1005, in: entries{{7, 0}}, want: nil},
		{name: "ends at a distinguished entry", size: 16, window: 1005, in: entries{{5, 0}}, want: nil, asked: []uint64{7}},
		{name: "owner leaves the distinguished entry out", size: 16, window: 1005, start: start(3), in: entries{{4, 0}}, want: nil, asked: []uint64{5}},
		{name: "but not before its start", size: 16, window: 1005, start: start(5), in: entries{{4, 0}}, want: nil, asked: []uint64{5, 7}},
		{name: "not ascending", size: 16, window: 1, in: entries{{8, 0}, {8, 1}}, err: ErrRequest},
		{name: "version twice", size: 16, window: 1, in: entries{{8, 0}, {9, 0}}, err: ErrRequest},
		{name: "beyond the tree", size: 16, window: 1, in: entries{{16, 0}}, err: ErrRequest},
	} {
		w := steady(Params{ReasonableMonitoringWindow: c.window}, c.size, 0, 2)
		rec := NewRecord(w, uint64(c.size), 0, outputs)
		log := &inspections{Source: rec}
		v, err := NewView(log, w.params, uint64(c.size), 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Contact(c.in.wire(), c.start)
		if !errors.Is(err, c.err) || !slices.Equal(got, c.want.wire()) || !slices.Equal(log.asked, c.asked) {
			t.Errorf("%s: %v %v, inspected %v; want %v %v, %v", c.name, got, err, log.asked, c.want, c.err, c.asked)
		}
	}
}

type inspections struct {
	Source
	asked []uint64
}

func (l *inspections) Lookups(pos uint64, versions []uint32, done func(uint32, bool) bool) ([]bool, error) {
	l.asked = append(l.asked, pos)
	return l.Source.Lookups(pos, versions, done)
}

func TestAddToMap(t *testing.T) {
	for _, c := range []struct {
		in   entries
		pos  uint64
		ver  uint32
		want entries
	}{
		{nil, 5, 1, entries{{5, 1}}},
		{entries{{5, 1}}, 5, 2, entries{{5, 2}}},
		{entries{{5, 2}}, 5, 1, entries{{5, 2}}},
		{entries{{5, 1}}, 7, 1, entries{{5, 1}}},
		{entries{{5, 1}}, 3, 1, entries{{3, 1}}},
		{entries{{3, 0}, {7, 2}}, 5, 1, entries{{3, 0}, {5, 1}, {7, 2}}},
		{entries{{3, 0}}, 5, 1, entries{{3, 0}, {5, 1}}},
	} {
		in := c.in.wire()
		if got := AddToMap(in, c.pos, c.ver); !slices.Equal(got, c.want.wire()) || !slices.Equal(in, c.in.wire()) {
			t.Errorf("%v + (%d, %d) = %v, want %v", c.in, c.pos, c.ver, got, c.want)
		}
	}
}

func TestOnPath(t *testing.T) {
	r := newReference(make([]uint64, 100), nil, Params{})
	for first := range 100 {
		for pos := range 100 {
			want := pos == first || slices.Contains(r.directPath(first), pos)
			if OnPath(uint64(pos), uint64(first)) != want {
				t.Fatalf("entry %d on the path of %d: %v", pos, first, !want)
			}
		}
	}
}

// A directory that claims something else than its tree holds is found out by
// every algorithm: the user runs it with what it knows or was told.
func TestLyingDirectoryIsRefused(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 50}, 20, 2, 9, 14)
	all := w.known(20, 0, 1, 2, 3, 4, 5, 7)
	u := func(v uint32) *uint32 { return &v }
	never := func(uint64) bool { return false }
	for name, c := range map[string]struct{ tree, user func(v *View) error }{
		"an old version as the greatest": {
			func(v *View) error { _, err := v.Greatest(2); return err },
			func(v *View) error { _, err := v.Greatest(1); return err },
		},
		"a missing version as the greatest": {
			func(v *View) error { _, err := v.Greatest(2); return err },
			func(v *View) error { _, err := v.Greatest(3); return err },
		},
		"a greater version at the start": {
			func(v *View) error { _, err := v.OwnerInit(11, []uint32{1, 0}); return err },
			func(v *View) error { _, err := v.OwnerInit(11, []uint32{2, 0}); return err },
		},
		"greatest versions that ascend": {
			func(v *View) error { _, err := v.OwnerInit(11, []uint32{1, 0}); return err },
			func(v *View) error { _, err := v.OwnerInit(11, []uint32{0, 1}); return err },
		},
		"too many greatest versions": {
			func(v *View) error { _, err := v.OwnerInit(11, []uint32{1, 0}); return err },
			func(v *View) error { _, err := v.OwnerInit(11, []uint32{1, 0, 0}); return err },
		},
		"a version the owner did not make": {
			func(v *View) error { _, err := v.OwnerMonitor(3, w.at, never); return err },
			func(v *View) error {
				_, err := v.OwnerMonitor(3, History{{Position: 3, Version: 0}, {Position: 9, Version: 1}}.At, never)
				return err
			},
		},
		"a version the owner made is not there": {
			func(v *View) error { _, err := v.OwnerMonitor(3, w.at, never); return err },
			func(v *View) error {
				_, err := v.OwnerMonitor(3, History{{Position: 3, Version: 0}, {Position: 5, Version: 1}}.At, never)
				return err
			},
		},
		"another label update": {
			func(v *View) error {
				_, err := v.LabelUpdate(LabelUpdate{Position: 14, Greatest: 2, Previous: u(1), PreviousPosition: 9, At: w.at})
				return err
			},
			func(v *View) error {
				_, err := v.LabelUpdate(LabelUpdate{Position: 14, Greatest: 3, Previous: u(1), PreviousPosition: 9, At: w.at})
				return err
			},
		},
	} {
		tree := run{known: all, algo: func(v *View) (any, error) { return nil, c.tree(v) }}
		proof, _, _ := tree.check(t, w, 20, 0)
		user := run{known: all, algo: func(v *View) (any, error) { return nil, c.user(v) }}
		if _, _, err := user.verify(w.params, proof, 20, nil); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A fickle tree takes versions back: included says what its entries show.
type fickle func(pos uint64, version uint32) bool

func (f fickle) Timestamp(pos uint64) (uint64, error) { return 1000 + 10*pos, nil }

func (f fickle) Lookups(pos uint64, versions []uint32, done func(uint32, bool) bool) (found []bool, err error) {
	for _, v := range versions {
		found = append(found, f(pos, v))
		if done(v, found[len(found)-1]) {
			break
		}
	}
	return found, nil
}

// A version that comes and goes shows in the entries that a user inspects.
func TestFickleDirectoryIsRefused(t *testing.T) {
	between := func(version uint32, from, to uint64) fickle {
		return func(pos uint64, v uint32) bool { return v < version || v == version && pos >= from && pos < to }
	}
	for name, c := range map[string]struct {
		window uint64
		tree   fickle
		user   func(v *View) error
		want   error // nil: ErrProof
	}{
		// The frontier is 15, 23, 27, 29.
		"a greater version for a while": {window: 1 << 40, tree: between(3, 23, 27),
			user: func(v *View) error { _, err := v.Greatest(2); return err }},
		"an end without the greatest": {window: 1 << 40, tree: between(2, 30, 30),
			user: func(v *View) error { _, err := v.Greatest(2); return err }},
		"an end without any": {window: 1 << 40, tree: between(0, 30, 30),
			user: func(v *View) error { _, err := v.Greatest(0); return err }},
		// "If the result is a non-inclusion proof, terminate the search with an error
		// indicating that the requested version of the label does not exist."
		"a skipped version": {window: 1 << 40, tree: func(_ uint64, v uint32) bool { return v <= 3 && v != 2 },
			user: func(v *View) error { _, err := v.Fixed(2); return err }, want: ErrNotFound},
		// "Verify that each version is less than or equal to the one prior."
		"greatest versions that ascend": {window: 70, tree: between(2, 7, 20),
			user: func(v *View) error { _, err := v.OwnerInit(23, []uint32{1, 2}); return err }},
		"a monitored version gone": {window: 1 << 40, tree: between(2, 12, 15),
			user: func(v *View) error {
				_, err := v.Contact([]wire.MonitorMapEntry{{Position: 12, Version: 2}}, nil)
				return err
			}},
		"a version before its update": {window: 1 << 40, tree: between(1, 23, 30),
			user: func(v *View) error {
				_, err := v.LabelUpdate(LabelUpdate{Position: 26, Greatest: 1, Previous: new(uint32), At: func(uint64) (uint32, bool) { return 0, true }})
				return err
			}},
		// "Verify that the terminal log entry of the search is to the right of position."
		"a provisional credential for a standard one": {window: 70, tree: between(2, 23, 30),
			user: func(v *View) error { _, err := v.Provisional(2, 27); return err }},
		"a credential at an entry that is not there": {window: 70, tree: between(2, 23, 30),
			user: func(v *View) error { _, err := v.Provisional(2, 30); return err }},
		"a credential update that leads elsewhere": {window: 1 << 40, tree: between(2, 16, 30),
			user: func(v *View) error { return v.CredentialUpdate(16, 2) }},
	} {
		v, err := NewView(c.tree, Params{ReasonableMonitoringWindow: c.window}, 30, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.want == nil {
			c.want = ErrProof
		}
		if err := c.user(v); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a tree that cannot read one thing, after a number of reads.
type failing struct {
	*world
	reads int
}

var errDisk = errors.New("disk on fire")

func (f *failing) tick() error {
	if f.reads--; f.reads < 0 {
		return errDisk
	}
	return nil
}

func (f *failing) LogEntry(pos uint64) (wire.LogEntry, error) {
	if err := f.tick(); err != nil {
		return wire.LogEntry{}, err
	}
	return f.world.LogEntry(pos)
}

func (f *failing) LogNodes(nodes []logtree.Node) ([]wire.HashValue, error) {
	if err := f.tick(); err != nil {
		return nil, err
	}
	return f.world.LogNodes(nodes)
}

func (f *failing) Page(pos uint64) ([]byte, error) {
	if err := f.tick(); err != nil {
		return nil, err
	}
	return f.world.Page(pos)
}

// Whatever read fails, the error is the directory's own and reaches the caller.
func TestReadErrorsAreNeverSwallowed(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 10 {
		w := newWorld(rng, 30)
		n := w.size()
		for _, o := range operations(t, w, n, rng) {
			if o.algo == nil {
				o.algo = func(v *View) (any, error) { return o.record(v, nil) }
			}
			failed := 0
			for reads := 0; ; reads++ {
				tree := &failing{w, reads}
				rec := NewRecord(tree, n, 9, outputs)
				view, err := rec.View(w.params)
				if err == nil {
					_, err = o.algo(view)
				}
				if err == nil {
					_, err = rec.Finish(o.auditor)
				}
				if tree.reads >= 0 {
					if err != nil {
						t.Fatalf("%s: %v", o.name, err)
					}
					break
				}
				failed++
				if !errors.Is(err, ErrSource) || !errors.Is(err, errDisk) {
					t.Fatalf("%s after %d reads: %v", o.name, reads, err)
				}
			}
			if failed == 0 {
				t.Errorf("%s: nothing was read", o.name)
			}
		}
	}
}

// Impossible requests are refused, not answered and not a reason to panic.
func TestRequestsOutOfBounds(t *testing.T) {
	w := steady(Params{ReasonableMonitoringWindow: 50}, 20, 2)
	u := func(v uint32) *uint32 { return &v }
	for name, err := range map[string]error{
		"empty tree":  second(NewRecord(w, 0, 0, outputs).View(w.params)),
		"huge tree":   second(NewView(nil, w.params, MaxSize+1, 0, nil)),
		"later last":  second(NewRecord(w, 20, 21, outputs).View(w.params)),
		"later state": second(NewReplay(&wire.CombinedTreeProof{}, 19, ptr(w.retained(20)), nil)),
		"broken state": second(NewReplay(&wire.CombinedTreeProof{}, 20, &Retained{
			Size: 20, FullSubtrees: w.retained(20).FullSubtrees}, nil)),
		"known twice":            second(NewReplay(&wire.CombinedTreeProof{}, 20, nil, []Known{{Version: 1}, {Version: 0}, {Version: 1}})),
		"auditor":                second(NewRecord(w, 20, 0, outputs).Finish(21)),
		"beyond the tree":        second(view(t, w).IsDistinguished(20)),
		"owner start":            second(view(t, w).OwnerMonitor(20, w.at, nil)),
		"update beyond the tree": second(view(t, w).LabelUpdate(LabelUpdate{Position: 20, Greatest: 1})),
		"update to the same":     second(view(t, w).LabelUpdate(LabelUpdate{Position: 5, Greatest: 1, Previous: u(1)})),
		"update before the last": second(view(t, w).LabelUpdate(LabelUpdate{Position: 5, Greatest: 1, Previous: u(0), PreviousPosition: 5})),
		"update of too many":     second(view(t, w).LabelUpdate(LabelUpdate{Position: 5, Greatest: 1 << 31})),
	} {
		if !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
func ptr[T any](v T) *T                  { return &v }

func view(t *testing.T, w *world) *View {
	t.Helper()
	v, err := NewRecord(w, w.size(), 0, outputs).View(w.params)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A change to any algorithm, to what is omitted or to the order of anything
// changes this hash over thousands of proofs. It changes with the draft only.
func TestAccumulatedHash(t *testing.T) {
	const want = "4ee887ef19f6a1aac25105f46b335949d97d3ce173e7529944b68b840d4daadb"
	sum := sha256.New()
	proofs := 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(rng, 50)
		for n := uint64(1); n <= w.size(); n++ {
			last := rng.Uint64N(n + 1)
			for _, o := range operations(t, w, n, rng) {
				proof, out, err := o.prove(w, n, last)
				if err != nil {
					t.Fatalf("%s: %v", o.name, err)
				}
				b, err := proof.Append(nil, wire.Format{})
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(sum, "%s %d %d %v %x\n", o.name, n, last, out, b)
				proofs++
			}
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("hash of %d proofs is %s, want %s", proofs, got, want)
	}
}
