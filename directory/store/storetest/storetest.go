// Package storetest is the conformance suite of directory.Store. It is run over
// every engine.
package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/logtree"
)

// Open opens the store that lives under dir, making it if there is none.
type Open func(dir string) (directory.Store, error)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	tests := map[string]func(*testing.T, Open){
		"Empty":                testEmpty,
		"CommitsReadBack":      testCommits,
		"ManyVersions":         testManyVersions,
		"Conflict":             testConflict,
		"ConcurrentCommits":    testConcurrentCommits,
		"RefusedBatch":         testRefused,
		"SnapshotStandsStill":  testSnapshot,
		"ConcurrentReaders":    testReaders,
		"Erase":                testErase,
		"Meta":                 testMeta,
		"MetaOfCommits":        testMetaOfCommits,
		"SecondOpenerIsBarred": testSecondOpener,
		"Closed":               testClosed,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

var ctx = context.Background()

func must(t testing.TB, open Open, dir string) directory.Store {
	t.Helper()
	s, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func snapshot(t testing.TB, s directory.Store) directory.Snapshot {
	t.Helper()
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Release)
	return v
}

func commit(t testing.TB, s directory.Store, b *directory.Batch) {
	t.Helper()
	if err := s.Commit(ctx, b); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, s directory.Store, m *model) {
	t.Helper()
	v := snapshot(t, s)
	m.check(t, v)
	v.Release()
}

func testEmpty(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	v := snapshot(t, s)
	newModel(0).check(t, v)
	if _, err := v.Page(0); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("page of an empty store: %v", err)
	}
	if _, err := v.LogEntry(0); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("entry of an empty store: %v", err)
	}
	if _, err := v.LogNodes([]logtree.Node{{}}); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("node of an empty store: %v", err)
	}
	if n, err := v.Versions([]byte("nobody"), 1); n != 0 || err != nil {
		t.Errorf("versions in an empty store: %d, %v", n, err)
	}
	if p, err := v.Places([]byte("nobody"), 0, 1); len(p) != 0 || err != nil {
		t.Errorf("places in an empty store: %v, %v", p, err)
	}
}

func testCommits(t *testing.T, open Open) {
	dir := t.TempDir()
	s := must(t, open, dir)
	m := newModel(1)
	for round := range 12 {
		var entries [][]change
		for range 1 + m.rng.IntN(40) { // across the bounds of whatever chunks there are
			var changes []change
			for range m.rng.IntN(6) {
				changes = append(changes, change{label(m.rng.IntN(400)), 1 + m.rng.IntN(3)})
			}
			entries = append(entries, changes)
		}
		commit(t, s, m.batch(t, entries...))
		if round%4 == 3 {
			check(t, s, m)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = must(t, open, dir)
			check(t, s, m)
		}
	}
}

func testManyVersions(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	m := newModel(2)
	commit(t, s, m.batch(t, []change{{"a", 1}, {"a\x00\x00\x01", 3}}))
	commit(t, s, m.batch(t, []change{{"a", 255}}, []change{{"a", 255}, {"a\x00\x00\x01", 0}}, nil, []change{{"a", 2}}))
	check(t, s, m)
	for range 40 {
		commit(t, s, m.batch(t, []change{{"b", 1}}, []change{{"a", 254}, {"b", 1}}))
	}
	check(t, s, m)
}

func testConflict(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	m := newModel(3)
	commit(t, s, m.batch(t, []change{{"a", 1}}))

	// Another log of the same size, and one that is behind.
	other := newModel(4)
	other.batch(t, []change{{"b", 1}})
	for name, b := range map[string]*directory.Batch{
		"other root": other.batch(t, []change{{"c", 1}}),
		"other size": newModel(5).batch(t, []change{{"c", 1}}),
	} {
		if err := s.Commit(ctx, b); !errors.Is(err, directory.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", name, err)
		}
	}
	check(t, s, m)
}

