package vrf

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// A curve is one of the two suites with its slow reference.
type curve struct {
	name   string
	size   int // of a proof
	key    func([]byte) (PrivateKey, error)
	parse  func([]byte) (PublicKey, error)
	prove  func(secret, alpha []byte) (out, proof []byte)
	verify func(pk, alpha, proof []byte) []byte // nil is INVALID
}

var curves = []curve{{
	"Ed25519", Ed25519ProofSize, NewEd25519PrivateKey, ParseEd25519PublicKey, edProve, edVerify,
}, {
	"P256", P256ProofSize, NewP256PrivateKey, ParseP256PublicKey,
	func(secret, alpha []byte) (out, proof []byte) { return refProve(new(big.Int).SetBytes(secret), alpha) },
	refVerify,
}}

func forEachCurve(t *testing.T, f func(t *testing.T, c curve)) {
	for _, c := range curves {
		t.Run(c.name, func(t *testing.T) { f(t, c) })
	}
}

func (c curve) mustKey(t rapid.TB, secret []byte) PrivateKey {
	key, err := c.key(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// drawSecret draws the secret of a key. All but the first byte are arbitrary:
// the order of P-256 begins with 0xff.
func drawSecret(t *rapid.T) []byte {
	secret := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret")
	secret[0] &= 0x7f
	secret[31] |= 1
	return secret
}

var drawAlpha = rapid.SliceOfN(rapid.Byte(), 0, 600)

func TestEvaluateProveVerifyAndOutputAgree(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		rapid.Check(t, func(t *rapid.T) {
			key, alpha := c.mustKey(t, drawSecret(t)), drawAlpha.Draw(t, "alpha")
			want := key.Evaluate(alpha)
			proved, proof := key.Prove(alpha)
			if proved != want || len(proof) != c.size {
				t.Fatalf("Prove: %x with %d bytes of proof, Evaluate: %x", proved, len(proof), want)
			}
			if output, err := key.Output(proof); err != nil || output != want {
				t.Fatalf("Output: %x, %v, Evaluate: %x", output, err, want)
			}
			public, err := c.parse(key.Public().Bytes())
			if err != nil {
				t.Fatal(err)
			}
			for _, public := range []PublicKey{public, key.Public()} {
				if verified, err := public.Verify(alpha, proof); err != nil || verified != want {
					t.Fatalf("Verify: %x, %v, Evaluate: %x", verified, err, want)
				}
			}
			again := c.mustKey(t, key.Bytes())
			if _, second := again.Prove(alpha); !bytes.Equal(proof, second) {
				t.Fatal("a key made of the key's bytes proves otherwise")
			}
		})
	})
}

func TestMatchesReferenceFromRFC9381(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		rapid.Check(t, func(t *rapid.T) {
			secret, alpha := drawSecret(t), drawAlpha.Draw(t, "alpha")
			out, proof := c.prove(secret, alpha)
			got, gotProof := c.mustKey(t, secret).Prove(alpha)
			if !bytes.Equal(got[:], out[:32]) || !bytes.Equal(gotProof, proof) {
				t.Fatalf("Prove: %x, %x, reference: %x, %x", got, gotProof, out, proof)
			}
		})
	})
}

// TestVerifyMatchesReference verifies proofs with random responses against a
// random Gamma: U and V are compared through the challenge of the reference.
func TestVerifyMatchesReference(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		rapid.Check(t, func(t *rapid.T) {
			key := c.mustKey(t, drawSecret(t))
			public, alpha := key.Public(), drawAlpha.Draw(t, "alpha")
			_, proof := key.Prove(alpha)
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 1: // another Gamma that decodes
				_, other := key.Prove(append(alpha, 0))
				copy(proof, other[:c.size-48])
			case 2: // one bit of it
				bit := rapid.IntRange(0, 8*c.size-1).Draw(t, "bit")
				proof[bit/8] ^= 1 << (bit % 8)
			case 3: // another c and s
				copy(proof[c.size-48:], rapid.SliceOfN(rapid.Byte(), 48, 48).Draw(t, "tail"))
			}
			want := c.verify(public.Bytes(), alpha, proof)
			got, err := public.Verify(alpha, proof)
			switch {
			case want == nil && !errors.Is(err, ErrInvalidProof):
				t.Fatalf("Verify: %x, %v; the reference says INVALID", got, err)
			case want != nil && (err != nil || !bytes.Equal(got[:], want[:32])):
				t.Fatalf("Verify: %x, %v; the reference says %x", got, err, want)
			}
		})
	})
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		key := c.mustKey(t, bytes.Repeat([]byte{7}, 32))
		alpha := []byte("alice@example.org")
		_, proof := key.Prove(alpha)
		for bit := range 8 * len(proof) {
			bad := slices.Clone(proof)
			bad[bit/8] ^= 1 << (bit % 8)
			if out, err := key.Public().Verify(alpha, bad); !errors.Is(err, ErrInvalidProof) {
				t.Errorf("bit %d flipped: %x, %v", bit, out, err)
			}
		}
	})
}

