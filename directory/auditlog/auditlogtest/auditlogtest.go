// Package auditlogtest is the conformance suite of auditlog.Log. It is run over
// every engine.
package auditlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory/auditlog"
	"github.com/kith-kt/kith/proto/checkpoint"
)

var ctx = context.Background()

// Run runs the suite. open makes an empty log; reopen, if there is one, closes it
// and opens it again.
func Run(t *testing.T, open func(t *testing.T) (log auditlog.Log, reopen func() auditlog.Log)) {
	t.Run("GrowsAndProves", func(t *testing.T) {
		log, reopen := open(t)
		testGrowth(t, log, reopen)
	})
	t.Run("AppendIsReplaySafe", func(t *testing.T) {
		log, _ := open(t)
		testReplay(t, log)
	})
	t.Run("Range", func(t *testing.T) {
		log, _ := open(t)
		testRange(t, log)
	})
	t.Run("Tiles", func(t *testing.T) {
		log, _ := open(t)
		if _, ok := log.(auditlog.Tiler); !ok {
			t.Skip("no tiles")
		}
		testTiles(t, log)
	})
}

func leaf(n uint64) []byte { return fmt.Appendf(nil, "leaf %d, as small as a record", n) }

func leaves(lo, hi uint64) (all [][]byte) {
	for n := lo; n < hi; n++ {
		all = append(all, leaf(n))
	}
	return all
}

func add(t *testing.T, log auditlog.Log, first uint64, leaves [][]byte) {
	t.Helper()
	if err := log.Append(ctx, first, leaves); err != nil {
		t.Fatal(err)
	}
}

func sized(t *testing.T, log auditlog.Log, want uint64) {
	t.Helper()
	if got, err := log.Size(ctx); err != nil || got != want {
		t.Fatalf("size %d, want %d (%v)", got, want, err)
	}
}

// root is the slow reference: RFC 6962, section 2.1, from the leaves.
func root(leaves [][]byte) tlog.Hash {
	switch n := len(leaves); n {
	case 0:
		h, _ := tlog.TreeHash(0, nil)
		return h
	case 1:
		return tlog.RecordHash(leaves[0])
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		return tlog.NodeHash(root(leaves[:k]), root(leaves[k:]))
	}
}

func testGrowth(t *testing.T, log auditlog.Log, reopen func() auditlog.Log) {
	sized(t, log, 0)
	var size uint64
	for _, n := range []uint64{1, 1, 2, 3, 60, 5, 200, 1, 64} {
		add(t, log, size, leaves(size, size+n))
		size += n
		sized(t, log, size)
	}
	if reopen != nil {
		log = reopen()
		sized(t, log, size)
	}
	got, err := log.ReadRange(ctx, 0, size)
	if err != nil || uint64(len(got)) != size {
		t.Fatalf("%d leaves (%v)", len(got), err)
	}
	for n := range got {
		if !bytes.Equal(got[n], leaf(uint64(n))) {
			t.Fatalf("leaf %d is %q", n, got[n])
		}
	}
	all := leaves(0, size)
	for _, at := range []uint64{1, 2, 3, 7, 64, 65, 200, size} {
		top := root(all[:at])
		for index := range at {
			proof, err := log.InclusionProof(ctx, index, at)
			if err == nil {
				err = tlog.CheckRecord(proof, int64(at), top, int64(index), tlog.RecordHash(all[index]))
			}
			if err != nil {
				t.Fatalf("leaf %d in size %d: %v", index, at, err)
			}
		}
		for from := uint64(1); from < at; from++ {
			proof, err := log.ConsistencyProof(ctx, from, at)
			if err == nil {
				err = tlog.CheckTree(proof, int64(at), top, int64(from), root(all[:from]))
			}
			if err != nil {
				t.Fatalf("size %d in size %d: %v", from, at, err)
			}
		}
	}
}

