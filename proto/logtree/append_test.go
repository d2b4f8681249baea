package logtree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestAppenderIsTheProsesTree(t *testing.T) {
	const n = 130
	log := newSlowLog(n, 7)
	var stored []wire.HashValue
	a := new(Appender)
	for i := range uint64(n) {
		before := uint64(len(stored))
		stored = a.Append(stored, LeafHash(log[i]))
		if before != StoredCount(i) || uint64(len(stored)) != StoredCount(i+1) || a.Size() != i+1 {
			t.Fatalf("leaf %d: %d stored values, want %d", i, len(stored), StoredCount(i+1))
		}
		if a.Root() != log.root(i+1) {
			t.Fatalf("root at %d is wrong", i+1)
		}
		full := log.full(i + 1)
		if !slices.Equal(a.FullSubtrees(), full) {
			t.Fatalf("full subtrees at %d are wrong", i+1)
		}
		if root, err := Root(i+1, full); err != nil || root != log.root(i+1) {
			t.Fatalf("Root(%d): %v", i+1, err)
		}
		// Starting again from the full subtrees makes no difference.
		var err error
		if a, err = NewAppender(i+1, full); err != nil {
			t.Fatal(err)
		}
	}
	// Every balanced subtree has its own place, and its value stands there.
	seen := make([]bool, len(stored))
	for level := uint8(0); uint64(1)<<level <= n; level++ {
		for index := uint64(0); (index+1)<<level <= n; index++ {
			d := Node{level, index}
			at := StoredIndex(d)
			if at != uint64(tlog.StoredHashIndex(int(level), int64(index))) {
				t.Fatalf("StoredIndex(%v) = %d", d, at)
			}
			if stored[at] != log.value(d) {
				t.Fatalf("stored value %d is not that of %v", at, d)
			}
			seen[at] = true
		}
	}
	if slices.Contains(seen, false) {
		t.Error("a gap in the stored indices")
	}
}

func TestAppenderArguments(t *testing.T) {
	log := newSlowLog(8, 8)
	if _, err := NewAppender(7, log.full(8)); !errors.Is(err, ErrArgument) {
		t.Errorf("%v", err)
	}
	if _, err := NewAppender(MaxSize+1, log.full(3)); !errors.Is(err, ErrArgument) {
		t.Errorf("%v", err)
	}
	if _, err := Root(0, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("%v", err)
	}
	if new(Appender).Root() != (wire.HashValue{}) {
		t.Error("an empty tree has a root")
	}
	// The caller's slice stays its own.
	full := log.full(3)
	a, err := NewAppender(3, full)
	if err != nil {
		t.Fatal(err)
	}
	a.Append(nil, LeafHash(log[3]))
	if !slices.Equal(full, log.full(3)) {
		t.Error("Append wrote to the slice it started from")
	}
}

func TestFullSubtreesAreTheProses(t *testing.T) {
	for n := uint64(1); n <= 300; n++ {
		var want []Node
		for _, x := range slowTree(0, n, nil).full() {
			want = append(want, x.node())
		}
		if got := FullSubtrees(n); !slices.Equal(got, want) {
			t.Fatalf("FullSubtrees(%d) = %v, want %v", n, got, want)
		}
	}
	if len(FullSubtrees(0)) != 0 {
		t.Error("an empty tree has full subtrees")
	}
	rapid.Check(t, func(t *rapid.T) { // they cover any tree, in order
		n := rapid.Uint64Range(1, MaxSize).Draw(t, "n")
		end := uint64(0)
		for _, d := range FullSubtrees(n) {
			if d.Start() != end || !d.isFull(n) {
				t.Fatalf("%v after %d", d, end)
			}
			end = d.End()
		}
		if end != n {
			t.Fatalf("covered %d of %d", end, n)
		}
	})
}

// TestLeafHash is the encoding of LogEntry, written out.
func TestLeafHash(t *testing.T) {
	var prefix wire.HashValue
	for i := range prefix {
		prefix[i] = 0xab
	}
	encoded := append([]byte{1, 2, 3, 4, 5, 6, 7, 8}, prefix[:]...)
	if LeafHash(wire.LogEntry{Timestamp: 0x0102030405060708, PrefixTree: prefix}) != sha256.Sum256(encoded) {
		t.Error("wrong leaf value")
	}
}

// TestAccumulatedRoots pins the roots of the first 10,000 trees of one log.
func TestAccumulatedRoots(t *testing.T) {
	h := sha256.New()
	a := new(Appender)
	var buf []wire.HashValue
	for i := range uint64(10_000) {
		buf = a.Append(buf[:0], LeafHash(wire.LogEntry{Timestamp: i}))
		root := a.Root()
		h.Write(root[:])
	}
	const want = "7d6abe9b2e2e033e23ed1077f406e4fe9be9489956f9c5bb3075710317ef949f"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("accumulated hash %s", got)
	}
}

func BenchmarkAppend(b *testing.B) {
	a := new(Appender)
	var buf []wire.HashValue
	for b.Loop() {
		buf = a.Append(buf[:0], wire.HashValue{})
	}
}