func TestVerifyRefusesOtherInputKeyAndLength(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		key := c.mustKey(t, bytes.Repeat([]byte{7}, 32))
		other := c.mustKey(t, bytes.Repeat([]byte{8}, 32))
		alpha := []byte("alice@example.org")
		_, proof := key.Prove(alpha)
		_, foreign := other.Prove(alpha)
		for _, bad := range []struct {
			name         string
			key          PublicKey
			alpha, proof []byte
		}{
			{"other input", key.Public(), []byte("alice@example.com"), proof},
			{"longer input", key.Public(), append(slices.Clone(alpha), 0), proof},
			{"no input", key.Public(), nil, proof},
			{"other key", other.Public(), alpha, proof},
			{"other key's proof", key.Public(), alpha, foreign},
			{"nothing", key.Public(), alpha, nil},
			{"short", key.Public(), alpha, proof[:len(proof)-1]},
			{"long", key.Public(), alpha, append(slices.Clone(proof), 0)},
			{"zero", key.Public(), alpha, make([]byte, c.size)},
			{"ones", key.Public(), alpha, bytes.Repeat([]byte{0xff}, c.size)},
		} {
			if out, err := bad.key.Verify(bad.alpha, bad.proof); !errors.Is(err, ErrInvalidProof) || out != [32]byte{} {
				t.Errorf("%s: %x, %v", bad.name, out, err)
			}
		}
		for _, bad := range [][]byte{nil, proof[:len(proof)-1], append(slices.Clone(proof), 0), bytes.Repeat([]byte{0xff}, c.size)} {
			if out, err := key.Output(bad); !errors.Is(err, ErrInvalidProof) {
				t.Errorf("Output of %x: %x, %v", bad, out, err)
			}
		}
	})
}

func TestParseRefusesKeysOfOtherLengths(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		key := c.mustKey(t, bytes.Repeat([]byte{7}, 32))
		public := key.Public().Bytes()
		for _, bad := range [][]byte{nil, public[1:], public[:len(public)-1], append(slices.Clone(public), 0)} {
			if _, err := c.parse(bad); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("public key %x: %v", bad, err)
			}
		}
		for _, n := range []int{0, 31, 33} {
			if _, err := c.key(bytes.Repeat([]byte{7}, n)); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("private key of %d bytes: %v", n, err)
			}
		}
	})
}

func TestKeysAreSafeForConcurrentUse(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		key := c.mustKey(t, bytes.Repeat([]byte{7}, 32))
		want, proof := key.Prove(nil)
		public := key.Public() // its table is not made yet
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				if got, err := public.Verify(nil, proof); err != nil || got != want {
					t.Errorf("Verify: %x, %v", got, err)
				}
				if got := key.Evaluate(nil); got != want {
					t.Errorf("Evaluate: %x", got)
				}
			})
		}
		wait.Wait()
	})
}

func TestBytesAreCopies(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		key := c.mustKey(t, bytes.Repeat([]byte{7}, 32))
		want := key.Evaluate(nil)
		clear(key.Bytes())
		clear(key.Public().Bytes())
		if got := key.Evaluate(nil); got != want {
			t.Error("writing to the result of Bytes changes the key")
		}
	})
}

// Publishing pays for one evaluation a label, and for no garbage but the 16
// bytes of an error of the library's for each hash that is not a point.
func TestEvaluateDoesNotAllocate(t *testing.T) {
	forEachCurve(t, func(t *testing.T, c curve) {
		key := c.mustKey(t, bytes.Repeat([]byte{7}, 32))
		least := testing.AllocsPerRun(1, func() { key.Evaluate(benchInputs[0]) })
		for _, alpha := range benchInputs[1:32] {
			least = min(least, testing.AllocsPerRun(1, func() { key.Evaluate(alpha) }))
		}
		if least != 0 {
			t.Errorf("%v allocations", least)
		}
	})
}

func fuzzVerify(f *testing.F, c curve) {
	key := c.mustKey(f, bytes.Repeat([]byte{7}, 32))
	for _, alpha := range []string{"", "alice@example.org", "bob@example.org"} {
		_, proof := key.Prove([]byte(alpha))
		f.Add([]byte(alpha), proof)
		f.Add([]byte(alpha+"x"), proof)
	}
	public := key.Public()
	f.Fuzz(func(t *testing.T, alpha, proof []byte) {
		out, err := public.Verify(alpha, proof)
		if want := c.verify(public.Bytes(), alpha, proof); (want != nil) != (err == nil) {
			t.Fatalf("Verify: %v, reference: %x", err, want)
		}
		if err != nil {
			return
		}
		if out != key.Evaluate(alpha) {
			t.Fatal("a second output for one input")
		}
		if output, err := key.Output(proof); err != nil || output != out {
			t.Fatalf("Output: %x, %v", output, err)
		}
	})
}

func FuzzVerifyEd25519(f *testing.F) { fuzzVerify(f, curves[0]) }

func FuzzVerifyP256(f *testing.F) { fuzzVerify(f, curves[1]) }

// FuzzParsePublicKey: a key has one encoding, and the reference takes the same.
func FuzzParsePublicKey(f *testing.F) {
	for _, c := range curves {
		f.Add(c.mustKey(f, bytes.Repeat([]byte{7}, 32)).Public().Bytes())
	}
	_, small := torsion()
	for _, p := range small {
		f.Add(edEncode(p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := edDecode(b)
		wantEd25519 := p != nil && !edMult(big.NewInt(8), p).equal(edIdentity)
		_, wantP256 := refDecode(b)
		for i, want := range []bool{wantEd25519, wantP256} {
			key, err := curves[i].parse(b)
			if (err == nil) != want {
				t.Fatalf("%s: %v, reference: %v", curves[i].name, err, want)
			}
			if err == nil && !bytes.Equal(key.Bytes(), b) {
				t.Fatalf("%s: encoded again as %x", curves[i].name, key.Bytes())
			}
		}
	})
}
