package kv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// Who has written sees it in the next view, whatever others open meanwhile.
func TestViewAfterUpdate(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "db"), Options{Buckets: []Spec{{Name: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.bolt.NoSync = true
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v, err := db.View()
				if err != nil {
					t.Error(err)
					return
				}
				v.Release()
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	var writers sync.WaitGroup
	defer writers.Wait()
	for w := range uint64(2) {
		writers.Go(func() {
			for n := range uint64(5000) {
				if err := db.Update(func(tx *Tx) error { tx.Put(0, Key(w), Key(n)); return nil }); err != nil {
					t.Error(err)
					return
				}
				v, err := db.View()
				if err != nil {
					t.Error(err)
					return
				}
				b, err := v.Get(0, Key(w))
				if err != nil || string(b) != string(Key(n)) {
					t.Errorf("after writing %x a view has %x, %v", Key(n), b, err)
					v.Release()
					return
				}
				v.Release()
			}
		})
	}
}

// TestCopyIsWholeOrNothing: at no moment is there half a copy under its name.
func TestCopyIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "db"), Options{})
	db.bolt.NoSync = true
	value := make([]byte, 1<<20)
	for n := range uint64(3 * copyBytes >> 20) {
		if err := db.Update(func(tx *Tx) error { tx.Put(0, Key(n), value); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	v, path := view(t, db), filepath.Join(dir, "copy")
	done := make(chan error)
	go func() { done <- db.Copy(context.Background(), v, path) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path + ".part"); !errors.Is(err, os.ErrNotExist) {
				t.Error("something was left:", err)
			}
			return
		case <-time.After(time.Millisecond):
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() == 0 {
			continue
		}
		if _, err := os.Stat(path + ".part"); !errors.Is(err, os.ErrNotExist) || info.Size() < 3*copyBytes {
			t.Fatalf("there are %d bytes of the copy already", info.Size())
		}
	}
}

// TestGrowthIsForeseen: a transaction makes the file grow by no more than need
// says, also if every write hits a page of its own.
func TestGrowthIsForeseen(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	db.bolt.NoSync = true
	const labels = 20000
	for _, value := range [][]byte{make([]byte, 1000), []byte("x")} {
		v := view(t, db) // keeps the pages of before from being used again
		size := func() (n int64) {
			if err := db.bolt.View(func(tx *bbolt.Tx) error { n = tx.Size(); return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before, need := size(), int64(0)
		if err := db.Update(func(tx *Tx) error {
			for n := range uint64(labels) {
				if len(value) > 1 || n%4 == 0 {
					tx.Put(1, Key(n), value)
				}
			}
			need = tx.need()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if grown := size() - before; grown > need {
			t.Errorf("the file grew by %d bytes, foreseen were %d", grown, need)
		}
		v.Release()
	}
}

// TestUnsureCommit: after a commit that failed when it was written already,
// nothing more is written until the file is opened again. What others fail at
// changes nothing.
func TestUnsureCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := Open(path, Options{Buckets: specs})
	if err != nil {
		t.Fatal(err)
	}
	put := func(value string) error {
		return db.Update(func(tx *Tx) error { tx.Put(1, []byte("a"), []byte(value)); return nil })
	}
	refused := errors.New("refused")
	if err := db.Update(func(*Tx) error { return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := put("one"); err != nil {
		t.Fatal(err)
	}
	db.update = func(f func(*bbolt.Tx) error) error {
		return errors.Join(db.bolt.Update(f), errors.New("input/output error")) // of the last sync
	}
	if err := put("two"); err == nil || errors.Is(err, ErrUnsure) {
		t.Error(err)
	}
	db.update = db.bolt.Update
	if err := put("three"); !errors.Is(err, ErrUnsure) {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, Options{})
	if err := put("four"); err != nil {
		t.Error("opened again:", err)
	}
}
