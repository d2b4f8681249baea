package mirror_test

import (
	"testing"

	"github.com/kith-kt/kith/auditor/mirror/synthetic"
	"github.com/kith-kt/kith/proto/wire"
)

// BenchmarkAudit audits 200 entries of 255 changes from a folder.
func BenchmarkAudit(b *testing.B) {
	const entries, changes = 200, 255
	dir := b.TempDir()
	l, err := synthetic.New(dir, 1000, 0)
	must(b, err)
	for i := range uint64(entries) {
		added := make([]wire.PrefixLeaf, changes)
		for j := range added {
			added[j] = synthetic.Leaf(i*changes + uint64(j))
		}
		must(b, l.Add(1000*(i+1), added, nil))
	}
	must(b, l.Publish())
	m := open(b, dir)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audit(b, m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*entries*changes/b.Elapsed().Seconds(), "leaves/s")
}
