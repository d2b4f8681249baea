package storetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// A model is what a store should hold after a sequence of batches. Pages, audit
// leaves and values are random bytes: a store must not care.
type model struct {
	rng     *rand.Rand
	head    directory.Head
	log     logtree.Appender
	nodes   []wire.HashValue // by logtree.StoredIndex
	audit   []tlog.Hash      // by tlog.StoredHashIndex
	entries []directory.Entry
	labels  map[string][]directory.Place
	erased  map[directory.Place]bool
}

func newModel(seed uint64) *model {
	return &model{
		rng:    rand.New(rand.NewPCG(seed, 1)),
		labels: map[string][]directory.Place{},
		erased: map[directory.Place]bool{},
	}
}

func (m *model) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.rng.Uint32())
	}
	return b
}

// change is one label and how many versions an entry gives it.
type change struct {
	label string
	n     int
}

// batch grows the model by entries of the given changes and returns what a
// store must be told.
func (m *model) batch(t testing.TB, entries ...[]change) *directory.Batch {
	t.Helper()
	b := &directory.Batch{Prev: m.head}
	firstNode, firstAudit := len(m.nodes), len(m.audit)
	for _, changes := range entries {
		pos := m.log.Size()
		e := directory.Entry{Page: m.bytes(1 + m.rng.IntN(6000)), AuditLeaf: m.bytes(100)}
		e.Log.Timestamp = m.head.Timestamp + uint64(m.rng.IntN(3))
		copy(e.Log.PrefixTree[:], m.bytes(32))
		for _, c := range changes {
			for range c.n {
				v := directory.Value{Label: []byte(c.label), Version: uint32(len(m.labels[c.label])), Value: m.bytes(m.rng.IntN(200))}
				copy(v.Opening[:], m.bytes(16))
				if m.rng.IntN(4) == 0 {
					v.Suffix = m.bytes(64)
				}
				m.labels[c.label] = append(m.labels[c.label], directory.Place{Position: pos, Index: uint8(len(e.Values))})
				e.Values = append(e.Values, v)
			}
		}
		m.nodes = m.log.Append(m.nodes, logtree.LeafHash(e.Log))
		hashes, err := tlog.StoredHashes(int64(pos), e.AuditLeaf, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(indexes))
			for i, n := range indexes {
				out[i] = m.audit[n]
			}
			return out, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		m.audit = append(m.audit, hashes...)
		m.entries = append(m.entries, e)
		b.Entries = append(b.Entries, e)
		m.head.Timestamp, m.head.PrefixRoot = e.Log.Timestamp, e.Log.PrefixTree
	}
	b.LogNodes = m.nodes[firstNode:]
	for _, h := range m.audit[firstAudit:] {
		b.AuditNodes = append(b.AuditNodes, wire.HashValue(h))
	}
	m.head.Size, m.head.Root = m.log.Size(), m.log.Root()
	m.head.Signature = m.bytes(64)
	b.Head = m.head
	return b
}

// check compares everything a snapshot says with the model.
func (m *model) check(t testing.TB, s directory.Snapshot) {
	t.Helper()
	if err := m.compare(s); err != nil {
		t.Fatal(err)
	}
}

