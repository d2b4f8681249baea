package synthetic

import (
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// Sign signs a checkpoint of the first entries.
func (l *Log) Sign(size uint64) ([]byte, error) {
	root, err := tlog.TreeHash(int64(size), l)
	if err != nil {
		return nil, err
	}
	return l.Checkpoints.Sign(size, root)
}

// Publish writes the tiles, the bundle of updates that is not full, and the
// checkpoint. The log may grow after it, and be published again.
func (l *Log) Publish() error {
	size := l.Size()
	for level := 0; size>>(checkpoint.TileHeight*level) > 0; level++ {
		if err := l.tiles(level, size>>(checkpoint.TileHeight*level)); err != nil {
			return err
		}
	}
	if err := l.tiles(checkpoint.Entries, size); err != nil {
		return err
	}
	if width := int(size % checkpoint.UpdatesWidth); width > 0 {
		if err := l.write("log/"+checkpoint.UpdatesPath(size/checkpoint.UpdatesWidth, width), l.bundle); err != nil {
			return err
		}
	}
	note, err := l.Sign(size)
	if err != nil {
		return err
	}
	return l.write("log/checkpoint", note)
}

// tiles writes the tiles of one level, which has n hashes or entries.
func (l *Log) tiles(level int, n uint64) error {
	for index := uint64(0); index*checkpoint.TileWidth < n; index++ {
		t := checkpoint.Tile{Level: level, Index: index, Width: int(min(checkpoint.TileWidth, n-index*checkpoint.TileWidth))}
		b, err := l.Tile(t)
		if err != nil {
			return err
		}
		if err := l.write("log/"+t.Path(), b); err != nil {
			return err
		}
	}
	return nil
}

// Tile returns the contents of a tile.
func (l *Log) Tile(t checkpoint.Tile) (b []byte, err error) {
	if t.Level != checkpoint.Entries {
		return tlog.ReadTileData(t.Tlog(), l)
	}
	for _, leaf := range l.leaves[t.Index*checkpoint.TileWidth:][:t.Width] {
		if b, err = checkpoint.AppendEntry(b, leaf); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (l *Log) write(name string, b []byte) error {
	path := filepath.Join(l.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
