package checkpoint

import (
	"encoding/binary"
	"fmt"
)

// MaxEntry is the greatest length of an entry in a bundle, in bytes.
const MaxEntry = 1<<16 - 1

// AppendEntry appends an entry to a bundle (C2SP tlog-tiles, "Log entries"): its
// length in two bytes, then itself.
func AppendEntry(bundle, entry []byte) ([]byte, error) {
	if len(entry) > MaxEntry {
		return bundle, fmt.Errorf("checkpoint: an entry of %d bytes", len(entry))
	}
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...), nil
}

// ParseBundle splits a bundle of exactly width entries, at most TileWidth. The
// entries share its memory.
func ParseBundle(bundle []byte, width int) ([][]byte, error) {
	if width < 1 || width > TileWidth || len(bundle) < 2*width {
		return nil, fmt.Errorf("%w: a bundle of %d bytes for %d entries", ErrMalformed, len(bundle), width)
	}
	entries := make([][]byte, 0, width)
	for range width {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("%w: a bundle of %d entries, not %d", ErrMalformed, len(entries), width)
		}
		size := int(binary.BigEndian.Uint16(bundle))
		bundle = bundle[2:]
		if len(bundle) < size {
			return nil, fmt.Errorf("%w: entry %d of a bundle is cut off", ErrMalformed, len(entries))
		}
		entries = append(entries, bundle[:size:size])
		bundle = bundle[size:]
	}
	if len(bundle) != 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last entry of a bundle", ErrMalformed, len(bundle))
	}
	return entries, nil
}

// ParseLeaves parses the contents of a tile of entries, and checks that each leaf
// is of the position at which it stands.
func (t Tile) ParseLeaves(bundle []byte) ([]Leaf, error) {
	if t.Level != Entries {
		return nil, fmt.Errorf("%w: %s holds no entries", ErrMalformed, t.Path())
	}
	entries, err := ParseBundle(bundle, t.Width)
	if err != nil {
		return nil, err
	}
	leaves := make([]Leaf, len(entries))
	for i, entry := range entries {
		if leaves[i], err = ParseLeaf(entry); err != nil {
			return nil, err
		}
		if want := t.Index*TileWidth + uint64(i); leaves[i].Position != want {
			return nil, fmt.Errorf("%w: leaf %d stands at position %d", ErrMalformed, leaves[i].Position, want)
		}
	}
	return leaves, nil
}
