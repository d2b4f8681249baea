package checkpoint

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// TileHeight is the height of the tiles, in levels of the tree.
	TileHeight = 8

	// TileWidth is the number of hashes or entries of a full tile.
	TileWidth = 1 << TileHeight

	// Entries is the level of tiles that hold log entries instead of hashes.
	Entries = -1

	maxTileLevel = 63
	maxTilePath  = 100 // bytes, ample for the greatest index
)

// A Tile names one of the static files of a log (C2SP tlog-tiles): the hashes
// [Index*TileWidth, Index*TileWidth+Width) of every 256^Level leaves, or a bundle
// of log entries.
type Tile struct {
	Level int    // 0 to 63, or Entries
	Index uint64 // within the level
	Width int    // 1 to TileWidth; less than that is a partial tile
}

// Path returns the path of the tile below the log's address: "tile/0/x001/234.p/5".
func (t Tile) Path() string {
	level := "entries"
	if t.Level != Entries {
		level = strconv.Itoa(t.Level)
	}
	path := "tile/" + level + "/" + indexPath(t.Index)
	if t.Width != TileWidth {
		path += ".p/" + strconv.Itoa(t.Width)
	}
	return path
}

// ParseTilePath parses the path of a tile. It accepts what Path returns and
// nothing else. The tile may lie beyond the edge of the log: see Within.
func ParseTilePath(path string) (Tile, error) {
	t, ok := readTilePath(path)
	if !ok || t.Path() != path {
		return Tile{}, fmt.Errorf("%w: no tile is called %.100q", ErrMalformed, path)
	}
	return t, nil
}

// readTilePath returns the tile that path means, if any, whether or not it is
// written as it should be.
func readTilePath(path string) (t Tile, ok bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > maxTilePath {
		return t, false
	}
	t.Width = TileWidth
	level, rest, _ := strings.Cut(rest, "/")
	if level == "entries" {
		t.Level = Entries
	} else if n, err := strconv.Atoi(level); err != nil || n < 0 || n > maxTileLevel {
		return t, false
	} else {
		t.Level = n
	}
	rest, width, partial := strings.Cut(rest, ".p/")
	if partial {
		n, err := strconv.Atoi(width)
		if err != nil || n < 1 || n >= TileWidth {
			return t, false
		}
		t.Width = n
	}
	digits := strings.ReplaceAll(strings.ReplaceAll(rest, "/", ""), "x", "")
	index, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || index > MaxSize/TileWidth {
		return t, false
	}
	t.Index = index
	return t, true
}

// Within reports whether a log of size leaves has everything the tile holds.
func (t Tile) Within(size uint64) bool {
	hashes := size
	if t.Level != Entries {
		hashes = size >> (TileHeight * t.Level)
	}
	return t.Width >= 1 && t.Width <= TileWidth && t.Index <= MaxSize/TileWidth &&
		t.Index*TileWidth+uint64(t.Width) <= hashes
}

// Tlog returns the tile as sumdb/tlog names it, for tlog.ReadTileData.
func (t Tile) Tlog() tlog.Tile {
	return tlog.Tile{H: TileHeight, L: t.Level, N: int64(t.Index), W: t.Width}
}

// TileOf returns the tile that sumdb/tlog names, for a tlog.TileReader of
// height TileHeight.
func TileOf(t tlog.Tile) (Tile, error) {
	if t.H != TileHeight || t.L < Entries || t.L > maxTileLevel || t.N < 0 || t.N > MaxSize/TileWidth || t.W < 1 || t.W > TileWidth {
		return Tile{}, fmt.Errorf("%w: tile %+v", ErrMalformed, t)
	}
	return Tile{t.L, uint64(t.N), t.W}, nil
}
