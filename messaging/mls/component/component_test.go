package component_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"pgregory.net/rapid"
)

func isErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// drawID returns identifiers that collide often.
func drawID(t *rapid.T) component.ID { return component.ID(rapid.Uint16Range(1, 12).Draw(t, "id")) }

// TestDictionaryIsAMap compares a dictionary with a map, through any series of
// changes, none of which changes an earlier dictionary.
func TestDictionaryIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d component.Dictionary
		model := map[component.ID][]byte{}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			before := syntax.Marshal(d)
			id := drawID(t)
			var next component.Dictionary
			if rapid.Bool().Draw(t, "with") {
				data := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "data")
				next = d.With(id, data)
				model[id] = bytes.Clone(data)
				for i := range data {
					data[i]++ // the caller's slice is the caller's
				}
			} else {
				var ok bool
				next, ok = d.Without(id)
				if _, want := model[id]; ok != want {
					t.Fatalf("removing %v: %v", id, ok)
				}
				delete(model, id)
			}
			if !bytes.Equal(syntax.Marshal(d), before) {
				t.Fatal("a dictionary was changed")
			}
			d = next

			if d.Len() != len(model) {
				t.Fatalf("%d entries, want %d", d.Len(), len(model))
			}
			last := -1
			for id, data := range d.All() {
				if int(id) <= last || !bytes.Equal(data, model[id]) {
					t.Fatalf("%v: %x, want %x", id, data, model[id])
				}
				last = int(id)
			}
			for id := range component.ID(14) {
				data, ok := d.Get(id)
				if want, has := model[id]; ok != has || !bytes.Equal(data, want) {
					t.Fatalf("%v: %x %v", id, data, ok)
				}
			}
			var back component.Dictionary
			if err := syntax.Unmarshal(syntax.Marshal(d), &back); err != nil || !bytes.Equal(syntax.Marshal(back), syntax.Marshal(d)) {
				t.Fatal(err)
			}
		}
	})
}

// TestDictionaryIsSorted: entries out of order, and two of one component, are
// refused ("Attaching Application Data to MLS Messages").
func TestDictionaryIsSorted(t *testing.T) {
	write := func(ids ...uint16) []byte {
		var w syntax.Writer
		w.Nested(func(w *syntax.Writer) {
			for _, id := range ids {
				w.Uint16(id)
				w.Vector([]byte("x"))
			}
		})
		return w.Bytes()
	}
	for _, x := range []struct {
		ids  []uint16
		want error
	}{
		{nil, nil}, {[]uint16{5}, nil}, {[]uint16{0, 1, 0x0a0a, 0xffff}, nil},
		{[]uint16{2, 1}, component.ErrOrder}, {[]uint16{1, 1}, component.ErrOrder},
		{[]uint16{1, 3, 2}, component.ErrOrder}, {[]uint16{1, 2, 2}, component.ErrOrder},
	} {
		var d component.Dictionary
		isErr(t, "dictionary", syntax.Unmarshal(write(x.ids...), &d), x.want)
		var s component.SafeAAD
		isErr(t, "safe AAD", syntax.Unmarshal(write(x.ids...), &s), x.want)
		_, _, err := component.FromExtensions(tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: write(x.ids...)}})
		isErr(t, "extension", err, x.want)
	}
}

// TestDictionaryInExtensions: it takes the place of the one before, or the end,
// and the list it came from stays as it was.
func TestDictionaryInExtensions(t *testing.T) {
	other := tree.Extension{Type: 0xf001, Data: []byte("x")}
	d := component.Dictionary{}.With(0x8001, []byte("data"))
	list := tree.Extensions{other}
	with := d.Into(list)
	if len(list) != 1 || len(with) != 2 || with[1].Type != tree.ExtensionAppDataDictionary {
		t.Fatalf("%v from %v", with, list)
	}
	with = append(with, tree.Extension{Type: 0xf002})
	again := d.With(0x8001, []byte("new")).Into(with)
	if len(again) != 3 || again[1].Type != tree.ExtensionAppDataDictionary {
		t.Fatalf("%v", again)
	}
	for _, x := range []struct {
		e    tree.Extensions
		data string
		ok   bool
	}{{list, "", false}, {with, "data", true}, {again, "new", true}} {
		got, ok, err := component.FromExtensions(x.e)
		data, _ := got.Get(0x8001)
		if err != nil || ok != x.ok || string(data) != x.data {
			t.Errorf("%v: %q, %v, %v", x.e, data, ok, err)
		}
	}
	_, _, err := component.FromExtensions(tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{0, 0}}})
	isErr(t, "trailing", err, syntax.ErrTrailing)
}

