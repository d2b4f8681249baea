package export

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// grow writes the files that a log of more than before entries has besides.
func (x *export) grow(ctx context.Context, before uint64, now *checkpoint.Signed, tree *tree) error {
	var inner context.Context
	x.group, inner = errgroup.WithContext(ctx)
	x.group.SetLimit(max(1, x.target.Parallel()))
	err := x.entries(inner, before, now, tree)
	for level := 0; err == nil && now.Size>>(checkpoint.TileHeight*level) > 0; level++ {
		shift := checkpoint.TileHeight * level
		err = x.tiles(inner, level, before>>shift, now.Size>>shift)
	}
	if e := x.group.Wait(); e != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = e // what made the others stop
	}
	return err
}

// tiles writes the tiles of hashes of one level, which had old hashes and has now.
func (x *export) tiles(ctx context.Context, level int, old, now uint64) error {
	for index := old / checkpoint.TileWidth; old < now && index*checkpoint.TileWidth < now; index++ {
		t := checkpoint.Tile{Level: level, Index: index, Width: int(min(checkpoint.TileWidth, now-index*checkpoint.TileWidth))}
		f := file{path: t.Path(), size: t.Width * tlog.HashSize, full: t.Width == checkpoint.TileWidth}
		if err := x.write(ctx, f, func() error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// entries writes bundles of entries and of updates.
func (x *export) entries(ctx context.Context, before uint64, now *checkpoint.Signed, tree *tree) error {
	done := before
	for index := before / checkpoint.TileWidth; index*checkpoint.TileWidth < now.Size; index++ {
		first := index * checkpoint.TileWidth
		t := checkpoint.Tile{Level: checkpoint.Entries, Index: index, Width: int(min(checkpoint.TileWidth, now.Size-first))}
		leaves, bundle, err := x.leaves(ctx, t, now, tree)
		if err != nil {
			return err
		}
		f := file{path: t.Path(), size: len(bundle), full: t.Width == checkpoint.TileWidth, data: bundle}
		if err := x.write(ctx, f, func() error { return nil }); err != nil {
			return err
		}
		for at := 0; at < len(leaves); at += checkpoint.UpdatesWidth {
			part := leaves[at:min(at+checkpoint.UpdatesWidth, len(leaves))]
			end := part[len(part)-1].Position + 1
			if end <= before {
				continue
			}
			f := file{path: checkpoint.UpdatesPath(part[0].Position/checkpoint.UpdatesWidth, len(part)), full: len(part) == checkpoint.UpdatesWidth}
			for _, leaf := range part {
				f.size += 4 + int(leaf.UpdateSize)
			}
			f.check = func(b []byte) error { return checkUpdates(b, part) }
			n := end - max(before, part[0].Position)
			err := x.write(ctx, f, func() error {
				x.mu.Lock()
				defer x.mu.Unlock()
				if done += n; x.o.Progress != nil {
					x.o.Progress(done, now.Size)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// leaves reads a bundle of leaves, which stand under the checkpoint.
func (x *export) leaves(ctx context.Context, t checkpoint.Tile, now *checkpoint.Signed, tree *tree) ([]checkpoint.Leaf, []byte, error) {
	bundle, err := x.source.File(ctx, t.Path())
	if err != nil {
		return nil, nil, err
	}
	leaves, err := t.ParseLeaves(bundle)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	indexes := make([]int64, len(leaves))
	for i := range leaves {
		indexes[i] = tlog.StoredHashIndex(0, int64(leaves[i].Position))
	}
	hashes, err := tlog.TileHashReader(tlog.Tree{N: int64(now.Size), Hash: now.Root}, tree).ReadHashes(indexes)
	if err != nil {
		return nil, nil, tree.fault(err)
	}
	for i := range leaves {
		if hashes[i] != leaves[i].Hash() {
			return nil, nil, fmt.Errorf("%w: log entry %d: its leaf does not stand under the checkpoint", ErrSource, leaves[i].Position)
		}
	}
	return leaves, bundle, nil
}

// checkUpdates checks that a bundle holds what its leaves commit to.
func checkUpdates(b []byte, leaves []checkpoint.Leaf) error {
	for _, leaf := range leaves {
		n := uint64(leaf.UpdateSize)
		if uint64(len(b)) < 4+n || uint64(binary.BigEndian.Uint32(b)) != n || sha256.Sum256(b[4:4+n]) != leaf.Update {
			return fmt.Errorf("%w: log entry %d: its update is not the one that its leaf commits to", ErrSource, leaf.Position)
		}
		b = b[4+n:]
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes after the update of log entry %d", ErrSource, len(b), leaves[len(leaves)-1].Position)
	}
	return nil
}

// A file is one that is there in full or not at all.
type file struct {
	path  string // below log/
	size  int    // bytes
	full  bool   // not at the end of the log
	data  []byte // nil: the source has it
	check func([]byte) error
}

// write writes a file that is not there yet, and calls written. It waits for a
// place among those that are written at a time.
func (x *export) write(ctx context.Context, f file, written func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.group.Go(func() error {
		if err := x.ensure(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		if f.full { // its partial files are no more needed
			if err := x.target.Drop(ctx, "log/"+f.path+".p"); err != nil {
				return err
			}
		}
		return written()
	})
	return nil
}

func (x *export) ensure(ctx context.Context, f file) error {
	there, err := x.target.Size(ctx, "log/"+f.path)
	if err == nil && there == int64(f.size) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.summary.Present++
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b := f.data
	if b == nil {
		if b, err = x.source.File(ctx, f.path); err != nil {
			return err
		}
	}
	if len(b) != f.size {
		return fmt.Errorf("%w: %d bytes, not %d", ErrSource, len(b), f.size)
	}
	if f.check != nil {
		if err := f.check(b); err != nil {
			return err
		}
	}
	return x.put(ctx, "log/"+f.path, b, f.full)
}
