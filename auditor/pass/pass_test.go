package pass

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

func TestHonestLogPasses(t *testing.T) {
	w := newWorld(t)
	progress := w.log.Begin()
	for _, n := range []int{1, 1, 5, 250, 256, 87} {
		w.fill(n)
		r, err := w.pass(progress)
		must(t, err)
		if r.Entries != uint64(n) || r.Progress.State.Size() != uint64(len(w.leaves)) || r.Progress.State.Root() != w.roots.Root() {
			t.Fatalf("%d entries, at %d of %d", r.Entries, r.Progress.State.Size(), len(w.leaves))
		}
		progress, err = ParseProgress(r.Progress.Encode(w.log), w.log)
		must(t, err)
	}
	r, err := w.pass(progress)
	if err != nil || r.Entries != 0 {
		t.Fatalf("nothing new: %d entries, %v", r.Entries, err)
	}
	w.pageMax = 3
	r, err = w.pass(w.log.Begin())
	if err != nil || r.Entries != uint64(len(w.leaves)) || r.Leaves != 2*r.Entries+r.Entries/7 {
		t.Fatalf("small pages: %+v, %v", r, err)
	}
}

// TestEveryByteCounts flips bytes of all that is served: all of the checkpoint,
// and as many of the rest as there is time for.
func TestEveryByteCounts(t *testing.T) {
	w := newWorld(t).fill(300)
	sizes := map[string]int{}
	w.lie = func(path string, b []byte) []byte {
		sizes[path] = len(b)
		return b
	}
	_, err := w.pass(w.log.Begin())
	must(t, err)
	for _, want := range []string{"checkpoint", "updates?start=0", "tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"} {
		if sizes[want] == 0 {
			t.Fatalf("%s is not read", want)
		}
	}
	tries := 100
	if testing.Short() {
		tries = 5
	}
	r := rand.New(rand.NewPCG(1, 2))
	for path, size := range sizes {
		offsets := r.Perm(size)
		if path != "checkpoint" {
			offsets = offsets[:min(tries, size)]
		}
		for _, i := range offsets {
			for _, bit := range []byte{1 << r.IntN(8), 1} {
				w.lie = func(served string, b []byte) []byte {
					if served == path {
						b[i] ^= bit
					}
					return b
				}
				_, err := w.pass(w.log.Begin())
				var m *Misbehaviour
				if !errors.As(err, &m) || (m.Checkpoint == nil) != (path == "checkpoint") || m.Entry >= 300 {
					t.Fatalf("bit %#x of byte %d of %s: %v", bit, i, path, err)
				}
			}
		}
	}
}

// TestNamesTheEntry: what is wrong with one entry is said of that one.
func TestNamesTheEntry(t *testing.T) {
	const entry = 270
	w := newWorld(t).fill(300)
	at := 0
	for _, u := range w.updates[:entry] {
		at += 4 + len(u)
	}
	inLeaf := (entry-256)*(2+checkpoint.LeafSize) + 2
	for _, c := range []struct {
		path   string
		offset int
		kind   Kind
	}{
		{"updates?start=0", at + 4 + 20, BadUpdate},
		{"tile/entries/001.p/44", inLeaf, BadLeaf},
		{"tile/entries/001.p/44", inLeaf + 20, BadLeaf},
		{"tile/entries/001.p/44", inLeaf - 1, BadLeaf},
		{"tile/0/001.p/44", (entry - 256) * tlog.HashSize, BadTile},
	} {
		w.lie = func(path string, b []byte) []byte {
			if path == c.path {
				b[c.offset] ^= 1
			}
			return b
		}
		r, err := w.pass(w.log.Begin())
		var m *Misbehaviour
		if !errors.As(err, &m) || m.Entry != entry || m.Kind != c.kind {
			t.Errorf("%s at %d: %v", c.path, c.offset, err)
		}
		if got := r.Progress.State.Size(); got != entry && got != 256 && c.kind != BadTile {
			t.Errorf("%s at %d: came to %d", c.path, c.offset, got)
		}
	}
}

