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
// its size, so there are few of them, and each leaf is copied rarely. Runs are not
// merged beyond an eighth of all leaves: while a run is made, those that it is made
// of are still in use, and memory should be little more than the leaves take.
type recent []run

// smallRun is how many leaves may always be in a run.
const smallRun = 1 << 15

// limit returns how many leaves a run of r should have at most.
func (r recent) limit() int {
	n := 0
	for i := range r {
		n += len(r[i].leaves)
	}
	return max(smallRun, n/8)
}

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
	n, limit := len(r), r.limit()
	for n > 0 && len(r[n-1].leaves) <= 2*len(leaves) && len(r[n-1].leaves)+len(leaves) <= limit {
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
		if run.oldest > pos {
			out = append(out, run)
			continue
		}
		n := 0
		for i := range run.leaves {
			if run.leaves[i].pos > pos {
				n++
			}
		}
		if n == 0 {
			continue
		}
		leaves := make([]addition, 0, n) // what is left may be little
		for i := range run.leaves {
			if run.leaves[i].pos > pos {
				leaves = append(leaves, run.leaves[i])
			}
		}
		out = append(out, makeRun(leaves))
	}
	return out
}

// each calls f for every leaf of r, ascending, until it returns false. Of two
// additions of one key the newer counts.
func (r recent) each(f func(a *addition) bool) {
	var heads heap // the leaves of each run that are still to come
	for _, run := range r {
		heads.push(run.leaves)
	}
	for len(heads) > 0 {
		a := heads[0][0]
		heads.advance()
		for len(heads) > 0 && heads[0][0].key == a.key {
			a.pos = max(a.pos, heads[0][0].pos)
			heads.advance()
		}
		if !f(&a) {
			return
		}
	}
}

// count returns the number of leaves of r.
func (r recent) count() (n int) {
	if len(r) == 1 {
		return len(r[0].leaves)
	}
	r.each(func(*addition) bool { n++; return true })
	return n
}

// A heap is lists of leaves, none of them empty, the one with the least key first.
type heap [][]addition

func (h heap) less(i, j int) bool { return compare(&h[i][0].key, &h[j][0].key) < 0 }

func (h *heap) push(leaves []addition) {
	if len(leaves) == 0 {
		return
	}
	*h = append(*h, leaves)
	for i := len(*h) - 1; i > 0 && h.less(i, (i-1)/2); i = (i - 1) / 2 {
		(*h)[i], (*h)[(i-1)/2] = (*h)[(i-1)/2], (*h)[i]
	}
}

// advance takes the least leaf away.
func (h *heap) advance() {
	old := *h
	if old[0] = old[0][1:]; len(old[0]) == 0 {
		old[0] = old[len(old)-1]
		*h = old[:len(old)-1]
	}
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(*h); child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		(*h)[i], (*h)[least] = (*h)[least], (*h)[i]
		i = least
	}
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
