package archive

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// maxCached bounds the verified tiles that are kept, 8 KiB each.
const maxCached = 64

// A cache keeps verified tiles of one tree.
type cache struct {
	tiles map[tlog.Tile][]byte
	order []tlog.Tile // oldest first
}

// full drops partial tiles, which a greater tree does not have.
func (c *cache) full() {
	c.order = slices.DeleteFunc(c.order, func(t tlog.Tile) bool {
		if t.W == checkpoint.TileWidth {
			return false
		}
		delete(c.tiles, t)
		return true
	})
}

func (c *cache) put(t tlog.Tile, b []byte) {
	if c.tiles[t] != nil {
		return
	}
	if len(c.order) == maxCached {
		delete(c.tiles, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	if c.tiles == nil {
		c.tiles = map[tlog.Tile][]byte{}
	}
	c.tiles[t] = b
	c.order = append(c.order, t)
}

// A reader reads one tree from the files; it is a tlog.TileReader.
type reader struct {
	a    *Archive
	tree tlog.Tree
}

// reader reads hashes that stand under the root of tree.
func (a *Archive) reader(tree tlog.Tree) tlog.HashReader {
	return tlog.TileHashReader(tree, &reader{a, tree})
}

func (a *Archive) read(tree tlog.Tree, indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	out, err := a.reader(tree).ReadHashes(indexes)
	return out, damaged(err)
}

// damaged is an error of a tree that does not fit its root.
func damaged(err error) error {
	if err == nil || errors.Is(err, ErrDamaged) || errors.Is(err, errDisk) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

var errDisk = errors.New("archive cannot be read")

// Height implements tlog.TileReader.
func (r *reader) Height() int { return checkpoint.TileHeight }

// ReadTiles implements tlog.TileReader.
func (r *reader) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, t := range want {
		r.a.mu.Lock()
		if r.a.committed == r.tree {
			out[i] = r.a.cache.tiles[t]
		}
		r.a.mu.Unlock()
		if out[i] != nil {
			continue
		}
		f, err := r.a.level(t.L)
		if err != nil {
			return nil, err
		}
		b := make([]byte, t.W*tlog.HashSize)
		if err := f.read(b, (uint64(t.N)*checkpoint.TileWidth)*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("%w: %w", errDisk, err)
		}
		out[i] = b
	}
	return out, nil
}

// SaveTiles implements tlog.TileReader: these have been verified.
func (r *reader) SaveTiles(verified []tlog.Tile, data [][]byte) {
	r.a.mu.Lock()
	defer r.a.mu.Unlock()
	if r.a.committed != r.tree {
		return
	}
	for i, t := range verified {
		r.a.cache.put(t, data[i])
	}
}
