package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// flushAt is how much of a file waits in memory before it is written, in bytes.
const flushAt = 64 << 10

// A file is read anywhere and written at its end.
type file struct {
	*os.File
	path    string
	end     uint64 // bytes written
	pending []byte // to be written at end
	synced  uint64 // bytes known to be durable
}

// openFile opens a file of which size bytes count. More is cut off, less is damage.
func openFile(path string, size uint64) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file := &file{File: f, path: path}
	info, err := f.Stat()
	if err == nil && uint64(info.Size()) < size {
		err = fmt.Errorf("%w: %s has %d bytes, not %d", ErrDamaged, path, info.Size(), size)
	}
	if err == nil {
		err = file.cut(size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return file, nil
}

func (f *file) cut(size uint64) error {
	f.end, f.synced, f.pending = size, size, nil
	return f.Truncate(int64(size))
}

func (f *file) close() error { return f.File.Close() }

// append adds bytes, which are written now or later. A disk that is full is found
// out by commit.
func (f *file) append(b []byte) {
	f.pending = append(f.pending, b...)
	if len(f.pending) >= flushAt {
		_ = f.flush()
	}
}

func (f *file) flush() error {
	if len(f.pending) == 0 {
		return nil
	}
	if _, err := f.WriteAt(f.pending, int64(f.end)); err != nil {
		return err
	}
	f.end += uint64(len(f.pending))
	f.pending = f.pending[:0]
	return nil
}

// commit makes durable what was appended.
func (f *file) commit() error {
	if err := f.flush(); err != nil {
		return err
	}
	if f.synced == f.end {
		return nil
	}
	if err := f.Sync(); err != nil {
		return err
	}
	f.synced = f.end
	return nil
}

func (f *file) read(b []byte, at uint64) error {
	_, err := f.ReadAt(b, int64(at))
	if errors.Is(err, io.EOF) && len(b) > 0 {
		return fmt.Errorf("%w: %s ends before byte %d", ErrDamaged, f.path, at+uint64(len(b)))
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// headMagic begins the file head: size in eight bytes, root, and the SHA-256 of all
// that follow.
const headMagic = "kith-auditor archive 1\n"

func parseHead(b []byte) (tree tlog.Tree, ok bool) {
	const size = len(headMagic) + 8 + tlog.HashSize
	if len(b) != size+sha256.Size || !bytes.HasPrefix(b, []byte(headMagic)) || sha256.Sum256(b[:size]) != [sha256.Size]byte(b[size:]) {
		return tree, false
	}
	n := binary.BigEndian.Uint64(b[len(headMagic):])
	if n > 1<<62 {
		return tree, false
	}
	return tlog.Tree{N: int64(n), Hash: tlog.Hash(b[len(headMagic)+8 : size])}, true
}

// writeHead replaces the file head: after a crash it is the old one or the new one.
func writeHead(dir string, tree tlog.Tree) (err error) {
	b := binary.BigEndian.AppendUint64([]byte(headMagic), uint64(tree.N))
	b = append(b, tree.Hash[:]...)
	sum := sha256.Sum256(b)
	f, err := os.CreateTemp(dir, ".head-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(append(b, sum[:]...)); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, headFile)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