func testConcurrentCommits(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	const racers = 8
	var batches [racers]*directory.Batch
	var models [racers]*model
	for i := range batches {
		models[i] = newModel(uint64(i))
		batches[i] = models[i].batch(t, []change{{label(i), 1}})
	}
	var won atomic.Int32
	winner := -1
	var wg sync.WaitGroup
	for i := range batches {
		wg.Go(func() {
			switch err := s.Commit(ctx, batches[i]); {
			case err == nil:
				won.Add(1)
				winner = i
			case !errors.Is(err, directory.ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d commits on one head succeeded", won.Load())
	}
	check(t, s, models[winner])
}

func testRefused(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	m := newModel(6)
	commit(t, s, m.batch(t, []change{{"a", 2}}))
	for name, spoil := range map[string]func(b *directory.Batch){
		"version too great":  func(b *directory.Batch) { b.Entries[0].Values[0].Version++ },
		"version repeated":   func(b *directory.Batch) { b.Entries[0].Values[0].Version-- },
		"version twice":      func(b *directory.Batch) { b.Entries[1].Values[0].Version-- },
		"first version is 1": func(b *directory.Batch) { b.Entries[0].Values[1].Version++ },
		"versions left out": func(b *directory.Batch) {
			b.Entries[0].Values[0].Version++
			b.Entries[1].Values[0].Version++
		},
		"versions there already": func(b *directory.Batch) {
			b.Entries[0].Values[0].Version--
			b.Entries[1].Values[0].Version--
		},
		"no entries":       func(b *directory.Batch) { b.Entries = nil },
		"size too great":   func(b *directory.Batch) { b.Head.Size++ },
		"log node missing": func(b *directory.Batch) { b.LogNodes = b.LogNodes[1:] },
		"audit node extra": func(b *directory.Batch) { b.AuditNodes = append(b.AuditNodes, b.AuditNodes[0]) },
		"256 values": func(b *directory.Batch) {
			b.Entries[0].Values = make([]directory.Value, 256)
		},
	} {
		t.Run(name, func(t *testing.T) {
			again := newModel(6)
			again.batch(t, []change{{"a", 2}})
			b := again.batch(t, []change{{"a", 1}, {"z", 1}}, []change{{"a", 1}})
			spoil(b)
			if err := s.Commit(ctx, b); err == nil {
				t.Error("accepted")
			}
			check(t, s, m)
		})
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	again := newModel(6)
	again.batch(t, []change{{"a", 2}})
	if err := s.Commit(cancelled, again.batch(t, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("commit after its context ended: %v", err)
	}
	check(t, s, m)
}

func testSnapshot(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	m, still := newModel(7), newModel(7)
	commit(t, s, m.batch(t, []change{{"a", 2}, {"b", 1}}))
	still.batch(t, []change{{"a", 2}, {"b", 1}})
	v := snapshot(t, s)
	still.check(t, v)
	for i := range 30 {
		commit(t, s, m.batch(t, []change{{"a", 1}, {label(i), 1}}))
		if i%10 == 0 {
			still.check(t, v)
		}
	}
	still.check(t, v)
	check(t, s, m)
	v.Release()
	v.Release() // does nothing
	check(t, s, m)
}

// testReaders reads while the store grows: every snapshot must be whole.
func testReaders(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	m := newModel(8)
	commit(t, s, m.batch(t, []change{{"a", 1}}))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v, err := s.Snapshot()
				if err != nil {
					t.Error(err)
					return
				}
				size := v.Head().Size
				n, err := v.Versions([]byte("a"), size)
				if err != nil || uint64(n) != size {
					t.Errorf("%d versions at size %d (%v)", n, size, err)
				}
				for pos := range size {
					if _, err := v.Page(pos); err != nil {
						t.Error(err)
					}
				}
				v.Release()
			}
		})
	}
	for range 60 {
		commit(t, s, m.batch(t, []change{{"a", 1}}))
	}
	close(done)
	wg.Wait()
	check(t, s, m)
}

func testErase(t *testing.T, open Open) {
	dir := t.TempDir()
	s := must(t, open, dir)
	m := newModel(9)
	commit(t, s, m.batch(t, []change{{"a", 3}, {"b", 1}}))
	for range 2 {
		if err := s.Erase(ctx, []byte("a"), 1); err != nil {
			t.Fatal(err)
		}
		m.erased[m.labels["a"][1]] = true
		check(t, s, m)
	}
	if err := s.Erase(ctx, []byte("a"), 3); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("erasing a version that is not there: %v", err)
	}
	if err := s.Erase(ctx, []byte("c"), 0); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("erasing a label that is not there: %v", err)
	}
	commit(t, s, m.batch(t, []change{{"a", 1}}))
	s.Close()
	check(t, must(t, open, dir), m)
}

func testMeta(t *testing.T, open Open) {
	dir := t.TempDir()
	s := must(t, open, dir)
	put := func(values map[string][]byte) {
		t.Helper()
		if err := s.PutMeta(ctx, values); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string][]byte{"a": []byte("1"), "b": []byte("2")})
	put(map[string][]byte{"a": nil, "b": []byte("3"), "head": []byte("not the head")})
	m := newModel(10)
	commit(t, s, m.batch(t, []change{{"a", 1}}))
	s.Close()
	s = must(t, open, dir)
	v := snapshot(t, s)
	for key, want := range map[string]string{"a": "", "b": "3", "c": "", "head": "not the head"} {
		if got, err := v.Meta(key); err != nil || string(got) != want || (got == nil) != (want == "") {
			t.Errorf("meta %s is %q, want %q (%v)", key, got, want, err)
		}
	}
	m.check(t, v)
}

// Values of a batch are written with it, or not at all.
func testMetaOfCommits(t *testing.T, open Open) {
	dir := t.TempDir()
	s := must(t, open, dir)
	if err := s.PutMeta(ctx, map[string][]byte{"a": []byte("1"), "b": []byte("2")}); err != nil {
		t.Fatal(err)
	}
	m := newModel(12)
	batch := m.batch(t, []change{{"a", 1}})
	batch.Meta = map[string][]byte{"a": nil, "c": []byte("3")}
	commit(t, s, batch)
	refused := m.batch(t, []change{{"b", 1}})
	refused.Prev.Size, refused.Meta = 7, map[string][]byte{"b": []byte("9"), "d": []byte("4")}
	if err := s.Commit(ctx, refused); err == nil {
		t.Fatal("a batch that follows nothing is taken")
	}
	s.Close()
	v := snapshot(t, must(t, open, dir))
	for key, want := range map[string]string{"a": "", "b": "2", "c": "3", "d": ""} {
		if got, err := v.Meta(key); err != nil || string(got) != want {
			t.Errorf("meta %s is %q, want %q (%v)", key, got, want, err)
		}
	}
}

func testSecondOpener(t *testing.T, open Open) {
	dir := t.TempDir()
	s := must(t, open, dir)
	if second, err := open(dir); !errors.Is(err, directory.ErrLocked) {
		t.Errorf("second opener: %v, want ErrLocked", err)
		if err == nil {
			second.Close()
		}
	}
	s.Close()
	must(t, open, dir)
}

func testClosed(t *testing.T, open Open) {
	s := must(t, open, t.TempDir())
	m := newModel(11)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := s.Snapshot(); !errors.Is(err, directory.ErrClosed) {
		t.Errorf("snapshot of a closed store: %v", err)
	}
	if err := s.Commit(ctx, m.batch(t, nil)); !errors.Is(err, directory.ErrClosed) {
		t.Errorf("commit to a closed store: %v", err)
	}
}
