package combined

import (
	"slices"

	"github.com/kith-kt/kith/proto/treemath"
)

// A Recent is an application's definition of a "recent" distinguished entry
// ("Walking Distinguished Heads"), shared by directory and users. An entry is
// recent if it meets both bounds and is not expired. An application SHOULD NOT
// include more than ten.
type Recent struct {
	Count  int    // the rightmost this many; 0: no such bound
	Window uint64 // younger than the rightmost entry by less than this, in ms; 0: no such bound
}

// KithRecent is the definition that directories and clients of Kith share.
var KithRecent = Recent{Count: 8}

// Distinguished walks the recent distinguished entries to the right of stop (nil:
// none given), and returns their positions, ascending ("Walking Distinguished
// Heads", "Algorithm").
func (v *View) Distinguished(recent Recent, stop *uint64) ([]uint64, error) {
	w := headWalk{View: v, recent: recent, stop: stop}
	if err := w.walk(treemath.Root(v.size), 0, v.right); err != nil {
		return nil, err
	}
	slices.Reverse(w.found)
	return w.found, nil
}

type headWalk struct {
	*View
	recent Recent
	stop   *uint64
	found  []uint64 // descending
}

func (w *headWalk) walk(pos, left, right uint64) error {
	if !w.wide(left, right) { // step 1
		return nil
	}
	ms, err := w.Timestamp(pos)
	if err != nil {
		return err
	}
	if next, ok := treemath.Right(pos, w.size); ok { // step 2
		if err := w.walk(next, ms, right); err != nil {
			return err
		}
	}
	if w.stop != nil && pos <= *w.stop { // step 3
		return nil
	}
	if !w.isRecent(ms) { // step 4
		return nil
	}
	w.found = append(w.found, pos)
	if next, ok := treemath.Left(pos); ok { // step 5
		return w.walk(next, left, ms)
	}
	return nil
}

func (w *headWalk) isRecent(ms uint64) bool {
	return (w.recent.Count == 0 || len(w.found) < w.recent.Count) &&
		(w.recent.Window == 0 || w.View.right-ms < w.recent.Window) &&
		!w.expired(ms)
}
