package pass

import (
	"cmp"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// locate finds out which of the tiles that did not stand under the checkpoint is
// wrong, and from which entry on: it holds each against what lies below it. It
// reads at most a tile for each hash, and only after misbehaviour was found.
func (t *tiles) locate(m *Misbehaviour) {
	suspects := make([]tlog.Tile, 0, len(t.raw))
	for tile := range t.raw {
		suspects = append(suspects, tile)
	}
	slices.SortFunc(suspects, func(a, b tlog.Tile) int { return cmp.Or(cmp.Compare(a.L, b.L), cmp.Compare(a.N, b.N)) })
	for _, tile := range suspects {
		var entries [][]byte
		if tile.L == 0 {
			named := checkpoint.Tile{Level: checkpoint.Entries, Index: uint64(tile.N), Width: tile.W}
			data, err := t.source.Tile(t.ctx, named)
			if err == nil {
				entries, err = checkpoint.ParseBundle(data, tile.W)
			}
			if err != nil {
				continue
			}
		}
		for i := range tile.W {
			child := uint64(tile.N)*checkpoint.TileWidth + uint64(i)
			var want tlog.Hash
			if tile.L == 0 {
				want = tlog.RecordHash(entries[i])
			} else if hash, ok := t.top(tile.L-1, child); ok {
				want = hash
			} else {
				break
			}
			if want != tlog.Hash(t.raw[tile][i*tlog.HashSize:(i+1)*tlog.HashSize]) {
				m.Entry, m.Tile, m.Data = child<<(checkpoint.TileHeight*tile.L), path(tile), t.raw[tile]
				return
			}
		}
	}
}

// top returns the hash over a full tile; ok is false if that cannot be read.
func (t *tiles) top(level int, index uint64) (hash tlog.Hash, ok bool) {
	data, err := t.source.Tile(t.ctx, checkpoint.Tile{Level: level, Index: index, Width: checkpoint.TileWidth})
	if err != nil || len(data) != checkpoint.TileWidth*tlog.HashSize {
		return hash, false
	}
	row := make([]tlog.Hash, checkpoint.TileWidth)
	for j := range row {
		row[j] = tlog.Hash(data[j*tlog.HashSize : (j+1)*tlog.HashSize])
	}
	for ; len(row) > 1; row = row[:len(row)/2] {
		for j := range len(row) / 2 {
			row[j] = tlog.NodeHash(row[2*j], row[2*j+1])
		}
	}
	return row[0], true
}
