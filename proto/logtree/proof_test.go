package logtree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/bits"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

// TestWorkedProof is the inclusion field of "Worked Example".
func TestWorkedProof(t *testing.T) {
	log := newSlowLog(13, 1)
	positions := []uint64{7, 11, 12}
	needed := Needed(positions, 13, 4, 0)
	want := []Node{{1, 2}, {0, 6}, {1, 4}, {0, 10}} // [4,6) 6 [8,10) 10
	if !slices.Equal(needed, want) {
		t.Fatalf("elements %v, want %v", needed, want)
	}
	e, err := Evaluate(log.leaves(positions), 4, log.full(4), 13, 0, log.values(needed))
	if err != nil {
		t.Fatal(err)
	}
	if e.Root() != log.root(13) {
		t.Error("wrong root")
	}
	// "the head values of the full subtrees of the new tree (leaves 0 through 7, leaves 8 through 11, and leaf 12)"
	full := []wire.HashValue{log.value(Node{3, 0}), log.value(Node{2, 2}), log.value(Node{0, 12})}
	if !slices.Equal(e.FullSubtrees(), full) {
		t.Error("wrong full subtrees")
	}
}

// TestWorkedFigures are the two figures of "Log Tree" in "Tree Construction".
func TestWorkedFigures(t *testing.T) {
	if got := Needed([]uint64{2}, 6, 0, 0); !slices.Equal(got, []Node{{1, 0}, {0, 3}, {1, 2}}) {
		t.Errorf("inclusion of leaf 2 in 6 leaves: %v", got)
	}
	if got := Needed(nil, 7, 5, 0); !slices.Equal(got, []Node{{0, 5}, {0, 6}}) {
		t.Errorf("consistency of 5 and 7 leaves: %v", got)
	}
}

// bits of a mask, as positions.
func positionsOf(mask uint64) (out []uint64) {
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, uint64(bits.TrailingZeros64(mask)))
	}
	return out
}

