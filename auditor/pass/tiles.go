package pass

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// maxTiles bounds the verified tiles that are kept, 8 KiB each. What is needed
// again and again is one tile of each level and the right edge.
const maxTiles = 32

// tiles reads one tree by its tiles; it is a tlog.TileReader.
type tiles struct {
	ctx    context.Context
	source Source
	tree   tlog.Tree
	kept   map[tlog.Tile][]byte // that stand under the tree's root
	order  []tlog.Tile          // of kept, oldest first
	raw    map[tlog.Tile][]byte // read but not verified; emptied with each bundle
}

func newTiles(ctx context.Context, s Source, c checkpoint.Checkpoint) *tiles {
	return &tiles{
		ctx: ctx, source: s, tree: tlog.Tree{N: int64(c.Size), Hash: c.Root},
		kept: map[tlog.Tile][]byte{}, raw: map[tlog.Tile][]byte{},
	}
}

// Hashes reads hashes of the audit log under a checkpoint from the tiles of a
// Source. All that it returns stands under the checkpoint.
func Hashes(ctx context.Context, s Source, c checkpoint.Checkpoint) tlog.HashReader {
	return newTiles(ctx, s, c).hashes()
}

// A readError is a tile that could not be read: no fault of the log.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// Height implements tlog.TileReader.
func (t *tiles) Height() int { return checkpoint.TileHeight }

// ReadTiles implements tlog.TileReader.
func (t *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, tile := range want {
		b, err := t.read(tile)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

// SaveTiles implements tlog.TileReader: these have been verified.
func (t *tiles) SaveTiles(verified []tlog.Tile, data [][]byte) {
	for i, tile := range verified {
		if t.kept[tile] != nil {
			continue
		}
		if len(t.order) == maxTiles {
			delete(t.kept, t.order[0])
			t.order = append(t.order[:0], t.order[1:]...)
		}
		t.kept[tile] = data[i]
		t.order = append(t.order, tile)
	}
}

func (t *tiles) read(tile tlog.Tile) ([]byte, error) {
	if b := t.kept[tile]; b != nil {
		return b, nil
	}
	if b := t.raw[tile]; b != nil {
		return b, nil
	}
	named, err := checkpoint.TileOf(tile)
	if err != nil {
		return nil, &readError{err}
	}
	b, err := t.source.Tile(t.ctx, named)
	if err != nil {
		return nil, &readError{err}
	}
	if len(b) != tile.W*tlog.HashSize {
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", ErrTile, named.Path(), len(b), tile.W*tlog.HashSize)
	}
	t.raw[tile] = b
	return b, nil
}

// hashes reads hashes of the tree, all of which stand under its root.
func (t *tiles) hashes() tlog.HashReader { return tlog.TileHashReader(t.tree, t) }

// A bundle is 256 leaves of the audit log or those at its end; all of them stand
// under the checkpoint.
type bundle struct {
	first   uint64 // position
	leaves  []checkpoint.Leaf
	encoded [][]byte
}

// bundle reads the leaves around position pos.
func (t *tiles) bundle(pos uint64) (*bundle, error) {
	clear(t.raw)
	index := pos / checkpoint.TileWidth
	first := index * checkpoint.TileWidth
	width := int(min(checkpoint.TileWidth, uint64(t.tree.N)-first))
	tile := checkpoint.Tile{Level: checkpoint.Entries, Index: index, Width: width}
	data, err := t.source.Tile(t.ctx, tile)
	if err != nil {
		return nil, err
	}
	b, err := parseBundle(tile, data)
	if err != nil {
		return nil, err
	}
	return b, t.prove(b)
}

// parseBundle reads leaves of their one size, so that what is malformed has a position.
func parseBundle(tile checkpoint.Tile, data []byte) (*bundle, error) {
	b := &bundle{first: tile.Index * checkpoint.TileWidth}
	bad := func(i int, err error) (*bundle, error) {
		return nil, &Misbehaviour{Kind: BadLeaf, Entry: b.first + uint64(i), Err: err, Tile: tile.Path(), Data: data}
	}
	rest := data
	for i := range tile.Width {
		if len(rest) < 2+checkpoint.LeafSize || binary.BigEndian.Uint16(rest) != checkpoint.LeafSize {
			return bad(i, fmt.Errorf("%w: not a leaf of %d bytes", checkpoint.ErrMalformed, checkpoint.LeafSize))
		}
		one := rest[2 : 2+checkpoint.LeafSize]
		rest = rest[2+checkpoint.LeafSize:]
		leaf, err := checkpoint.ParseLeaf(one)
		if err != nil {
			return bad(i, err)
		}
		if leaf.Position != b.first+uint64(i) {
			return bad(i, fmt.Errorf("%w: leaf %d stands here", checkpoint.ErrMalformed, leaf.Position))
		}
		b.leaves, b.encoded = append(b.leaves, leaf), append(b.encoded, one)
	}
	if len(rest) > 0 {
		return bad(tile.Width-1, fmt.Errorf("%w: %d bytes after the last leaf", checkpoint.ErrMalformed, len(rest)))
	}
	return b, nil
}

// prove checks that the leaves stand under the checkpoint.
func (t *tiles) prove(b *bundle) error {
	level := tlog.Tile{H: checkpoint.TileHeight, N: int64(b.first / checkpoint.TileWidth), W: len(b.leaves)}
	data, err := t.read(level)
	if err != nil {
		return t.bad(b.first, err)
	}
	indexes := make([]int64, len(b.leaves))
	for i := range b.leaves {
		hash := tlog.RecordHash(b.encoded[i])
		if !bytes.Equal(hash[:], data[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return &Misbehaviour{Kind: BadLeaf, Entry: b.leaves[i].Position, Err: ErrLeaf, Leaf: b.encoded[i], Tile: path(level), Data: data}
		}
		indexes[i] = tlog.StoredHashIndex(0, int64(b.leaves[i].Position))
	}
	hashes, err := t.hashes().ReadHashes(indexes)
	if err != nil {
		return t.bad(b.first, err)
	}
	for i, hash := range hashes {
		if hash != tlog.RecordHash(b.encoded[i]) {
			return &Misbehaviour{Kind: BadLeaf, Entry: b.leaves[i].Position, Err: ErrLeaf, Leaf: b.encoded[i]}
		}
	}
	return nil
}

// bad tells hashes that could not be read from those that are wrong.
func (t *tiles) bad(entry uint64, err error) error {
	if e, ok := errors.AsType[*readError](err); ok {
		return e.err
	}
	if !errors.Is(err, ErrTile) {
		err = fmt.Errorf("%w: %w", ErrTile, err)
	}
	m := &Misbehaviour{Kind: BadTile, Entry: entry, Err: err}
	t.locate(m)
	return m
}

func path(t tlog.Tile) string {
	named, err := checkpoint.TileOf(t)
	if err != nil {
		return ""
	}
	return named.Path()
}
