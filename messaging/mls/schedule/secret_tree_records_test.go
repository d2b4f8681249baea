package schedule_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"pgregory.net/rapid"
)

// A message is one record, the first of a sender two.
func TestChangesNameWhatChanged(t *testing.T) {
	_, keys, _ := newTree(t, 8)
	expect := func(when string, wantInterior bool, wantLeaves ...tree.LeafIndex) {
		t.Helper()
		interior, leaves := keys.Changes()
		if interior != wantInterior || !slices.Equal(leaves, wantLeaves) {
			t.Errorf("%s: changes %v %v, want %v %v", when, interior, leaves, wantInterior, wantLeaves)
		}
		keys.Saved()
	}
	expect("new tree", true)
	commit(t, peek(t, keys, 6, schedule.Application, 0))
	expect("first message", true, 6)
	commit(t, peek(t, keys, 6, schedule.Handshake, 2))
	expect("second message", false, 6)
	peek(t, keys, 3, schedule.Application, 0).Discard()
	expect("refused message", false)
	commit(t, peek(t, keys, 6, schedule.Application, 1))
	if _, _, err := keys.NextKey(1, schedule.Application); err != nil {
		t.Fatal(err)
	}
	expect("several", true, 1, 6)
}

// The same messages lead to the same records, whether or not the tree was
// restored between, and a leaf's record is read when a key of it is wanted.
func TestRestoreReadsOnDemand(t *testing.T) {
	s, keys, _ := newTree(t, 8)
	for _, leaf := range []tree.LeafIndex{1, 6} {
		commit(t, peek(t, keys, leaf, schedule.Application, 2))
	}
	var read []tree.LeafIndex
	restored, err := schedule.RestoreSecretTree(s, keys.InteriorRecord(), func(leaf tree.LeafIndex) ([]byte, error) {
		read = append(read, leaf)
		return keys.LeafRecord(leaf), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, peek(t, restored, 3, schedule.Handshake, 0))
	commit(t, peek(t, restored, 6, schedule.Application, 0))
	commit(t, peek(t, restored, 6, schedule.Application, 1))
	if !slices.Equal(read, []tree.LeafIndex{6}) {
		t.Errorf("records read: %v, want that of leaf 6", read)
	}
	commit(t, peek(t, keys, 3, schedule.Handshake, 0))
	commit(t, peek(t, keys, 6, schedule.Application, 0))
	commit(t, peek(t, keys, 6, schedule.Application, 1))
	if !bytes.Equal(keys.InteriorRecord(), restored.InteriorRecord()) {
		t.Error("interior records differ after a restart")
	}
	for _, leaf := range []tree.LeafIndex{3, 6} {
		if !bytes.Equal(keys.LeafRecord(leaf), restored.LeafRecord(leaf)) {
			t.Errorf("records of leaf %d differ after a restart", leaf)
		}
	}
	_, err = restored.Peek(6, schedule.Application, 1)
	refused(t, err, schedule.ErrConsumed)
}

// A leaf is unused until a key of it is: an interior record that says so beside a
// leaf's record is an old one.
func TestUnused(t *testing.T) {
	_, keys, _ := newTree(t, 4)
	old := keys.InteriorRecord()
	peek(t, keys, 2, schedule.Handshake, 3).Discard()
	if !keys.Unused(2) {
		t.Error("a refused message has used a leaf")
	}
	commit(t, peek(t, keys, 2, schedule.Handshake, 3))
	if keys.Unused(2) || !keys.Unused(3) || keys.Unused(4) {
		t.Error("leaf 2 alone was used, and there is no leaf 4")
	}
	stale, err := schedule.RestoreSecretTree(get(t, testSuite), old, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !stale.Unused(2) {
		t.Error("the old record knows of a message that came later")
	}
}

// interiorOf writes an interior record.
func interiorOf(leaves uint32, secret []byte, nodes ...uint32) []byte {
	var w syntax.Writer
	w.Uint32(leaves)
	syntax.WriteList(&w, nodes, func(w *syntax.Writer, n uint32) {
		w.Uint32(n)
		w.Vector(secret)
	})
	return w.Bytes()
}

func TestDamagedInteriorRecord(t *testing.T) {
	s := get(t, testSuite)
	secret := make([]byte, s.HashSize())
	for _, good := range [][]byte{
		interiorOf(8, secret, 7), interiorOf(8, secret, 1, 5, 8, 12), interiorOf(8, secret), interiorOf(1, secret, 0),
	} {
		if _, err := schedule.RestoreSecretTree(s, good, nil); err != nil {
			t.Errorf("%x: %v", good, err)
		}
	}
	for name, bad := range map[string][]byte{
		"empty":              {},
		"truncated":          interiorOf(8, secret, 7)[:20],
		"trailing":           append(interiorOf(8, secret, 7), 0),
		"no leaves":          interiorOf(0, secret),
		"not a power of two": interiorOf(6, secret, 3),
		"too many leaves":    interiorOf(1<<31+1, secret),
		"short secret":       interiorOf(8, secret[1:], 7),
		"no secret":          interiorOf(8, nil, 7),
		"outside":            interiorOf(8, secret, 15),
		"far outside":        interiorOf(8, secret, 1<<32-1),
		"above the root":     interiorOf(8, secret, 1<<31-1),
		"twice":              interiorOf(8, secret, 3, 3),
		"descending":         interiorOf(8, secret, 11, 3),
		"parent after child": interiorOf(8, secret, 1, 3),
		"child after parent": interiorOf(8, secret, 3, 5),
		"root and leaf":      interiorOf(8, secret, 0, 7),
	} {
		_, err := schedule.RestoreSecretTree(s, bad, nil)
		if !errors.Is(err, schedule.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedLeafRecord(t *testing.T) {
	s := get(t, testSuite)
	secret := make([]byte, s.HashSize())
	const w = schedule.Window
	use := func(stored []byte) error {
		keys, err := schedule.RestoreSecretTree(s, emptyInterior(4), func(tree.LeafIndex) ([]byte, error) { return stored, nil })
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = keys.NextKey(1, schedule.Application)
		return err
	}
	for _, good := range [][]byte{
		record(1, 0, secret), record(1, 9, secret, 0, 8), record(1, w+5, secret, 5, w+4),
	} {
		if err := use(good); err != nil {
			t.Errorf("%x: %v", good, err)
		}
	}
	for name, bad := range map[string][]byte{
		"absent":               nil,
		"truncated":            record(1, 9, secret, 4)[:60],
		"trailing":             append(record(1, 9, secret), 0),
		"of another leaf":      record(2, 9, secret),
		"short secret":         record(1, 9, secret[1:]),
		"no secret":            record(1, 9, nil),
		"secret after the end": record(1, 1<<32, secret),
		"beyond the end":       record(1, 1<<32+1, nil),
		"key of the future":    record(1, 9, secret, 9),
		"key twice":            record(1, 9, secret, 4, 4),
		"keys descending":      record(1, 9, secret, 5, 4),
		"key out of window":    record(1, w+5, secret, 4),
		"short key":            recordOf(1, 9, secret, 15, 12, 4),
		"long nonce":           recordOf(1, 9, secret, 16, 13, 4),
	} {
		if err := use(bad); !errors.Is(err, schedule.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}

	failure := fmt.Errorf("disk on fire")
	keys, err := schedule.RestoreSecretTree(s, emptyInterior(4), func(tree.LeafIndex) ([]byte, error) { return nil, failure })
	if err != nil {
		t.Fatal(err)
	}
	_, err = keys.Peek(1, schedule.Application, 0)
	refused(t, err, failure)
}

// Damaged records are refused or read as what they then say. Nothing panics.
func TestRecordsOfAnyBytes(t *testing.T) {
	t.Parallel()
	s := get(t, testSuite)
	rapid.Check(t, func(rt *rapid.T) {
		_, keys, _ := newTree(t, 8)
		commit(t, peek(t, keys, 1, schedule.Application, 2))
		mutate := func(b []byte) []byte {
			for range rapid.IntRange(0, 3).Draw(rt, "changes") {
				if i := rapid.IntRange(0, len(b)).Draw(rt, "at"); i < len(b) {
					b[i] = rapid.Byte().Draw(rt, "byte")
				} else {
					b = append(b, rapid.Byte().Draw(rt, "appended"))
				}
			}
			return b
		}
		interior, leaf := mutate(keys.InteriorRecord()), mutate(keys.LeafRecord(1))
		restored, err := schedule.RestoreSecretTree(s, interior, func(tree.LeafIndex) ([]byte, error) { return leaf, nil })
		if err != nil {
			return
		}
		if !bytes.Equal(restored.InteriorRecord(), interior) {
			rt.Fatalf("interior record %x is read and written as %x", interior, restored.InteriorRecord())
		}
		for l := range tree.LeafIndex(8) {
			// A changed node may be above leaf 1: then its record is not looked at.
			if o, err := restored.Peek(l, schedule.Application, 3); err == nil {
				if l == 1 && !restored.Unused(1) && !bytes.Equal(restored.LeafRecord(1), leaf) {
					rt.Fatalf("leaf record %x is read and written as %x", leaf, restored.LeafRecord(1))
				}
				if err := o.Commit(); err != nil {
					rt.Fatal(err)
				}
			}
		}
	})
}
