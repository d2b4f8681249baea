package directory

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/wire"
)

// ErrHighWater is a store that a log must not be continued from: it is older
// than, or differs from, a head that may have been shown. Going on would fork
// the log.
var ErrHighWater = errors.New("store is not the one that was served")

// A HighWaterFile is a HighWater in a file of two lines that are written in
// turn, so that a crash spoils at most the one being written:
//
//	kith high-water <size> <root in hex> <checksum>
type HighWaterFile struct {
	mu   sync.Mutex
	file *os.File
	size uint64
	root wire.HashValue
	next int // line to write
}

// highWaterLine is the length of each line. Both stand in sectors of their own.
const highWaterLine = 512

// CreateHighWater makes the mark of a new log, of size 0. The file must not exist.
func CreateHighWater(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	line := formatHighWater(0, wire.HashValue{})
	_, err = file.Write(append(line, line...))
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = kv.SyncDir(filepath.Dir(path))
	}
	return err
}

// OpenHighWater opens the mark of a log. A mark that is missing is never made
// anew: without it nobody knows whether the store is the newest.
func OpenHighWater(path string) (*HighWaterFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the high-water mark is missing: %w", ErrHighWater, err)
	}
	if err != nil {
		return nil, err
	}
	h := &HighWaterFile{file: file}
	found := false
	for i := range 2 {
		line := make([]byte, highWaterLine)
		if _, err := file.ReadAt(line, int64(i)*highWaterLine); err != nil && !errors.Is(err, io.EOF) {
			file.Close()
			return nil, err
		}
		if size, root, ok := parseHighWater(line); ok && (!found || size > h.size) {
			h.size, h.root, h.next, found = size, root, 1-i, true
		}
	}
	if !found {
		file.Close()
		return nil, fmt.Errorf("%w: the high-water mark in %s is damaged", ErrHighWater, path)
	}
	return h, nil
}

// Read implements HighWater.
func (h *HighWaterFile) Read() (uint64, wire.HashValue, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.size, h.root, nil
}

// Raise implements HighWater.
func (h *HighWaterFile) Raise(size uint64, root wire.HashValue) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if size < h.size || size == h.size && root != h.root {
		return fmt.Errorf("%w: size %d after size %d", ErrHighWater, size, h.size)
	}
	if size == h.size {
		return nil
	}
	if _, err := h.file.WriteAt(formatHighWater(size, root), int64(h.next)*highWaterLine); err != nil {
		return fmt.Errorf("high-water mark: %w", err)
	}
	if err := syncData(h.file); err != nil {
		return fmt.Errorf("high-water mark: %w", err)
	}
	h.size, h.root, h.next = size, root, 1-h.next
	return nil
}

// Close closes the file.
func (h *HighWaterFile) Close() error { return h.file.Close() }

func formatHighWater(size uint64, root wire.HashValue) []byte {
	text := fmt.Sprintf("kith high-water %d %x", size, root)
	text += fmt.Sprintf(" %08x", crc32.ChecksumIEEE([]byte(text)))
	return fmt.Appendf(nil, "%-*s\n", highWaterLine-1, text)
}

func parseHighWater(line []byte) (size uint64, root wire.HashValue, ok bool) {
	var hexRoot string
	var sum uint32
	if _, err := fmt.Sscanf(string(line), "kith high-water %d %64s %08x\n", &size, &hexRoot, &sum); err != nil {
		return 0, root, false
	}
	if n, err := hex.Decode(root[:], []byte(hexRoot)); err != nil || n != len(root) {
		return 0, root, false
	}
	return size, root, string(line) == string(formatHighWater(size, root))
}
