package message_test

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// BenchmarkCodec reads and writes the samples of the larger structures.
func BenchmarkCodec(b *testing.B) {
	seen := map[byte]bool{}
	for _, s := range samples(b) {
		x := structures[s.kind]
		if seen[s.kind] || len(s.b) < 200 {
			continue
		}
		seen[s.kind] = true
		b.Run("decode/"+x.name, func(b *testing.B) {
			b.SetBytes(int64(len(s.b)))
			b.ReportAllocs()
			for b.Loop() {
				if err := syntax.Unmarshal(s.b, x.empty()); err != nil {
					b.Fatal(err)
				}
			}
		})
		v := x.empty()
		if err := syntax.Unmarshal(s.b, v); err != nil {
			b.Fatal(err)
		}
		b.Run("encode/"+x.name, func(b *testing.B) {
			b.SetBytes(int64(len(s.b)))
			b.ReportAllocs()
			for b.Loop() {
				syntax.Marshal(v)
			}
		})
	}
}

// BenchmarkPrivateMessage protects and unprotects 256 bytes, from content to bytes
// on the wire and back, without the ratchet.
func BenchmarkPrivateMessage(b *testing.B) {
	for _, id := range []suite.ID{1, 2, 3, 5, 7} {
		w := newWorld(b, id)
		c := w.content(b, message.Member(1), message.ContentApplication)
		c.ApplicationData = mlstest.Bytes(1, 256)
		generation, key, err := w.secretTree().NextKey(1, schedule.Application)
		if err != nil {
			b.Fatal(err)
		}
		random := mlstest.Rand(2)
		protect := func(b *testing.B) []byte {
			a, err := message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, c, w.ctx)
			if err != nil {
				b.Fatal(err)
			}
			m, err := a.ProtectPrivate(w.s, w.senderData, generation, key, random, message.PadToBlock(64), w.ctx)
			if err != nil {
				b.Fatal(err)
			}
			return message.Wrap(m).Bytes()
		}
		b.Run("protect/"+id.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				protect(b)
			}
		})
		wire := protect(b)
		b.Run("unprotect/"+id.String(), func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(wire)), "wire-bytes")
			for b.Loop() {
				m := parse[*message.PrivateMessage](b, wire)
				data, err := m.SenderData(w.s, w.senderData)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := m.Unprotect(w.s, data, key, w.ctx, w.key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
