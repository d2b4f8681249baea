package logtree

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

// TestHugeSizes plans and evaluates proofs in trees that nobody could build, with
// made-up values: the work is bounded by the path lengths.
func TestHugeSizes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1<<40, MaxSize).Draw(t, "n")
		if rapid.Bool().Draw(t, "edge") {
			n = MaxSize - n%3
		}
		prev := rapid.Uint64Range(0, n).Draw(t, "prev")
		also := rapid.Uint64Range(0, n).Draw(t, "also")
		positions := []uint64{rapid.Uint64Range(0, n-1).Draw(t, "leaf")}
		if positions[0] != n-1 {
			positions = append(positions, n-1)
		}
		needed := Needed(positions, n, prev, also)
		if len(needed) > 64*(len(positions)+2) {
			t.Fatalf("%d elements", len(needed))
		}
		// The nodes are disjoint, in order, and within the tree.
		end := uint64(0)
		for _, d := range needed {
			if d.Start() < end || d.End() > n {
				t.Fatalf("%v after %d", d, end)
			}
			end = d.End()
		}
		if StoredIndex(Node{0, n - 1}) >= StoredCount(n) {
			t.Fatal("stored index beyond the count")
		}
		leaves := []Leaf{{Pos: positions[0]}}
		if len(positions) > 1 {
			leaves = append(leaves, Leaf{Pos: n - 1})
		}
		e, err := Evaluate(leaves, 0, nil, n, also, make([]wire.HashValue, len(Needed(positions, n, 0, also))))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := e.AlsoRoot(); ok != (also != 0) {
			t.Fatal("no root at the audited size")
		}
	})
}

// TestAccumulatedProofs pins the elements of 30,000 proofs.
func TestAccumulatedProofs(t *testing.T) {
	h := sha256.New()
	state := uint64(1)
	next := func(n uint64) uint64 { // a fixed sequence
		state = state*6364136223846793005 + 1442695040888963407
		return (state >> 33) % n
	}
	var buf []byte
	for range 30_000 {
		n := 1 + next(3000)
		var leaves []uint64
		for range next(8) {
			leaves = append(leaves, next(n))
		}
		slices.Sort(leaves)
		leaves = slices.Compact(leaves)
		buf = buf[:0]
		for _, d := range Needed(leaves, n, next(n+1), next(n+1)) {
			buf = append(buf, d.Level, byte(d.Index>>8), byte(d.Index))
		}
		h.Write(append(buf, 0xff))
	}
	const want = "1ba4d611077e3922221ac33f02a5ca80487d1bc6b76c8696a4048eb6edc44563"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("accumulated hash %s", got)
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add(uint64(13), uint64(4), uint64(9), []byte{7, 11, 12}, 4)
	f.Add(uint64(1)<<63, uint64(1), uint64(1)<<62, []byte{0}, 70)
	f.Fuzz(func(t *testing.T, n, prev, also uint64, at []byte, elements int) {
		var leaves []Leaf
		var positions []uint64
		for _, pos := range at {
			leaves = append(leaves, Leaf{Pos: uint64(pos)})
			positions = append(positions, uint64(pos))
		}
		retained := make([]wire.HashValue, bits.OnesCount64(prev))
		e, err := Evaluate(leaves, prev, retained, n, also, make([]wire.HashValue, max(0, min(elements, 1<<10))))
		if err != nil {
			return
		}
		if got := len(Needed(positions, n, prev, also)); got != elements {
			t.Fatalf("%d elements were taken for %d", elements, got)
		}
		e.Root()
	})
}

func benchmarkProof(b *testing.B, n, prev, also uint64) {
	positions := []uint64{n / 7, n/3 - 5, n / 2, n/2 + 1, n/2 + 9, n - 100, n - 50, n - 10, n - 2, n - 1}
	elements := make([]wire.HashValue, len(Needed(positions, n, prev, also)))
	leaves := make([]Leaf, len(positions))
	for i, pos := range positions {
		leaves[i].Pos = pos
	}
	var buf []Node
	b.Run("needed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendNeeded(buf[:0], positions, n, prev, also)
		}
	})
	b.Run("evaluate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e, err := Evaluate(leaves, 0, nil, n, also, elements)
			if err != nil {
				b.Fatal(err)
			}
			e.Root()
		}
	})
}

func BenchmarkProof1k(b *testing.B) { benchmarkProof(b, 1013, 0, 0) }
func BenchmarkProof1M(b *testing.B) { benchmarkProof(b, 1_000_003, 0, 0) }
