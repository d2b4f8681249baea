package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestTilePaths(t *testing.T) {
	for _, c := range []struct {
		tile Tile
		path string
	}{
		// "index 1234067 will be encoded as x001/x234/067"
		{Tile{0, 1234067, 256}, "tile/0/x001/x234/067"},
		{Tile{0, 0, 256}, "tile/0/000"},
		{Tile{63, 999, 1}, "tile/63/999.p/1"},
		{Tile{1, 1000, 255}, "tile/1/x001/000.p/255"},
		{Tile{Entries, 70, 256}, "tile/entries/070"},
		{Tile{Entries, 1234067, 112}, "tile/entries/x001/x234/067.p/112"},
	} {
		if got := c.tile.Path(); got != c.path {
			t.Errorf("Path(%+v) = %q, want %q", c.tile, got, c.path)
		}
		if got, err := ParseTilePath(c.path); err != nil || got != c.tile {
			t.Errorf("ParseTilePath(%q) = %+v, %v", c.path, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := Tile{
			rapid.IntRange(Entries, 63).Draw(t, "level"),
			rapid.Uint64Range(0, MaxSize/TileWidth).Draw(t, "index"),
			rapid.IntRange(1, TileWidth).Draw(t, "width"),
		}
		if got, err := ParseTilePath(want.Path()); err != nil || got != want {
			t.Fatalf("%q: %+v, %v", want.Path(), got, err)
		}
		if got, err := TileOf(want.Tlog()); err != nil || got != want {
			t.Fatalf("%+v: %+v, %v", want, got, err)
		}
	})
}

func TestMalformedTilePaths(t *testing.T) {
	for _, bad := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tiles/0/000", "Tile/0/000",
		"tile/00/000", "tile/01/000", "tile/+1/000", "tile/-1/000", "tile/64/000", "tile/data/000", "tile//000", "tile/entriess/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/000", "tile/0/000/001", "tile/0/x001/x000", "tile/0/x1/000",
		"tile/0/001/000", "tile/0/xx01/000", "tile/0/0x1", "tile/0/-01", "tile/0/+01", "tile/0/ 01", "tile/0/X001/000", "tile/0/x001//000",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/1/", "tile/0/000.p/1.p/1",
		"tile/0/000p/1", "tile/0/x001.p/1/000", "tile/0/000?x", "tile/0/../000", "tile/0/٠٠٠", "tile/8/0/000",
		"tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/x018/x014/x398/x509/x481/985",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
	} {
		if tile, err := ParseTilePath(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseTilePath(%q) = %+v, %v", bad, tile, err)
		}
	}
	for _, bad := range []tlog.Tile{{H: 7, W: 1}, {H: 8, L: -2, W: 1}, {H: 8, L: 64, W: 1}, {H: 8, N: -1, W: 1}, {H: 8}, {H: 8, W: 257}} {
		if tile, err := TileOf(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("TileOf(%+v) = %+v, %v", bad, tile, err)
		}
	}
}

// TestTilesOfASize is the example of the text: "a tree of size 70,000 will be
// represented by 273 full level 0 tiles, one partial level 0 tile of width 112,
// one full level 1 tile, one partial level 1 tile of width 17, and one partial
// level 2 tile of width 1."
func TestTilesOfASize(t *testing.T) {
	last := []Tile{{0, 272, 256}, {0, 273, 112}, {1, 0, 256}, {1, 1, 17}, {2, 0, 1}, {Entries, 272, 256}, {Entries, 273, 112}}
	for _, tile := range last {
		if !tile.Within(70_000) {
			t.Errorf("%+v is missing", tile)
		}
		tile.Width++
		if tile.Within(70_000) {
			t.Errorf("%+v is too much", tile)
		}
	}
	for _, tile := range []Tile{{0, 274, 1}, {1, 2, 1}, {2, 1, 1}, {3, 0, 1}, {63, 0, 1}, {Entries, 274, 1}, {0, 0, 0}, {0, 1 << 63, 1}} {
		if tile.Within(70_000) {
			t.Errorf("%+v is too much", tile)
		}
	}
	// The empty tree has none, and the largest all.
	if (Tile{0, 0, 1}).Within(0) || !(Tile{0, MaxSize/TileWidth - 1, 256}).Within(MaxSize) {
		t.Error("the edges are wrong")
	}
}

// A tileServer serves the tiles of a log by their paths, as the directory does,
// and is a client of itself.
type tileServer struct {
	log  *testLog
	size uint64
	bend string // the path of a tile that is served with one bit changed
	read []string
}

func (s *tileServer) get(path string) ([]byte, error) {
	tile, err := ParseTilePath(path)
	if err != nil {
		return nil, err
	}
	if !tile.Within(s.size) {
		return nil, fmt.Errorf("%s is not within %d leaves", path, s.size)
	}
	s.read = append(s.read, path)
	if tile.Level == Entries {
		var bundle []byte
		for i := range tile.Width {
			leaf := s.log.leaves[tile.Index*TileWidth+uint64(i)]
			if bundle, err = AppendEntry(bundle, leaf.Append(nil)); err != nil {
				return nil, err
			}
		}
		return bundle, nil
	}
	data, err := tlog.ReadTileData(tile.Tlog(), s.log)
	if err == nil && path == s.bend {
		data[40] ^= 1
	}
	return data, err
}

