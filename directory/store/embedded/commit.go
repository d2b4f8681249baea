package embedded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// Commit implements directory.Store.
func (s *Store) Commit(ctx context.Context, batch *directory.Batch) error {
	if err := checkShape(batch); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return explain(s.db.Update(func(tx *kv.Tx) error {
		old, err := parseHead(tx.Get(bucketMeta, keyHead))
		if err != nil {
			return err
		}
		if old.Size != batch.Prev.Size || old.Root != batch.Prev.Root {
			return fmt.Errorf("%w: it has size %d, the batch follows size %d", directory.ErrConflict, old.Size, batch.Prev.Size)
		}
		if err := putEntries(tx, batch); err != nil {
			return err
		}
		if err := putLabels(tx, batch); err != nil {
			return err
		}
		putMeta(tx, batch.Meta)
		tx.Put(bucketMeta, keyHead, appendHead(nil, &batch.Head))
		return nil
	}))
}

// checkShape checks that a batch is complete in itself.
func checkShape(b *directory.Batch) error {
	first, size := b.Prev.Size, b.Head.Size
	switch {
	case len(b.Entries) == 0 || size != first+uint64(len(b.Entries)):
		return fmt.Errorf("batch of %d entries from size %d to %d", len(b.Entries), first, size)
	case uint64(len(b.LogNodes)) != logtree.StoredCount(size)-logtree.StoredCount(first):
		return fmt.Errorf("batch from size %d to %d has %d log nodes", first, size, len(b.LogNodes))
	case int64(len(b.AuditNodes)) != tlog.StoredHashCount(int64(size))-tlog.StoredHashCount(int64(first)):
		return fmt.Errorf("batch from size %d to %d has %d audit nodes", first, size, len(b.AuditNodes))
	}
	for i := range b.Entries {
		if n := len(b.Entries[i].Values); n > wire.MaxVectorSmall {
			return fmt.Errorf("entry of %d values", n)
		}
	}
	return nil
}

func putEntries(tx *kv.Tx, batch *directory.Batch) error {
	var log []byte
	for i := range batch.Entries {
		e := &batch.Entries[i]
		pos := batch.Prev.Size + uint64(i)
		log = appendLogEntry(log, e.Log)
		tx.Put(bucketPages, kv.Key(pos), e.Page)
		tx.Put(bucketLeaves, kv.Key(pos), e.AuditLeaf)
		var size int
		for j := range e.Values {
			size += 1 + wire.OpeningSize + binary.MaxVarintLen32 + len(e.Values[j].Suffix) + len(e.Values[j].Value)
		}
		arena := make([]byte, 0, size) // never grows: the engine keeps pointing into it
		for j := range e.Values {
			from := len(arena)
			arena = appendValue(arena, &e.Values[j])
			tx.Put(bucketValues, valueKey(directory.Place{Position: pos, Index: uint8(j)}), arena[from:len(arena):len(arena)])
		}
	}
	first := batch.Prev.Size
	if err := appendItems(tx, bucketLog, first, entrySize, log); err != nil {
		return err
	}
	if err := appendItems(tx, bucketNodes, logtree.StoredCount(first), wire.HashSize, flat(batch.LogNodes)); err != nil {
		return err
	}
	return appendItems(tx, bucketAudit, uint64(tlog.StoredHashCount(int64(first))), wire.HashSize, flat(batch.AuditNodes))
}

func flat(hashes []wire.HashValue) []byte {
	b := make([]byte, 0, len(hashes)*wire.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// A creation is one new version and where it went.
type creation struct {
	value *directory.Value
	at    directory.Place
	order uint64 // beginning of the label's key
}

// keyOrder returns the first 8 bytes of a label's key as a number. It spares
// most comparisons of a large commit the way to the label, through memory that
// is seldom in a cache.
func keyOrder(label []byte) uint64 {
	var key [8]byte
	key[0] = byte(len(label))
	copy(key[1:], label)
	return binary.BigEndian.Uint64(key[:])
}

// putLabels enters the new versions into the label index, label by label in the
// order of the keys.
func putLabels(tx *kv.Tx, batch *directory.Batch) error {
	var all []creation
	for i := range batch.Entries {
		for j := range batch.Entries[i].Values {
			at := directory.Place{Position: batch.Prev.Size + uint64(i), Index: uint8(j)}
			value := &batch.Entries[i].Values[j]
			all = append(all, creation{value, at, keyOrder(value.Label)})
		}
	}
	slices.SortFunc(all, func(a, b creation) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		return cmp.Or(cmp.Compare(len(a.value.Label), len(b.value.Label)),
			bytes.Compare(a.value.Label, b.value.Label), cmp.Compare(a.value.Version, b.value.Version))
	})
	var places []directory.Place
	for len(all) > 0 {
		label, first := all[0].value.Label, all[0].value.Version
		if len(label) > wire.MaxLabelSize {
			return fmt.Errorf("label of %d bytes", len(label))
		}
		places = places[:0]
		for len(all) > 0 && bytes.Equal(all[0].value.Label, label) {
			c := all[0]
			all = all[1:]
			if c.value.Version != first+uint32(len(places)) || len(places) > 0 && c.at.Position < places[len(places)-1].Position {
				return fmt.Errorf("versions of a label are not consecutive: %d in entry %d", c.value.Version, c.at.Position)
			}
			places = append(places, c.at)
		}
		if err := appendToLabel(tx, label, first, places); err != nil {
			return err
		}
	}
	return nil
}

// appendToLabel adds versions from first on to a label that must have exactly
// first versions.
func appendToLabel(tx *kv.Tx, label []byte, first uint32, places []directory.Place) error {
	key := labelKey(label, 0)
	var total uint32
	var head []byte
	if b := tx.Get(bucketLabels, key); b != nil {
		var err error
		if total, head, err = splitFirst(b); err != nil {
			return err
		}
	}
	if total != first {
		return fmt.Errorf("versions of a label are not consecutive: %d follows %d versions", first, total)
	}
	if uint64(total)+uint64(len(places)) > 1<<32-1 {
		return fmt.Errorf("label has too many versions")
	}
	put := func(chunk uint32, b []byte) {
		if chunk > 0 {
			tx.Put(bucketLabels, labelKey(label, chunk), b)
		} else {
			head = b
		}
	}
	for rest := places; len(rest) > 0; {
		chunk := total / perLabelChunk
		b, last := head, uint64(0)
		if chunk > 0 {
			b = tx.Get(bucketLabels, labelKey(label, chunk))
		}
		if n := int(total % perLabelChunk); n > 0 {
			old, err := parsePlaces(nil, b, n)
			if err != nil {
				return err
			}
			last = old[n-1].Position
		}
		n := min(len(rest), perLabelChunk-int(total%perLabelChunk))
		put(chunk, appendPlaces(slices.Clip(b), last, rest[:n]))
		total += uint32(n)
		rest = rest[n:]
	}
	tx.Put(bucketLabels, key, append(binary.AppendUvarint(make([]byte, 0, 5+len(head)), uint64(total)), head...))
	return nil
}

// Erase implements directory.Store.
func (s *Store) Erase(ctx context.Context, label []byte, version uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := s.db.View()
	if err != nil {
		return explain(err)
	}
	defer v.Release()
	// Places never change, so they may be read before the transaction.
	places, err := readPlaces(v, label, version, version+1)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return fmt.Errorf("%w: version %d", directory.ErrNotFound, version)
	}
	return explain(s.db.Update(func(tx *kv.Tx) error {
		tx.Put(bucketValues, valueKey(places[0]), []byte{kindErased})
		return nil
	}))
}