// TestList keeps unknown identifiers, and order.
func TestList(t *testing.T) {
	l := component.List{3, 1, 0x0a0a, 1}
	var back component.List
	if err := syntax.Unmarshal(syntax.Marshal(l), &back); err != nil || !slices.Equal(l, back) {
		t.Fatalf("%v, %v", back, err)
	}
	isErr(t, "half an identifier", syntax.Unmarshal([]byte{3, 0, 1, 0}, &back), syntax.ErrTruncated)
	isErr(t, "all components", syntax.Unmarshal(syntax.Marshal(make(component.List, 1<<16)), &back), nil)
	isErr(t, "more than there are", syntax.Unmarshal(syntax.Marshal(make(component.List, 1<<16+1)), &back), syntax.ErrTooLong)
	if missing, ok := l.Supports(component.List{1, 7, 3, 8}); ok || missing != 7 {
		t.Errorf("%v, %v", missing, ok)
	}
	if _, ok := l.Supports(component.List{1, 3}); !ok {
		t.Error("1 and 3 are supported")
	}
	if _, ok := component.List(nil).Supports(nil); !ok {
		t.Error("nothing is required")
	}
}

// TestSafeAAD finds items, and refuses to be built out of order.
func TestSafeAAD(t *testing.T) {
	s := component.SafeAAD{{Component: 2, Data: []byte("two")}, {Component: 0x8000, Data: nil}}
	isErr(t, "sorted", s.Check(), nil)
	for id, want := range map[component.ID]string{2: "two", 0x8000: "", 3: "-"} {
		data, ok := s.Get(id)
		if ok != (want != "-") || ok && string(data) != want {
			t.Errorf("%v: %q, %v", id, data, ok)
		}
	}
	isErr(t, "unsorted", component.SafeAAD{s[1], s[0]}.Check(), component.ErrOrder)
	isErr(t, "twice", component.SafeAAD{s[0], s[0]}.Check(), component.ErrOrder)
}

// TestOperationLabel is the structure, and different for different components.
func TestOperationLabel(t *testing.T) {
	if got, want := component.OperationLabel(0x8001, "l"), "\x0dMLS Component\x80\x01\x01l"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if component.OperationLabel(1, "x") == component.OperationLabel(2, "x") {
		t.Error("two components share a label")
	}
}

// TestLastResort: the mark is there or not, stands beside other data, and has no
// data itself ("Last-Resort KeyPackages").
func TestLastResort(t *testing.T) {
	if is, err := component.IsLastResort(nil); is || err != nil {
		t.Errorf("none: %v, %v", is, err)
	}
	before := component.Dictionary{}.With(0x8001, []byte("other")).Into(nil)
	if is, err := component.IsLastResort(before); is || err != nil {
		t.Errorf("before: %v, %v", is, err)
	}
	marked, err := component.MarkLastResort(before)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := component.IsLastResort(marked); !is || err != nil {
		t.Errorf("marked: %v, %v", is, err)
	}
	d, _, _ := component.FromExtensions(marked)
	if data, ok := d.Get(0x8001); !ok || string(data) != "other" {
		t.Errorf("the other component has %q", data)
	}
	_, err = component.IsLastResort(component.Dictionary{}.With(component.LastResortKeyPackageID, []byte{0}).Into(nil))
	isErr(t, "a mark with data", err, component.ErrData)
	broken := tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{1}}}
	_, err = component.IsLastResort(broken)
	isErr(t, "broken", err, syntax.ErrTruncated)
	_, err = component.MarkLastResort(broken)
	isErr(t, "broken", err, syntax.ErrTruncated)
}

// FuzzDictionary: whatever parses is written again as it was, in order, and can be
// asked and changed.
func FuzzDictionary(f *testing.F) {
	f.Add([]byte{0}, uint16(1))
	f.Add(syntax.Marshal(component.Dictionary{}.With(1, []byte{2, 0, 1}).With(0x8000, nil)), uint16(1))
	f.Add(syntax.Marshal(component.AppAck{Ranges: []component.MessageRange{{Sender: 1, First: 2, Last: 3}}}), uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, id uint16) {
		for _, x := range []interface {
			syntax.Marshaler
			syntax.Unmarshaler
		}{new(component.Dictionary), new(component.List), new(component.SafeAAD), new(component.AppAck)} {
			if syntax.Unmarshal(b, x) != nil {
				continue
			}
			if got := syntax.Marshal(x); !bytes.Equal(got, b) {
				t.Fatalf("%T: %x became %x", x, b, got)
			}
			switch x := x.(type) {
			case *component.Dictionary:
				data, had := x.Get(component.ID(id))
				without, ok := x.Without(component.ID(id))
				if ok != had {
					t.Fatalf("Get %v, Without %v", had, ok)
				}
				back := without
				if had {
					back = without.With(component.ID(id), data)
				}
				if !bytes.Equal(syntax.Marshal(back), b) {
					t.Fatalf("taken out and put back: %x", syntax.Marshal(back))
				}
			case *component.AppAck:
				var c component.Received
				if missing := c.Missing(*x); len(missing) > len(x.Ranges) {
					t.Fatalf("%d gaps of %d ranges", len(missing), len(x.Ranges))
				}
			}
		}
	})
}
