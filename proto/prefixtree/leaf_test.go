package prefixtree

import (
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

type leafPages [][]byte

func (p leafPages) Page(pos uint64) ([]byte, error) { return p[pos], nil }

// TestLeafHasTheRankItHadWhenAdded: every leaf is found by its rank in the entry
// that added it, however later entries moved it.
func TestLeafHasTheRankItHadWhenAdded(t *testing.T) {
	var pages leafPages
	var b Builder
	var entries [][]wire.PrefixLeaf
	for pos := range uint64(20) {
		added := make([]wire.PrefixLeaf, 1+pos*3)
		for i := range added {
			added[i] = wire.PrefixLeaf{VRFOutput: sha256.Sum256([]byte{byte(pos), byte(i)}), Commitment: sha256.Sum256([]byte{byte(i), byte(pos), 1})}
		}
		SortLeaves(added)
		page, _, err := b.Apply(pages, pos, added, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		pages, entries = append(pages, page), append(entries, added)
	}
	for pos, added := range entries {
		for rank, want := range added {
			if got, err := Leaf(pages, uint64(pos), uint8(rank)); err != nil || got != want {
				t.Fatalf("leaf %d of entry %d differs (%v)", rank, pos, err)
			}
		}
		if _, err := Leaf(pages, uint64(pos), uint8(len(added))); !errors.Is(err, ErrAbsent) {
			t.Fatalf("a leaf beyond the last one: %v", err)
		}
	}
}
