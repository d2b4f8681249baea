package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/kith-kt/kith/auditor/feed"
)

// A Folder is files on this machine. Nothing outside the folder is read, wherever
// links in it lead, and nothing but regular files.
type Folder struct {
	name string
	root *os.Root
}

var _ Files = (*Folder)(nil)

// OpenFolder opens a folder with the files of one log.
func OpenFolder(name string) (*Folder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	return &Folder{name, root}, nil
}

// Address returns the name of the folder.
func (f *Folder) Address() string { return f.name }

// Close closes the folder.
func (f *Folder) Close() { f.root.Close() }

// Get implements Files.
func (f *Folder) Get(ctx context.Context, path string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// A pipe must not keep us waiting for somebody to write into it.
	file, err := f.root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("mirror: %s: %w", path, feed.ErrAbsent)
	}
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("mirror: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("mirror: %s: %w: not a regular file", path, ErrMalformed)
	case info.Size() > limit:
		return nil, fmt.Errorf("mirror: %s: %w: %d bytes, above the limit of %d", path, ErrMalformed, info.Size(), limit)
	}
	b, err := read(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("mirror: %s: %w", path, err)
	}
	return b, nil
}

// read reads a file that may grow meanwhile.
func read(file *os.File, size int64) ([]byte, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(file, b); err != nil {
		return nil, err
	}
	if n, _ := file.Read(make([]byte, 1)); n > 0 {
		return nil, fmt.Errorf("%w: it grows while it is read", ErrMalformed)
	}
	return b, nil
}
