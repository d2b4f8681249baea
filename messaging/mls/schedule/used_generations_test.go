package schedule

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Used against a set of all generations for which a key was used, over jumps beyond
// the window, late messages, and restarts.
func TestUsedAgainstSet(t *testing.T) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		keys := NewSecretTree(s, mlstest.Bytes(1, s.HashSize()), 4)
		set := map[uint32]bool{}
		newest := uint32(0)
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			generation := newest + rapid.SampledFrom([]uint32{0, 1, 2, 5, Window - 1, Window, Window + 1, 2 * Window}).Draw(t, "ahead")
			if rapid.Bool().Draw(t, "late") {
				generation = newest - min(newest, rapid.Uint32Range(0, Window+2).Draw(t, "behind"))
			}
			opening, err := keys.Peek(2, Application, generation)
			if err != nil {
				continue // used, or too late
			}
			if err := opening.Commit(); err != nil {
				t.Fatal(err)
			}
			set[generation] = true
			newest = max(newest, generation)
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				record := keys.LeafRecord(2)
				keys, err = RestoreSecretTree(s, keys.InteriorRecord(), func(tree.LeafIndex) ([]byte, error) { return record, nil })
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := keys.Used(2, Application)
		if err != nil {
			t.Fatal(err)
		}
		var want []Span
		for g := uint32(0); g <= newest; g++ {
			if !set[g] {
				continue
			}
			if n := len(want); n > 0 && want[n-1].Last+1 == g {
				want[n-1].Last = g
			} else {
				want = append(want, Span{g, g})
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		if other, err := keys.Used(2, Handshake); err != nil || len(other) != 0 {
			t.Fatalf("handshake: %v, %v", other, err)
		}
	})
}

// What is kept of what was lost is bounded, and errs to the side of lost.
func TestLostIsBounded(t *testing.T) {
	r := &ratchet{}
	for i := range uint32(3 * maxLost) {
		r.lose(2*i, 2*i)
		r.next = uint64(2*i) + 2
	}
	if len(r.lost) != maxLost {
		t.Errorf("%d spans", len(r.lost))
	}
	used := r.used()
	if len(used) != maxLost || used[len(used)-1] != (Span{6*maxLost - 1, 6*maxLost - 1}) {
		t.Errorf("%d used, the last is %v", len(used), used[len(used)-1])
	}
	for _, u := range used {
		if u.First != u.Last || u.First%2 != 1 {
			t.Fatalf("%v was lost", u)
		}
	}
}
