package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

var specs = []Spec{{Name: "numbers", Fill: 1, Cache: 8}, {Name: "names"}}

func open(t testing.TB, path string, o Options) *DB {
	t.Helper()
	o.Buckets = specs
	db, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func view(t testing.TB, db *DB) *View {
	t.Helper()
	v, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Release)
	return v
}

// TestAgainstAMap writes, deletes, reads and reopens at random, and holds views
// of earlier states meanwhile.
func TestAgainstAMap(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files))
		db, err := Open(path, Options{Buckets: specs})
		if err != nil {
			t.Fatal(err)
		}
		want := map[uint64]string{}
		type held struct {
			v    *View
			want map[uint64]string
		}
		var views []held
		compare := func(h held) {
			seen := 0
			err := h.v.Each(0, nil, func(key, value []byte) error {
				seen++
				return nil
			})
			if err != nil || seen != len(h.want) {
				t.Fatalf("%d values, want %d (%v)", seen, len(h.want), err)
			}
			for n := range uint64(40) {
				got, err := h.v.Uint(0, n)
				if value, ok := h.want[n]; err != nil || string(got) != value || (got != nil) != ok {
					t.Fatalf("value %d is %q, want %q (%v)", n, got, value, err)
				}
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				fail := rapid.Bool().Draw(t, "fail")
				next := map[uint64]string{}
				for n, v := range want {
					next[n] = v
				}
				broken := errors.New("broken")
				err := db.Update(func(tx *Tx) error {
					for range rapid.IntRange(0, 300).Draw(t, "writes") {
						n := rapid.Uint64Range(0, 39).Draw(t, "n")
						if rapid.Bool().Draw(t, "delete") {
							tx.Delete(0, Key(n))
							delete(next, n)
						} else {
							next[n] = fmt.Sprintf("value %d", rapid.Uint32().Draw(t, "v"))
							tx.Put(0, Key(n), []byte(next[n]))
						}
					}
					if fail {
						return broken
					}
					return nil
				})
				if fail {
					if err != broken {
						t.Fatal(err)
					}
				} else if err != nil {
					t.Fatal(err)
				} else {
					want = next
				}
			case 2:
				v, err := db.View()
				if err != nil {
					t.Fatal(err)
				}
				views = append(views, held{v, want})
			case 3:
				for _, h := range views {
					compare(h)
					h.v.Release()
				}
				views = nil
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				if db, err = Open(path, Options{Buckets: specs, MustExist: true}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, h := range views {
			compare(h)
			h.v.Release()
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		os.Remove(path)
	})
}

// TestFullFile fills a limited file, and a small disk where one can be mounted.
// The write that found no room leaves nothing behind, and smaller ones go on.
func TestFullFile(t *testing.T) {
	test := func(t *testing.T, path string, o Options) {
		db := open(t, path, o)
		written := 0
		for {
			err := db.Update(func(tx *Tx) error {
				for i := range 20 {
					tx.Put(1, fmt.Appendf(nil, "%d %d", written, i), make([]byte, 10_000))
				}
				return nil
			})
			if err != nil {
				if !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				break
			}
			if written++; written > 10_000 {
				t.Fatal("it is never full")
			}
		}
		v := view(t, db)
		seen := 0
		err := v.Each(1, nil, func(key, value []byte) error { seen++; return nil })
		if err != nil || seen != 20*written || written == 0 {
			t.Errorf("%d values after %d writes of 20 (%v)", seen, written, err)
		}
		v.Release()
		if err := db.Update(func(tx *Tx) error { tx.Delete(1, []byte("0 0")); return nil }); err != nil && !errors.Is(err, ErrFull) {
			t.Error(err)
		}
	}
	t.Run("limit", func(t *testing.T) {
		test(t, filepath.Join(t.TempDir(), "db"), Options{MaxBytes: 64 << 20})
	})
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		if err := mountSmall(dir); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal("a small disk that can be mounted is required when CI is set:", err)
			}
			t.Skip("a small disk cannot be mounted here:", err)
		}
		t.Cleanup(func() { unmount(dir) })
		test(t, filepath.Join(dir, "db"), Options{})
	})
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	if os.Geteuid() == 0 {
		if runtime.GOOS != "linux" {
			t.Skip("everything can be written by root")
		}
		dir = "/sys" // not even by root
	}
	if _, err := Open(filepath.Join(dir, "db"), Options{Buckets: specs}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%v, want ErrReadOnly", err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if _, err := Open(path, Options{Buckets: specs, ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	db := open(t, path, Options{})
	if err := db.Update(func(tx *Tx) error { tx.Put(0, Key(1), []byte("x")); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, Options{ReadOnly: true})
	if got, err := view(t, db).Uint(0, 1); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if err := db.Update(func(tx *Tx) error { return nil }); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a write: %v", err)
	}
	open(t, path, Options{ReadOnly: true}) // beside the other
	if _, err := Open(path, Options{Buckets: specs}); !errors.Is(err, ErrLocked) {
		t.Errorf("a writer beside readers: %v", err)
	}
}

