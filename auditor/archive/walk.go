package archive

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A Point is one log entry of the archive.
type Point struct {
	Position  uint64
	Timestamp uint64 // ms since the Unix epoch
	// Root is that of the KEYTRANS log tree of size Position+1.
	Root wire.HashValue
}

func (a *Archive) point(pos uint64) (Point, error) {
	leaf, err := a.Leaf(pos)
	return Point{pos, leaf.Timestamp, leaf.Root}, err
}

// Points returns at most n entries, evenly spread over the archive, ascending, with
// the first and the last: for a picture of how the log grew.
func (a *Archive) Points(n int) ([]Point, error) {
	size := a.Size()
	if size == 0 || n <= 0 {
		return nil, nil
	}
	var out []Point
	steps := min(size, uint64(n))
	for i := range steps {
		pos := size - 1
		if steps > 1 {
			pos = uint64(float64(size-1) * (float64(i) / float64(steps-1)))
		}
		if len(out) > 0 && pos <= out[len(out)-1].Position {
			continue
		}
		p, err := a.point(pos)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Distinguished returns the rightmost distinguished entries of the log of a size,
// ascending, at most count of them and none that has expired: what the draft's
// "Walking Distinguished Heads" finds without a stop. Their Roots are a
// DistinguishedHead.
func (a *Archive) Distinguished(c *wire.Configuration, size uint64, count int) ([]Point, error) {
	if size == 0 {
		return nil, nil
	}
	if size > a.Size() {
		return nil, fmt.Errorf("%w: size %d of %d", ErrBeyond, size, a.Size())
	}
	last, err := a.point(size - 1)
	if err != nil {
		return nil, err
	}
	w := headWalk{a: a, size: size, count: count, window: c.ReasonableMonitoringWindow, last: last.Timestamp}
	if c.MaximumLifetime != nil {
		w.lifetime = *c.MaximumLifetime
	}
	if err := w.walk(treemath.Root(size), 0, last.Timestamp); err != nil {
		return nil, err
	}
	slices.Reverse(w.found)
	return w.found, nil
}

type headWalk struct {
	a                *Archive
	size             uint64
	count            int
	window, lifetime uint64 // ms; lifetime 0: entries do not expire
	last             uint64 // timestamp of the rightmost entry
	found            []Point
}

func (w *headWalk) walk(pos, left, right uint64) error {
	if right < left || right-left < w.window { // step 1
		return nil
	}
	p, err := w.a.point(pos)
	if err != nil {
		return err
	}
	if next, ok := treemath.Right(pos, w.size); ok { // step 2
		if err := w.walk(next, p.Timestamp, right); err != nil {
			return err
		}
	}
	if len(w.found) >= w.count || w.lifetime > 0 && w.last-p.Timestamp >= w.lifetime { // step 4
		return nil
	}
	w.found = append(w.found, p)
	if next, ok := treemath.Left(pos); ok { // step 5
		return w.walk(next, left, p.Timestamp)
	}
	return nil
}
