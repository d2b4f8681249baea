package vrf

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/nistec"
	"pgregory.net/rapid"
)

// torsion returns a point of order 8, and all eight of its multiples.
func torsion() (t8 *edPoint, all []*edPoint) {
	for y := int64(2); ; y++ {
		if p := edDecode(toLittleEndian(big.NewInt(y), 32)); p != nil {
			t8 = edMult(edQ, p)
			if !edMult(big.NewInt(4), t8).equal(edIdentity) {
				break
			}
		}
	}
	for i := range int64(8) {
		all = append(all, edMult(big.NewInt(i), t8))
	}
	return t8, all
}

func TestEd25519ValidateKeyRefusesSmallOrder(t *testing.T) {
	_, all := torsion()
	seen := map[string]bool{}
	for _, p := range all {
		seen[string(edEncode(p))] = true
		if _, err := ParseEd25519PublicKey(edEncode(p)); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("key %x: %v", edEncode(p), err)
		}
	}
	if len(seen) != 8 {
		t.Fatalf("%d points of small order, not 8", len(seen))
	}
}

// RFC 8032, "Decoding": y below p, and no negative zero.
func TestEd25519DecodesCanonicalPointsOnly(t *testing.T) {
	check := func(y *big.Int, sign byte) {
		b := toLittleEndian(y, 32)
		b[31] |= sign << 7
		var p edwards25519.Point
		want := edDecode(b)
		if got := decodeEd25519(&p, b); got != (want != nil) {
			t.Errorf("decode %x: %v, reference: %v", b, got, want != nil)
		} else if got && !bytes.Equal(p.Bytes(), b) {
			t.Errorf("decode %x: encoded again as %x", b, p.Bytes())
		}
	}
	accepted := 0
	for d := int64(-300); d < 19; d++ { // up to 2^255-1
		for sign := range byte(2) {
			check(new(big.Int).Add(edP, big.NewInt(d)), sign)
			if d < 0 {
				check(big.NewInt(d+300), sign)
			}
		}
	}
	// Encodings that the library would take.
	for d := range int64(19) {
		var p edwards25519.Point
		if _, err := p.SetBytes(toLittleEndian(new(big.Int).Add(edP, big.NewInt(d)), 32)); err == nil {
			accepted++
		}
	}
	if accepted == 0 {
		t.Error("the library refuses them as well: this test tests nothing")
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "encoding")
		var p edwards25519.Point
		if got, want := decodeEd25519(&p, b), edDecode(b) != nil; got != want {
			t.Fatalf("decode: %v, reference: %v", got, want)
		}
	})
}

func TestEd25519BatchEncodingMatchesLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "points")
		points := make([]*edwards25519.Point, n)
		for i := range points {
			hash := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "scalar")
			s, err := edwards25519.NewScalar().SetUniformBytes(hash)
			if err != nil {
				t.Fatal(err)
			}
			points[i] = new(edwards25519.Point).ScalarBaseMult(s)
		}
		out := make([][32]byte, n)
		encodeEd25519(out, points...)
		for i, p := range points {
			if !bytes.Equal(out[i][:], p.Bytes()) {
				t.Fatalf("point %d of %d: %x, not %x", i, n, out[i], p.Bytes())
			}
		}
	})
}

func TestEd25519RefusesUnreducedS(t *testing.T) {
	key, err := NewEd25519PrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	_, proof := key.Prove(nil)
	s := littleEndian(proof[48:])
	for i := range int64(15) { // 16q is the first beyond 2^256
		s.Add(s, edQ)
		bad := append(slices.Clone(proof[:48]), toLittleEndian(s, 32)...)
		if out, err := key.Public().Verify(nil, bad); !errors.Is(err, ErrInvalidProof) {
			t.Errorf("s + %dq: %x, %v", i+1, out, err)
		}
		if _, err := key.Output(bad); !errors.Is(err, ErrInvalidProof) {
			t.Errorf("Output with s + %dq: %v", i+1, err)
		}
	}
}

func TestEd25519RefusesGammaOfSmallOrder(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 32)
	key, err := NewEd25519PrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := edSecret(seed)
	h := edHashToCurve(key.Public().Bytes(), nil)
	_, all := torsion()
	k := big.NewInt(12345)
	for _, gamma := range all { // the first is the identity
		// The best that the owner of the key could try.
		c := edChallenge(edMult(x, edB), h, gamma, edMult(k, edB), edMult(k, h))
		proof := edProof(gamma, c, new(big.Int).Add(k, new(big.Int).Mul(c, x)))
		if out, err := key.Public().Verify(nil, proof); !errors.Is(err, ErrInvalidProof) {
			t.Errorf("Gamma %x: %x, %v", edEncode(gamma), out, err)
		}
	}
}

