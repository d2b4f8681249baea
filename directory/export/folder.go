package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

// ErrInUse is a folder that another export writes to.
var ErrInUse = errors.New("another export writes to the folder")

// lockFile is held by who writes.
const lockFile = ".kith-export.lock"

// A Folder is a Target on this machine. Nothing outside of it is written, wherever
// links in it lead. Its files can be read by everybody.
type Folder struct {
	root *os.Root
	lock *flock.Flock

	mu    sync.Mutex
	dirty map[string]bool // folders with new names
}

var _ Target = (*Folder)(nil)

// OpenFolder opens a folder to write to, and makes it if it is not there.
func OpenFolder(name string) (*Folder, error) {
	if err := os.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(name, lockFile))
	held, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !held {
		return nil, fmt.Errorf("%s: %w", name, ErrInUse)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Folder{root: root, lock: lock, dirty: map[string]bool{}}, nil
}

// Close lets others write.
func (f *Folder) Close() error { return errors.Join(f.root.Close(), f.lock.Close()) }

// Get implements Target.
func (f *Folder) Get(_ context.Context, name string, limit int64) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, err
}

// Size implements Target.
func (f *Folder) Size(_ context.Context, name string) (int64, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a file", name)
	}
	return info.Size(), nil
}

// Put implements Target. One that is killed leaves a name with ".new" at its end,
// which the next one takes.
func (f *Folder) Put(_ context.Context, name string, b []byte, _ bool) (err error) {
	dir := path.Dir(name)
	if err := f.makeAll(dir); err != nil {
		return err
	}
	fresh := name + ".new"
	if err := f.root.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := f.root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.root.Rename(fresh, name)
	}
	if err != nil {
		return errors.Join(err, f.root.Remove(fresh))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirty[dir] = true
	return nil
}

// makeAll makes a folder and those above it.
func (f *Folder) makeAll(dir string) error {
	if info, err := f.root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := f.root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		f.dirty[path.Dir(dir)] = true
	}
	return nil
}

// Drop implements Target.
func (f *Folder) Drop(_ context.Context, name string) error { return f.root.RemoveAll(name) }

// Sync implements Target: the files are durable, and now their names.
func (f *Folder) Sync(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for dir := range f.dirty {
		d, err := f.root.Open(dir)
		if errors.Is(err, fs.ErrNotExist) { // dropped since
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	clear(f.dirty)
	return nil
}

// Parallel implements Target.
func (f *Folder) Parallel() int { return 2 }
