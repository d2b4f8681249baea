package mls

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// A group's records lie under one prefix, and one of them, the head, stands for
// all. It counts the changes and holds a digest over the others, so that
//
//   - whoever writes has read the newest: every batch expects the head it knows, and
//     replaces it (two handles cannot send with the same keys);
//   - records that are damaged, lost, or from different times are noticed when the
//     group is opened, before a key is used a second time.
//
// The digest is a sum of hashes, so it follows a change without reading the rest. It
// is no defence against somebody who writes to the store: they could put back all of
// it, which no digest shows.
type records struct {
	store    Store
	prefix   string
	headSeen []byte // the head as it is in the store; nil: there is none
	count    uint64 // changes so far
	restored bool   // from a backup, and not healed yet: see Restore
	sum      digest
	sums     map[string]digest // of each record but the head; keys without prefix
}

const headKey = "head"

// groupPrefix is where the records of a group lie. Group IDs are the creator's to
// choose, of any length.
func groupPrefix(id []byte) string { return "group/" + groupName(id) + "/" }

func groupName(id []byte) string {
	if len(id) <= 32 {
		return hex.EncodeToString(id)
	}
	h := sha256.Sum256(id)
	return "h" + hex.EncodeToString(h[:])
}

// readRecords reads all records under prefix, and checks them against the head. The
// map is empty if there is no group.
func readRecords(store Store, prefix string) (*records, map[string][]byte, error) {
	// A batch of another program may fall between two reads: then the head has
	// moved on, and it begins anew. Somebody who writes that often is at fault.
	for range 10 {
		r, all, err := readOnce(store, prefix)
		if err == nil || !errors.Is(err, ErrConflict) {
			return r, all, err
		}
	}
	return nil, nil, fmt.Errorf("%s: %w", prefix, ErrConflict)
}

func readOnce(store Store, prefix string) (*records, map[string][]byte, error) {
	r := &records{store: store, prefix: prefix, sums: map[string]digest{}}
	head, err := store.Get(prefix + headKey)
	if err != nil {
		return nil, nil, storeError("reading a group", err)
	}
	keys, err := store.List(prefix)
	if err != nil {
		return nil, nil, storeError("listing a group", err)
	}
	all := make(map[string][]byte, len(keys))
	for _, key := range keys {
		name := strings.TrimPrefix(key, prefix)
		if name == headKey {
			continue
		}
		value, err := store.Get(key)
		if err != nil {
			return nil, nil, storeError("reading a group", err)
		}
		all[name] = value
		s := recordDigest(name, value)
		r.sums[name] = s
		r.sum.add(s)
	}
	again, err := store.Get(prefix + headKey)
	if err != nil {
		return nil, nil, storeError("reading a group", err)
	}
	if !bytes.Equal(head, again) || (head == nil) != (again == nil) {
		return nil, nil, fmt.Errorf("%s: %w", prefix, ErrConflict)
	}
	if err := checkFormat(prefix+headKey, head, newestFormat(headKey)); err != nil {
		return nil, nil, err
	}
	for name, value := range all {
		if err := checkFormat(prefix+name, value, newestFormat(name)); err != nil {
			return nil, nil, err
		}
	}
	if head == nil {
		if len(all) > 0 {
			return nil, nil, fmt.Errorf("%w: %s has no head", ErrCorrupt, prefix)
		}
		return r, all, nil
	}
	r.headSeen = head
	var h groupHead
	if err := syntax.Unmarshal(head, &h); err != nil {
		return nil, nil, fmt.Errorf("%w: head of %s: %w", ErrCorrupt, prefix, err)
	}
	if h.sum != r.sum {
		return nil, nil, fmt.Errorf("%w: the records of %s are not those of one moment", ErrCorrupt, prefix)
	}
	r.count, r.restored = h.count, h.restored
	return r, all, nil
}

// batch returns what writes changes (keys without prefix, each once) and the new head.
func (r *records) batch(changes []Record, restored bool) Batch {
	next := groupHead{restored: restored, count: r.count + 1, sum: r.sum}
	b := Batch{
		Expect: []Record{{r.prefix + headKey, r.headSeen}},
		Write:  make([]Record, 0, len(changes)+1),
	}
	for _, c := range changes {
		next.sum.sub(r.sums[c.Key])
		if c.Value != nil {
			next.sum.add(recordDigest(c.Key, c.Value))
		}
		b.Write = append(b.Write, Record{r.prefix + c.Key, c.Value})
	}
	b.Write = append(b.Write, Record{r.prefix + headKey, syntax.Marshal(&next)})
	return b
}

// apply writes changes, the new head, and what else belongs to the same change (full
// keys). Nothing in r has changed after an error.
func (r *records) apply(changes []Record, restored bool, also Batch) error {
	b := r.batch(changes, restored)
	head := b.Write[len(b.Write)-1].Value
	b.Expect = append(b.Expect, also.Expect...)
	b.Write = append(b.Write, also.Write...)
	if err := r.store.Apply(b); err != nil {
		return storeError("writing a group", err)
	}
	for _, c := range changes {
		r.sum.sub(r.sums[c.Key])
		if c.Value == nil {
			delete(r.sums, c.Key)
			continue
		}
		d := recordDigest(c.Key, c.Value)
		r.sums[c.Key] = d
		r.sum.add(d)
	}
	r.headSeen, r.count, r.restored = head, r.count+1, restored
	return nil
}

// remove deletes all records of the group, and writes also in the same batch.
func (r *records) remove(also Batch) error {
	b := Batch{
		Expect: append([]Record{{r.prefix + headKey, r.headSeen}}, also.Expect...),
		Write:  append([]Record{{r.prefix + headKey, nil}}, also.Write...),
	}
	for name := range r.sums {
		b.Write = append(b.Write, Record{r.prefix + name, nil})
	}
	if err := r.store.Apply(b); err != nil {
		return storeError("removing a group", err)
	}
	return nil
}

// under returns those records of all whose name begins with prefix, without it.
func under(all map[string][]byte, prefix string) map[string][]byte {
	some := map[string][]byte{}
	for name, value := range all {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			some[rest] = value
		}
	}
	return some
}

// prefixed returns changes of a State with prefix before each key, in order of keys.
func prefixed(prefix string, changes []group.Record) []Record {
	out := make([]Record, len(changes))
	for i, c := range changes {
		out[i] = Record{prefix + c.Key, c.Value}
	}
	slices.SortFunc(out, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	return out
}
