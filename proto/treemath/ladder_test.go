package treemath

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// slowBase transcribes "Binary Ladder": it asks a log whose greatest version is
// greatest, and follows the answers.
func slowBase(greatest uint64, lookup func(v uint64) (included, stop bool)) {
	ask := func(v uint64) (bool, bool) {
		if v > 1<<32-1 {
			// "Any lookup for a greater version is skipped and the algorithm
			// above continues as if the lookup resulted in a non-inclusion proof."
			return false, false
		}
		return lookup(v)
	}
	// "First, version x of the label is looked up, where x is a consecutively
	// higher power of two minus one (0, 1, 3, 7, ...). This is repeated until
	// the first non-inclusion proof is produced."
	var included, missing uint64
	for k := 0; ; k++ {
		x := uint64(1)<<k - 1
		in, stop := ask(x)
		if stop {
			return
		}
		if !in {
			missing = x
			break
		}
		included = x
	}
	// "Once the first non-inclusion proof is produced, a binary search is
	// conducted between the greatest version that was proved to be included and
	// the version that was proved to not be included."
	for missing-included > 1 {
		x := included + (missing-included)/2
		in, stop := ask(x)
		if stop {
			return
		}
		if in {
			included = x
		} else {
			missing = x
		}
	}
}

func slowBaseLadder(n uint32) (versions []uint32) {
	slowBase(uint64(n), func(v uint64) (bool, bool) {
		versions = append(versions, uint32(v))
		return v <= uint64(n), false
	})
	return versions
}

// slowSearchLadder transcribes the two optimizations of "Greatest-Version
// Search", "Binary Ladder", in a log whose greatest version is n, or -1 if there
// is none.
func slowSearchLadder(t uint32, n int64, left, right map[uint32]bool) (versions []uint32) {
	slowBase(uint64(t), func(x uint64) (bool, bool) {
		v := uint32(x)
		included := int64(v) <= n
		if !left[v] && !right[v] {
			versions = append(versions, v)
		}
		// "the series of lookups ends after the first inclusion proof for a
		// version greater than the target version, or the first non-inclusion
		// proof for a version less than or equal to the target version."
		return included, included && v > t || !included && v <= t
	})
	return versions
}

// appendixSearchLadder transcribes search_binary_ladder of the appendix.
func appendixSearchLadder(t, n uint32) (out []uint32) {
	for _, v := range slowBaseLadder(n) {
		out = append(out, v)
		if v <= n && v > t || v > n && v <= t {
			break
		}
	}
	return out
}

// run returns the lookups of a search ladder of the package when n is the
// greatest version.
func run(t uint32, n int64, ladder []uint32) []uint32 {
	for i, v := range ladder {
		if Ends(t, v, int64(v) <= n) {
			return ladder[:i+1]
		}
	}
	return ladder
}

func TestWorkedLadders(t *testing.T) {
	// "inclusion proofs for versions 0, 1, 3, a non-inclusion proof for version
	// 7, then followed by inclusion proofs for versions 5 and 6."
	if got := BaseLadder(6); !slices.Equal(got, []uint32{0, 1, 3, 7, 5, 6}) {
		t.Errorf("BaseLadder(6) = %d", got)
	}
	// "Worked Example"
	if got := SearchLadder(2, nil, nil); !slices.Equal(got, []uint32{0, 1, 3, 2}) {
		t.Errorf("SearchLadder(2) = %d", got)
	}
	in := func(v uint32) bool { return v <= 2 }
	if got := SearchLadder(2, in, nil); !slices.Equal(got, []uint32{3}) {
		t.Errorf("SearchLadder(2) to the right = %d", got)
	}
	if got := BaseLadder(0); !slices.Equal(got, []uint32{0, 1}) {
		t.Errorf("BaseLadder(0) = %d", got)
	}
	if got := MonitoringLadder(6); !slices.Equal(got, []uint32{0, 1, 3, 5, 6}) {
		t.Errorf("MonitoringLadder(6) = %d", got)
	}
}

func TestLaddersAreTheProses(t *testing.T) {
	for target := uint32(0); target <= 130; target++ {
		if got, want := BaseLadder(target), slowBaseLadder(target); !slices.Equal(got, want) {
			t.Fatalf("BaseLadder(%d) = %d, want %d", target, got, want)
		}
		var monitoring []uint32
		for _, v := range slowBaseLadder(target) {
			if v <= target { // "omitting any lookup for a version greater than the target version"
				monitoring = append(monitoring, v)
			}
		}
		if got := MonitoringLadder(target); !slices.Equal(got, monitoring) {
			t.Fatalf("MonitoringLadder(%d) = %d, want %d", target, got, monitoring)
		}
		ladder := SearchLadder(target, nil, nil)
		for n := int64(-1); n <= 270; n++ {
			got := run(target, n, ladder)
			if want := slowSearchLadder(target, n, nil, nil); !slices.Equal(got, want) {
				t.Fatalf("SearchLadder(%d) where %d is the greatest: %d, want %d", target, n, got, want)
			}
			if n < 0 {
				continue
			}
			if want := appendixSearchLadder(target, uint32(n)); !slices.Equal(got, want) {
				t.Fatalf("SearchLadder(%d) where %d is the greatest: %d, the appendix has %d", target, n, got, want)
			}
		}
	}
}

