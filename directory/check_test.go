package directory_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
)

// checkStore opens the store alone and checks it, as an operator would whose log
// does not open any more.
func checkStore(l *testLog) error {
	store, err := embedded.Open(l.path("kith.db"), embedded.Options{MustExist: true})
	if err != nil {
		return err
	}
	defer store.Close()
	snap, err := store.Snapshot()
	if err != nil {
		return err
	}
	err = directory.Check(ctx, snap, &l.config.Log, directory.CheckOptions{VRF: l.keys.VRF})
	snap.Release()
	if err == nil {
		err = store.CheckFile(ctx)
	}
	return err
}

// filledLog has every kind of thing in its store.
func filledLog(t *testing.T) *testLog {
	l := newLog(t, nil)
	s, stop := l.run(t)
	bulk(t, s, users(0, 300), 300, 0)
	for i := range uint32(55) {
		submit(t, s, update("alice", i*5, "a", "b", "c", "d", "e"))
	}
	if err := s.Erase(ctx, []byte("alice"), 7); err != nil {
		t.Fatal(err)
	}
	stop()
	return l
}

// edit changes the bucket of a store that is closed.
func edit(t *testing.T, l *testLog, bucket string, change func(b *bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(l.path("kith.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte(bucket))) }); err != nil {
		t.Fatal(err)
	}
}

// TestCheckFindsAFlippedBit flips a bit of a value, and of a key, in each bucket.
// Every one must be found, and laid to the right door.
func TestCheckFindsAFlippedBit(t *testing.T) {
	l := filledLog(t)
	if err := checkStore(l); err != nil {
		t.Fatal(err)
	}
	copyFile(t, l.path("kith.db"), l.path("whole"))
	rng := rand.New(rand.NewPCG(1, 2))
	for _, bucket := range []string{"pages", "log", "nodes", "values", "labels", "audit", "leaves", "meta"} {
		for _, part := range []string{"value", "key"} {
			for round := range 4 {
				copyFile(t, l.path("whole"), l.path("kith.db"))
				what := fmt.Sprintf("%s, %s, round %d", bucket, part, round)
				edit(t, l, bucket, func(b *bbolt.Bucket) error {
					at := rng.IntN(b.Stats().KeyN)
					c := b.Cursor()
					k, v := c.First()
					for range at {
						k, v = c.Next()
					}
					k, v = bytes.Clone(k), bytes.Clone(v)
					if err := b.Delete(k); err != nil {
						return err
					}
					flipped := v
					if part == "key" {
						flipped = k
					}
					bit := rng.IntN(8 * len(flipped))
					what += fmt.Sprintf(": bit %d of %x", bit, k)
					flipped[bit/8] ^= 1 << (bit % 8)
					return b.Put(k, v)
				})
				err := checkStore(l)
				if err == nil {
					t.Errorf("%s: not found", what)
					continue
				}
				var fault *directory.CheckError
				if !errors.As(err, &fault) {
					continue // refused before anything could be checked
				}
				blamed := map[string]string{"values": "values labels", "labels": "labels values", "meta": "meta"}[bucket]
				if blamed == "" {
					blamed = bucket
				}
				if !strings.Contains(blamed, fault.Where) {
					t.Errorf("%s: blamed on %v", what, err)
				}
			}
		}
	}
}

// TestCheckFindsMissingThings deletes one key of each bucket.
func TestCheckFindsMissingThings(t *testing.T) {
	l := filledLog(t)
	copyFile(t, l.path("kith.db"), l.path("whole"))
	for _, bucket := range []string{"pages", "log", "nodes", "values", "labels", "audit", "leaves"} {
		copyFile(t, l.path("whole"), l.path("kith.db"))
		edit(t, l, bucket, func(b *bbolt.Bucket) error {
			k, _ := b.Cursor().First()
			return b.Delete(k)
		})
		if err := checkStore(l); !errors.Is(err, directory.ErrCorrupt) {
			t.Errorf("%s: %v", bucket, err)
		}
	}
}

// TestDamagedFile flips bytes of the file itself. Nothing may crash, and what is
// served after a clean check must be what was written.
func TestDamagedFile(t *testing.T) {
	l := filledLog(t)
	whole, err := os.ReadFile(l.path("kith.db"))
	if err != nil {
		t.Fatal(err)
	}
	whole = bytes.TrimRight(whole, "\x00") // the file grows ahead of its contents
	whole = append(whole, make([]byte, 4096)...)
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	rng := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range rounds {
		damaged := bytes.Clone(whole)
		for range 1 + rng.IntN(64) {
			damaged[rng.IntN(len(damaged))] ^= byte(1 + rng.IntN(255))
		}
		if err := os.WriteFile(l.path("kith.db"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if checkStore(l) != nil {
			found++
		}
	}
	if found < rounds/2 {
		t.Errorf("damage found in %d of %d files", found, rounds)
	}
	for _, size := range []int{0, 100, 4096, 10000, len(whole) / 2} {
		if err := os.WriteFile(l.path("kith.db"), whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkStore(l); err == nil {
			t.Errorf("a file of %d bytes of %d passes", size, len(whole))
		}
	}
}

func TestCheckReportsProgress(t *testing.T) {
	l := filledLog(t)
	s := l.open(t)
	var last, all uint64
	err := directory.Check(ctx, snapshotOf(t, s), &l.config.Log, directory.CheckOptions{Progress: func(done, of uint64) {
		if done < last || done > of {
			t.Errorf("step %d of %d after %d", done, of, last)
		}
		last, all = done, of
	}})
	if err != nil || last != all || all == 0 {
		t.Errorf("ended at %d of %d (%v)", last, all, err)
	}
}

// TestBackupIsTheLogAsItWas takes a copy while the log grows.
func TestBackupIsTheLogAsItWas(t *testing.T) {
	l := newLog(t, nil)
	config, closeAll := l.parts(t)
	s, err := directory.Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	bulk(t, s, users(0, 3000), 3000, 0)
	if err := s.Erase(ctx, []byte("nobody"), 0); !errors.Is(err, directory.ErrNotFound) {
		t.Error(err)
	}
	const size = 1 + (3000+254)/255
	done := make(chan error)
	go func() { done <- config.Store.(*embedded.Store).Backup(ctx, l.path("copy")) }()
	bulk(t, s, users(3000, 500), 500, 0)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := config.Store.(*embedded.Store).Backup(ctx, l.path("copy")); err == nil {
		t.Error("a backup was overwritten")
	}
	t.Cleanup(closeAll)
	t.Cleanup(s.Close)

	copied, err := embedded.Open(l.path("copy"), embedded.Options{MustExist: true, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	snap, err := copied.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	if snap.Head().Size < size {
		t.Errorf("size %d, want %d or more", snap.Head().Size, size)
	}
	if err := directory.Check(ctx, snap, &l.config.Log, directory.CheckOptions{VRF: l.keys.VRF}); err != nil {
		t.Error(err)
	}
}

func TestRestore(t *testing.T) {
	l := newLog(t, nil)
	backup := func(name string) {
		t.Helper()
		config, closeAll := l.parts(t)
		defer closeAll()
		if err := config.Store.(*embedded.Store).Backup(ctx, l.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	l.publish(t, "a", 2)
	backup("older")
	l.publish(t, "b", 1)
	backup("newest")
	if err := embedded.Restore(ctx, l.path("newest"), l.path("kith.db")); !errors.Is(err, os.ErrExist) {
		t.Errorf("a store was overwritten: %v", err)
	}
	if err := embedded.Restore(ctx, l.path("missing"), l.path("elsewhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a backup that is not there: %v", err)
	}
	restore := func(name string) {
		t.Helper()
		if err := os.Remove(l.path("kith.db")); err != nil {
			t.Fatal(err)
		}
		if err := embedded.Restore(ctx, l.path(name), l.path("kith.db")); err != nil {
			t.Fatal(err)
		}
	}
	restore("older")
	refused(t, l, "a head of 4 entries may have been served")
	restore("newest")
	l.publish(t, "c", 1)
	checkLog(t, l, l.open(t))
}
