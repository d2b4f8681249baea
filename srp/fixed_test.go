package srp

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestFixedBase: the short way makes the same powers as the long one.
func TestFixedBase(t *testing.T) {
	for _, g := range []*Group{Group1024(), Group3072()} {
		same := func(e []byte) bool {
			return bytes.Equal(g.fixed().power(g, e).Bytes(g.modulus), g.power(e).Bytes(g.modulus))
		}
		for _, octet := range []byte{0, 1, 0x0f, 0x10, 0xff} {
			if e := bytes.Repeat([]byte{octet}, ephemeralSize); !same(e) {
				t.Errorf("%d bits: %x", g.Bits, e)
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			e := rapid.SliceOfN(rapid.Byte(), ephemeralSize, ephemeralSize).Draw(t, "e")
			if !same(e) {
				t.Fatalf("%x", e)
			}
		})
	}
}

func BenchmarkEphemeral(b *testing.B) {
	p := Kith3072()
	for b.Loop() {
		_, err := p.NewEphemeral(bytes.NewReader(make([]byte, ephemeralSize)))
		must(b, err)
	}
}