func (s *tileServer) Height() int                     { return TileHeight }
func (s *tileServer) SaveTiles([]tlog.Tile, [][]byte) {}

func (s *tileServer) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, named := range tiles {
		tile, err := TileOf(named)
		if err != nil {
			return nil, err
		}
		data, err := s.get(tile.Path())
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

// TestTilesServeProofs lets sumdb/tlog make and verify proofs from served tiles.
func TestTilesServeProofs(t *testing.T) {
	const size = 1100
	log := newTestLog(t, size, 1)
	for _, n := range []uint64{1, 255, 256, 257, 600, 1024, size} {
		c := log.at(t, n)
		server := &tileServer{log: log, size: n}
		reader := tlog.TileHashReader(tlog.Tree{N: int64(n), Hash: c.Root}, server)
		for _, pos := range []uint64{0, n / 3, n / 2, n - 1} {
			proof, err := tlog.ProveRecord(int64(n), int64(pos), reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckInclusion(c, &log.leaves[pos], proof); err != nil {
				t.Error(err)
			}
		}
		for _, m := range []uint64{1, n / 2, n} {
			if m == 0 {
				continue
			}
			proof, err := tlog.ProveTree(int64(n), int64(m), reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckConsistency(log.at(t, m), c, proof); err != nil {
				t.Error(err)
			}
		}
		for tile := (Tile{Entries, 0, TileWidth}); tile.Index*TileWidth < n; tile.Index++ {
			tile.Width = int(min(TileWidth, n-tile.Index*TileWidth))
			bundle, err := server.get(tile.Path())
			if err != nil {
				t.Fatal(err)
			}
			leaves, err := tile.ParseLeaves(bundle)
			if err != nil {
				t.Fatal(err)
			}
			for i, leaf := range leaves {
				if leaf != log.leaves[tile.Index*TileWidth+uint64(i)] {
					t.Fatalf("leaf %d of %s", i, tile.Path())
				}
			}
		}
	}
	// A tile that was tampered with does not get through.
	server := &tileServer{log: log, size: size, bend: "tile/0/001"}
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: log.at(t, size).Root}, server)
	if _, err := tlog.ProveRecord(size, 300, reader); err == nil {
		t.Error("a proof from a bent tile")
	}
}

func TestBundles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 20).Draw(t, "entries")
		var bundle []byte
		var err error
		for _, entry := range want {
			if bundle, err = AppendEntry(bundle, entry); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ParseBundle(bundle, len(want))
		if err != nil || len(got) != len(want) {
			t.Fatal(err)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("entry %d", i)
			}
		}
		for _, bad := range [][]byte{bundle[:len(bundle)-1], append(bytes.Clone(bundle), 0)} {
			if _, err := ParseBundle(bad, len(want)); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%d bytes for %d: %v", len(bad), len(bundle), err)
			}
		}
	})
	if got, _ := AppendEntry(nil, []byte("ab")); !bytes.Equal(got, []byte{0, 2, 'a', 'b'}) {
		t.Errorf("%x", got)
	}
	if _, err := AppendEntry(nil, make([]byte, MaxEntry+1)); err == nil {
		t.Error("an entry that is too long")
	}
	for _, width := range []int{-1, 0, 257, 1 << 40} {
		if _, err := ParseBundle(make([]byte, 4096), width); !errors.Is(err, ErrMalformed) {
			t.Errorf("width %d: %v", width, err)
		}
	}
}

func TestLeavesStandAtTheirPositions(t *testing.T) {
	log := newTestLog(t, 300, 1)
	bundle, err := (&tileServer{log: log, size: 300}).get("tile/entries/001.p/44")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Tile{Entries, 1, 44}).ParseLeaves(bundle); err != nil {
		t.Error(err)
	}
	for _, tile := range []Tile{{Entries, 0, 44}, {Entries, 1, 43}, {0, 1, 44}} {
		if _, err := tile.ParseLeaves(bundle); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %v", tile, err)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	for _, path := range []string{"tile/0/x001/x234/067", "tile/entries/000.p/1", "tile/63/999.p/255"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ParseTilePath(path)
		if err != nil {
			return
		}
		if tile.Path() != path {
			t.Fatalf("%q was taken for %+v", path, tile)
		}
		if tile.Level < Entries || tile.Level > 63 || tile.Width < 1 || tile.Width > TileWidth || tile.Index > MaxSize {
			t.Fatalf("%q is %+v", path, tile)
		}
		if tile.Within(MaxSize) && tile.Within(0) {
			t.Fatalf("%q is within every size", path)
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte{0, 2, 'a', 'b', 0, 0}, 2)
	f.Fuzz(func(t *testing.T, bundle []byte, width int) {
		entries, err := ParseBundle(bundle, width)
		if err != nil {
			return
		}
		var again []byte
		for _, entry := range entries {
			again, _ = AppendEntry(again, entry)
		}
		if len(entries) != width || !bytes.Equal(again, bundle) {
			t.Fatalf("%x was taken for %d entries", bundle, len(entries))
		}
	})
}
