package watch

import (
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// BenchmarkPass audits entries of 255 changes from memory, and keeps all of it on
// disk.
func BenchmarkPass(b *testing.B) {
	w := newWorld(b, nil)
	const entries = 200
	for i := range entries {
		added := make([]wire.PrefixLeaf, 255)
		for j := range added {
			added[j] = leaf(i*255 + j)
		}
		w.entry(window, added, nil, nil)
	}
	for b.Loop() {
		watch, err := Open(b.Context(), Options{Source: w, Now: w.now})
		must(b, err)
		passes(b, watch)
		must(b, watch.Close())
	}
	b.ReportMetric(float64(b.N)*entries*255/b.Elapsed().Seconds(), "leaves/s")
}
