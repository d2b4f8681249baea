package component

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Dictionary is an AppDataDictionary ("Attaching Application Data to MLS
// Messages"): at most one piece of data for each component, sorted by component.
// Its zero value is empty. A Dictionary never changes: With and Without return
// another one.
type Dictionary struct{ entries []entry }

type entry struct { // ComponentData
	id   ID
	data []byte
}

func (d Dictionary) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(d.entries, id, func(e entry, id ID) int { return cmp.Compare(e.id, id) })
}

// Len returns the number of components that have data.
func (d Dictionary) Len() int { return len(d.entries) }

// Get returns a component's data, which must not be changed, and whether it has
// any: empty data is data.
func (d Dictionary) Get(id ID) (data []byte, ok bool) {
	i, ok := d.find(id)
	if !ok {
		return nil, false
	}
	return d.entries[i].data, true
}

// All goes through the entries in the order of the components.
func (d Dictionary) All() iter.Seq2[ID, []byte] {
	return func(yield func(ID, []byte) bool) {
		for _, e := range d.entries {
			if !yield(e.id, e.data) {
				return
			}
		}
	}
}

// With returns the dictionary in which id has data, which is copied.
func (d Dictionary) With(id ID, data []byte) Dictionary {
	e := entry{id, append([]byte{}, data...)}
	i, ok := d.find(id)
	if ok {
		entries := slices.Clone(d.entries)
		entries[i] = e
		return Dictionary{entries}
	}
	return Dictionary{slices.Insert(slices.Clone(d.entries), i, e)}
}

// Without returns the dictionary without id, and whether there was such an entry.
func (d Dictionary) Without(id ID) (Dictionary, bool) {
	i, ok := d.find(id)
	if !ok {
		return d, false
	}
	return Dictionary{slices.Delete(slices.Clone(d.entries), i, i+1)}, true
}

// Marshal writes the dictionary.
func (d Dictionary) Marshal(w *syntax.Writer) {
	syntax.WriteList(w, d.entries, func(w *syntax.Writer, e entry) {
		w.Uint16(uint16(e.id))
		w.Vector(e.data)
	})
}

// Unmarshal reads a dictionary. The error is ErrOrder if the entries are not
// sorted or a component has two.
func (d *Dictionary) Unmarshal(r *syntax.Reader) {
	d.entries = syntax.ReadList(r, func(r *syntax.Reader) entry {
		return entry{ID(r.Uint16()), r.Vector()}
	})
	for i := 1; i < len(d.entries); i++ {
		if d.entries[i-1].id >= d.entries[i].id {
			r.Fail(fmt.Errorf("app_data_dictionary: %w", ErrOrder))
			d.entries = nil
			return
		}
	}
}

// FromExtensions returns the dictionary of an extensions field, and whether it
// has one. What the dictionary keeps aliases the extension.
func FromExtensions(extensions tree.Extensions) (d Dictionary, ok bool, err error) {
	data, ok := extensions.Find(tree.ExtensionAppDataDictionary)
	if !ok {
		return Dictionary{}, false, nil
	}
	if err := syntax.Unmarshal(data, &d); err != nil {
		return Dictionary{}, false, fmt.Errorf("app_data_dictionary: %w", err)
	}
	return d, true, nil
}

// Into returns extensions with the dictionary as its app_data_dictionary: in the
// place of the one that was there, or else at the end.
func (d Dictionary) Into(extensions tree.Extensions) tree.Extensions {
	e := tree.Extension{Type: tree.ExtensionAppDataDictionary, Data: syntax.Marshal(d)}
	out := slices.Clone(extensions)
	for i := range out {
		if out[i].Type == e.Type {
			out[i] = e
			return out
		}
	}
	return append(out, e)
}
