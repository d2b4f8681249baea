package archive

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// Leaf returns the leaf at a position.
func (a *Archive) Leaf(pos uint64) (checkpoint.Leaf, error) {
	b, err := a.Encoded(pos)
	if err != nil {
		return checkpoint.Leaf{}, err
	}
	return checkpoint.ParseLeaf(b)
}

// Encoded returns the leaf at a position as it stands in the audit log.
func (a *Archive) Encoded(pos uint64) ([]byte, error) {
	tree := a.tree()
	if pos >= uint64(tree.N) {
		return nil, fmt.Errorf("%w: leaf %d of %d", ErrBeyond, pos, tree.N)
	}
	b, err := a.span(tree, pos, pos+1)
	return b, err
}

// span returns the leaves of the positions [lo, hi), verified, one behind the other.
func (a *Archive) span(tree tlog.Tree, lo, hi uint64) ([]byte, error) {
	b := make([]byte, (hi-lo)*checkpoint.LeafSize)
	if err := a.leaves.read(b, lo*checkpoint.LeafSize); err != nil {
		return nil, err
	}
	indexes := make([]int64, hi-lo)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(lo)+int64(i))
	}
	want, err := a.read(tree, indexes)
	if err != nil {
		return nil, err
	}
	for i, h := range want {
		if tlog.RecordHash(b[i*checkpoint.LeafSize:(i+1)*checkpoint.LeafSize]) != h {
			return nil, fmt.Errorf("%w: leaf %d in %s", ErrDamaged, lo+uint64(i), a.leaves.path)
		}
	}
	return b, nil
}

// Root returns the root of the KEYTRANS log tree at a size, 1 or more.
func (a *Archive) Root(size uint64) (wire.HashValue, error) {
	if size == 0 {
		return wire.HashValue{}, fmt.Errorf("%w: an empty log has no root", ErrBeyond)
	}
	leaf, err := a.Leaf(size - 1)
	return leaf.Root, err
}

// Checkpoint returns the audit log at a size, without its origin.
func (a *Archive) Checkpoint(size uint64) (checkpoint.Checkpoint, error) {
	tree := a.tree()
	if size > uint64(tree.N) {
		return checkpoint.Checkpoint{}, fmt.Errorf("%w: size %d of %d", ErrBeyond, size, tree.N)
	}
	root, err := tlog.TreeHash(int64(size), a.reader(tree))
	return checkpoint.Checkpoint{Size: size, Root: root}, damaged(err)
}

// Inclusion returns the proof that the leaf at pos stands in the audit log of a
// size (RFC 6962).
func (a *Archive) Inclusion(pos, size uint64) ([]checkpoint.Hash, error) {
	tree := a.tree()
	if pos >= size || size > uint64(tree.N) {
		return nil, fmt.Errorf("%w: leaf %d at size %d of %d", ErrBeyond, pos, size, tree.N)
	}
	proof, err := tlog.ProveRecord(int64(size), int64(pos), a.reader(tree))
	return proof, damaged(err)
}

// Consistency returns the proof that the audit log of size newer begins with that
// of size older (RFC 6962); none is needed from 0, or between equal sizes.
func (a *Archive) Consistency(older, newer uint64) ([]checkpoint.Hash, error) {
	tree := a.tree()
	if older > newer || newer > uint64(tree.N) {
		return nil, fmt.Errorf("%w: sizes %d and %d of %d", ErrBeyond, older, newer, tree.N)
	}
	if older == 0 || older == newer {
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(newer), int64(older), a.reader(tree))
	return proof, damaged(err)
}

// Tile returns a tile of hashes or a bundle of entries, as a log serves it.
func (a *Archive) Tile(t checkpoint.Tile) ([]byte, error) {
	tree := a.tree()
	if !t.Within(uint64(tree.N)) || t.Level >= maxLevels {
		return nil, fmt.Errorf("%w: %s at size %d", ErrBeyond, t.Path(), tree.N)
	}
	lo := t.Index * checkpoint.TileWidth
	if t.Level == checkpoint.Entries {
		b, err := a.span(tree, lo, lo+uint64(t.Width))
		if err != nil {
			return nil, err
		}
		out := make([]byte, 0, t.Width*(2+checkpoint.LeafSize))
		for ; len(b) > 0; b = b[checkpoint.LeafSize:] {
			if out, err = checkpoint.AppendEntry(out, b[:checkpoint.LeafSize]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	indexes := make([]int64, t.Width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(t.Level*checkpoint.TileHeight, int64(lo)+int64(i))
	}
	row, err := a.read(tree, indexes)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, h := range row {
		out.Write(h[:])
	}
	return out.Bytes(), nil
}

// Hashes returns the hashes of the audit log as far as it is committed now.
func (a *Archive) Hashes() tlog.HashReader { return a.reader(a.tree()) }

// Each calls f with the leaves of the positions [lo, hi), in order, until it
// returns an error.
func (a *Archive) Each(lo, hi uint64, f func(checkpoint.Leaf) error) error {
	tree := a.tree()
	if hi > uint64(tree.N) || lo > hi {
		return fmt.Errorf("%w: leaves %d to %d of %d", ErrBeyond, lo, hi, tree.N)
	}
	for lo < hi {
		end := min(hi, (lo/checkpoint.TileWidth+1)*checkpoint.TileWidth)
		b, err := a.span(tree, lo, end)
		if err != nil {
			return err
		}
		for ; lo < end; lo, b = lo+1, b[checkpoint.LeafSize:] {
			leaf, err := checkpoint.ParseLeaf(b[:checkpoint.LeafSize])
			if err != nil {
				return err
			}
			if err := f(leaf); err != nil {
				return err
			}
		}
	}
	return nil
}
