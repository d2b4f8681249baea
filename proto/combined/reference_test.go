package combined

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// A reference runs the draft's algorithms slowly, from its prose, over a log of
// which it knows everything. It shares no code with the package: the implicit
// binary search tree is built by its inductive definition, distinguished entries
// are declared by the recursive algorithm, and ladders are the appendix's Python.
// What it yields is the list of questions a user must ask, in order.
type reference struct {
	ms       []uint64 // timestamps by entry
	greatest []int64  // greatest version by entry, -1: none
	params   Params

	root          int
	left          map[int]int // absent: no child
	right         map[int]int
	parent        map[int]int
	distinguished map[int]bool

	stamped  map[int]bool // timestamps known to the user
	included [][2]int64   // (entry, version) shown included, by ladders that count for omission
	missing  [][2]int64
	events   []string
}

func newReference(ms []uint64, greatest []int64, params Params) *reference {
	r := &reference{ms: ms, greatest: greatest, params: params,
		left: map[int]int{}, right: map[int]int{}, parent: map[int]int{}, distinguished: map[int]bool{}, stamped: map[int]bool{}}
	r.root = r.build(0, len(ms))
	r.declare(r.root, 0, ms[len(ms)-1])
	return r
}

// build makes the implicit binary search tree over [lo, hi) and returns its root.
func (r *reference) build(lo, hi int) int {
	power := 1
	for power*2 <= hi-lo {
		power *= 2
	}
	x := lo + power - 1
	if x > lo {
		r.left[x] = r.build(lo, x)
		r.parent[r.left[x]] = x
	}
	if x+1 < hi {
		r.right[x] = r.build(x+1, hi)
		r.parent[r.right[x]] = x
	}
	return x
}

// declare is "Reasonable Monitoring Window".
func (r *reference) declare(x int, left, right uint64) {
	if right-left < r.params.ReasonableMonitoringWindow {
		return
	}
	r.distinguished[x] = true
	if l, ok := r.left[x]; ok {
		r.declare(l, left, r.ms[x])
	}
	if c, ok := r.right[x]; ok {
		r.declare(c, r.ms[x], right)
	}
}

// directPath is the draft's: parent first.
func (r *reference) directPath(x int) []int {
	p, ok := r.parent[x]
	if !ok {
		return nil
	}
	return append([]int{p}, r.directPath(p)...)
}

func (r *reference) frontier() []int {
	out := []int{r.root}
	for x, ok := r.right[r.root]; ok; x, ok = r.right[x] {
		out = append(out, x)
	}
	return out
}

func (r *reference) expired(x int) bool {
	return r.params.MaximumLifetime > 0 && r.ms[len(r.ms)-1]-r.ms[x] >= r.params.MaximumLifetime
}

func (r *reference) stamp(x int) {
	if !r.stamped[x] {
		r.stamped[x] = true
		r.events = append(r.events, fmt.Sprintf("timestamp %d", x))
	}
}

func (r *reference) look(x int, versions []int64) {
	r.stamp(x)
	r.events = append(r.events, fmt.Sprintf("lookups %d %v", x, versions))
}

// updateView is "Updating Views of the Tree", "Algorithm".
func (r *reference) updateView(prev int) {
	if prev == 0 {
		for _, x := range r.frontier() {
			r.stamp(x)
		}
		return
	}
	old := newReference(r.ms[:prev], r.greatest[:prev], r.params)
	for _, x := range old.frontier() {
		r.stamped[x] = true
	}
	last := prev - 1
	for _, x := range r.directPath(prev - 1) {
		if x >= prev {
			r.stamp(x)
			last = x
		}
	}
	for x, ok := r.right[last]; ok; x, ok = r.right[x] {
		r.stamp(x)
	}
}

// Appendix "Binary Ladder".
func baseBinaryLadder(n int64) []int64 {
	var out []int64
	for {
		value := int64(1)<<len(out) - 1
		out = append(out, value)
		if value > n {
			break
		}
	}
	if len(out) > 1 {
		lower, upper := out[len(out)-2], out[len(out)-1]
		for lower+1 < upper {
			value := (lower + upper) / 2
			out = append(out, value)
			if value <= n && value < 1<<32 {
				lower = value
			} else {
				upper = value
			}
		}
	}
	return slices.DeleteFunc(out, func(v int64) bool { return v >= 1<<32 })
}

func searchBinaryLadder(t, n int64, leftInclusion, rightNonInclusion []int64) []int64 {
	out := baseBinaryLadder(n)
	for i, v := range out {
		if v <= n && v > t || v > n && v <= t {
			out = out[:i+1]
			break
		}
	}
	return slices.DeleteFunc(out, func(v int64) bool {
		return slices.Contains(leftInclusion, v) || slices.Contains(rightNonInclusion, v)
	})
}

