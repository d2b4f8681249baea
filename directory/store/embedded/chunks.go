package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/wire"
)

// perChunk is how many log entries or hashes share one value.
const perChunk = 64

const entrySize = 8 + wire.HashSize

// appendItems appends items of one size, from item number first on, to the
// chunks of a bucket. There must be exactly first items already.
func appendItems(tx *kv.Tx, bucket int, first uint64, size int, items []byte) error {
	for len(items) > 0 {
		key := kv.Key(first / perChunk)
		in := int(first%perChunk) * size
		old := tx.Get(bucket, key)
		if len(old) != in {
			return fmt.Errorf("%w: %s: chunk %d holds %d bytes and not %d", directory.ErrCorrupt, specs[bucket].Name, first/perChunk, len(old), in)
		}
		n := min(len(items), perChunk*size-in)
		chunk := append(make([]byte, 0, in+n), old...)
		tx.Put(bucket, key, append(chunk, items[:n]...))
		items, first = items[n:], first+uint64(n/size)
	}
	return nil
}

// item returns item n of a bucket.
func item(v *kv.View, bucket int, n uint64, size int) ([]byte, error) {
	chunk, err := v.Uint(bucket, n/perChunk)
	if err != nil {
		return nil, explain(err)
	}
	in := int(n%perChunk) * size
	if len(chunk) < in+size {
		return nil, fmt.Errorf("%w: %s %d", directory.ErrNotFound, specs[bucket].Name, n)
	}
	return chunk[in : in+size], nil
}

func appendLogEntry(b []byte, e wire.LogEntry) []byte {
	b = binary.BigEndian.AppendUint64(b, e.Timestamp)
	return append(b, e.PrefixTree[:]...)
}
