package httpapi

import (
	"math"

	"github.com/kith-kt/kith/auditor/gossip"
)

// maxPoints is how many entries a picture is made of.
const maxPoints = 160

// growthOf reads how the log of a view grew: entries at about equal distances,
// among them the first and the last.
func growthOf(v gossip.View) ([]Point, error) {
	a := v.Archive()
	if a == nil || a.Size() == 0 {
		return nil, nil
	}
	size := a.Size()
	n := min(size, maxPoints)
	points := make([]Point, 0, n)
	for i := range n {
		pos := size - 1
		if i+1 < n {
			pos = uint64(float64(i) * float64(size-1) / float64(n-1))
		}
		leaf, err := a.Leaf(pos)
		if err != nil {
			return nil, err
		}
		points = append(points, Point{int64(min(leaf.Timestamp, math.MaxInt64)), pos + 1})
	}
	return points, nil
}
