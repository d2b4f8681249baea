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
						sum.commit, sum.process = sum.commit.plus(t.commit), sum.process.plus(t.process)
						continue
					}
					t, u := w.turn("add"), w.turn("remove")
					sum.commit, sum.process = sum.commit.plus(t.commit).plus(u.commit), sum.process.plus(t.process).plus(u.process)
				}
				b.ReportMetric(float64(sum.commit.Clock.Nanoseconds())/float64(b.N), "commit-ns/op")
				b.ReportMetric(float64(sum.process.Clock.Nanoseconds())/float64(b.N), "process-ns/op")
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

// BenchmarkDevices is a message of 256 bytes by the session API, sent and received,
// stored in memory.
func BenchmarkDevices(b *testing.B) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(b, err)
	for _, n := range []int{2, 1024} {
		w, _ := newWorld(b, s, n)
		d := newDevices(w)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var send, receive cost
			for b.Loop() {
				s, r := d.messages(1, 256)
				send, receive = send.plus(s), receive.plus(r)
			}
			b.ReportMetric(float64(send.Clock.Nanoseconds())/float64(b.N), "send-ns/op")
			b.ReportMetric(float64(receive.Clock.Nanoseconds())/float64(b.N), "receive-ns/op")
		})
	}
}
