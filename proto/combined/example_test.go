package combined

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// Appendix "CombinedTreeProof Implementation", "Worked Example", to the letter.
func TestWorkedExample(t *testing.T) {
	// "T_12 - T_7 is greater than or equal to the Reasonable Monitoring Window
	// while T_12 - T_11 is less than it"
	w := &world{params: Params{ReasonableMonitoringWindow: 100}}
	for pos := range uint64(13) {
		versions := 0
		if pos == 2 || pos == 5 || pos == 9 {
			versions = 1 // "a label whose greatest version is 2"
		}
		ms := 1000 + 10*pos
		if pos > 7 {
			ms += 100
		}
		w.grow(ms, versions, 3)
	}
	T := func(pos int) uint64 { return w.entries[pos].Timestamp }
	const last, size = 4, 13
	retained := w.retained(last)
	if len(retained.FullSubtrees) != 1 || len(retained.Frontier) != 1 || retained.Frontier[0] != w.entries[3] {
		t.Fatalf("retained %+v", retained)
	}

	// "VRF proofs for exactly these versions are provided"
	if got := SearchVersions(2); !slices.Equal(got, []uint32{0, 1, 3, 2}) {
		t.Fatalf("versions %v", got)
	}
	o := run{name: "example", known: w.known(size, SearchVersions(2)...), algo: func(v *View) (any, error) {
		if d, ok := v.RightmostDistinguished(); !ok || d != 11 {
			t.Errorf("rightmost distinguished entry %d %v", d, ok)
		}
		if d, err := v.IsDistinguished(7); err != nil || !d {
			t.Errorf("entry 7: %v %v", d, err)
		}
		return v.Greatest(2)
	}}
	proof, terminal, result := o.check(t, w, size, last)
	if terminal != uint64(11) {
		t.Errorf("terminal entry %v", terminal)
	}
	if want := []uint64{T(7), T(11), T(12)}; !slices.Equal(proof.Timestamps, want) {
		t.Errorf("timestamps %v, want %v", proof.Timestamps, want)
	}
	// "inclusion of version 0, inclusion of version 1, non-inclusion of version 3,
	// and inclusion of version 2"; then "a single result: non-inclusion of version 3"
	var included [][]bool
	for _, p := range proof.PrefixProofs {
		var results []bool
		for _, r := range p.Results {
			results = append(results, r.ResultType == wire.Inclusion)
		}
		included = append(included, results)
	}
	if want := [][]bool{{true, true, false, true}, {false}}; !reflect.DeepEqual(included, want) {
		t.Errorf("prefix proofs show %v, want %v", included, want)
	}
	// "exactly one element: the prefix tree root hash of entry 7"
	if want := []wire.HashValue{w.entries[7].PrefixTree}; !slices.Equal(proof.PrefixRoots, want) {
		t.Errorf("prefix roots %x, want %x", proof.PrefixRoots, want)
	}
	// "the head value of the subtree with leaves 4 and 5, the value of leaf 6, the
	// head value of the subtree with leaves 8 and 9, and the value of leaf 10"
	want, _ := w.LogNodes([]logtree.Node{{Level: 1, Index: 2}, {Level: 0, Index: 6}, {Level: 1, Index: 4}, {Level: 0, Index: 10}})
	if !slices.Equal(proof.Inclusion.Elements, want) {
		t.Errorf("inclusion %x, want %x", proof.Inclusion.Elements, want)
	}
	// "the full subtrees of the new tree (leaves 0 through 7, leaves 8 through 11,
	// and leaf 12), which it retains along with the log entries on the new frontier"
	full, _ := w.LogNodes([]logtree.Node{{Level: 3, Index: 0}, {Level: 2, Index: 2}, {Level: 0, Index: 12}})
	if next := result.Next; next.Size != 13 || !slices.Equal(next.FullSubtrees, full) ||
		!slices.Equal(next.Frontier, []wire.LogEntry{w.entries[7], w.entries[11], w.entries[12]}) {
		t.Errorf("retained %+v", result.Next)
	}
}

// The versions of binary_ladder, against the draft's rules and by hand.
func TestBinaryLadderVersions(t *testing.T) {
	u := func(v uint32) *uint32 { return &v }
	for _, c := range []struct{ got, want any }{
		{SearchVersions(0), []uint32{0, 1}},
		{SearchVersions(6), []uint32{0, 1, 3, 7, 5, 6}},
		{OwnerInitVersions(nil), []uint32{0}},
		{OwnerInitVersions([]uint32{6, 6, 2, 0}), []uint32{0, 1, 2, 3, 5, 6, 7}},
		{OwnerInitVersions([]uint32{0}), []uint32{0, 1}},
		// "If there was no previous greatest version of the label, omit only the version zero."
		{UpdateVersions(nil, 0), []uint32{1}},
		{UpdateVersions(nil, 3), []uint32{1, 2, 3, 4, 5, 7}},
		// 0 1 3 2 are in the previous ladder; 0 1 3 7 5 4 in the new one.
		{UpdateVersions(u(2), 4), []uint32{4, 5, 7}},
		// One new version: the ladder of 6 without that of 5 (0 1 3 7 5 6).
		{UpdateVersions(u(5), 6), []uint32{}},
		{UpdateVersions(u(4), 6), []uint32{6}},
		// 2^32-1: lookups beyond it are skipped.
		{len(SearchVersions(1<<32 - 1)), 33},
		{UpdateVersions(u(1<<32-2), 1<<32-1), []uint32{}},
	} {
		if fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}
