package embedded

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// A snapshot is a directory.Snapshot.
type snapshot struct {
	*kv.View
	head directory.Head
}

// Snapshot implements directory.Store.
func (s *Store) Snapshot() (directory.Snapshot, error) {
	v, err := s.db.View()
	if err != nil {
		return nil, explain(err)
	}
	b, err := v.Get(bucketMeta, keyHead)
	if err == nil {
		var head directory.Head
		if head, err = parseHead(b); err == nil {
			return &snapshot{v, head}, nil
		}
	}
	v.Release()
	return nil, explain(err)
}

func (s *snapshot) Head() directory.Head { return s.head }

func (s *snapshot) Page(pos uint64) ([]byte, error) {
	page, err := s.Uint(bucketPages, pos)
	if page == nil {
		if err == nil {
			err = fmt.Errorf("%w: pages %d", directory.ErrNotFound, pos)
		}
		return nil, explain(err)
	}
	return page, nil
}

func (s *snapshot) LogEntry(pos uint64) (e wire.LogEntry, err error) {
	b, err := item(s.View, bucketLog, pos, entrySize)
	if err == nil {
		e.Timestamp = binary.BigEndian.Uint64(b)
		copy(e.PrefixTree[:], b[8:])
	}
	return e, err
}

func (s *snapshot) LogNodes(nodes []logtree.Node) ([]wire.HashValue, error) {
	values := make([]wire.HashValue, len(nodes))
	for i, d := range nodes {
		b, err := item(s.View, bucketNodes, logtree.StoredIndex(d), wire.HashSize)
		if err != nil {
			return nil, err
		}
		copy(values[i][:], b)
	}
	return values, nil
}

func (s *snapshot) AuditNodes(indexes []int64) ([]wire.HashValue, error) {
	values := make([]wire.HashValue, len(indexes))
	for i, n := range indexes {
		b, err := item(s.View, bucketAudit, uint64(n), wire.HashSize)
		if err != nil {
			return nil, err
		}
		copy(values[i][:], b)
	}
	return values, nil
}

func (s *snapshot) AuditLeaves(lo, hi uint64) ([][]byte, error) {
	if lo > hi || hi > s.head.Size {
		return nil, fmt.Errorf("%w: audit leaves [%d, %d) of %d", directory.ErrNotFound, lo, hi, s.head.Size)
	}
	leaves := make([][]byte, 0, hi-lo)
	for pos := lo; pos < hi; pos++ {
		leaf, err := s.Get(bucketLeaves, kv.Key(pos))
		if leaf == nil {
			if err == nil {
				err = fmt.Errorf("%w: leaves %d", directory.ErrNotFound, pos)
			}
			return nil, explain(err)
		}
		leaves = append(leaves, leaf)
	}
	return leaves, nil
}

func (s *snapshot) Meta(key string) ([]byte, error) {
	return meta(s.View, key)
}

func (s *snapshot) Versions(label []byte, size uint64) (uint32, error) {
	first, err := s.Get(bucketLabels, labelKey(label, 0))
	if err != nil || first == nil || len(label) > wire.MaxLabelSize {
		return 0, explain(err)
	}
	total, _, err := splitFirst(first)
	if err != nil || size >= s.head.Size {
		return total, err
	}
	// The first chunk that begins at or after size comes behind the one sought.
	var fault error
	chunks := int((total-1)/perLabelChunk) + 1
	after := sort.Search(chunks, func(c int) bool {
		p, err := readPlaces(s.View, label, uint32(c)*perLabelChunk, uint32(c)*perLabelChunk+1)
		if err != nil {
			fault = err
			return true
		}
		return p[0].Position >= size
	})
	if fault != nil || after == 0 {
		return 0, fault
	}
	lo := uint32(after-1) * perLabelChunk
	places, err := readPlaces(s.View, label, lo, min(total, lo+perLabelChunk))
	if err != nil {
		return 0, err
	}
	return lo + uint32(sort.Search(len(places), func(i int) bool { return places[i].Position >= size })), nil
}

func (s *snapshot) Places(label []byte, lo, hi uint32) ([]directory.Place, error) {
	return readPlaces(s.View, label, lo, hi)
}

// readPlaces returns the places of the versions [lo, hi) of label, as far as
// there are any.
func readPlaces(v *kv.View, label []byte, lo, hi uint32) ([]directory.Place, error) {
	if len(label) > wire.MaxLabelSize {
		return nil, nil
	}
	b, err := v.Get(bucketLabels, labelKey(label, 0))
	if err != nil || b == nil {
		return nil, explain(err)
	}
	total, b, err := splitFirst(b)
	if err != nil {
		return nil, err
	}
	hi = min(hi, total)
	if lo >= hi {
		return nil, nil
	}
	var places []directory.Place
	for chunk := lo / perLabelChunk; chunk <= (hi-1)/perLabelChunk; chunk++ {
		if chunk > 0 {
			if b, err = v.Get(bucketLabels, labelKey(label, chunk)); err != nil {
				return nil, explain(err)
			}
		}
		if places, err = parsePlaces(places, b, inChunk(total, chunk)); err != nil {
			return nil, err
		}
	}
	from := lo / perLabelChunk * perLabelChunk
	return places[lo-from : hi-from], nil
}

func (s *snapshot) Value(label []byte, version uint32, at directory.Place) (*directory.Value, error) {
	b, err := s.Get(bucketValues, valueKey(at))
	if err != nil {
		return nil, explain(err)
	}
	if b == nil {
		return nil, fmt.Errorf("%w: values: entry %d, index %d", directory.ErrNotFound, at.Position, at.Index)
	}
	value := &directory.Value{Label: label, Version: version}
	if err := parseValue(b, at, value); err != nil {
		return nil, err
	}
	return value, nil
}

func (s *snapshot) EachLabel(f func(label []byte, places []directory.Place) error) error {
	return explain(s.Each(bucketLabels, nil, func(key, b []byte) error {
		label, chunk, ok := parseLabelKey(key)
		if !ok {
			return fmt.Errorf("%w: labels: key of %d bytes does not parse", directory.ErrCorrupt, len(key))
		}
		if chunk > 0 {
			return nil
		}
		total, _, err := splitFirst(b)
		if err != nil {
			return err
		}
		places, err := readPlaces(s.View, label, 0, total)
		if err != nil {
			return err
		}
		return f(label, places)
	}))
}
