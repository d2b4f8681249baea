package interop

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// BenchmarkGroup is this project's side of TestCompare by itself, for pprof.
func BenchmarkGroup(b *testing.B) {
	for _, id := range []suite.ID{suite.X25519_AES128GCM_SHA256_Ed25519, suite.MLKEM768X25519_AES128GCM_SHA256_Ed25519} {
		s, err := suite.Get(id)
		must(b, err)
		for _, n := range []int{2, 16, 128, 1024} {
			b.Run(fmt.Sprintf("%v/%d", s, n), func(b *testing.B) { benchmarkGroup(b, s, n) })
		}
	}
}

func benchmarkGroup(b *testing.B, s *suite.Suite, n int) {
	w, _ := newWorld(b, s, n)
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			w.create()
		}
	})
	w.create()
	b.Run("join", func(b *testing.B) {
		for b.Loop() {
			w.join()
		}
	})
	w.join()
	settle := min(n/2, settled)
	for _, state := range []string{"fresh", "settled"} {
		if state == "settled" {
			w.settle(settle)
		}
		for _, what := range []string{"update", "add and remove"} {
			b.Run(state+" "+what, func(b *testing.B) {
				var sum turn
				for b.Loop() {
					if what == "update" {
						t := w.turn("update")
						sum.commit, sum.process = sum.commit+t.commit, sum.process+t.process
						continue
					}
					t, u := w.turn("add"), w.turn("remove")
					sum.commit, sum.process = sum.commit+t.commit+u.commit, sum.process+t.process+u.process
				}
				b.ReportMetric(float64(sum.commit.Nanoseconds())/float64(b.N), "commit-ns/op")
				b.ReportMetric(float64(sum.process.Nanoseconds())/float64(b.N), "process-ns/op")
			})
		}
	}
	b.Run("messages", func(b *testing.B) {
		for b.Loop() {
			w.messages(100, 256)
		}
	})
}

// settled is how many members have sent an update in a settled group.
const settled = 8
