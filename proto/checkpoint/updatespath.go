package checkpoint

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// UpdatesWidth is the number of AuditorUpdates in a full bundle.
const UpdatesWidth = 32

// UpdatesPath returns the path, below the log's address, of the bundle with the
// AuditorUpdates of the entries [index*UpdatesWidth, index*UpdatesWidth+width),
// each behind its length in four bytes, big-endian: "updates/x001/234", and
// "updates/x001/234.p/5" where width is less than UpdatesWidth. It is written
// as the path of a Tile is.
func UpdatesPath(index uint64, width int) string {
	path := "updates/" + indexPath(index)
	if width != UpdatesWidth {
		path += ".p/" + strconv.Itoa(width)
	}
	return path
}

// ParseUpdatesPath parses the path of a bundle of AuditorUpdates. It accepts what
// UpdatesPath returns for widths of 1 to UpdatesWidth, and nothing else. The
// bundle may lie beyond the edge of the log.
func ParseUpdatesPath(path string) (index uint64, width int, err error) {
	index, width, ok := readUpdatesPath(path)
	if !ok || UpdatesPath(index, width) != path {
		return 0, 0, fmt.Errorf("%w: no bundle of updates is called %.100q", ErrMalformed, path)
	}
	return index, width, nil
}

func readUpdatesPath(path string) (index uint64, width int, ok bool) {
	rest, ok := strings.CutPrefix(path, "updates/")
	if !ok || len(path) > maxTilePath {
		return 0, 0, false
	}
	rest, partial, cut := strings.Cut(rest, ".p/")
	width = UpdatesWidth
	if cut {
		n, err := strconv.Atoi(partial)
		if err != nil || n < 1 || n >= UpdatesWidth {
			return 0, 0, false
		}
		width = n
	}
	digits := strings.ReplaceAll(strings.ReplaceAll(rest, "/", ""), "x", "")
	index, err := strconv.ParseUint(digits, 10, 64)
	return index, width, err == nil && index <= MaxSize/UpdatesWidth
}

// indexPath writes an index in groups of three digits: "x001/x234/067".
func indexPath(index uint64) string {
	path := fmt.Sprintf("%03d", index%1000)
	for n := index / 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return path
}

// AppendUpdate appends an encoded AuditorUpdate to a bundle: its length in four
// bytes, big-endian, then itself.
func AppendUpdate(bundle, update []byte) []byte {
	bundle = binary.BigEndian.AppendUint32(bundle, uint32(len(update)))
	return append(bundle, update...)
}
