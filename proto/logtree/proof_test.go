package logtree

import (
	"errors"
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