// A key or Gamma with a component of small order is odd, but valid: the RFC
// multiplies it by the integer c. An implementation that multiplied by -c modulo
// the group order would disagree with others about such proofs. Since a log
// could use that to split its users, the agreement is tested, and the output
// stays the one of the key's owner.
func TestEd25519ComponentsOfSmallOrderAsInRFC9381(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 32)
	x, _ := edSecret(seed)
	t8, _ := torsion()
	honest := edMult(x, edB)
	for _, shifted := range []struct {
		name   string
		y, off *edPoint // the public key; what is added to Gamma
	}{
		{"key", edAdd(honest, t8), edIdentity},
		{"Gamma", honest, t8},
		{"both", edAdd(honest, t8), t8},
	} {
		t.Run(shifted.name, func(t *testing.T) {
			public, err := ParseEd25519PublicKey(edEncode(shifted.y))
			if err != nil {
				t.Fatal(err)
			}
			h := edHashToCurve(public.Bytes(), nil)
			gamma := edAdd(edMult(x, h), shifted.off)
			valid := 0
			for k := int64(1); valid < 2 && k < 200; k++ {
				// It holds exactly if 8 divides c.
				n := big.NewInt(k)
				c := edChallenge(shifted.y, h, gamma, edMult(n, edB), edMult(n, h))
				proof := edProof(gamma, c, new(big.Int).Add(n, new(big.Int).Mul(c, x)))
				want := edVerify(public.Bytes(), nil, proof)
				got, err := public.Verify(nil, proof)
				if (want != nil) != (err == nil) {
					t.Fatalf("c = %v: Verify: %v, reference: %x", c, err, want)
				}
				if want != nil {
					valid++
					if !bytes.Equal(got[:], edOutput(edMult(x, h))[:32]) {
						t.Fatal("a second output for one input")
					}
				}
			}
			if valid == 0 {
				t.Error("no valid proof met: this test tests nothing")
			}
		})
	}
}

func TestP256RefusesBadEncodings(t *testing.T) {
	key, err := NewP256PrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	_, proof := key.Prove(nil)
	// x + p has 33 bytes for all but the least x: take one of those.
	small := new(big.Int)
	for {
		if _, ok := refDecode(append([]byte{2}, small.FillBytes(make([]byte, 32))...)); ok {
			break
		}
		small.Add(small, one)
	}
	unreduced := new(big.Int).Add(refP, small).FillBytes(make([]byte, 32))
	points := map[string][]byte{
		"x not below p":        append([]byte{2}, unreduced...),
		"x of no point":        nil,
		"infinity, padded":     make([]byte, 33),
		"uncompressed prefix":  append([]byte{4}, proof[1:33]...),
		"prefix of hybrid":     append([]byte{6}, proof[1:33]...),
		"prefix of nothing":    append([]byte{1}, proof[1:33]...),
		"x of all bits set":    append([]byte{3}, bytes.Repeat([]byte{0xff}, 32)...),
		"other point, same y²": append([]byte{proof[0] ^ 1}, proof[1:33]...),
	}
	for x := big.NewInt(1); points["x of no point"] == nil; x.Add(x, one) {
		b := append([]byte{2}, x.FillBytes(make([]byte, 32))...)
		if _, ok := refDecode(b); !ok {
			points["x of no point"] = b
		}
	}
	for name, point := range points {
		bad := slices.Concat(point, proof[33:])
		if out, err := key.Public().Verify(nil, bad); !errors.Is(err, ErrInvalidProof) {
			t.Errorf("%s: %x, %v", name, out, err)
		}
		if name == "other point, same y²" {
			continue // a fine key
		}
		if _, err := ParseP256PublicKey(point); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("%s as a key: %v", name, err)
		}
	}
	for _, bad := range [][]byte{{0}, key.Public().(*p256PublicKey).point.Bytes()} {
		if _, err := ParseP256PublicKey(bad); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("key %x: %v", bad, err)
		}
	}
}

func TestP256RefusesUnreducedS(t *testing.T) {
	key, err := NewP256PrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	_, proof := key.Prove(nil)
	var p p256Proof
	for d := int64(-2); d <= 2; d++ {
		s := new(big.Int).Add(refQ, big.NewInt(d))
		bad := slices.Concat(proof[:49], s.FillBytes(make([]byte, 32)))
		if err := p.decode(bad); (err == nil) != (d < 0) {
			t.Errorf("s = q%+d: %v", d, err)
		}
		if out, err := key.Public().Verify(nil, bad); !errors.Is(err, ErrInvalidProof) {
			t.Errorf("s = q%+d: %x, %v", d, out, err)
		}
	}
}

