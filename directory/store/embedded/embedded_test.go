package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/directory/store/storetest"
)

func open(dir string) (directory.Store, error) {
	s, err := embedded.Open(filepath.Join(dir, "kith.db"), embedded.Options{})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func TestConformance(t *testing.T) { storetest.Run(t, open) }

// TestMetaIsSealed: what is kept beside the log has checksums; a store from before
// there were any gets them when it is opened to be written, and is read as it is
// until then.
func TestMetaIsSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := embedded.Open(path, embedded.Options{})
	must(err)
	must(s.PutMeta(ctx, map[string][]byte{"a": []byte("one"), "b": {}}))
	must(s.Close())

	edit := func(f func(b *bbolt.Bucket) error) {
		t.Helper()
		db, err := bbolt.Open(path, 0o600, nil)
		must(err)
		must(db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte("meta"))) }))
		must(db.Close())
	}
	edit(func(b *bbolt.Bucket) error { // as format 1 had it
		return errors.Join(b.Delete([]byte("n/a")), b.Delete([]byte("n/b")), b.Put([]byte("format"), []byte("kith store 1")),
			b.Put([]byte("m/a"), []byte("one")), b.Put([]byte("m/b"), nil))
	})
	for _, readOnly := range []bool{true, false, true} {
		s, err := embedded.Open(path, embedded.Options{MustExist: true, ReadOnly: readOnly})
		must(err)
		snap, err := s.Snapshot()
		must(err)
		a, errA := snap.Meta("a")
		b, errB := snap.Meta("b")
		c, errC := snap.Meta("c")
		if string(a) != "one" || b == nil || len(b) != 0 || c != nil || errors.Join(errA, errB, errC) != nil {
			t.Errorf("read only %v: %q, %q, %q: %v", readOnly, a, b, c, errors.Join(errA, errB, errC))
		}
		snap.Release()
		must(s.CheckFile(ctx))
		must(s.Close())
	}
	edit(func(b *bbolt.Bucket) error {
		if b.Get([]byte("m/a")) != nil || string(b.Get([]byte("format"))) != "kith store 2" {
			t.Error("the store was not made one of format 2")
		}
		v := bytes.Clone(b.Get([]byte("n/a")))
		v[0] ^= 1
		return b.Put([]byte("n/a"), v)
	})
	s, err = embedded.Open(path, embedded.Options{MustExist: true})
	must(err)
	defer s.Close()
	snap, err := s.Snapshot()
	must(err)
	defer snap.Release()
	if v, err := snap.Meta("a"); !errors.Is(err, directory.ErrCorrupt) {
		t.Errorf("another bit: %q, %v", v, err)
	}
	if err := s.CheckFile(ctx); !errors.Is(err, directory.ErrCorrupt) {
		t.Errorf("the check says %v", err)
	}
}
