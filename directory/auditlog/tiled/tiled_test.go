package tiled_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/auditlog"
	"github.com/kith-kt/kith/directory/auditlog/auditlogtest"
	"github.com/kith-kt/kith/directory/auditlog/tiled"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// memory is the least Storage there can be.
type memory struct {
	leaves [][]byte
	hashes []tlog.Hash
}

func (m *memory) View() (tiled.View, error) { return m, nil }
func (m *memory) Release()                  {}
func (m *memory) Size() uint64              { return uint64(len(m.leaves)) }
func (m *memory) Leaves(lo, hi uint64) ([][]byte, error) {
	return slices.Clone(m.leaves[lo:hi]), nil
}

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, n := range indexes {
		all = append(all, m.hashes[n])
	}
	return all, nil
}

func (m *memory) Append(_ context.Context, first uint64, leaves [][]byte, hashes []tlog.Hash) error {
	if first != m.Size() {
		return fmt.Errorf("append at %d to %d leaves", first, m.Size())
	}
	m.leaves, m.hashes = append(m.leaves, leaves...), append(m.hashes, hashes...)
	return nil
}

func TestInMemory(t *testing.T) {
	auditlogtest.Run(t, func(t *testing.T) (auditlog.Log, func() auditlog.Log) {
		return tiled.New(&memory{}), nil
	})
}

// inStore is the audit log of a directory.Store: each leaf goes in with an
// otherwise empty log entry.
type inStore struct{ directory.Store }

type storeView struct{ directory.Snapshot }

func (v storeView) Size() uint64                           { return v.Head().Size }
func (v storeView) Leaves(lo, hi uint64) ([][]byte, error) { return v.AuditLeaves(lo, hi) }
func (v storeView) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	values, err := v.AuditNodes(indexes)
	var all []tlog.Hash
	for _, value := range values {
		all = append(all, tlog.Hash(value))
	}
	return all, err
}

func (s inStore) View() (tiled.View, error) {
	v, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	return storeView{v}, nil
}

func (s inStore) Append(ctx context.Context, first uint64, leaves [][]byte, hashes []tlog.Hash) error {
	v, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer v.Release()
	b := &directory.Batch{Prev: v.Head(), Head: v.Head()}
	full, err := v.LogNodes(logtree.FullSubtrees(first))
	if err != nil {
		return err
	}
	log, err := logtree.NewAppender(first, full)
	if err != nil {
		return err
	}
	for _, leaf := range leaves {
		b.Entries = append(b.Entries, directory.Entry{Page: []byte{1}, AuditLeaf: leaf})
		b.LogNodes = log.Append(b.LogNodes, logtree.LeafHash(wire.LogEntry{}))
	}
	for _, h := range hashes {
		b.AuditNodes = append(b.AuditNodes, wire.HashValue(h))
	}
	b.Head.Size, b.Head.Root = log.Size(), log.Root()
	return s.Commit(ctx, b)
}

func TestInTheEmbeddedStore(t *testing.T) {
	auditlogtest.Run(t, func(t *testing.T) (auditlog.Log, func() auditlog.Log) {
		path := filepath.Join(t.TempDir(), "kith.db")
		var store *embedded.Store
		open := func() auditlog.Log {
			var err error
			if store, err = embedded.Open(path, embedded.Options{}); err != nil {
				t.Fatal(err)
			}
			return tiled.New(inStore{store})
		}
		log := open()
		t.Cleanup(func() { store.Close() })
		return log, func() auditlog.Log {
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			return open()
		}
	})
}

// TestAppenderStoresWhatTlogStores holds the appender against tlog itself.
func TestAppenderStoresWhatTlogStores(t *testing.T) {
	m := &memory{}
	a, err := tiled.NewAppender(0, m)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(300) {
		leaf := bytes.Repeat([]byte{byte(n)}, int(n%7))
		want, err := tlog.StoredHashes(n, leaf, m)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Append(nil, leaf); !slices.Equal(got, want) {
			t.Fatalf("leaf %d: %v, want %v", n, got, want)
		}
		m.leaves, m.hashes = append(m.leaves, leaf), append(m.hashes, want...)
		top, err := tlog.TreeHash(n+1, m)
		if err != nil || a.Root() != top {
			t.Fatalf("root of size %d differs (%v)", n+1, err)
		}
		if n%50 == 0 {
			if a, err = tiled.NewAppender(uint64(n+1), m); err != nil {
				t.Fatal(err)
			}
		}
	}
}
