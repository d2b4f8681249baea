package suite_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

func TestSignWithLabel(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		priv, signer, err := s.GenerateSigner(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		same, err := s.NewSigner(priv)
		if err != nil || !bytes.Equal(same.Public(), signer.Public()) {
			t.Fatalf("%v", err)
		}
		pub, content := signer.Public(), []byte("content")
		if err := s.CheckSignatureKey(pub); err != nil {
			t.Fatal(err)
		}
		signature, err := s.SignWithLabel(signer, "label", content)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.SignWithLabel(same, "label", content)
		if err != nil || !bytes.Equal(again, signature) {
			t.Errorf("the signature is not deterministic: %v", err)
		}
		if err := s.VerifyWithLabel(pub, "label", content, signature); err != nil {
			t.Fatal(err)
		}
		_, other, err := s.GenerateSigner(mlstest.Rand(2))
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"other key":         s.VerifyWithLabel(other.Public(), "label", content, signature),
			"other label":       s.VerifyWithLabel(pub, "lapel", content, signature),
			"label and content": s.VerifyWithLabel(pub, "labelc", content[1:], signature),
			"other content":     s.VerifyWithLabel(pub, "label", nil, signature),
			"first":             s.VerifyWithLabel(pub, "label", content, flip(signature, 0)),
			"middle":            s.VerifyWithLabel(pub, "label", content, flip(signature, len(signature)/3)),
			"last":              s.VerifyWithLabel(pub, "label", content, flip(signature, len(signature)-2)),
			"truncated":         s.VerifyWithLabel(pub, "label", content, signature[:len(signature)-1]),
			"longer":            s.VerifyWithLabel(pub, "label", content, append(bytes.Clone(signature), 0)),
			"empty":             s.VerifyWithLabel(pub, "label", content, nil),
			"zero":              s.VerifyWithLabel(pub, "label", content, make([]byte, len(signature))),
		} {
			if !errors.Is(err, suite.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, bad := range [][]byte{nil, priv[1:], append(bytes.Clone(priv), 1)} {
			if _, err := s.NewSigner(bad); !errors.Is(err, suite.ErrKey) {
				t.Errorf("a private key of %d bytes: %v", len(bad), err)
			}
		}
	})
}

func TestCheckSignatureKey(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		_, signer, err := s.GenerateSigner(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		pub := signer.Public()
		signature, err := s.SignWithLabel(signer, "label", nil)
		if err != nil {
			t.Fatal(err)
		}
		bad := map[string][]byte{
			"empty": nil, "short": pub[:len(pub)-1], "long": append(bytes.Clone(pub), 0),
		}
		unhex := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		switch len(pub) {
		case 32: // Ed25519
			for name, key := range map[string]string{
				"order 1":                 "01" + strings.Repeat("00", 31),
				"order 2":                 "ec" + strings.Repeat("ff", 30) + "7f",
				"order 4":                 strings.Repeat("00", 32),
				"order 4, sign":           strings.Repeat("00", 31) + "80",
				"order 8":                 "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
				"order 8, sign":           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
				"order 8, other":          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
				"order 8, other, sign":    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
				"order 1, beyond field":   "ee" + strings.Repeat("ff", 30) + "7f",
				"order 4, beyond field":   "ed" + strings.Repeat("ff", 30) + "7f",
				"not canonical, y = p+3":  "f0" + strings.Repeat("ff", 30) + "7f",
				"identity, negative zero": "01" + strings.Repeat("00", 30) + "80",
				"not on the curve":        "02" + strings.Repeat("00", 31),
			} {
				bad[name] = unhex(key)
			}
		case 57: // Ed448
			p := strings.Repeat("ff", 28) + "fe" + strings.Repeat("ff", 27)
			for name, key := range map[string]string{
				"order 1":              "01" + strings.Repeat("00", 56),
				"order 2":              "fe" + p[2:] + "00",
				"order 4":              strings.Repeat("00", 57),
				"order 4, sign":        strings.Repeat("00", 56) + "80",
				"order 4, beyond":      p + "00",
				"padding bits set":     strings.Repeat("00", 56) + "01",
				"identity with a sign": "01" + strings.Repeat("00", 55) + "80",
			} {
				bad[name] = unhex(key)
			}
		default:
			bad["not on the curve"] = flip(pub, len(pub)-1)
			bad["compressed"] = append([]byte{2 | pub[len(pub)-1]&1}, pub[1:1+len(pub)/2]...)
			bad["infinity"] = []byte{0}
			bad["zero"] = make([]byte, len(pub))
			bad["coordinate beyond the field"] = append([]byte{4}, bytes.Repeat([]byte{0xff}, len(pub)-1)...)
		}
		for name, key := range bad {
			if err := s.CheckSignatureKey(key); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s: CheckSignatureKey: %v", name, err)
			}
			if err := s.VerifyWithLabel(key, "label", nil, signature); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s: VerifyWithLabel: %v", name, err)
			}
		}
	})
}

// The quick test for low order agrees with the curve: a key is accepted exactly if
// it is the one encoding of its point, and 8 times the point is not zero.
func TestCheckSignatureKeyAgainstCurve(t *testing.T) {
	s := get(t, suite.X25519_AES128GCM_SHA256_Ed25519)
	identity := edwards25519.NewIdentityPoint()
	check := func(t interface{ Fatalf(string, ...any) }, key []byte) {
		p, err := new(edwards25519.Point).SetBytes(key)
		want := err == nil && bytes.Equal(p.Bytes(), key) && p.MultByCofactor(p).Equal(identity) == 0
		if err := s.CheckSignatureKey(key); (err == nil) != want {
			t.Fatalf("%x: %v, want accepted: %v", key, err, want)
		}
	}
	for low := range 256 {
		for _, fill := range []byte{0, 0xff} {
			for _, high := range []byte{0, 0x7f, 0x80, 0xff} {
				key := bytes.Repeat([]byte{fill}, 32)
				key[0], key[31] = byte(low), high
				check(t, key)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, mlstest.Bytes(rapid.Uint64().Draw(t, "key"), 32))
	})
}