// TestProofsAreMinimal tries every set of balanced subtrees: the nodes needed are
// the smallest set from which both roots follow, and the only one of that size.
// A set may not contain a node above what is known or above the audited edge: a
// leaf that is beside the computation would not be proved by it.
func TestProofsAreMinimal(t *testing.T) {
	for n := uint64(1); n <= 6; n++ {
		for mask := range uint64(1) << n {
			for prev := range n + 1 {
				for also := range n + 1 {
					checkMinimal(t, n, positionsOf(mask), prev, also)
				}
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Uint64Range(7, 8).Draw(r, "n")
		leaves := positionsOf(rapid.Uint64Range(0, 1<<n-1).Draw(r, "leaves"))
		checkMinimal(r, n, leaves, rapid.Uint64Range(0, n).Draw(r, "prev"), rapid.Uint64Range(0, n).Draw(r, "also"))
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkMinimal(t fataler, n uint64, leaves []uint64, prev, also uint64) {
	t.Helper()
	needed := Needed(leaves, n, prev, also)
	if slow := slowNeeded(n, leaves, prev, also); !slices.Equal(needed, slow) {
		t.Fatalf("Needed(%d, n=%d, prev=%d, also=%d) = %v, want %v", leaves, n, prev, also, needed, slow)
	}
	// Number the balanced subtrees, children first, as bits of a mask.
	tree := slowTree(0, n, nil)
	s := slowSources(tree, leaves, prev, also)
	var nodes []*slowNode
	var number func(x *slowNode)
	number = func(x *slowNode) {
		if x == nil {
			return
		}
		number(x.left)
		number(x.right)
		if x.balanced() {
			nodes = append(nodes, x)
		}
	}
	number(tree)
	set := func(list []*slowNode) (mask uint64) {
		for _, x := range list {
			mask |= 1 << slices.Index(nodes, x)
		}
		return mask
	}
	known := set(s.known)
	required := set(tree.full()) | set(s.audited)
	children := make([]uint64, len(nodes))
	var allowed uint64
	for i, x := range nodes {
		if x.left != nil {
			children[i] = set([]*slowNode{x.left, x.right})
		}
		if !slices.ContainsFunc(s.known, x.contains) && !(x.lo < also && also < x.hi) {
			allowed |= 1 << i
		}
	}
	best, ways, chosen := 65, 0, uint64(0)
	for given := allowed; ; given = (given - 1) & allowed {
		if size := bits.OnesCount64(given); size <= best {
			have := given | known
			for i, c := range children {
				if c != 0 && have&c == c {
					have |= 1 << i
				}
			}
			if have&required == required {
				if size < best {
					best, ways = size, 0
				}
				ways++
				chosen = given
			}
		}
		if given == 0 {
			break
		}
	}
	var smallest []Node
	for i, x := range nodes {
		if chosen>>i&1 == 1 {
			smallest = append(smallest, x.node())
		}
	}
	slices.SortFunc(smallest, func(a, b Node) int { return int(a.Start()) - int(b.Start()) })
	if ways != 1 || !slices.Equal(needed, smallest) {
		t.Fatalf("Needed(%d, n=%d, prev=%d, also=%d) = %v, but the smallest set is %v (one of %d)",
			leaves, n, prev, also, needed, smallest, ways)
	}
}

// A proofCase is a proof with everything that goes into it.
type proofCase struct {
	log           slowLog
	n, prev, also uint64
	positions     []uint64
	leaves        []Leaf
	retained      []wire.HashValue
	elements      []wire.HashValue
}

func (c proofCase) evaluate() (*Evaluation, error) {
	return Evaluate(c.leaves, c.prev, c.retained, c.n, c.also, c.elements)
}

func anyProof(t *rapid.T, greatest uint64) proofCase {
	n := rapid.Uint64Range(1, greatest).Draw(t, "n")
	c := proofCase{
		log:  newSlowLog(n, 2),
		n:    n,
		prev: rapid.Uint64Range(0, n).Draw(t, "prev"),
		also: rapid.Uint64Range(0, n).Draw(t, "also"),
	}
	c.positions = rapid.SliceOfNDistinct(rapid.Uint64Range(0, n-1), 0, int(min(n, 8)), rapid.ID[uint64]).Draw(t, "leaves")
	slices.Sort(c.positions)
	c.leaves = c.log.leaves(c.positions)
	c.retained = c.log.full(c.prev)
	c.elements = c.log.values(Needed(c.positions, c.n, c.prev, c.also))
	return c
}

func TestProofsVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyProof(t, 150)
		if got, want := Needed(c.positions, c.n, c.prev, c.also), slowNeeded(c.n, c.positions, c.prev, c.also); !slices.Equal(got, want) {
			t.Fatalf("Needed = %v, want %v", got, want)
		}
		e, err := c.evaluate()
		if err != nil {
			t.Fatal(err)
		}
		if e.Root() != c.log.root(c.n) {
			t.Fatal("wrong root")
		}
		if !slices.Equal(e.FullSubtrees(), c.log.full(c.n)) {
			t.Fatal("wrong full subtrees")
		}
		also, ok := e.AlsoRoot()
		if ok != (c.also != 0) || ok && also != c.log.root(c.also) {
			t.Fatalf("root at %d: %x, %v", c.also, also, ok)
		}
		sizes := []uint64{c.n, c.also, c.prev}
		for _, pos := range c.positions {
			sizes = append(sizes, pos+1)
		}
		for _, size := range sizes {
			if size == 0 {
				continue
			}
			root, err := e.RootAt(size)
			if err != nil || root != c.log.root(size) {
				t.Fatalf("RootAt(%d) = %x, %v", size, root, err)
			}
			if full, err := e.FullSubtreesAt(size); err != nil || !slices.Equal(full, c.log.full(size)) {
				t.Fatalf("FullSubtreesAt(%d) = %x, %v", size, full, err)
			}
		}
		// Whatever else it says about other sizes must be right, too.
		for size := range c.n {
			if root, err := e.RootAt(size + 1); err == nil && root != c.log.root(size+1) {
				t.Fatalf("RootAt(%d) = %x", size+1, root)
			}
		}
	})
}

func TestUnreachedSizesHaveNoRoot(t *testing.T) {
	log := newSlowLog(8, 3)
	e, err := Evaluate(log.leaves([]uint64{7}), 0, nil, 8, 0, log.values(Needed([]uint64{7}, 8, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []uint64{0, 3, 9, 1 << 63, 1<<64 - 1} {
		if _, err := e.RootAt(size); !errors.Is(err, ErrArgument) {
			t.Errorf("RootAt(%d): %v", size, err)
		}
	}
	if _, ok := e.AlsoRoot(); ok {
		t.Error("a second root that nobody asked for")
	}
}

// TestCorruptionsShow flips each bit in turn of some values of random proofs.
func TestCorruptionsShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyProof(t, 40)
		var targets []*wire.HashValue
		for i := range c.leaves {
			targets = append(targets, &c.leaves[i].Value)
		}
		for i := range c.retained {
			targets = append(targets, &c.retained[i])
		}
		for i := range c.elements {
			targets = append(targets, &c.elements[i])
		}
		if len(targets) == 0 {
			t.Skip()
		}
		want := c.log.root(c.n)
		bit := rapid.IntRange(0, 255).Draw(t, "bit")
		for i, v := range targets {
			v[bit/8] ^= 1 << (bit % 8)
			e, err := c.evaluate()
			if err == nil && e.Root() == want {
				t.Fatalf("bit %d of value %d can be flipped", bit, i)
			}
			if err != nil && !errors.Is(err, ErrProof) {
				t.Fatal(err)
			}
			v[bit/8] ^= 1 << (bit % 8)
		}
	})
}

// TestUsersMustVerifyRecomputedRetainedSubtrees is "Users MUST verify that the
// computed value for the head of any such subtree matches the retained value":
// a forked log proves leaves inside what the user retained, and is perfectly
// consistent with its own root.
func TestUsersMustVerifyRecomputedRetainedSubtrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyProof(t, 40)
		fork := slices.Clone(c.log)
		if c.prev == 0 {
			t.Skip()
		}
		at := rapid.Uint64Range(0, c.prev-1).Draw(t, "forked at")
		fork[at].Timestamp++
		if !slices.Contains(c.positions, at) {
			c.positions = append(c.positions, at)
			slices.Sort(c.positions)
		}
		forged := proofCase{
			n: c.n, prev: c.prev, also: c.also,
			leaves:   fork.leaves(c.positions),
			retained: c.retained, // of the true log
			elements: fork.values(Needed(c.positions, c.n, c.prev, c.also)),
		}
		if _, err := forged.evaluate(); !errors.Is(err, ErrProof) {
			t.Fatalf("a fork at %d was accepted by somebody who retained %d leaves: %v", at, c.prev, err)
		}
		forged.retained = fork.full(c.prev)
		if _, err := forged.evaluate(); err != nil {
			t.Fatalf("the fork does not even hold in itself: %v", err)
		}
	})
}