func (m *model) compare(s directory.Snapshot) error {
	if h := s.Head(); !equalHeads(h, m.head) {
		return fmt.Errorf("head is %+v, want %+v", h, m.head)
	}
	for pos, e := range m.entries {
		page, err := s.Page(uint64(pos))
		if err != nil || !bytes.Equal(page, e.Page) {
			return fmt.Errorf("page %d differs (%v)", pos, err)
		}
		if got, err := s.LogEntry(uint64(pos)); err != nil || got != e.Log {
			return fmt.Errorf("log entry %d differs (%v)", pos, err)
		}
	}
	leaves, err := s.AuditLeaves(0, uint64(len(m.entries)))
	if err != nil {
		return err
	}
	for pos, leaf := range leaves {
		if !bytes.Equal(leaf, m.entries[pos].AuditLeaf) {
			return fmt.Errorf("audit leaf %d differs", pos)
		}
	}
	if err := m.compareNodes(s); err != nil {
		return err
	}
	seen := 0
	err = s.EachLabel(func(label []byte, places []directory.Place) error {
		seen++
		want := m.labels[string(label)]
		if fmt.Sprint(want) != fmt.Sprint(places) {
			return fmt.Errorf("label %x has places %v, want %v", label, places, want)
		}
		return nil
	})
	if err == nil && seen != len(m.labels) {
		err = fmt.Errorf("EachLabel gave %d labels, want %d", seen, len(m.labels))
	}
	if err != nil {
		return err
	}
	for label := range m.labels {
		if err := m.compareLabel(s, label); err != nil {
			return fmt.Errorf("label %x: %w", label, err)
		}
	}
	return nil
}

func (m *model) compareNodes(s directory.Snapshot) error {
	for level := uint8(0); m.head.Size>>level > 0; level++ {
		for index := range m.head.Size >> level {
			d := logtree.Node{Level: level, Index: index}
			got, err := s.LogNodes([]logtree.Node{d})
			if err != nil || got[0] != m.nodes[logtree.StoredIndex(d)] {
				return fmt.Errorf("log node %v differs (%v)", d, err)
			}
		}
	}
	for i, want := range m.audit {
		got, err := s.AuditNodes([]int64{int64(i)})
		if err != nil || got[0] != wire.HashValue(want) {
			return fmt.Errorf("audit node %d differs (%v)", i, err)
		}
	}
	return nil
}

func (m *model) compareLabel(s directory.Snapshot, label string) error {
	places := m.labels[label]
	total := uint32(len(places))
	for _, size := range []uint64{0, 1, m.head.Size / 2, m.head.Size - 1, m.head.Size, m.head.Size + 1} {
		want := uint32(0)
		for _, p := range places {
			if p.Position < size {
				want++
			}
		}
		if got, err := s.Versions([]byte(label), size); err != nil || got != want {
			return fmt.Errorf("%d versions at size %d, want %d (%v)", got, size, want, err)
		}
	}
	lo := uint32(m.rng.IntN(len(places)))
	for _, r := range [][2]uint32{{0, total}, {lo, total + 7}, {lo, lo + 1}, {total, total + 1}, {lo, lo}} {
		got, err := s.Places([]byte(label), r[0], r[1])
		if want := places[r[0]:min(r[1], total)]; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("places [%d,%d) are %v, want %v (%v)", r[0], r[1], got, want, err)
		}
	}
	for version, at := range places {
		want := m.entries[at.Position].Values[at.Index]
		got, err := s.Value([]byte(label), uint32(version), at)
		if m.erased[at] {
			if !errors.Is(err, directory.ErrErased) {
				return fmt.Errorf("version %d was erased, got %v", version, err)
			}
			continue
		}
		if err != nil {
			return err
		}
		if got.Opening != want.Opening || !bytes.Equal(got.Value, want.Value) || !bytes.Equal(got.Suffix, want.Suffix) ||
			string(got.Label) != label || got.Version != uint32(version) {
			return fmt.Errorf("version %d differs", version)
		}
	}
	return nil
}

func equalHeads(a, b directory.Head) bool {
	return a.Size == b.Size && a.Root == b.Root && a.Timestamp == b.Timestamp &&
		a.PrefixRoot == b.PrefixRoot && bytes.Equal(a.Signature, b.Signature)
}

// label makes the n-th label, of a length from 0 to 255 bytes.
func label(n int) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(n))
	switch n % 5 {
	case 0:
		return string(bytes.Repeat([]byte{byte(n)}, n%256))
	case 1:
		return string(append(b, 0, 0, 1)) // looks like another label's second chunk
	case 2:
		return string(append(b, 0, 0))
	case 3:
		return string(b)
	}
	return fmt.Sprintf("user%d@example.org", n)
}
