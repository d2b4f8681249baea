package watch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/kith-kt/kith/auditor/pass"
)

// Bounds of the updates that are kept, in bytes.
const (
	segmentSize = 16 << 20
	maxSegments = 64
)

// updates keeps the AuditorUpdates of the entries whose leaves may not be removed
// yet: with them an early removal can be proved, even if the provider then serves
// nothing more. They are in segments, named by their first entry, of updates each
// behind its length in four bytes. Nothing here is relied upon: a leaf commits to
// its update, and an update that is gone is read from the provider again.
type updates struct {
	dir      string
	segments []uint64 // first entries, ascending
	file     *os.File // of the last segment, nil: the next update begins one
	buffer   *bufio.Writer
	size     int
	next     uint64 // position that continues the last segment
}

func openUpdates(dir string) (*updates, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	u := &updates{dir: dir}
	for _, e := range entries {
		if first, err := strconv.ParseUint(e.Name(), 10, 64); err == nil {
			u.segments = append(u.segments, first)
		}
	}
	slices.Sort(u.segments)
	return u, nil
}

func (u *updates) path(first uint64) string {
	return filepath.Join(u.dir, strconv.FormatUint(first, 10))
}

func (u *updates) close() error {
	if u.file == nil {
		return nil
	}
	err := errors.Join(u.buffer.Flush(), u.file.Close())
	u.file = nil
	return err
}

// add keeps the update of the entry at pos.
func (u *updates) add(pos uint64, update []byte) error {
	if u.file != nil && (u.size >= segmentSize || pos != u.next) {
		if err := u.close(); err != nil {
			return err
		}
	}
	if u.file == nil {
		if n := len(u.segments); n >= maxSegments {
			if err := u.drop(n - maxSegments + 1); err != nil {
				return err
			}
		}
		file, err := os.OpenFile(u.path(pos), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		u.file, u.buffer, u.size = file, bufio.NewWriterSize(file, 64<<10), 0
		i, _ := slices.BinarySearch(u.segments, pos)
		u.segments = append(u.segments[:i], pos) // what was kept of later entries is of an older run
	}
	u.next = pos + 1
	u.size += 4 + len(update)
	_, err := u.buffer.Write(binary.BigEndian.AppendUint32(nil, uint32(len(update))))
	if err == nil {
		_, err = u.buffer.Write(update)
	}
	return err
}

// forget drops segments that have no entry from oldest on.
func (u *updates) forget(oldest uint64) error {
	n := 0
	for n+1 < len(u.segments) && u.segments[n+1] <= oldest {
		n++
	}
	return u.drop(n)
}

func (u *updates) drop(n int) error {
	for _, first := range u.segments[:n] {
		if err := os.Remove(u.path(first)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	u.segments = slices.Delete(u.segments, 0, n)
	return nil
}

// get returns the update of the entry at pos, as far as it is kept.
func (u *updates) get(pos uint64) ([]byte, error) {
	if u.file != nil {
		if err := u.buffer.Flush(); err != nil {
			return nil, err
		}
	}
	i, found := slices.BinarySearch(u.segments, pos)
	if !found {
		i--
	}
	if i < 0 {
		return nil, fmt.Errorf("update %d is not kept", pos)
	}
	file, err := os.Open(u.path(u.segments[i]))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 64<<10)
	for at := u.segments[i]; ; at++ {
		var length [4]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return nil, fmt.Errorf("update %d is not kept: %w", pos, err)
		}
		n := binary.BigEndian.Uint32(length[:])
		if n > pass.MaxUpdate {
			return nil, fmt.Errorf("update %d is not kept", pos)
		}
		if at < pos {
			if _, err := r.Discard(int(n)); err != nil {
				return nil, fmt.Errorf("update %d is not kept: %w", pos, err)
			}
			continue
		}
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		return b, err
	}
}
