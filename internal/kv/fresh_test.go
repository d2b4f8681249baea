package kv

import (
	"path/filepath"
	"sync"
	"testing"
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