func testReplay(t *testing.T, log auditlog.Log) {
	add(t, log, 0, leaves(0, 10))
	add(t, log, 0, leaves(0, 10))
	add(t, log, 4, leaves(4, 7))
	sized(t, log, 10)
	add(t, log, 7, leaves(7, 15)) // some known, some new
	sized(t, log, 15)
	add(t, log, 15, nil)
	other := leaves(10, 20)
	other[2] = []byte("another")
	for _, first := range []uint64{10, 0} {
		if err := log.Append(ctx, first, other); !errors.Is(err, auditlog.ErrConflict) {
			t.Errorf("another leaf: %v", err)
		}
	}
	if err := log.Append(ctx, 16, leaves(16, 17)); !errors.Is(err, auditlog.ErrGap) {
		t.Errorf("a gap: %v", err)
	}
	if err := log.Append(ctx, 1<<40, nil); !errors.Is(err, auditlog.ErrGap) {
		t.Errorf("a gap before nothing: %v", err)
	}
	sized(t, log, 15)
	ended, end := context.WithCancel(ctx)
	end()
	if err := log.Append(ended, 15, leaves(15, 16)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	sized(t, log, 15)
}

func testRange(t *testing.T, log auditlog.Log) {
	add(t, log, 0, leaves(0, 10))
	for name, err := range map[string]error{
		"leaves beyond":     second(log.ReadRange(ctx, 5, 11)),
		"leaves backwards":  second(log.ReadRange(ctx, 5, 4)),
		"leaf out of size":  second(log.InclusionProof(ctx, 5, 5)),
		"size beyond":       second(log.InclusionProof(ctx, 5, 11)),
		"sizes backwards":   second(log.ConsistencyProof(ctx, 5, 4)),
		"sizes beyond":      second(log.ConsistencyProof(ctx, 5, 11)),
		"size far beyond":   second(log.InclusionProof(ctx, 5, 1<<63)),
		"leaves far beyond": second(log.ReadRange(ctx, 1<<63, 1<<63+1)),
	} {
		if !errors.Is(err, auditlog.ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := log.ReadRange(ctx, 10, 10); err != nil || len(got) != 0 {
		t.Errorf("no leaves: %v, %v", got, err)
	}
	for _, from := range []uint64{0, 10} {
		if got, err := log.ConsistencyProof(ctx, from, 10); err != nil || len(got) != 0 {
			t.Errorf("size %d in size 10: %v, %v", from, got, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// tileReader reads tiles as a client does.
type tileReader struct{ auditlog.Tiler }

func (r tileReader) Height() int                     { return checkpoint.TileHeight }
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		tile, err := checkpoint.TileOf(t)
		if err != nil {
			return nil, err
		}
		data, err := r.Tile(ctx, tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func testTiles(t *testing.T, log auditlog.Log) {
	const size = 700
	add(t, log, 0, leaves(0, size))
	tiler := log.(auditlog.Tiler)
	for _, at := range []uint64{1, 255, 256, 257, size} {
		top, err := tiler.Root(ctx, at)
		if err != nil || top != root(leaves(0, at)) {
			t.Fatalf("root of size %d differs (%v)", at, err)
		}
		// The reader checks every tile against the root.
		r := tlog.TileHashReader(tlog.Tree{N: int64(at), Hash: top}, tileReader{tiler})
		for index := uint64(0); index < at; index += 50 {
			proof, err := tlog.ProveRecord(int64(at), int64(index), r)
			if err == nil {
				err = tlog.CheckRecord(proof, int64(at), top, int64(index), tlog.RecordHash(leaf(index)))
			}
			if err != nil {
				t.Fatalf("leaf %d in size %d from tiles: %v", index, at, err)
			}
		}
	}
	for _, tile := range []checkpoint.Tile{
		{Level: checkpoint.Entries, Index: 0, Width: 256},
		{Level: checkpoint.Entries, Index: 2, Width: size - 512},
		{Level: checkpoint.Entries, Index: 2, Width: 1},
	} {
		data, err := tiler.Tile(ctx, tile)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := checkpoint.ParseBundle(data, tile.Width)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range entries {
			if !bytes.Equal(e, leaf(tile.Index*256+uint64(i))) {
				t.Errorf("entry %d of %s differs", i, tile.Path())
			}
		}
	}
	for _, tile := range []checkpoint.Tile{
		{Level: 0, Index: 2, Width: 256}, {Level: 0, Index: 3, Width: 1}, {Level: 1, Index: 0, Width: 3},
		{Level: checkpoint.Entries, Index: 2, Width: 256}, {Level: 0, Index: 1 << 60, Width: 1},
	} {
		if _, err := tiler.Tile(ctx, tile); !errors.Is(err, auditlog.ErrRange) {
			t.Errorf("%s: %v", tile.Path(), err)
		}
	}
	if _, err := tiler.Root(ctx, size+1); !errors.Is(err, auditlog.ErrRange) {
		t.Error(err)
	}
}