func anyVersion(t *rapid.T, name string) uint32 {
	k := rapid.IntRange(0, 32).Draw(t, name+" bits")
	top := uint64(1) << k
	if rapid.Bool().Draw(t, name+" around") {
		return uint32(min(max(top+rapid.Uint64Range(0, 4).Draw(t, "near"), 2)-2, MaxVersion))
	}
	return uint32(rapid.Uint64Range(0, top-1).Draw(t, name))
}

func TestLaddersOfAnyVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target, n := anyVersion(t, "target"), anyVersion(t, "greatest")
		if got, want := BaseLadder(target), slowBaseLadder(target); !slices.Equal(got, want) {
			t.Fatalf("BaseLadder(%d) = %d, want %d", target, got, want)
		}
		if len(BaseLadder(target)) > MaxLadder {
			t.Fatalf("BaseLadder(%d) has %d lookups", target, len(BaseLadder(target)))
		}
		got := run(target, int64(n), SearchLadder(target, nil, nil))
		if want := appendixSearchLadder(target, n); !slices.Equal(got, want) {
			t.Fatalf("SearchLadder(%d) where %d is the greatest: %d, want %d", target, n, got, want)
		}
	})
}

// TestOmittedLookups draws entries left and right of one with a greatest version
// n, as searches visit them: to the right after seeing no more than the target,
// to the left after seeing no less.
func TestOmittedLookups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-1, 60).Draw(t, "greatest")
		target := rapid.Uint32Range(0, 60).Draw(t, "target")
		left, right := map[uint32]bool{}, map[uint32]bool{}
		for range rapid.IntRange(0, 2).Draw(t, "entries to the left") {
			before := rapid.Int64Range(-1, min(n, int64(target))).Draw(t, "left")
			for _, v := range slowSearchLadder(target, before, nil, nil) {
				left[v] = left[v] || int64(v) <= before
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "entries to the right") {
			after := rapid.Int64Range(max(n, int64(target)), 70).Draw(t, "right")
			for _, v := range slowSearchLadder(target, after, nil, nil) {
				right[v] = right[v] || int64(v) > after
			}
		}
		ladder := SearchLadder(target, func(v uint32) bool { return left[v] }, func(v uint32) bool { return right[v] })
		got := run(target, n, ladder)
		if want := slowSearchLadder(target, n, left, right); !slices.Equal(got, want) {
			t.Fatalf("SearchLadder(%d) where %d is the greatest: %d, want %d", target, n, got, want)
		}
	})
}

// TestGreatestVersionsAreSkipped is the rule for versions beyond 2^32-1.
func TestGreatestVersionsAreSkipped(t *testing.T) {
	ladder := BaseLadder(MaxVersion)
	if len(ladder) != 33 || ladder[32] != MaxVersion || ladder[31] != 1<<31-1 {
		t.Errorf("BaseLadder(2^32-1) = %d", ladder)
	}
	ladder = BaseLadder(MaxVersion - 1)
	if len(ladder) != 64 || ladder[32] != MaxVersion || ladder[63] != MaxVersion-1 {
		t.Errorf("BaseLadder(2^32-2) = %d", ladder)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	got := AppendSearchLadder([]uint32{9, 9}, 2, func(v uint32) bool { return v == 9 || v == 0 }, nil)
	if !slices.Equal(got, []uint32{9, 9, 1, 3, 2}) {
		t.Errorf("%d", got)
	}
}

// TestAccumulatedLadders pins the ladders of 50,000 versions.
func TestAccumulatedLadders(t *testing.T) {
	h := sha256.New()
	var ladder []uint32
	var b []byte
	for i := range uint32(50_000) {
		n := i * i // wraps around: every magnitude
		ladder = AppendMonitoringLadder(AppendBaseLadder(ladder[:0], n), n)
		b = b[:0]
		for _, v := range ladder {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		h.Write(b)
	}
	const want = "b9c12a63241496ea0bfa7397f13f83082e42ec2e5747a38c1385d6c3c92a6ed4"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("accumulated hash %s", got)
	}
}

func BenchmarkBaseLadder(b *testing.B) {
	var ladder []uint32
	for i := uint32(0); b.Loop(); i++ {
		ladder = AppendBaseLadder(ladder[:0], i%1000)
	}
}