// Under a key of low order a signature made of nothing verifies for many contents.
func TestLowOrderKeyForgesNothing(t *testing.T) {
	for _, id := range []suite.ID{suite.X25519_AES128GCM_SHA256_Ed25519, suite.X448_AES256GCM_SHA512_Ed448} {
		s := get(t, id)
		n := 32
		if id == suite.X448_AES256GCM_SHA512_Ed448 {
			n = 57
		}
		identity := append([]byte{1}, make([]byte, n-1)...)
		forged := append(bytes.Clone(identity), make([]byte, n)...) // R is the identity, S is 0
		if err := s.VerifyWithLabel(identity, "label", []byte("anything"), forged); !errors.Is(err, suite.ErrKey) {
			t.Errorf("%v: %v", s, err)
		}
	}
}

// ECDSA signatures are DER and nothing near it ("Signing" (5.1.2)).
func TestECDSASignatureIsStrictDER(t *testing.T) {
	for id, order := range map[suite.ID]string{
		suite.P256_AES128GCM_SHA256_P256: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
		suite.P384_AES256GCM_SHA384_P384: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
		suite.P521_AES256GCM_SHA512_P521: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
	} {
		s := get(t, id)
		n, _ := new(big.Int).SetString(order, 16)
		_, signer, err := s.GenerateSigner(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := s.SignWithLabel(signer, "label", nil)
		if err != nil {
			t.Fatal(err)
		}
		var rs struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) > 0 {
			t.Fatal(err)
		}
		integer := func(b []byte) []byte { return append(der(0x02, len(b)), b...) }
		sequence := func(parts ...[]byte) []byte {
			b := bytes.Join(parts, nil)
			return append(der(0x30, len(b)), b...)
		}
		minimal := func(i *big.Int) []byte {
			b, err := asn1.Marshal(i)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		r, sBytes := minimal(rs.R), minimal(rs.S)
		if !bytes.Equal(sequence(r, sBytes), signature) {
			t.Fatal("the test writes another encoding")
		}
		body := bytes.Join([][]byte{r, sBytes}, nil)
		for name, bad := range map[string][]byte{
			"zeros before r":           sequence(integer(append([]byte{0, 0}, rs.R.Bytes()...)), sBytes),
			"zeros before s":           sequence(r, integer(append([]byte{0, 0}, rs.S.Bytes()...))),
			"r plus the order":         sequence(minimal(new(big.Int).Add(rs.R, n)), sBytes),
			"s plus the order":         sequence(r, minimal(new(big.Int).Add(rs.S, n))),
			"r zero":                   sequence(minimal(new(big.Int)), sBytes),
			"s zero":                   sequence(r, minimal(new(big.Int))),
			"r negative":               sequence(minimal(new(big.Int).Neg(rs.R)), sBytes),
			"s negative":               sequence(r, minimal(new(big.Int).Neg(rs.S))),
			"s alone":                  sequence(sBytes),
			"three integers":           sequence(r, sBytes, sBytes),
			"length in more bytes":     append([]byte{0x30, 0x82, 0, byte(len(body))}, body...),
			"indefinite length":        append(append([]byte{0x30, 0x80}, body...), 0, 0),
			"a byte after":             append(bytes.Clone(signature), 0),
			"a byte within":            sequence(r, sBytes, []byte{0}),
			"a set":                    flip(signature, 0),
			"r and s as raw":           append(rs.R.FillBytes(make([]byte, (n.BitLen()+7)/8)), rs.S.FillBytes(make([]byte, (n.BitLen()+7)/8))...),
			"s and r in another order": sequence(sBytes, r),
		} {
			if err := s.VerifyWithLabel(signer.Public(), "label", nil, bad); !errors.Is(err, suite.ErrSignature) {
				t.Errorf("%v: %s: %v", s, name, err)
			}
		}
	}
}

func der(tag byte, n int) []byte {
	if n < 128 {
		return []byte{tag, byte(n)}
	}
	return []byte{tag, 0x81, byte(n)}
}

// S of an EdDSA signature is below the order: S plus the order is another
// signature of nobody.
func TestEdDSASignatureIsReduced(t *testing.T) {
	for id, order := range map[suite.ID]string{
		suite.X25519_AES128GCM_SHA256_Ed25519: "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed",
		suite.X448_AES256GCM_SHA512_Ed448:     "3fffffffffffffffffffffffffffffffffffffffffffffffffffffff7cca23e9c44edb49aed63690216cc2728dc58f552378c292ab5844f3",
	} {
		s := get(t, id)
		n, _ := new(big.Int).SetString(order, 16)
		_, signer, err := s.GenerateSigner(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := s.SignWithLabel(signer, "label", nil)
		if err != nil {
			t.Fatal(err)
		}
		half := len(signature) / 2
		reversed := func(b []byte) []byte {
			b = bytes.Clone(b)
			for i := range len(b) / 2 {
				b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
			}
			return b
		}
		bigger := new(big.Int).Add(new(big.Int).SetBytes(reversed(signature[half:])), n)
		bad := append(bytes.Clone(signature[:half]), reversed(bigger.FillBytes(make([]byte, half)))...)
		if err := s.VerifyWithLabel(signer.Public(), "label", nil, bad); !errors.Is(err, suite.ErrSignature) {
			t.Errorf("%v: %v", s, err)
		}
	}
}
