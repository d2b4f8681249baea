package vrf

import "testing"

type benchSuite struct {
	name string
	key  PrivateKey
}

func benchSuites(b *testing.B) []benchSuite {
	ed, err := NewEd25519PrivateKey(unhex(b, vectorsEd25519[0].sk))
	if err != nil {
		b.Fatal(err)
	}
	p, err := NewP256PrivateKey(unhex(b, vectorsP256[0].sk))
	if err != nil {
		b.Fatal(err)
	}
	return []benchSuite{{"Ed25519", ed}, {"P256", p}}
}

// benchInputs are many inputs, since the number of attempts of the hash onto
// the curve varies from one to the next.
var benchInputs = func() (inputs [256][]byte) {
	for i := range inputs {
		inputs[i] = []byte{19, 'u', 's', 'e', 'r', byte(i), '@', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'o', 'r', 'g', 0, 0, 0, 0}
	}
	return inputs
}()

func BenchmarkEvaluate(b *testing.B) {
	for _, s := range benchSuites(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.key.Evaluate(benchInputs[i%256])
			}
		})
	}
}

func BenchmarkProve(b *testing.B) {
	for _, s := range benchSuites(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.key.Prove(benchInputs[i%256])
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, s := range benchSuites(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			var proofs [256][]byte
			for i := range proofs {
				_, proofs[i] = s.key.Prove(benchInputs[i])
			}
			public := s.key.Public()
			for i := 0; b.Loop(); i++ {
				if _, err := public.Verify(benchInputs[i%256], proofs[i%256]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOutput(b *testing.B) {
	for _, s := range benchSuites(b) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			_, proof := s.key.Prove(benchInputs[0])
			for b.Loop() {
				if _, err := s.key.Output(proof); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstVerify includes the parsing of the key and the table made of it.
func BenchmarkFirstVerify(b *testing.B) {
	for _, s := range benchSuites(b) {
		b.Run(s.name, func(b *testing.B) {
			_, proof := s.key.Prove(benchInputs[0])
			for b.Loop() {
				parse := ParseEd25519PublicKey
				if s.name == "P256" {
					parse = ParseP256PublicKey
				}
				public, err := parse(s.key.Public().Bytes())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := public.Verify(benchInputs[0], proof); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