func TestP256PrivateKeyRange(t *testing.T) {
	for _, c := range []struct {
		scalar *big.Int
		ok     bool
	}{
		{new(big.Int), false},
		{one, true},
		{new(big.Int).Sub(refQ, one), true},
		{refQ, false},
		{new(big.Int).Add(refQ, one), false},
		{new(big.Int).Sub(new(big.Int).Lsh(one, 256), one), false},
	} {
		key, err := NewP256PrivateKey(c.scalar.FillBytes(make([]byte, 32)))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInvalidKey) {
			t.Errorf("%x: %v", c.scalar, err)
		}
		if err == nil && !bytes.Equal(key.Public().Bytes(), refEncode(refMult(c.scalar, refG))) {
			t.Errorf("%x: public key %x", c.scalar, key.Public().Bytes())
		}
	}
}

// U and V can be the point at infinity, for somebody who knows the key: its
// encoding is the one byte of SEC 1, as in the reference.
func TestP256InfinityInChallenge(t *testing.T) {
	x := new(big.Int).SetBytes(bytes.Repeat([]byte{7}, 32))
	key, err := NewP256PrivateKey(x.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	y := refMult(x, refG)
	h := refHashToCurve(refEncode(y), nil)
	gamma := refMult(x, h)
	c := refChallenge(y, h, gamma, p256Affine{}, p256Affine{})
	proof := refProof(gamma, c, new(big.Int).Mul(c, x))
	want := refVerify(refEncode(y), nil, proof)
	got, err := key.Public().Verify(nil, proof)
	if want == nil || err != nil || !bytes.Equal(got[:], want) {
		t.Errorf("Verify: %x, %v; the reference says %x", got, err, want)
	}
}

func TestP256DoubleMultMatchesReference(t *testing.T) {
	edge := []*big.Int{new(big.Int), one, big.NewInt(31), new(big.Int).Sub(refQ, one), new(big.Int).Sub(new(big.Int).Lsh(one, 256), one)}
	rapid.Check(t, func(t *rapid.T) {
		var a [32]byte
		var b [16]byte
		if i := rapid.IntRange(-5, len(edge)-1).Draw(t, "edge"); i >= 0 {
			edge[i].FillBytes(a[:])
		} else {
			copy(a[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "a"))
		}
		copy(b[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "b"))
		p := refMult(new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 2).Draw(t, "p")), refG)
		q := refMult(new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 2).Draw(t, "q")), refG)
		var pp, qq, r nistec.P256Point
		for point, encoded := range map[*nistec.P256Point][]byte{&pp: refEncode(p), &qq: refEncode(q)} {
			if _, err := point.SetBytes(encoded); err != nil {
				t.Fatal(err)
			}
		}
		p256DoubleMult(&r, &pp, &a, &qq, &b)
		want := refAdd(refMult(new(big.Int).SetBytes(a[:]), p), refMult(new(big.Int).SetBytes(b[:]), q))
		if !bytes.Equal(r.BytesCompressed(), refEncode(want)) {
			t.Fatalf("%x, reference: %x", r.BytesCompressed(), refEncode(want))
		}
	})
}

func TestCombMatchesReference(t *testing.T) {
	t8, _ := torsion()
	odd := edAdd(edB, t8)
	var edPt edwards25519.Point
	if !decodeEd25519(&edPt, edEncode(odd)) {
		t.Fatal("not a point")
	}
	edComb := newComb(&edPt, identityEd25519)
	g := nistec.NewP256Point().SetGenerator()
	pComb := newComb(g, nistec.NewP256Point())
	rapid.Check(t, func(t *rapid.T) {
		var k [16]byte
		copy(k[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "k"))
		n := littleEndian(k[:])
		var e edwards25519.Point
		edComb.mult(&e, &k)
		if want := edEncode(edMult(n, odd)); !bytes.Equal(e.Bytes(), want) {
			t.Fatalf("edwards25519: %x, reference: %x", e.Bytes(), want)
		}
		var p nistec.P256Point
		pComb.mult(&p, &k)
		if want := refEncode(refMult(n, refG)); !bytes.Equal(p.BytesCompressed(), want) {
			t.Fatalf("P-256: %x, reference: %x", p.BytesCompressed(), want)
		}
	})
}
