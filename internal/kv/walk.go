package kv

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"

	"go.etcd.io/bbolt"
)

// inspect reads the meta pages of a file. It finds a file that was cut short,
// which the engine meets as a fault in the mapped memory, and says whether the
// newest meta page names a list of free pages. Without one the engine walks the
// whole file when it opens it, in a goroutine of its own, where a damaged page
// ends the process.
func inspect(path string, size int64) (clean bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	newest, needed := uint64(0), int64(0)
	for i := range int64(2) {
		// A page header of 16 bytes; magic, version, page size, flags; root and
		// sequence; free list, pages in use, transaction, checksum.
		var b [80]byte
		if _, err := file.ReadAt(b[:], i*int64(os.Getpagesize())); err != nil {
			continue
		}
		meta, order := b[16:], binary.NativeEndian
		sum := fnv.New64a()
		sum.Write(meta[:56])
		if tx := order.Uint64(meta[48:]); sum.Sum64() == order.Uint64(meta[56:]) && tx >= newest {
			clean, newest = order.Uint64(meta[32:]) != 1<<64-1, tx
			needed = int64(order.Uint64(meta[40:])) * int64(order.Uint32(meta[8:]))
		}
	}
	if needed > size {
		return false, fmt.Errorf("%w: %d bytes of %d are left", ErrCorrupt, size, needed)
	}
	return clean, nil
}

// walk reads every page of the file, so that damage is an error here.
func walk(path string) (err error) {
	defer guard(&err)()
	b, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 1})
	if err != nil {
		return err
	}
	defer b.Close()
	return b.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(_, _ []byte) error { return nil })
		})
	})
}
