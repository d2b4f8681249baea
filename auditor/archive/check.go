package archive

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// Check reads the whole archive and says what is damaged: the file and the leaf or
// tile. It needs no memory to speak of, and time for a hash or two a leaf.
func (a *Archive) Check(ctx context.Context) error {
	tree := a.tree()
	size := uint64(tree.N)
	for lo := uint64(0); lo < size; lo += checkpoint.TileWidth {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(size, lo+checkpoint.TileWidth)
		row, err := a.row(0, lo, hi)
		if err != nil {
			return err
		}
		b := make([]byte, (hi-lo)*checkpoint.LeafSize)
		if err := a.leaves.read(b, lo*checkpoint.LeafSize); err != nil {
			return err
		}
		for i, h := range row {
			if tlog.RecordHash(b[i*checkpoint.LeafSize:(i+1)*checkpoint.LeafSize]) != h {
				return fmt.Errorf("%w: leaf %d: %s and %s differ", ErrDamaged, lo+uint64(i), a.leaves.path, a.path(0))
			}
		}
	}
	for k := 0; size>>(checkpoint.TileHeight*(k+1)) > 0; k++ {
		for i := range size >> (checkpoint.TileHeight * (k + 1)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			row, err := a.row(k, i*checkpoint.TileWidth, (i+1)*checkpoint.TileWidth)
			if err != nil {
				return err
			}
			over, err := a.row(k+1, i, i+1)
			if err != nil {
				return err
			}
			if fold(row) != over[0] {
				return fmt.Errorf("%w: from leaf %d on: tile %d of %s, or its hash in %s", ErrDamaged, i<<(checkpoint.TileHeight*(k+1)), i, a.path(k), a.path(k+1))
			}
		}
	}
	root, err := tlog.TreeHash(tree.N, a.reader(tree))
	if err != nil {
		return damaged(err)
	}
	if root != tree.Hash {
		return fmt.Errorf("%w: %s has another root", ErrDamaged, a.dir)
	}
	return nil
}

func (a *Archive) path(k int) string { return filepath.Join(a.dir, fmt.Sprintf("level-%d", k)) }

// row returns the hashes [lo, hi) of level k, as they stand in its file.
func (a *Archive) row(k int, lo, hi uint64) ([]tlog.Hash, error) {
	f, err := a.level(k)
	if err != nil {
		return nil, err
	}
	b := make([]byte, (hi-lo)*tlog.HashSize)
	if err := f.read(b, lo*tlog.HashSize); err != nil {
		return nil, err
	}
	return hashes(b), nil
}
