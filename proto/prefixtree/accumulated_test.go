package prefixtree

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// TestAccumulated pins every root, page and proof of thousands of random trees.
func TestAccumulated(t *testing.T) {
	const want = "5711d942d4e4ad69f44092f478b75de91b51e2fe49b614adc9f604718ea099e3"
	trees := 3000
	if testing.Short() {
		t.Skip("long")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	sum := sha256.New()
	for range trees {
		var pages memory
		var b Builder
		present := map[int]wire.HashValue{}
		for pos := range uint64(1 + rng.IntN(6)) {
			var added, removed []wire.PrefixLeaf
			for n := range 128 {
				if rng.IntN(8) != 0 {
					continue
				}
				leaf := wire.PrefixLeaf{VRFOutput: testKey(n)}
				if c, ok := present[n]; ok {
					leaf.Commitment = c
					removed = append(removed, leaf)
					delete(present, n)
				}
				if len(removed) == 0 || rng.IntN(2) == 0 {
					leaf.Commitment = testCommitment(rng.IntN(1000))
					added = append(added, leaf)
					present[n] = leaf.Commitment
				}
			}
			SortLeaves(added)
			SortLeaves(removed)
			var proof wire.PrefixProof
			page, root, err := b.Apply(pages, pos, added, removed, &proof)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
			sum.Write(page)
			sum.Write(root[:])
			for _, r := range proof.Results {
				sum.Write([]byte{byte(r.ResultType), r.Depth})
				sum.Write(r.Leaf.VRFOutput[:])
				sum.Write(r.Leaf.Commitment[:])
			}
			for _, e := range proof.Elements {
				sum.Write(e[:])
			}
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("accumulated hash %s, want %s", got, want)
	}
}
