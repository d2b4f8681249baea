package gossip

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/wire"
)

// slowCompare is the example code of "Detecting Forks", word by word.
func slowCompare(a, b []wire.HashValue) (ok bool, same bool) {
	if len(a) != len(b) {
		return false, false
	}
	n := len(a)
	for x := 0; x < n; x++ {
		if slices.Equal(a[:n-x], b[x:]) || slices.Equal(b[:n-x], a[x:]) {
			return true, true
		}
	}
	return false, true
}

// TestCompareRoots holds the function against the draft's example code, over short
// lists of few values, and over windows of one list.
func TestCompareRoots(t *testing.T) {
	list := func(t *rapid.T, what string) (out []wire.HashValue) {
		for _, v := range rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 5).Draw(t, what) {
			out = append(out, wire.HashValue{v})
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := list(t, "a"), list(t, "b")
		if rapid.Bool().Draw(t, "windows") {
			all := make([]wire.HashValue, 12)
			for i := range all {
				all[i] = wire.HashValue{byte(i)}
			}
			n := rapid.IntRange(1, 6).Draw(t, "n")
			i, j := rapid.IntRange(0, 6).Draw(t, "i"), rapid.IntRange(0, 6).Draw(t, "j")
			a, b = all[i:i+n], all[j:j+n]
			if want := max(i, j)-min(i, j) < n; (CompareRoots(a, b) == nil) != want {
				t.Fatalf("windows at %d and %d of %d: want %v", i, j, n, want)
			}
		}
		err := CompareRoots(a, b)
		ok, same := slowCompare(a, b)
		switch {
		case ok != (err == nil):
			t.Fatalf("%v %v: %v, the draft says %v", a, b, err, ok)
		case !ok && same && len(a) > 0 && !errors.Is(err, ErrNoOverlap), !same && !errors.Is(err, ErrIncomparable):
			t.Fatalf("%v %v: %v", a, b, err)
		}
	})
	if err := CompareRoots(nil, nil); !errors.Is(err, ErrIncomparable) {
		t.Error(err)
	}
}