// TestFileLeftOpen opens a file that was not closed, as after a crash: without
// its list of free pages.
func TestFileLeftOpen(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "db"), Options{})
	for i := range uint64(50) {
		err := db.Update(func(tx *Tx) error {
			tx.Put(0, Key(i), bytes.Repeat([]byte{byte(i)}, 3000))
			tx.Delete(0, Key(i/2))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(db.Path())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "copy"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	clean, err := inspect(filepath.Join(dir, "copy"), int64(len(b)))
	if clean || err != nil {
		t.Errorf("clean %v, %v", clean, err)
	}
	again := open(t, filepath.Join(dir, "copy"), Options{})
	if err := again.Check(context.Background()); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if clean, err := inspect(filepath.Join(dir, "copy"), int64(len(b))); !clean || err != nil {
		t.Errorf("after closing: clean %v, %v", clean, err)
	}
}

func TestCopyLeavesDeletedThingsBehind(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "db"), Options{})
	secret := bytes.Repeat([]byte("secret"), 100)
	must := func(f func(tx *Tx) error) {
		t.Helper()
		if err := db.Update(f); err != nil {
			t.Fatal(err)
		}
	}
	must(func(tx *Tx) error { tx.Put(1, []byte("a"), secret); tx.Put(1, []byte("b"), []byte("kept")); return nil })
	must(func(tx *Tx) error { tx.Put(1, []byte("a"), []byte("erased")); return nil })
	v := view(t, db)
	if err := db.Copy(context.Background(), v, filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "copy"))
	if err != nil || bytes.Contains(b, secret) || !bytes.Contains(b, []byte("kept")) {
		t.Errorf("the copy has what was deleted, or lacks what was not (%v)", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := db.Copy(cancelled, v, filepath.Join(dir, "other")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); !errors.Is(err, os.ErrNotExist) {
		t.Error("half a copy was left:", err)
	}
}

func TestPanicsOfTheCallerPass(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	func() {
		defer func() {
			if p := recover(); p != "mine" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = db.Update(func(tx *Tx) error { panic("mine") })
	}()
	if err := db.Update(func(tx *Tx) error { return nil }); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestExplain(t *testing.T) {
	for from, want := range map[error]error{
		syscall.ENOSPC: ErrFull, syscall.EDQUOT: ErrFull, syscall.EROFS: ErrReadOnly, os.ErrPermission: ErrReadOnly,
	} {
		if got := explain(fmt.Errorf("deep: %w", from)); !errors.Is(got, want) || !errors.Is(got, from) {
			t.Errorf("%v became %v", from, got)
		}
	}
}

func BenchmarkUint(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "db"), Options{})
	if err := db.Update(func(tx *Tx) error { tx.Put(0, Key(5), []byte("x")); return nil }); err != nil {
		b.Fatal(err)
	}
	v := view(b, db)
	for b.Loop() {
		if _, err := v.Uint(0, 5); err != nil {
			b.Fatal(err)
		}
	}
}
