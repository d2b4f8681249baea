package checkpoint

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestInclusionProofs(t *testing.T) {
	log := newTestLog(t, 70, 1)
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Uint64Range(1, 70).Draw(rt, "size")
		pos := rapid.Uint64Range(0, size-1).Draw(rt, "position")
		c, leaf := log.at(t, size), log.leaves[pos]
		record, err := tlog.ProveRecord(int64(size), int64(pos), log)
		if err != nil {
			rt.Fatal(err)
		}
		proof := []Hash(record)
		if err := CheckInclusion(c, &leaf, proof); err != nil {
			rt.Fatal(err)
		}
		refused := func(what string, c Checkpoint, leaf Leaf, proof []Hash) {
			rt.Helper()
			if err := CheckInclusion(c, &leaf, proof); !errors.Is(err, ErrProof) {
				rt.Fatalf("%s: %v", what, err)
			}
		}
		refused("one hash more", c, leaf, append(slices.Clone(proof), Hash{}))
		if len(proof) > 0 {
			refused("one hash less", c, leaf, proof[1:])
			bent := slices.Clone(proof)
			bent[rapid.IntRange(0, len(bent)-1).Draw(rt, "at")][0] ^= 1
			refused("another hash", c, leaf, bent)
		}
		other := leaf
		other.Update[5] ^= 1
		refused("another leaf", c, other, proof)
		other = leaf
		other.Position = c.Size
		refused("a leaf beyond the edge", c, other, proof)
		c.Root[3] ^= 1
		refused("another root", c, leaf, proof)
		c.Size = MaxSize + 1 // sumdb/tlog would never come back
		refused("an impossible size", c, leaf, proof)
	})
}

func TestConsistencyProofs(t *testing.T) {
	log, fork := newTestLog(t, 70, 1), newTestLog(t, 70, 2)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Uint64Range(1, 70).Draw(rt, "newer")
		m := rapid.Uint64Range(1, n).Draw(rt, "older")
		older, newer := log.at(t, m), log.at(t, n)
		tree, err := tlog.ProveTree(int64(n), int64(m), log)
		if err != nil {
			rt.Fatal(err)
		}
		proof := []Hash(tree)
		if err := CheckConsistency(older, newer, proof); err != nil {
			rt.Fatal(err)
		}
		refused := func(what string, older, newer Checkpoint, proof []Hash) {
			rt.Helper()
			if err := CheckConsistency(older, newer, proof); !errors.Is(err, ErrProof) {
				rt.Fatalf("%s: %v", what, err)
			}
		}
		refused("one hash more", older, newer, append(slices.Clone(proof), Hash{}))
		if len(proof) > 0 {
			refused("one hash less", older, newer, proof[1:])
		}
		if m < n {
			refused("the other way round", newer, older, proof)
			refused("a fork", fork.at(t, m), newer, proof)
		}
		stranger := older
		stranger.Origin = "other.example.org"
		refused("two logs", stranger, newer, proof)
		newer.Size = MaxSize + 1 // sumdb/tlog would never come back
		refused("an impossible size", older, newer, proof)
	})
}

func TestTwoRootsAtOneSizeAreEvidence(t *testing.T) {
	a, b := newTestLog(t, 9, 1).at(t, 9), newTestLog(t, 9, 2).at(t, 9)
	var fork *ForkError
	if err := CheckConsistency(a, b, nil); !errors.As(err, &fork) || fork.A != a || fork.B != b {
		t.Errorf("%v", err)
	}
}

func TestEveryTreeBeginsWithTheEmptyOne(t *testing.T) {
	log := newTestLog(t, 3, 1)
	empty := log.at(t, 0)
	for size := range uint64(4) {
		if err := CheckConsistency(empty, log.at(t, size), nil); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
		if err := CheckConsistency(empty, log.at(t, size), []Hash{{}}); !errors.Is(err, ErrProof) {
			t.Errorf("size %d with a hash: %v", size, err)
		}
	}
	empty.Root[0] ^= 1
	if err := CheckConsistency(empty, log.at(t, 3), nil); !errors.Is(err, ErrProof) {
		t.Errorf("a made-up empty root: %v", err)
	}
}