func monitoringBinaryLadder(t int64) []int64 {
	return slices.DeleteFunc(baseBinaryLadder(t), func(v int64) bool { return v > t })
}

// omissible lists the versions whose lookups in x are redundant.
func (r *reference) omissible(x int) (left, right []int64) {
	for _, p := range r.included {
		if int(p[0]) < x {
			left = append(left, p[1])
		}
	}
	for _, p := range r.missing {
		if int(p[0]) > x {
			right = append(right, p[1])
		}
	}
	return left, right
}

func (r *reference) note(x int, versions []int64) {
	for _, v := range versions {
		if v <= r.greatest[x] {
			r.included = append(r.included, [2]int64{int64(x), v})
		} else {
			r.missing = append(r.missing, [2]int64{int64(x), v})
		}
	}
}

// ladder obtains a search binary ladder, and returns how the greatest version
// compares with the target.
func (r *reference) ladder(x int, t int64, omit bool) int {
	var left, right []int64
	if omit {
		left, right = r.omissible(x)
	}
	versions := searchBinaryLadder(t, r.greatest[x], left, right)
	r.look(x, versions)
	if omit {
		r.note(x, versions)
	}
	switch {
	case r.greatest[x] < t:
		return -1
	case r.greatest[x] > t:
		return +1
	}
	return 0
}

// greatestSearch is "Greatest-Version Search", "Algorithm".
func (r *reference) greatestSearch(version int64) int {
	frontier := r.frontier()
	for len(frontier) > 1 && r.distinguished[frontier[0]] && r.distinguished[frontier[1]] {
		frontier = frontier[1:]
	}
	terminal := -1
	for _, x := range frontier {
		if r.ladder(x, version, true) == 0 && terminal < 0 {
			terminal = x
		}
	}
	return terminal
}

// fixedSearch is "Fixed-Version Search", "Algorithm". It returns the terminal
// entry, or "expired at once" (step 5), "expired" or "not found".
func (r *reference) fixedSearch(t int64) any {
	var inspected, greater []int
	anyExpired := false
	x, ok := r.root, true
	for ok {
		r.stamp(x)
		if r.expired(x) {
			anyExpired = true
			x, ok = r.right[x]
			continue
		}
		inspected = append(inspected, x)
		switch r.ladder(x, t, true) {
		case -1:
			x, ok = r.right[x]
		case +1:
			greater = append(greater, x)
			x, ok = r.left[x]
		default:
			if !slices.ContainsFunc(r.directPath(x), r.expired) || r.distinguished[x] {
				return x
			}
			for _, a := range r.directPath(x) {
				if a < x && r.distinguished[a] && !r.expired(a) {
					return x
				}
			}
			return "expired at once"
		}
	}
	if len(greater) == 0 {
		return "not found"
	}
	identified := slices.Min(greater)
	if anyExpired {
		if !slices.ContainsFunc(inspected, func(y int) bool { return y < identified && r.distinguished[y] && !r.expired(y) }) {
			return "expired"
		}
	}
	r.look(identified, []int64{t})
	if t > r.greatest[identified] {
		return "not found"
	}
	return identified
}

// path asks for "the timestamp of each log entry on the path from the root to the
// parent of" x, "stopping if a non-distinguished log entry is established".
func (r *reference) path(x int) {
	path := r.directPath(x)
	slices.Reverse(path)
	for _, a := range path {
		if !r.distinguished[a] {
			return
		}
		r.stamp(a)
	}
}

// contact is "Contact Algorithm". start is -1 outside of owner monitoring.
func (r *reference) contact(entries []wire.MonitorMapEntry, start int) (map[int]int64, bool) {
	monitored := map[int]int64{}
	var order []int
	for _, e := range entries {
		monitored[int(e.Position)] = int64(e.Version)
		order = append(order, int(e.Position))
	}
	slices.Reverse(order)
	provided := map[int]int64{}
	for _, x := range order {
		version := monitored[x]
		r.path(x)
		if r.distinguished[x] {
			continue
		}
		list := slices.DeleteFunc(r.directPath(x), func(a int) bool { return a < x })
		skipped := false
		if i := slices.IndexFunc(list, func(a int) bool { return r.distinguished[a] }); i >= 0 {
			list = list[:i+1]
			if start >= 0 && x >= start {
				list = list[:i]
				skipped = true
			}
		}
		at := x
		for _, a := range list {
			if before, ok := provided[a]; ok {
				if before <= version {
					return nil, false
				}
				delete(monitored, at)
				at = -1
				break
			}
			r.look(a, monitoringBinaryLadder(version))
			provided[a] = version
			if other, ok := monitored[a]; ok && other <= version {
				return nil, false
			} else if ok {
				delete(monitored, at)
				at = -1
				break
			}
			delete(monitored, at)
			monitored[a] = version
			at = a
		}
		if skipped && at >= 0 {
			delete(monitored, at) // inspected by the owner algorithm
		}
	}
	for x := range monitored {
		if r.distinguished[x] {
			delete(monitored, x)
		}
	}
	return monitored, true
}

