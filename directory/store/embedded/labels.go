package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/directory"
)

// The versions of a label are kept in chunks of 256. The key of the first one
// is the length of the label (1 byte) and the label; that of chunk c > 0 has c
// behind it (3 bytes). The value of the first chunk begins with the number of
// versions of the label (uvarint). Then follow, for each version, the distance
// of its log entry from that of the version before it in the chunk (uvarint, the
// first from 0) and its index (1 byte).
const perLabelChunk = 256

func labelKey(label []byte, chunk uint32) []byte {
	key := make([]byte, 0, 1+len(label)+3)
	key = append(key, byte(len(label)))
	key = append(key, label...)
	if chunk > 0 {
		key = append(key, byte(chunk>>16), byte(chunk>>8), byte(chunk))
	}
	return key
}

// parseLabelKey is the inverse of labelKey.
func parseLabelKey(key []byte) (label []byte, chunk uint32, ok bool) {
	if len(key) == 0 {
		return nil, 0, false
	}
	n := int(key[0])
	switch label := key[1:]; len(label) {
	case n:
		return label, 0, true
	case n + 3:
		c := uint32(label[n])<<16 | uint32(label[n+1])<<8 | uint32(label[n+2])
		return label[:n], c, c > 0
	}
	return nil, 0, false
}

// splitFirst splits the first chunk of a label into the number of versions and
// the places.
func splitFirst(b []byte) (total uint32, places []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n == 0 || n > 1<<32-1 {
		return 0, nil, fmt.Errorf("%w: labels: number of versions does not parse", directory.ErrCorrupt)
	}
	return uint32(n), b[k:], nil
}

// inChunk returns how many versions of total lie in a chunk.
func inChunk(total, chunk uint32) int {
	return int(min(total-chunk*perLabelChunk, perLabelChunk))
}

// parsePlaces appends the n places that b must hold to dst.
func parsePlaces(dst []directory.Place, b []byte, n int) ([]directory.Place, error) {
	pos := uint64(0)
	for range n {
		d, k := binary.Uvarint(b)
		if k <= 0 || len(b) <= k {
			return nil, fmt.Errorf("%w: labels: places do not parse", directory.ErrCorrupt)
		}
		pos += d
		dst = append(dst, directory.Place{Position: pos, Index: b[k]})
		b = b[k+1:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: labels: more places than versions", directory.ErrCorrupt)
	}
	return dst, nil
}

// appendPlaces appends places to a chunk whose last place is at position last.
func appendPlaces(b []byte, last uint64, places []directory.Place) []byte {
	for _, p := range places {
		b = binary.AppendUvarint(b, p.Position-last)
		b = append(b, p.Index)
		last = p.Position
	}
	return b
}
