package combined

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// benchWorld is 100,000 leaves in 1,000 entries, ten seconds apart, with a window
// of half an hour.
var benchWorld = sync.OnceValue(func() *world {
	w := &world{params: Params{ReasonableMonitoringWindow: 1800_000}}
	for pos := range 1000 {
		versions := 0
		if pos == 500 || pos == 700 || pos == 930 {
			versions = 1
		}
		w.grow(1700000000000+10000*uint64(pos), versions, 100-versions)
	}
	return w
})

func benchSearch(version uint32) (w *world, o run, cached func(uint32) (wire.VRFOutput, error)) {
	w = benchWorld()
	table := map[uint32]wire.VRFOutput{}
	for _, v := range SearchVersions(version) {
		table[v] = output(v)
	}
	cached = func(v uint32) (wire.VRFOutput, error) { return table[v], nil }
	o = run{name: "greatest", known: w.known(w.size(), SearchVersions(version)...),
		algo: func(v *View) (any, error) { return v.Greatest(version) }}
	return w, o, cached
}

func BenchmarkRecordSearch(b *testing.B) {
	for _, n := range []uint64{600, 1000} {
		w, _, outputs := benchSearch(2)
		version, _ := w.at(n - 1)
		b.Run(fmt.Sprintf("entries=%d/version=%d", n, version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rec := NewRecord(w, n, 0, outputs)
				view, err := rec.View(w.params)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := view.Greatest(version); err != nil {
					b.Fatal(err)
				}
				if _, err := rec.Finish(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReplaySearch(b *testing.B) {
	for _, n := range []uint64{600, 1000} {
		w, _, _ := benchSearch(2)
		version, _ := w.at(n - 1)
		o := run{known: w.known(n, SearchVersions(version)...), algo: func(v *View) (any, error) { return v.Greatest(version) }}
		proof, _, err := o.prove(w, n, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("entries=%d/version=%d", n, version), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rep, err := NewReplay(proof, n, nil, o.known)
				if err != nil {
					b.Fatal(err)
				}
				view, err := rep.View(w.params)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := view.Greatest(version); err != nil {
					b.Fatal(err)
				}
				if _, err := rep.Finish(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
