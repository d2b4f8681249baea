package pass

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/wire"
)

// A world is a log in memory that serves itself. What it serves of a path goes
// through lie.
type world struct {
	t       testing.TB
	log     *Log
	signer  *checkpoint.Signer
	lie     func(path string, b []byte) []byte
	reads   int
	pageMax int // updates in a page; 0: MaxUpdates

	pages   memory
	builder prefixtree.Builder
	roots   *logtree.Appender
	last    uint64
	updates [][]byte
	leaves  [][]byte
	hashes  []tlog.Hash
}

type memory [][]byte

func (m memory) Page(pos uint64) ([]byte, error) { return m[pos], nil }

const window = 1000 // ms

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	config := &wire.Configuration{
		CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring,
		SignaturePublicKey: make([]byte, 32), VRFPublicKey: make([]byte, 32),
		MaxAhead: 1000, MaxBehind: 1000, ReasonableMonitoringWindow: window,
	}
	encoded, err := config.Append(nil, config.Format())
	must(t, err)
	skey, vkey, err := checkpoint.GenerateKey(bytes.NewReader(make([]byte, 32)), "example.org/log")
	must(t, err)
	signer, err := checkpoint.NewSigner(skey)
	must(t, err)
	verifier, err := checkpoint.NewVerifier(vkey)
	must(t, err)
	roots, err := logtree.NewAppender(0, nil)
	must(t, err)
	return &world{t: t, log: &Log{Configuration: config, Digest: sha256.Sum256(encoded), Verifier: verifier}, signer: signer, roots: roots}
}

func leaf(n int) wire.PrefixLeaf {
	b := binary.BigEndian.AppendUint64(nil, uint64(n))
	return wire.PrefixLeaf{VRFOutput: sha256.Sum256(b), Commitment: sha256.Sum256(append(b, 1))}
}

// entry makes an entry ms after the one before. change may spoil its leaf.
func (w *world) entry(ms uint64, added, removed []wire.PrefixLeaf, change func(*wire.AuditorUpdate, *checkpoint.Leaf)) {
	prefixtree.SortLeaves(added)
	prefixtree.SortLeaves(removed)
	w.last += ms
	pos := uint64(len(w.pages))
	u := &wire.AuditorUpdate{Timestamp: w.last, Added: added, Removed: removed}
	page, root, err := w.builder.Apply(w.pages, pos, added, removed, &u.Proof)
	must(w.t, err)
	w.pages = append(w.pages, page)
	w.roots.Append(nil, logtree.LeafHash(wire.LogEntry{Timestamp: w.last, PrefixTree: root}))
	l := checkpoint.Leaf{Position: pos, Timestamp: w.last, PrefixRoot: root, Root: w.roots.Root(), Configuration: w.log.Digest}
	if change != nil {
		change(u, &l)
	}
	b, err := u.Append(nil, w.log.Configuration.Format())
	must(w.t, err)
	l.UpdateSize, l.Update = uint32(len(b)), sha256.Sum256(b)
	w.updates = append(w.updates, b)
	encoded := l.Append(nil)
	w.leaves = append(w.leaves, encoded)
	hashes, err := tlog.StoredHashes(int64(pos), encoded, w)
	must(w.t, err)
	w.hashes = append(w.hashes, hashes...)
}

// fill makes n honest entries, with removals now and then.
func (w *world) fill(n int) *world {
	for range n {
		i := len(w.updates)
		var removed []wire.PrefixLeaf
		if i%7 == 6 {
			removed = append(removed, leaf(3*(i-6)))
		}
		w.entry(window/3, []wire.PrefixLeaf{leaf(3 * i), leaf(3*i + 1)}, removed, nil)
	}
	return w
}

func (w *world) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = w.hashes[x]
	}
	return out, nil
}

func (w *world) serve(path string, b []byte) ([]byte, error) {
	w.reads++
	b = bytes.Clone(b)
	if w.lie != nil {
		b = w.lie(path, b)
	}
	return b, nil
}

func (w *world) sign(size int) []byte {
	root, err := tlog.TreeHash(int64(size), w)
	must(w.t, err)
	note, err := w.signer.Sign(uint64(size), root)
	must(w.t, err)
	return note
}

func (w *world) Checkpoint(context.Context) ([]byte, error) {
	return w.serve("checkpoint", w.sign(len(w.leaves)))
}

func (w *world) Tile(_ context.Context, t checkpoint.Tile) (b []byte, err error) {
	if !t.Within(uint64(len(w.leaves))) {
		return nil, fmt.Errorf("%s is not there", t.Path())
	}
	if t.Level == checkpoint.Entries {
		for _, l := range w.leaves[t.Index*checkpoint.TileWidth:][:t.Width] {
			b, err = checkpoint.AppendEntry(b, l)
			must(w.t, err)
		}
		return w.serve(t.Path(), b)
	}
	b, err = tlog.ReadTileData(t.Tlog(), w)
	must(w.t, err)
	return w.serve(t.Path(), b)
}

func (w *world) Updates(_ context.Context, start uint64) (b []byte, err error) {
	end := min(uint64(len(w.updates)), start+MaxUpdates)
	if w.pageMax > 0 {
		end = min(end, start+uint64(w.pageMax))
	}
	for _, u := range w.updates[start:end] {
		if len(b) >= 4<<20 {
			break
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return w.serve(fmt.Sprintf("updates?start=%d", start), b)
}

func (w *world) pass(from Progress) (Result, error) {
	p := Pass{Log: w.log, Source: w}
	return p.Run(w.t.Context(), from)
}