// ownerInit is the first algorithm of "Owner Algorithm".
func (r *reference) ownerInit(start int) (list []int, ok bool) {
	path := r.directPath(start)
	r.path(start)
	if !r.distinguished[start] {
		return nil, false
	}
	r.stamp(start)
	if r.expired(start) {
		return nil, false
	}
	list = []int{start}
	for _, a := range path {
		if a < start {
			if r.expired(a) {
				break
			}
			list = append(list, a)
		}
	}
	for _, x := range list {
		r.ladder(x, max(0, r.greatest[x]), false)
	}
	return list, true
}

// ownerMonitor is the second algorithm of "Owner Algorithm", for a directory that
// stops after limit ladders and for an owner who knows versions up to advertised.
func (r *reference) ownerMonitor(start int, advertised int64, limit int) (verified []int) {
	stopped := false
	var visit func(x int)
	visit = func(x int) {
		if stopped || !r.distinguished[x] {
			return
		}
		l, hasLeft := r.left[x]
		c, hasRight := r.right[x]
		if x <= start {
			if hasRight {
				r.stamp(x)
				visit(c)
			}
			return
		}
		if hasLeft {
			r.stamp(x)
			visit(l)
		}
		if stopped || len(verified) == limit || r.greatest[x] > advertised {
			stopped = true
			return
		}
		r.ladder(x, max(0, r.greatest[x]), false)
		verified = append(verified, x)
		if hasRight {
			visit(c)
		}
	}
	visit(r.root)
	return verified
}

// labelUpdate is "Updating a Label", "Algorithm", for the versions that entry pos
// added; start is the owner's, distinguished and to the left of pos.
func (r *reference) labelUpdate(pos, start int) (distinguished bool) {
	previous := int64(-1)
	previousPos := -1
	if pos > 0 {
		previous = r.greatest[pos-1]
		previousPos = slices.Index(r.greatest, previous)
		old := newReference(r.ms[:pos], r.greatest[:pos], r.params)
		r.path(pos - 1)
		frontier := old.frontier()
		above := -1
		for len(frontier) > 0 && r.distinguished[frontier[0]] {
			above, frontier = frontier[0], frontier[1:]
		}
		// "Lookups that would be omitted in a greatest-version search": the one
		// whose first entry is the rightmost distinguished one.
		if len(frontier) > 0 && above >= 0 && previous >= 0 {
			r.note(above, searchBinaryLadder(previous, r.greatest[above], nil, nil))
		}
		for _, x := range frontier {
			if previous >= 0 && (x <= start || x <= previousPos) {
				left, right := r.omissible(x)
				r.note(x, searchBinaryLadder(previous, r.greatest[x], left, right))
				continue
			}
			r.ladder(x, max(0, previous), true)
		}
	}
	r.path(pos)
	greatest := r.greatest[pos]
	var rest []int64
	for v := previous + 1; v <= greatest; v++ {
		if !slices.Contains(baseBinaryLadder(greatest), v) {
			rest = append(rest, v)
		}
	}
	if !r.distinguished[pos] {
		r.ladder(pos, greatest, true)
	}
	if len(rest) > 0 {
		r.look(pos, rest)
	}
	return r.distinguished[pos]
}

// heads is "Walking Distinguished Heads", "Algorithm".
func (r *reference) heads(recent Recent, stop int) (found []int) {
	// All distinguished entries, right to left, and whether each is recent.
	isRecent := map[int]bool{}
	count := 0
	for x := len(r.ms) - 1; x >= 0; x-- {
		if r.distinguished[x] && x > stop {
			age := r.ms[len(r.ms)-1] - r.ms[x]
			isRecent[x] = (recent.Count == 0 || count < recent.Count) && (recent.Window == 0 || age < recent.Window) && !r.expired(x)
			count++
		}
	}
	var visit func(x int)
	visit = func(x int) {
		if !r.distinguished[x] {
			return
		}
		r.stamp(x)
		if c, ok := r.right[x]; ok {
			visit(c)
		}
		if x <= stop || !isRecent[x] {
			return
		}
		found = append(found, x)
		if l, ok := r.left[x]; ok {
			visit(l)
		}
	}
	visit(r.root)
	slices.Reverse(found)
	return found
}
