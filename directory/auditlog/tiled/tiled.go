// Package tiled is the audit log that lives inside a store: the hashes that
// golang.org/x/mod/sumdb/tlog stores, in its order, and the leaves. It is served
// as tlog-tiles (C2SP).
//
// Appender computes what a store must write for new leaves; Log answers from
// what was written.
package tiled

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory/auditlog"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// A View is a consistent state of a stored audit log.
type View interface {
	// Size returns the number of leaves.
	Size() uint64
	// ReadHashes returns stored hashes (tlog.HashReader).
	ReadHashes(indexes []int64) ([]tlog.Hash, error)
	// Leaves returns the leaves [lo, hi), all of which there are.
	Leaves(lo, hi uint64) ([][]byte, error)
	// Release gives the view up.
	Release()
}

// A Storage keeps the leaves and stored hashes of one log.
type Storage interface {
	// View returns the newest state.
	View() (View, error)
	// Append writes leaves and their stored hashes, durably, all or none. It
	// fails unless the log has exactly first leaves.
	Append(ctx context.Context, first uint64, leaves [][]byte, hashes []tlog.Hash) error
}

// A Log is an auditlog.Log and auditlog.Tiler over a Storage.
type Log struct{ storage Storage }

var (
	_ auditlog.Log   = (*Log)(nil)
	_ auditlog.Tiler = (*Log)(nil)
)

// New returns the log in a storage.
func New(s Storage) *Log { return &Log{s} }

// Size implements auditlog.Log.
func (l *Log) Size(ctx context.Context) (uint64, error) {
	v, err := l.view(ctx, 0)
	if err != nil {
		return 0, err
	}
	defer v.Release()
	return v.Size(), nil
}

// view returns the newest state, which must have size leaves.
func (l *Log) view(ctx context.Context, size uint64) (View, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v, err := l.storage.View()
	if err != nil {
		return nil, err
	}
	if size > v.Size() {
		defer v.Release()
		return nil, fmt.Errorf("%w: size %d of %d", auditlog.ErrRange, size, v.Size())
	}
	return v, nil
}

// Append implements auditlog.Log.
func (l *Log) Append(ctx context.Context, first uint64, leaves [][]byte) error {
	v, err := l.view(ctx, 0)
	if err != nil {
		return err
	}
	defer v.Release()
	size := v.Size()
	if first > size {
		return fmt.Errorf("%w: leaf %d after %d", auditlog.ErrGap, first, size)
	}
	known := leaves[:min(uint64(len(leaves)), size-first)]
	stored, err := v.Leaves(first, first+uint64(len(known)))
	if err != nil {
		return err
	}
	for i := range known {
		if !bytes.Equal(known[i], stored[i]) {
			return fmt.Errorf("%w: at position %d", auditlog.ErrConflict, first+uint64(i))
		}
	}
	leaves = leaves[len(known):]
	if len(leaves) == 0 {
		return nil
	}
	a, err := NewAppender(size, v)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for _, leaf := range leaves {
		hashes = a.Append(hashes, leaf)
	}
	return l.storage.Append(ctx, size, leaves, hashes)
}

// ReadRange implements auditlog.Log.
func (l *Log) ReadRange(ctx context.Context, lo, hi uint64) ([][]byte, error) {
	if lo > hi {
		return nil, fmt.Errorf("%w: [%d, %d)", auditlog.ErrRange, lo, hi)
	}
	v, err := l.view(ctx, hi)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	leaves, err := v.Leaves(lo, hi)
	if err != nil {
		return nil, err
	}
	for i := range leaves {
		leaves[i] = bytes.Clone(leaves[i]) // the view's memory goes with it
	}
	return leaves, nil
}

// InclusionProof implements auditlog.Log.
func (l *Log) InclusionProof(ctx context.Context, index, size uint64) ([]tlog.Hash, error) {
	if index >= size {
		return nil, fmt.Errorf("%w: leaf %d of size %d", auditlog.ErrRange, index, size)
	}
	v, err := l.view(ctx, size)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	return tlog.ProveRecord(int64(size), int64(index), v)
}

// ConsistencyProof implements auditlog.Log.
func (l *Log) ConsistencyProof(ctx context.Context, from, to uint64) ([]tlog.Hash, error) {
	if from > to {
		return nil, fmt.Errorf("%w: from size %d to %d", auditlog.ErrRange, from, to)
	}
	v, err := l.view(ctx, to)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	if from == 0 || from == to {
		return nil, nil
	}
	return tlog.ProveTree(int64(to), int64(from), v)
}

// Root implements auditlog.Tiler.
func (l *Log) Root(ctx context.Context, size uint64) (tlog.Hash, error) {
	v, err := l.view(ctx, size)
	if err != nil {
		return tlog.Hash{}, err
	}
	defer v.Release()
	return tlog.TreeHash(int64(size), v)
}

// Tile implements auditlog.Tiler.
func (l *Log) Tile(ctx context.Context, tile checkpoint.Tile) ([]byte, error) {
	v, err := l.view(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	if !tile.Within(v.Size()) {
		return nil, fmt.Errorf("%w: %s of a log of size %d", auditlog.ErrRange, tile.Path(), v.Size())
	}
	if tile.Level != checkpoint.Entries {
		return tlog.ReadTileData(tile.Tlog(), v)
	}
	lo := tile.Index * checkpoint.TileWidth
	leaves, err := v.Leaves(lo, lo+uint64(tile.Width))
	if err != nil {
		return nil, err
	}
	var bundle []byte
	for _, leaf := range leaves {
		if bundle, err = checkpoint.AppendEntry(bundle, leaf); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}
