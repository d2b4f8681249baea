package auditor

import (
	"bytes"
	"math"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// An addition is a leaf and the log entry that added it.
type addition struct {
	key wire.VRFOutput
	pos uint64
}

func compare(a, b *wire.VRFOutput) int { return bytes.Compare(a[:], b[:]) }

// recent is the exact set of leaves added since the rightmost distinguished log
// entry. It is a list of runs, each ascending by key and never changed once
// made. A run is merged with the one before it when that is not more than twice
// its size, so there are few of them, and each leaf is copied rarely.
type recent []run

type run struct {
	oldest uint64 // least pos of leaves
	leaves []addition
}

func makeRun(leaves []addition) run {
	r := run{oldest: math.MaxUint64, leaves: leaves}
	for i := range leaves {
		r.oldest = min(r.oldest, leaves[i].pos)
	}
	return r
}

// added returns the newest entry that added key.
func (r recent) added(key *wire.VRFOutput) (pos uint64, ok bool) {
	for _, run := range r {
		i, found := slices.BinarySearchFunc(run.leaves, key, func(a addition, k *wire.VRFOutput) int { return compare(&a.key, k) })
		if found && (!ok || run.leaves[i].pos > pos) {
			pos, ok = run.leaves[i].pos, true
		}
	}
	return pos, ok
}

// with returns r and the leaves that entry pos added, ascending.
func (r recent) with(pos uint64, added []wire.PrefixLeaf) recent {
	if len(added) == 0 {
		return r
	}
	leaves := make([]addition, len(added))
	for i := range added {
		leaves[i] = addition{added[i].VRFOutput, pos}
	}
	n := len(r)
	for n > 0 && len(r[n-1].leaves) <= 2*len(leaves) {
		n--
		leaves = merge(r[n].leaves, leaves)
	}
	return append(slices.Clone(r[:n]), makeRun(leaves))
}

// after returns the leaves of r that entries after pos added.
func (r recent) after(pos uint64) recent {
	if !slices.ContainsFunc(r, func(run run) bool { return run.oldest <= pos }) {
		return r
	}
	var out recent
	for _, run := range r {
		leaves := slices.DeleteFunc(slices.Clone(run.leaves), func(a addition) bool { return a.pos <= pos })
		if len(leaves) > 0 {
			out = append(out, makeRun(leaves))
		}
	}
	return out
}

// flat returns r as the leaves of one run.
func (r recent) flat() (leaves []addition) {
	for _, run := range r {
		leaves = merge(leaves, run.leaves)
	}
	return leaves
}

// merge merges the leaves of two runs; of two additions of one key the newer stays.
func merge(a, b []addition) []addition {
	out := make([]addition, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(&a[0].key, &b[0].key); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, addition{a[0].key, max(a[0].pos, b[0].pos)})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
