package keyfile

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/kith-kt/kith/proto/record"
)

// maxRecord leaves room in a record for everything but its keys, in bytes.
const maxRecord = record.MaxSize - 4096

// maxSkipped is how many entries a Collection has of what was skipped: a file of
// short lines that are nothing would take a hundred times its size.
const maxSkipped = 10_000

// A Collection is a whole file, gathered by label.
type Collection struct {
	Items   []Item  // ascending by label, each label once
	Skipped []Entry // in the order of the file, the first 10,000

	reasons map[Reason]int // of all that were skipped
}

// An Item is what is to be published at one label: keys, or an opaque value.
type Item struct {
	Label string
	Keys  []record.PublishedKey // ascending by type, then data; none twice
	Value []byte
}

// Reasons counts what was skipped, all of it.
func (c *Collection) Reasons() map[Reason]int { return c.reasons }

func (c *Collection) skip(e Entry) {
	if c.reasons[e.Skipped]++; len(c.Skipped) < maxSkipped {
		c.Skipped = append(c.Skipped, e)
	}
}

// Collect reads all entries and gathers them by label. The result depends on
// what the file holds, not on its order, so that a second import of the same
// keys finds nothing new. It holds in memory what is to be published. With an
// error it returns what came before.
func Collect(entries iter.Seq2[Entry, error]) (*Collection, error) {
	byLabel := map[string]*Item{}
	c := &Collection{reasons: map[Reason]int{}}
	var failed error
	for e, err := range entries {
		if err != nil {
			failed = err
			break
		}
		if e.Skipped != "" {
			c.skip(e)
			continue
		}
		it := byLabel[e.Label]
		if it == nil {
			it = &Item{Label: e.Label}
			byLabel[e.Label] = it
		}
		if why, detail := it.add(e); why != "" {
			c.skip(Entry{Where: e.Where, Label: e.Label, Skipped: why, Detail: detail})
		}
	}
	for _, it := range byLabel {
		slices.SortFunc(it.Keys, func(a, b record.PublishedKey) int {
			if a.Type != b.Type {
				return int(a.Type) - int(b.Type)
			}
			return bytes.Compare(a.Data, b.Data)
		})
		c.Items = append(c.Items, *it)
	}
	slices.SortFunc(c.Items, func(a, b Item) int { return strings.Compare(a.Label, b.Label) })
	return c, failed
}

// add takes an entry into an item, or says why not.
func (it *Item) add(e Entry) (Reason, string) {
	if it.Value != nil || e.Value != nil {
		if it.Value != nil && bytes.Equal(it.Value, e.Value) {
			return Duplicate, "the same value"
		}
		if it.Value != nil || it.Keys != nil {
			return Duplicate, "the label has another value already"
		}
		it.Value = e.Value
		return "", ""
	}
	size := 0
	for _, k := range it.Keys {
		size += len(k.Data) + 8
	}
	var fresh []record.PublishedKey
	for _, k := range e.Keys {
		if slices.ContainsFunc(append(it.Keys, fresh...), func(h record.PublishedKey) bool { return same(h, k) }) {
			continue
		}
		fresh = append(fresh, k)
		size += len(k.Data) + 8
	}
	switch {
	case len(fresh) == 0:
		return Duplicate, "the same keys"
	case size > maxRecord:
		return TooLarge, fmt.Sprintf("the label's keys would have %d bytes, the most is %d", size, maxRecord)
	case len(it.Keys)+len(fresh) > record.MaxKeys:
		return TooLarge, fmt.Sprintf("the label would have more than %d keys", record.MaxKeys)
	}
	it.Keys = append(it.Keys, fresh...)
	return "", ""
}

// same reports whether two keys are one: the same bytes, or two copies of one
// OpenPGP key.
func same(a, b record.PublishedKey) bool {
	if a.Type != b.Type {
		return false
	}
	if a.Type == record.OpenPGP {
		return a.Fingerprint() == b.Fingerprint()
	}
	return bytes.Equal(a.Data, b.Data)
}