// TestLogThatSignsItsLies: leaves and checkpoint agree with each other, but not
// with what follows from the updates.
func TestLogThatSignsItsLies(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*wire.AuditorUpdate, *checkpoint.Leaf)
		kind  Kind
		step  int
	}{
		{"another root", func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Root[3] ^= 1 }, BadRoot, 0},
		{"another prefix root", func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.PrefixRoot[3] ^= 1 }, BadRoot, 0},
		{"another timestamp", func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Timestamp++ }, BadRoot, 0},
		{"another configuration", func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Configuration[3] ^= 1 }, Reconfigured, 0},
		{"time goes back", func(u *wire.AuditorUpdate, _ *checkpoint.Leaf) { u.Timestamp = 1 }, BadStep, 1},
		{"a leaf swapped", func(u *wire.AuditorUpdate, _ *checkpoint.Leaf) { u.Added[0].Commitment[0] ^= 1 }, BadRoot, 0},
		{"a copath hash swapped", func(u *wire.AuditorUpdate, _ *checkpoint.Leaf) { u.Proof.Elements[0][0] ^= 1 }, BadStep, 6},
	} {
		w := newWorld(t).fill(20)
		w.entry(1, []wire.PrefixLeaf{leaf(1000)}, nil, c.spoil)
		w.fill(5)
		_, err := w.pass(w.log.Begin())
		var m *Misbehaviour
		if !errors.As(err, &m) || m.Kind != c.kind || m.Entry != 20 || m.Step() != c.step {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		// The evidence stands by itself: the leaf is under the signed checkpoint.
		signed, err := w.log.Verifier.Open(m.Checkpoint)
		must(t, err)
		l, err := checkpoint.ParseLeaf(m.Leaf)
		must(t, err)
		if err := checkpoint.CheckInclusion(signed.Checkpoint, &l, m.LeafProof); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !bytes.Equal(m.Update, w.updates[20]) {
			t.Errorf("%s: the update is not in the evidence", c.name)
		}
	}
}

// TestMUSTRefuseEarlyRemoval: a removal before its time is found through the whole pass.
func TestMUSTRefuseEarlyRemoval(t *testing.T) {
	w := newWorld(t).fill(20)
	w.entry(0, []wire.PrefixLeaf{leaf(1000)}, nil, nil)
	w.entry(0, nil, []wire.PrefixLeaf{leaf(1000)}, nil)
	_, err := w.pass(w.log.Begin())
	var m *Misbehaviour
	if !errors.As(err, &m) || m.Entry != 21 || m.Step() != 5 || !errors.Is(err, auditor.ErrEarlyRemoval) {
		t.Fatal(err)
	}
}

func TestForksAndRollbacks(t *testing.T) {
	build := func(differs int) *world { // from this entry on
		w := newWorld(t)
		for i := range 300 {
			ms := uint64(window)
			if i >= differs {
				ms++
			}
			w.entry(ms, []wire.PrefixLeaf{leaf(i)}, nil, nil)
		}
		return w
	}
	honest := build(300)
	r, err := honest.pass(honest.log.Begin())
	must(t, err)
	seen := r.Progress

	fork := build(299)
	_, err = fork.pass(seen)
	var m *Misbehaviour
	var same *checkpoint.ForkError
	if !errors.As(err, &m) || m.Kind != Fork || !errors.As(err, &same) || m.Previous == nil || m.Checkpoint == nil {
		t.Errorf("two roots at one size: %v", err)
	}
	fork = build(120)
	for i := range 20 {
		fork.entry(window, []wire.PrefixLeaf{leaf(1000 + i)}, nil, nil)
	}
	if _, err = fork.pass(seen); !errors.As(err, &m) || m.Kind != Fork || !bytes.Equal(m.Previous, seen.Seen) {
		t.Errorf("a fork that grew: %v", err)
	}
	_, err = fork.pass(fork.log.Begin())
	must(t, err) // to somebody without memory it is a good log
	honest.lie = func(path string, b []byte) []byte {
		if path == "checkpoint" {
			return honest.sign(200)
		}
		return b
	}
	if _, err = honest.pass(seen); !errors.As(err, &m) || m.Kind != Rollback || !errors.Is(err, ErrRollback) {
		t.Errorf("rollback: %v", err)
	}
}

