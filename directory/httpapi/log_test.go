package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/wire"
)

var timeNow = time.Now

func treeHash(size uint64, snap directory.Snapshot) (tlog.Hash, error) {
	return tlog.TreeHash(int64(size), directory.HashReader{AuditLog: snap})
}

// grow makes the log n entries longer, by versions of a label.
func (f *fixture) grow(label string, n int) {
	f.t.Helper()
	load := func(yield func(directory.Load, error) bool) {
		for i := range n {
			if !yield(directory.Load{Label: []byte(label), Value: fmt.Append(nil, i)}, nil) {
				return
			}
		}
	}
	_, err := f.seq.BulkLoad(f.t.Context(), load, directory.BulkOptions{})
	must(f.t, err)
}

// A tileReader reads tiles as a witness does: over HTTP.
type tileReader struct{ *fixture }

func (r tileReader) Height() int { return checkpoint.TileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, t := range tiles {
		tile, err := checkpoint.TileOf(t)
		if err != nil {
			return nil, err
		}
		data = append(data, r.get("/log/"+tile.Path()))
	}
	return data, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// TestTilesProveEveryLeaf: with nothing but the log's key, every leaf is proved
// to be in the checkpoint.
func TestTilesProveEveryLeaf(t *testing.T) {
	f := newFixture(t, nil)
	f.grow("label", 600)
	signed, err := f.verifier.Open(f.get("/log/checkpoint"))
	must(t, err)
	if signed.Size != 601 {
		t.Fatalf("%d entries", signed.Size)
	}
	reader := tlog.TileHashReader(tlog.Tree{N: int64(signed.Size), Hash: signed.Root}, tileReader{f})
	for index := uint64(0); index*256 < signed.Size; index++ {
		tile := checkpoint.Tile{Level: checkpoint.Entries, Index: index, Width: int(min(256, signed.Size-index*256))}
		leaves, err := tile.ParseLeaves(f.get("/log/" + tile.Path()))
		must(t, err)
		for _, leaf := range leaves {
			proof, err := tlog.ProveRecord(int64(signed.Size), int64(leaf.Position), reader)
			must(t, err)
			if err := checkpoint.CheckInclusion(signed.Checkpoint, &leaf, proof); err != nil {
				t.Fatalf("leaf %d: %v", leaf.Position, err)
			}
		}
	}
}

func TestTilePaths(t *testing.T) {
	f := newFixture(t, nil)
	f.grow("label", 300)
	for path, want := range map[string]int{
		"tile/0/000":            200,
		"tile/0/000.p/7":        200,
		"tile/0/001.p/45":       200,
		"tile/0/001.p/46":       404,
		"tile/0/001":            404,
		"tile/entries/001.p/45": 200,
		"tile/entries/001.p/46": 404,
		"tile/1/000.p/1":        200,
		"tile/1/000.p/2":        404,
		"tile/63/000":           404,
		"tile/64/000":           400,
		"tile/0/x999/x999/x999/x999/x999/x999/999": 400,
		"tile/0/000.p/0":       400,
		"tile/0/000.p/256":     400,
		"tile/00/000":          400,
		"tile/-1/000":          400,
		"tile/0/0":             400,
		"tile/0/000/":          400,
		"tile/entries/../0/00": 400,
		"tile/0/000?x":         400,
		"tile/":                400,
	} {
		r := f.do(http.MethodGet, "/log/"+path, nil)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
		cache := noStore
		if want == 200 {
			cache = immutable
		}
		if got := r.Header.Get("Cache-Control"); got != cache {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

// TestAuditUpdatesFollowTheLog reads every update as an auditor does: roots
// follow from each other, and bodies are those that the audit log commits to.
func TestAuditUpdatesFollowTheLog(t *testing.T) {
	f := newFixture(t, nil)
	f.grow("label", 700)
	var pos uint64
	var root wire.HashValue
	for pos < 701 {
		b := f.get(fmt.Sprintf("/audit/v1/updates?start=%d", pos))
		if len(b) == 0 {
			t.Fatalf("nothing at %d", pos)
		}
		count := 0
		for ; len(b) > 0; count++ {
			n := binary.BigEndian.Uint32(b)
			body := b[4 : 4+n]
			b = b[4+n:]
			u, err := wire.ParseAuditorUpdate(body, f.log.Format())
			must(t, err)
			before, after, err := prefixtree.EvaluateUpdate(u)
			must(t, err)
			if before != root {
				t.Fatalf("update %d is made against another tree", pos)
			}
			root = after
			tile := checkpoint.Tile{Level: checkpoint.Entries, Index: pos / 256, Width: int(pos%256) + 1}
			leaves, err := tile.ParseLeaves(f.get("/log/" + tile.Path()))
			must(t, err)
			leaf := leaves[len(leaves)-1]
			if leaf.Update != sha256.Sum256(body) || leaf.UpdateSize != n || leaf.PrefixRoot != root || leaf.Timestamp != u.Timestamp {
				t.Fatalf("update %d is not that of its leaf", pos)
			}
			pos++
		}
		if count > maxUpdates {
			t.Errorf("%d updates in one answer", count)
		}
	}
	if b := f.get("/audit/v1/updates?start=701"); len(b) != 0 {
		t.Errorf("%d bytes beyond the newest entry", len(b))
	}
	for query, want := range map[string]int{
		"start=702": 404, "start=18446744073709551615": 404, "": 400, "start=": 400, "start=+1": 400, "start=01": 400,
		"start=-1": 400, "start=18446744073709551616": 400, "start=1&start=2": 400, "start=1&end=2": 400, "start=%zz": 400,
	} {
		if r := f.do(http.MethodGet, "/audit/v1/updates?"+query, nil); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", query, r.StatusCode, want)
		}
	}
}

// TestDocumentIsExact: the bytes are served as they are, with a tag that names them.
func TestDocumentIsExact(t *testing.T) {
	envelope := []byte("{ \"payload\":  \"\" }\n\n")
	f := newFixture(t, func(c *Config) { c.Document = func() []byte { return envelope } })
	r := f.do(http.MethodGet, "/.well-known/kith.json", nil)
	if !bytes.Equal(bodyOf(t, r), envelope) {
		t.Error("other bytes")
	}
	tag := r.Header.Get("ETag")
	if r := f.do(http.MethodGet, "/.well-known/kith.json", nil, "If-None-Match", `"x", W/`+tag); r.StatusCode != http.StatusNotModified {
		t.Errorf("with its tag: %d", r.StatusCode)
	}
	envelope = append(envelope, ' ')
	if r := f.do(http.MethodGet, "/.well-known/kith.json", nil, "If-None-Match", tag); r.StatusCode != http.StatusOK {
		t.Errorf("with an old tag: %d", r.StatusCode)
	}
}
