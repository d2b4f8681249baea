package directory_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/wire"
)

// publish adds n entries of one label each and closes the log.
func (l *testLog) publish(t testing.TB, name string, n int) {
	t.Helper()
	s, stop := l.run(t)
	for i := range n {
		submit(t, s, update(fmt.Sprint(name, i), 0, "x"))
	}
	stop()
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, l *testLog, explanation string) {
	t.Helper()
	_, closeAll, err := l.tryOpen(t)
	if err == nil {
		closeAll()
	}
	if !errors.Is(err, directory.ErrHighWater) || !strings.Contains(err.Error(), explanation) {
		t.Errorf("opened with %v, want ErrHighWater: %s", err, explanation)
	}
}

func TestOlderStoreIsRefused(t *testing.T) {
	l := newLog(t, nil)
	l.publish(t, "a", 2)
	copyFile(t, l.path("kith.db"), l.path("old"))
	l.publish(t, "b", 1)
	copyFile(t, l.path("kith.db"), l.path("new"))
	copyFile(t, l.path("old"), l.path("kith.db"))
	refused(t, l, "it has 3 log entries, but a head of 4 entries may have been served")
	copyFile(t, l.path("new"), l.path("kith.db"))
	checkLog(t, l, l.open(t))
}

func TestForkedStoreIsRefused(t *testing.T) {
	l := newLog(t, nil)
	l.publish(t, "a", 2)
	copyFile(t, l.path("kith.db"), l.path("fork"))
	copyFile(t, l.path("high-water"), l.path("fork-mark"))
	l.publish(t, "b", 2)
	copyFile(t, l.path("high-water"), l.path("true-mark"))
	copyFile(t, l.path("fork"), l.path("kith.db"))
	copyFile(t, l.path("fork-mark"), l.path("high-water"))
	l.publish(t, "c", 5) // a longer log with another history
	copyFile(t, l.path("true-mark"), l.path("high-water"))
	refused(t, l, "its first 5 log entries are not those")
}

func TestStoreAheadOfTheMarkGoesOn(t *testing.T) {
	l := newLog(t, nil)
	l.publish(t, "a", 1)
	copyFile(t, l.path("high-water"), l.path("before"))
	l.publish(t, "b", 1)
	copyFile(t, l.path("before"), l.path("high-water")) // killed between commit and mark
	l.publish(t, "c", 1)
	checkLog(t, l, l.open(t))
}

func TestMarkIsNeverMadeAnew(t *testing.T) {
	l := newLog(t, nil)
	l.publish(t, "a", 1)
	if err := os.Remove(l.path("high-water")); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.OpenHighWater(l.path("high-water")); !errors.Is(err, directory.ErrHighWater) {
		t.Errorf("a missing mark: %v", err)
	}
	if err := directory.CreateHighWater(l.path("high-water")); err != nil {
		t.Fatal(err)
	}
	refused(t, l, "the high-water mark is that of a new log")
	if err := directory.CreateHighWater(l.path("high-water")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a mark was overwritten: %v", err)
	}
}

func TestTornMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "high-water")
	if err := directory.CreateHighWater(path); err != nil {
		t.Fatal(err)
	}
	raise := func(size uint64) {
		t.Helper()
		h, err := directory.OpenHighWater(path)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if err := h.Raise(size, wire.HashValue{byte(size)}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() uint64 {
		h, err := directory.OpenHighWater(path)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		size, root, err := h.Read()
		if err != nil || root != (wire.HashValue{byte(size)}) {
			t.Errorf("size %d with root %x, %v", size, root, err)
		}
		return size
	}
	for size := uint64(1); size < 300; size *= 3 {
		raise(size)
		if got := read(); got != size {
			t.Errorf("the mark reads %d, want %d", got, size)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		torn := bytes.Clone(whole)
		torn[i] ^= 1
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != 243 && got != 81 {
			t.Errorf("with byte %d torn the mark reads %d", i, got)
		}
	}
	if err := os.WriteFile(path, bytes.Replace(whole, []byte("kith"), []byte("kirk"), 2), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.OpenHighWater(path); !errors.Is(err, directory.ErrHighWater) {
		t.Errorf("both lines are damaged: %v", err)
	}
}

func TestMarkIsNeverLowered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "high-water")
	if err := directory.CreateHighWater(path); err != nil {
		t.Fatal(err)
	}
	h, err := directory.OpenHighWater(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Raise(5, wire.HashValue{5}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		size uint64
		root wire.HashValue
	}{{4, wire.HashValue{4}}, {5, wire.HashValue{6}}} {
		if err := h.Raise(bad.size, bad.root); !errors.Is(err, directory.ErrHighWater) {
			t.Errorf("raised to %v: %v", bad, err)
		}
	}
	if err := h.Raise(5, wire.HashValue{5}); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNotItsLog(t *testing.T) {
	l, other := newLog(t, nil), newLog(t, nil)
	l.config.Keys, l.config.Log = other.keys, other.config.Log
	if _, _, err := l.tryOpen(t); !errors.Is(err, directory.ErrWrongKeys) {
		t.Errorf("another log's keys and configuration: %v", err)
	}
	l = newLog(t, nil)
	l.config.Keys = other.keys
	if _, _, err := l.tryOpen(t); !errors.Is(err, directory.ErrWrongKeys) {
		t.Errorf("another log's keys: %v", err)
	}
	l = newLog(t, nil)
	l.config.Log.MaxBehind++ // what never changes about a log
	if _, _, err := l.tryOpen(t); !errors.Is(err, directory.ErrWrongKeys) {
		t.Errorf("a changed configuration: %v", err)
	}
	l = newLog(t, nil)
	store, err := embedded.Open(l.path("empty.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	config, closeAll := l.parts(t)
	defer closeAll()
	config.Store = store
	if _, err := directory.Open(ctx, config); !errors.Is(err, directory.ErrNotInitialised) {
		t.Errorf("an empty store: %v", err)
	}
}

func TestKeysOnDisk(t *testing.T) {
	suites(t, func(t *testing.T, change func(*directory.Config)) {
		l := newLog(t, change)
		dir := l.path("keys")
		if err := l.keys.Save(dir); err != nil {
			t.Fatal(err)
		}
		id := l.config.Log.CipherSuite
		k, err := directory.LoadKeys(dir, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Check(&l.config.Log); err != nil || k.LogSigner != l.keys.LogSigner {
			t.Errorf("not the keys that were saved: %v", err)
		}
		if err := l.keys.Save(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("keys were overwritten: %v", err)
		}
		if _, err := directory.LoadKeys(dir, 3-id); !errors.Is(err, directory.ErrKeyFile) {
			t.Errorf("loaded for another suite: %v", err)
		}
		for _, name := range []string{"signature.key", "vrf.key", "log.key"} {
			path := filepath.Join(dir, name)
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v (%v)", name, info.Mode(), err)
			}
			for _, mode := range []fs.FileMode{0o640, 0o604, 0o620} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
				if _, err := directory.LoadKeys(dir, id); !errors.Is(err, directory.ErrExposedKey) {
					t.Errorf("%s of mode %v: %v", name, mode, err)
				}
			}
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, whole[:len(whole)-9], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := directory.LoadKeys(dir, id); err == nil {
				t.Errorf("%s cut short was loaded", name)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}
