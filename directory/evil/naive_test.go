package evil

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newFolder makes a log of n entries after entry 0, and closes it.
func newFolder(t testing.TB, n int, o operator.Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	o.Domain, o.OpaqueValues = "example.org", true
	if o.ReasonableMonitoringWindow == 0 {
		o.ReasonableMonitoringWindow = time.Second
	}
	_, err := operator.Init(dir, o)
	must(t, err)
	if n == 0 {
		return dir
	}
	during(t, dir, func(r *Running) {
		for i := range n {
			publish(t, r, fmt.Sprintf("user%d", i), "key")
		}
	})
	return dir
}

func publish(t testing.TB, r *Running, label, value string) {
	t.Helper()
	_, err := r.Publish(context.Background(), []byte(label), []byte(value))
	must(t, err)
}

// serve runs a folder until the test ends.
func serve(t testing.TB, dir string) *Running {
	t.Helper()
	r, err := Run(dir, operator.OpenOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, r.Stop()) })
	return r
}

// during runs a folder while do works with it.
func during(t testing.TB, dir string, do func(*Running)) {
	t.Helper()
	r, err := Run(dir, operator.OpenOptions{})
	must(t, err)
	do(r)
	must(t, r.Stop())
}

// copied copies a folder.
func copied(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	must(t, Copy(dir, to))
	return to
}

// A seen is what a naive auditor was shown and believed.
type seen struct {
	document   *provider.Document
	checkpoint *checkpoint.Signed
	leaves     []checkpoint.Leaf
	updates    []*wire.AuditorUpdate
}

func get(t testing.TB, url string) ([]byte, int) {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return b, resp.StatusCode
}

func wantGet(t testing.TB, url string) []byte {
	t.Helper()
	b, status := get(t, url)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, b)
	}
	return b
}

// checkpointAt returns the checkpoint that is served at an address, its signature
// verified.
func checkpointAt(t testing.TB, address string) (*provider.Document, *checkpoint.Signed) {
	t.Helper()
	pinned, err := provider.Open(wantGet(t, address+provider.Path), "example.org", time.Now(), time.Hour)
	must(t, err)
	verifier, err := checkpoint.NewVerifier(pinned.Document.AuditLog.Key)
	must(t, err)
	signed, err := verifier.Open(wantGet(t, address+checkpointPath))
	must(t, err)
	return pinned.Document, signed
}

// accept is an auditor without memory and clock, who verifies everything that can
// be computed and knows no rule about time: signatures, hashes, proofs and roots.
// What it returns, a naive reader would have accepted.
func accept(t testing.TB, address string) *seen {
	t.Helper()
	s := &seen{}
	s.document, s.checkpoint = checkpointAt(t, address)
	size := s.checkpoint.Size
	config, err := s.document.Config()
	must(t, err)
	digest := sha256.Sum256(s.document.Configuration)
	var hashes hashList
	for first := uint64(0); first < size; first += checkpoint.TileWidth {
		tile := checkpoint.Tile{Level: checkpoint.Entries, Index: first / checkpoint.TileWidth, Width: int(min(checkpoint.TileWidth, size-first))}
		leaves, err := tile.ParseLeaves(wantGet(t, address+"/log/"+tile.Path()))
		must(t, err)
		s.leaves = append(s.leaves, leaves...)
	}
	for uint64(len(s.updates)) < size {
		page := wantGet(t, fmt.Sprintf("%s%s?start=%d", address, updatesPath, len(s.updates)))
		if len(page) == 0 {
			t.Fatalf("no update of entry %d", len(s.updates))
		}
		for len(page) > 0 && uint64(len(s.updates)) < size {
			n := binary.BigEndian.Uint32(page)
			update := page[4 : 4+n]
			page = page[4+n:]
			if l := s.leaves[len(s.updates)]; l.UpdateSize != n || l.Update != sha256.Sum256(update) {
				t.Fatalf("entry %d: not the update of the leaf", l.Position)
			}
			u, err := wire.ParseAuditorUpdate(update, config.Format())
			must(t, err)
			s.updates = append(s.updates, u)
		}
	}
	var roots logtree.Appender
	var root wire.HashValue
	for i, l := range s.leaves {
		before, after, err := prefixtree.EvaluateUpdate(s.updates[i])
		must(t, err)
		roots.Append(nil, logtree.LeafHash(l.LogEntry()))
		if before != root || after != l.PrefixRoot || roots.Root() != l.Root || l.Configuration != digest || l.Timestamp != s.updates[i].Timestamp {
			t.Fatalf("entry %d does not follow", i)
		}
		root = after
		stored, err := tlog.StoredHashes(int64(i), l.Append(nil), &hashes)
		must(t, err)
		hashes = append(hashes, stored...)
	}
	if top, err := tlog.TreeHash(int64(size), &hashes); err != nil || top != s.checkpoint.Root {
		t.Fatalf("the leaves do not stand under the checkpoint: %v", err)
	}
	return s
}

type hashList []tlog.Hash

func (h *hashList) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = (*h)[x]
	}
	return out, nil
}