// TestAuditedSizeIsBoundToRetained is the same trap without any leaf: the audited
// size ends inside a retained subtree.
func TestAuditedSizeIsBoundToRetained(t *testing.T) {
	log, fork := newSlowLog(8, 4), newSlowLog(8, 5)
	for also := uint64(1); also < 8; also++ {
		elements := fork.values(Needed(nil, 8, 8, also))
		if _, err := Evaluate(nil, 8, log.full(8), 8, also, elements); !errors.Is(err, ErrProof) {
			t.Errorf("an auditor's root of %d leaves of another log was accepted: %v", also, err)
		}
	}
}

func TestElementsAreUsedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyProof(t, 100)
		elements := c.elements
		c.elements = append(slices.Clone(elements), wire.HashValue{})
		if _, err := c.evaluate(); !errors.Is(err, ErrProof) {
			t.Fatalf("one element too many: %v", err)
		}
		if len(elements) > 0 {
			c.elements = elements[:len(elements)-1]
			if _, err := c.evaluate(); !errors.Is(err, ErrProof) {
				t.Fatalf("one element too few: %v", err)
			}
		}
	})
}

func TestEdges(t *testing.T) {
	log := newSlowLog(9, 6)
	// Nothing new: a user who retained the whole tree needs nothing at all.
	for n := uint64(1); n <= 9; n++ {
		if got := Needed(nil, n, n, 0); len(got) != 0 {
			t.Errorf("Needed(nil, %d, %d) = %v", n, n, got)
		}
		e, err := Evaluate(nil, n, log.full(n), n, n, nil)
		if err != nil || e.Root() != log.root(n) {
			t.Errorf("retained size %d: %v", n, err)
		}
	}
	// One leaf: its value is the root.
	e, err := Evaluate(log.leaves([]uint64{0}), 0, nil, 1, 1, nil)
	if err != nil || e.Root() != LeafHash(log[0]) {
		t.Errorf("one leaf: %v", err)
	}
	// Nothing known: the full subtrees.
	if got := Needed(nil, 7, 0, 0); !slices.Equal(got, FullSubtrees(7)) {
		t.Errorf("Needed(nil, 7) = %v", got)
	}
	bad := []struct {
		name          string
		leaves        []uint64
		n, prev, also uint64
	}{
		{"empty tree", nil, 0, 0, 0},
		{"too large", nil, MaxSize + 1, 0, 0},
		{"smaller than retained", nil, 4, 5, 0},
		{"smaller than audited", nil, 4, 0, 5},
		{"leaf beyond the edge", []uint64{4}, 4, 0, 0},
		{"descending", []uint64{2, 1}, 4, 0, 0},
		{"twice", []uint64{2, 2}, 4, 0, 0},
	}
	for _, b := range bad {
		if got := Needed(b.leaves, b.n, b.prev, b.also); got != nil {
			t.Errorf("%s: Needed = %v", b.name, got)
		}
		var leaves []Leaf
		for _, pos := range b.leaves {
			leaves = append(leaves, Leaf{Pos: pos})
		}
		if _, err := Evaluate(leaves, b.prev, log.full(b.prev), b.n, b.also, nil); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", b.name, err)
		}
	}
	if _, err := Evaluate(nil, 5, log.full(4), 5, 0, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("too few retained subtrees: %v", err)
	}
	if _, err := Evaluate(nil, 0, log.full(4), 5, 0, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("subtrees retained from nowhere: %v", err)
	}
}

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