// TestSeenCountsBeforeItIsAudited: a checkpoint binds the log from the moment it
// was seen, even if the pass ended before its entries.
func TestSeenCountsBeforeItIsAudited(t *testing.T) {
	w := newWorld(t).fill(100)
	var saved []Progress
	ctx, cancel := context.WithCancel(t.Context())
	p := Pass{Log: w.log, Source: w, Save: func(p Progress, last bool) error {
		saved = append(saved, p)
		cancel()
		return nil
	}}
	if _, err := p.Run(ctx, w.log.Begin()); !errors.Is(err, context.Canceled) || len(saved) != 1 {
		t.Fatal(err)
	}
	if saved[0].State.Size() != 0 {
		t.Fatal("something was audited")
	}
	var m *Misbehaviour
	if _, err := newWorld(t).fill(50).pass(saved[0]); !errors.As(err, &m) || m.Kind != Rollback {
		t.Error(err)
	}
	r, err := w.pass(saved[0])
	if err != nil || r.Entries != 100 {
		t.Errorf("%d entries, %v", r.Entries, err)
	}
}

// TestResume: a pass may end anywhere, and goes on from what was saved.
func TestResume(t *testing.T) {
	w := newWorld(t).fill(600)
	progress := w.log.Begin()
	stop := errors.New("killed")
	audited := uint64(0)
	for kills := 0; ; kills++ {
		saves := 0
		p := Pass{Log: w.log, Source: w, Save: func(p Progress, last bool) error {
			var err error
			progress, err = ParseProgress(p.Encode(w.log), w.log)
			must(t, err)
			if saves++; saves == 2 && !last {
				return stop
			}
			return nil
		}}
		r, err := p.Run(t.Context(), progress)
		audited += r.Entries
		if err == nil {
			if kills != 2 || audited != 600 || progress.State.Size() != 600 {
				t.Errorf("%d kills, %d audited, at %d", kills, audited, progress.State.Size())
			}
			return
		}
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
}

// TestPages: pages that are cut, miscounted or in another order.
func TestPages(t *testing.T) {
	w := newWorld(t).fill(40)
	first := 4 + len(w.updates[0])
	for name, c := range map[string]struct {
		change func([]byte) []byte
		cause  error
		entry  uint64
	}{
		"empty":           {func([]byte) []byte { return nil }, ErrShort, 0},
		"cut in a length": {func(b []byte) []byte { return b[:first+2] }, ErrPage, 1},
		"cut in a body":   {func(b []byte) []byte { return b[:first+20] }, ErrPage, 1},
		"an update twice": {func(b []byte) []byte { return append(slices.Clone(b[:first]), b...) }, ErrUpdate, 1},
		"one left out":    {func(b []byte) []byte { return b[first:] }, ErrUpdate, 0},
		"too long":        {func(b []byte) []byte { return append([]byte{0xff, 0, 0, 0}, b...) }, ErrPage, 0},
		"empty updates":   {func(b []byte) []byte { return append(make([]byte, 4*600), b...) }, ErrPage, 512},
		"too much":        {func(b []byte) []byte { return make([]byte, max(MaxPage, MaxBundle)+1) }, ErrPage, 0},
	} {
		w.lie = func(path string, b []byte) []byte {
			if path == "updates?start=0" {
				return c.change(b)
			}
			return b
		}
		_, err := w.pass(w.log.Begin())
		var m *Misbehaviour
		if !errors.As(err, &m) || !errors.Is(err, c.cause) || m.Entry != c.entry {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnreadableIsNoFault: what cannot be read is the Source's error.
func TestUnreadableIsNoFault(t *testing.T) {
	w := newWorld(t).fill(300)
	for fail := range w.countReads() {
		s := &failing{w, fail}
		p := Pass{Log: w.log, Source: s}
		_, err := p.Run(t.Context(), w.log.Begin())
		var m *Misbehaviour
		if !errors.Is(err, errDown) || errors.As(err, &m) {
			t.Errorf("read %d: %v", fail, err)
		}
	}
}

var errDown = errors.New("down")

type failing struct {
	*world
	left int
}

func (w *world) countReads() int {
	w.reads = 0
	_, err := w.pass(w.log.Begin())
	must(w.t, err)
	return w.reads
}

func (f *failing) down() bool { f.left--; return f.left < 0 }

func (f *failing) Checkpoint(ctx context.Context) ([]byte, error) {
	if f.down() {
		return nil, errDown
	}
	return f.world.Checkpoint(ctx)
}

func (f *failing) Tile(ctx context.Context, t checkpoint.Tile) ([]byte, error) {
	if f.down() {
		return nil, errDown
	}
	return f.world.Tile(ctx, t)
}

func (f *failing) Updates(ctx context.Context, start uint64) ([]byte, error) {
	if f.down() {
		return nil, errDown
	}
	return f.world.Updates(ctx, start)
}

func TestProgressIsGuarded(t *testing.T) {
	w := newWorld(t).fill(20)
	r, err := w.pass(w.log.Begin())
	must(t, err)
	b := r.Progress.Encode(w.log)
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1
		if _, err := ParseProgress(bad, w.log); !errors.Is(err, ErrProgress) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := ParseProgress(b[:i], w.log); !errors.Is(err, ErrProgress) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	other, config := *w.log, *w.log.Configuration
	config.SignaturePublicKey = bytes.Repeat([]byte{1}, 32)
	other.Configuration = &config
	if _, err := ParseProgress(b, &other); !errors.Is(err, ErrOtherLog) {
		t.Error(err)
	}
}

// BenchmarkAudit audits entries of 255 changes, from memory.
func BenchmarkAudit(b *testing.B) {
	w := newWorld(b)
	for i := range 200 {
		added := make([]wire.PrefixLeaf, 255)
		for j := range added {
			added[j] = leaf(i*255 + j)
		}
		w.entry(window, added, nil, nil)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.pass(w.log.Begin()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*200*255/b.Elapsed().Seconds(), "leaves/s")
}

// TestLeavesAndTilesLieTogether: leaves that agree with the lowest tile still have
// to stand under the checkpoint.
func TestLeavesAndTilesLieTogether(t *testing.T) {
	for _, entry := range []int{3, 270} {
		w := newWorld(t).fill(300)
		forged := slices.Clone(w.leaves[entry])
		forged[20] ^= 1
		hash := tlog.RecordHash(forged)
		bundle, tile := "tile/entries/000", "tile/0/000"
		if entry >= 256 {
			bundle, tile = "tile/entries/001.p/44", "tile/0/001.p/44"
		}
		w.lie = func(path string, b []byte) []byte {
			switch i := entry % 256; path {
			case bundle:
				copy(b[i*(2+checkpoint.LeafSize)+2:], forged)
			case tile:
				copy(b[i*tlog.HashSize:], hash[:])
			}
			return b
		}
		_, err := w.pass(w.log.Begin())
		var m *Misbehaviour
		if !errors.As(err, &m) || m.Kind != BadTile || !errors.Is(err, ErrTile) {
			t.Errorf("entry %d: %v", entry, err)
		}
	}
}

// TestMemoryIsFlat: a pass holds the state, a page and a few tiles, however long
// the log.
func TestMemoryIsFlat(t *testing.T) {
	w := newWorld(t).fill(2000)
	kept := 0
	p := Pass{Log: w.log, Source: w}
	signed, tree, err := p.open(t.Context(), w.log.Begin(), w.sign(2000))
	must(t, err)
	r := Result{Progress: w.log.Begin(), Signed: signed}
	p.Each = func(uint64, uint64) { kept = max(kept, len(tree.kept)+len(tree.raw)) }
	must(t, p.walk(t.Context(), &r, tree))
	if r.Entries != 2000 || kept == 0 || kept > maxTiles+8 {
		t.Errorf("%d entries, %d tiles", r.Entries, kept)
	}
	if n := len(r.Progress.State.Append(nil)); n > 4096 { // the leaves since the last distinguished entry
		t.Errorf("a state of %d bytes", n)
	}
}
