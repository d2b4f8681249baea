package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// BenchmarkVerifySearch verifies a newcomer's search for version 0 of a label in
// a log of 1,000 entries and 20,000 labels. "x-vrf" is the time in units of one
// VRF verification of the same run; the bound is 3.
func BenchmarkVerifySearch(b *testing.B) {
	for _, id := range []wire.CipherSuite{wire.KT_128_SHA256_Ed25519, wire.KT_128_SHA256_P256} {
		s, err := suite.Get(id)
		if err != nil {
			b.Fatal(err)
		}
		l := testlog.New(id, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 60_000 })
		for i := range 999 {
			values := map[string][][]byte{}
			for j := range 20 {
				values[fmt.Sprintf("user%d-%d@example.org", i, j)] = [][]byte{make([]byte, 64)}
			}
			l.Advance(1000).Publish(values)
		}
		const label = "user400-7@example.org"
		state := newState(b, l)
		call, verify, err := state.Search(label, nil)
		if err != nil {
			b.Fatal(err)
		}
		response, err := l.Do(b.Context(), call)
		if err != nil {
			b.Fatal(err)
		}
		key, err := s.ParseVRFPublicKey(l.Config.VRFPublicKey)
		if err != nil {
			b.Fatal(err)
		}
		_, proof := l.VRF.Prove(suite.VRFInput([]byte(label), 0))
		b.Run(s.Name(), func(b *testing.B) {
			b.ReportAllocs()
			var searches, proofs time.Duration // in turn, so that a busy machine slows both
			for b.Loop() {
				start := time.Now()
				if _, _, err := verify(response, now(l)); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if _, err := key.Verify(suite.VRFInput([]byte(label), 0), proof); err != nil {
					b.Fatal(err)
				}
				searches += middle.Sub(start)
				proofs += time.Since(middle)
			}
			b.ReportMetric(float64(searches)/float64(b.N), "ns/search")
			b.ReportMetric(float64(searches)/float64(proofs), "x-vrf")
			b.ReportMetric(float64(len(response)), "B/response")
		})
	}
}
