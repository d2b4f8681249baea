package mls

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRecordsOfOneMomentOnly writes random changes, then reads them back; and finds
// out every record that is changed, lost, added or taken from an earlier moment.
func TestRecordsOfOneMomentOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		store := &Memory{}
		const prefix = "group/00/"
		r, _, err := readRecords(store, prefix)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]byte{}
		var moments []*Memory
		for range rapid.IntRange(1, 8).Draw(t, "batches") {
			changes := map[string][]byte{}
			for _, k := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "ab", "c/d"}), rapid.ID).Draw(t, "keys") {
				v := rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "value")
				if rapid.Bool().Draw(t, "delete") {
					v = nil
				}
				changes[k] = v
			}
			var list []Record
			for k, v := range changes {
				list = append(list, Record{k, v})
				if want[k] = v; v == nil {
					delete(want, k)
				}
			}
			if err := r.apply(list, false, Batch{}); err != nil {
				t.Fatal(err)
			}
			moments = append(moments, store.Clone())
		}
		_, all, err := readRecords(store, prefix)
		if err != nil || !maps.EqualFunc(all, want, slices.Equal) {
			t.Fatalf("read %q, %v; want %q", all, err, want)
		}

		tampered := store.Clone()
		key := rapid.SampledFrom([]string{"a", "b", "ab", "c/d", headKey}).Draw(t, "tampered")
		old := rapid.SampledFrom(moments).Draw(t, "with")
		theirs, _ := old.Get(prefix + key)
		if rapid.Bool().Draw(t, "flipped") {
			theirs, _ = store.Get(prefix + key)
			if len(theirs) > 0 {
				theirs[rapid.IntRange(0, len(theirs)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
		}
		ours, _ := store.Get(prefix + key)
		tampered.Apply(Batch{Write: []Record{{prefix + key, theirs}}})
		_, _, err = readRecords(tampered, prefix)
		switch {
		case slices.Equal(ours, theirs) && (ours == nil) == (theirs == nil):
			if err != nil {
				t.Fatal(err)
			}
		case key == headKey && err == nil && sameRecords(old, tampered, prefix):
			// The head of a moment that had the same records: that whole moment.
		case key == headKey && err == nil && theirs == nil && len(want) == 0:
			// Nothing at all: a group that was never there.
		case key == headKey && len(theirs) > 0 && theirs[0] > headFormat && errors.Is(err, ErrFormat):
			// A newer version's, as far as anybody can tell.
		case !errors.Is(err, ErrCorrupt):
			t.Fatalf("%q: %q instead of %q: %v, want ErrCorrupt", key, theirs, ours, err)
		}
	})
}

func sameRecords(a, b *Memory, prefix string) bool {
	_, x, errA := readRecords(a, prefix)
	_, y, errB := readRecords(b, prefix)
	return errA == nil && errB == nil && maps.EqualFunc(x, y, slices.Equal)
}

func TestWhoeverWritesHasReadTheNewest(t *testing.T) {
	store := &Memory{}
	a, _, _ := readRecords(store, "group/00/")
	b, _, _ := readRecords(store, "group/00/")
	if err := a.apply([]Record{{"k", []byte("a")}}, false, Batch{}); err != nil {
		t.Fatal(err)
	}
	if err := b.apply([]Record{{"k", []byte("b")}}, false, Batch{}); !errors.Is(err, ErrConflict) {
		t.Fatalf("a second creation: %v, want ErrConflict", err)
	}
	b, _, _ = readRecords(store, "group/00/")
	if err := b.apply([]Record{{"k", []byte("b")}}, false, Batch{}); err != nil {
		t.Fatal(err)
	}
	if err := a.apply([]Record{{"k", []byte("a")}}, false, Batch{}); !errors.Is(err, ErrConflict) {
		t.Fatalf("a change of what is old: %v, want ErrConflict", err)
	}
	if err := a.remove(Batch{}); !errors.Is(err, ErrConflict) {
		t.Fatalf("a removal of what is old: %v, want ErrConflict", err)
	}
	if err := b.remove(Batch{}); err != nil {
		t.Fatal(err)
	}
	if keys, _ := store.List(""); len(keys) > 0 {
		t.Fatalf("left behind: %q", keys)
	}
}
