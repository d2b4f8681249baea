package mls_test

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
)

// BenchmarkSession is what a session costs with all its records, on a store in memory.
func BenchmarkSession(b *testing.B) {
	for _, n := range []int{2, 128} {
		w := newWorld(b, 51)
		alice, bob := w.client("alice"), w.client("bob")
		g := ok[*mls.Group](b)(alice.Create(nil, nil))
		packs := ok[[][]byte](b)(bob.KeyPackages(1))
		for i := 2; i < n; i++ {
			packs = append(packs, ok[[][]byte](b)(w.client(fmt.Sprint(i)).KeyPackages(1))...)
		}
		welcome := ok[*mls.Staged](b)(g.Invite(packs...)).Welcome
		ok[mls.Event](b)(g.Confirm())
		h := ok[*mls.Group](b)(bob.Join(welcome, nil))
		data := make([]byte, 100)
		b.Run(fmt.Sprintf("send/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				message := ok[[]byte](b)(g.Send(data, nil))
				b.StopTimer()
				ok[mls.Event](b)(h.Receive(message))
				b.StartTimer()
			}
		})
		b.Run(fmt.Sprintf("receive/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				message := ok[[]byte](b)(g.Send(data, nil))
				b.StartTimer()
				ok[mls.Event](b)(h.Receive(message))
			}
		})
		b.Run(fmt.Sprintf("update/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				staged := ok[*mls.Staged](b)(g.Update(nil))
				ok[mls.Event](b)(g.Confirm())
				b.StopTimer()
				ok[mls.Event](b)(h.Receive(staged.Message))
				b.StartTimer()
			}
		})
	}
}
