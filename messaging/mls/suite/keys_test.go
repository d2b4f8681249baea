package suite_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/dh/x448"
	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

func TestEncryptWithLabel(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		priv, pub, err := s.GenerateKeyPair(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.PublicKey(priv); err != nil || !bytes.Equal(got, pub) {
			t.Errorf("public key %x, %v; want %x", got, err, pub)
		}
		otherPriv, _, err := s.GenerateKeyPair(mlstest.Rand(2))
		if err != nil {
			t.Fatal(err)
		}
		context, plaintext := []byte("context"), []byte("plaintext")
		c, err := s.EncryptWithLabel(pub, "label", context, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.EncryptWithLabel(pub, "label", context, plaintext)
		if err != nil || bytes.Equal(again.KEMOutput, c.KEMOutput) {
			t.Errorf("two encapsulations are alike, %v", err)
		}
		if got, err := s.DecryptWithLabel(priv, "label", context, c); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%q, %v", got, err)
		}
		n := len(c.KEMOutput)
		open := func(priv []byte, label string, context []byte, kemOutput, ciphertext []byte) func() ([]byte, error) {
			return func() ([]byte, error) {
				return s.DecryptWithLabel(priv, label, context, suite.Ciphertext{KEMOutput: kemOutput, Ciphertext: ciphertext})
			}
		}
		for name, f := range map[string]func() ([]byte, error){
			"other key":            open(otherPriv, "label", context, c.KEMOutput, c.Ciphertext),
			"other label":          open(priv, "lapel", context, c.KEMOutput, c.Ciphertext),
			"label and context":    open(priv, "labelc", context[1:], c.KEMOutput, c.Ciphertext),
			"other context":        open(priv, "label", nil, c.KEMOutput, c.Ciphertext),
			"KEM output":           open(priv, "label", context, flip(c.KEMOutput, n-2), c.Ciphertext),
			"KEM output first":     open(priv, "label", context, flip(c.KEMOutput, 0), c.Ciphertext),
			"KEM output short":     open(priv, "label", context, c.KEMOutput[:n-1], c.Ciphertext),
			"KEM output long":      open(priv, "label", context, append(bytes.Clone(c.KEMOutput), 0), c.Ciphertext),
			"KEM output empty":     open(priv, "label", context, nil, c.Ciphertext),
			"KEM output zero":      open(priv, "label", context, make([]byte, n), c.Ciphertext),
			"ciphertext":           open(priv, "label", context, c.KEMOutput, flip(c.Ciphertext, 0)),
			"ciphertext truncated": open(priv, "label", context, c.KEMOutput, c.Ciphertext[1:]),
			"ciphertext empty":     open(priv, "label", context, c.KEMOutput, nil),
			"of another":           open(priv, "label", context, again.KEMOutput, c.Ciphertext),
		} {
			if got, err := f(); got != nil || !errors.Is(err, suite.ErrDecrypt) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		for _, bad := range [][]byte{nil, priv[1:], append(bytes.Clone(priv), 1)} {
			if _, err := s.DecryptWithLabel(bad, "label", context, c); !errors.Is(err, suite.ErrKey) {
				t.Errorf("a private key of %d bytes: %v", len(bad), err)
			}
			if _, err := s.PublicKey(bad); !errors.Is(err, suite.ErrKey) {
				t.Errorf("the public key of %d bytes: %v", len(bad), err)
			}
			if _, err := s.ExportReceive(bad, c.KEMOutput, "", 32); !errors.Is(err, suite.ErrKey) {
				t.Errorf("an export with %d bytes: %v", len(bad), err)
			}
		}
	})
}

func TestExport(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		priv, pub, err := s.DeriveKeyPair(mlstest.Bytes(1, s.HashSize()))
		if err != nil {
			t.Fatal(err)
		}
		const context = "MLS 1.0 external init secret"
		kemOutput, secret, err := s.ExportSend(pub, context, s.HashSize())
		if err != nil || len(secret) != s.HashSize() {
			t.Fatalf("%d bytes, %v", len(secret), err)
		}
		if got, err := s.ExportReceive(priv, kemOutput, context, s.HashSize()); err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("%x, %v; want %x", got, err, secret)
		}
		if got, err := s.ExportReceive(priv, kemOutput, "else", s.HashSize()); err != nil || bytes.Equal(got, secret) {
			t.Errorf("another context: %x, %v", got, err)
		}
		if _, err := s.ExportReceive(priv, kemOutput[1:], context, s.HashSize()); !errors.Is(err, suite.ErrDecrypt) {
			t.Errorf("a KEM output too short: %v", err)
		}
		if _, _, err := s.ExportSend(pub[1:], context, s.HashSize()); !errors.Is(err, suite.ErrKey) {
			t.Errorf("a public key too short: %v", err)
		}
	})
}

// The same secret is the same key pair, other secrets are others, of any length
// that a secret has.
func TestDeriveKeyPair(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		seen := map[string]bool{}
		for _, n := range []int{s.HashSize(), s.HashSize() + 1, 32, 100} {
			for seed := range uint64(3) {
				ikm := mlstest.Bytes(seed, n)
				priv, pub, err := s.DeriveKeyPair(ikm)
				if err != nil {
					t.Fatal(err)
				}
				priv2, pub2, err := s.DeriveKeyPair(ikm)
				if err != nil || !bytes.Equal(priv, priv2) || !bytes.Equal(pub, pub2) {
					t.Errorf("%d bytes: not deterministic, %v", n, err)
				}
				if got, err := s.PublicKey(priv); err != nil || !bytes.Equal(got, pub) {
					t.Errorf("%d bytes: %v", n, err)
				}
				if s.CheckPublicKey(pub) != nil {
					t.Errorf("%d bytes: the key pair has no valid public key", n)
				}
				seen[string(pub)] = true
			}
		}
		if want := len(map[int]bool{s.HashSize(): true, s.HashSize() + 1: true, 32: true, 100: true}) * 3; len(seen) != want {
			t.Errorf("%d different keys, want %d", len(seen), want)
		}
	})
}

// RFC 9180, "DHKEM(X448, HKDF-SHA512)" has vectors only in the working group's
// JSON; circl's own derivation, for the one length it takes, is the reference.
func TestX448DeriveAgainstCircl(t *testing.T) {
	s := get(t, suite.X448_AES256GCM_SHA512_Ed448)
	for seed := range uint64(20) {
		ikm := mlstest.Bytes(seed, 56)
		wantPub, wantPriv := circlDerive(t, ikm)
		priv, pub, err := s.DeriveKeyPair(ikm)
		if err != nil || !bytes.Equal(priv, wantPriv) || !bytes.Equal(pub, wantPub) {
			t.Fatalf("%x %x, %v; want %x %x", priv, pub, err, wantPriv, wantPub)
		}
	}
}

func TestCheckPublicKey(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		_, pub, err := s.GenerateKeyPair(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CheckPublicKey(pub); err != nil {
			t.Fatal(err)
		}
		bad := map[string][]byte{
			"empty": nil, "short": pub[:len(pub)-1], "long": append(bytes.Clone(pub), 0), "zero": make([]byte, len(pub)),
		}
		switch id := s.ID(); {
		case pub[0] == 4 && len(pub)%2 == 1: // a NIST curve
			bad["not on the curve"] = flip(pub, len(pub)-1)
			bad["compressed"] = append([]byte{2 | pub[len(pub)-1]&1}, pub[1:1+len(pub)/2]...)
			bad["hybrid"] = append([]byte{6 | pub[len(pub)-1]&1}, pub[1:]...)
			bad["infinity"] = []byte{0}
			bad["coordinate beyond the field"] = append([]byte{4}, bytes.Repeat([]byte{0xff}, len(pub)-1)...)
		case id == suite.MLKEM768X25519_AES128GCM_SHA256_Ed25519 || id == suite.MLKEM768X25519_AES256GCM_SHA384_Ed25519:
			bad["X25519 of low order"] = append(bytes.Clone(pub[:len(pub)-32]), make([]byte, 32)...)
			bad["coefficient beyond the field"] = append([]byte{0xff, 0xff, 0xff}, pub[3:]...)
		}
		for name, key := range bad {
			if err := s.CheckPublicKey(key); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s: CheckPublicKey: %v", name, err)
			}
			if _, err := s.EncryptWithLabel(key, "label", nil, nil); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s: EncryptWithLabel: %v", name, err)
			}
			if _, _, err := s.ExportSend(key, "", 32); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s: ExportSend: %v", name, err)
			}
		}
	})
}

// The u-coordinates of low order, as decimal numbers of the literature: whatever
// the private key, the shared secret is zero. All are refused, with the highest
// bit of X25519 set too; their neighbours are not.
func TestLowOrderPublicKeys(t *testing.T) {
	p25519 := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	p448 := new(big.Int).Sub(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 448), new(big.Int).Lsh(big.NewInt(1), 224)), big.NewInt(1))
	number := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			t.Fatal(s)
		}
		return n
	}
	plus := func(a *big.Int, b int64) *big.Int { return new(big.Int).Add(a, big.NewInt(b)) }
	littleEndian := func(n *big.Int, size int) []byte {
		b := n.FillBytes(make([]byte, size))
		for i := range size / 2 {
			b[i], b[size-1-i] = b[size-1-i], b[i]
		}
		return b
	}
	low25519 := []*big.Int{
		big.NewInt(0), big.NewInt(1), plus(p25519, -1), p25519, plus(p25519, 1),
		number("325606250916557431795983626356110631294008115727848805560023387167927233504"),
		number("39382357235489614581723060781553021112529911719440698176882885853963445705823"),
	}
	low448 := []*big.Int{big.NewInt(0), big.NewInt(1), plus(p448, -1), p448, plus(p448, 1)}

	private, err := ecdh.X25519().NewPrivateKey(mlstest.Bytes(1, 32))
	if err != nil {
		t.Fatal(err)
	}
	zero25519 := func(pub []byte) bool {
		key, err := ecdh.X25519().NewPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		_, err = private.ECDH(key)
		return err != nil
	}
	zero448 := func(pub []byte) bool {
		var shared, priv, key x448.Key
		copy(priv[:], mlstest.Bytes(1, 56))
		copy(key[:], pub)
		return !x448.Shared(&shared, &priv, &key)
	}
	_, hybrid, err := get(t, suite.MLKEM768X25519_AES128GCM_SHA256_Ed25519).GenerateKeyPair(mlstest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	mlkem := hybrid[:len(hybrid)-32]

	check := func(n *big.Int) {
		if n.Sign() < 0 {
			return
		}
		if n.BitLen() <= 255 {
			b := littleEndian(n, 32)
			for range 2 {
				for _, s := range []suite.ID{suite.X25519_AES128GCM_SHA256_Ed25519, suite.X25519_CHACHA20POLY1305_SHA256_Ed25519} {
					if got := errors.Is(get(t, s).CheckPublicKey(b), suite.ErrKey); got != zero25519(b) {
						t.Errorf("X25519 %v: refused %v, of low order %v", n, got, zero25519(b))
					}
				}
				got := errors.Is(get(t, suite.MLKEM768X25519_AES256GCM_SHA384_Ed25519).CheckPublicKey(append(bytes.Clone(mlkem), b...)), suite.ErrKey)
				if got != zero25519(b) {
					t.Errorf("MLKEM768X25519 %v: refused %v, of low order %v", n, got, zero25519(b))
				}
				b[31] |= 0x80
			}
		}
		b := littleEndian(n, 56)
		for _, s := range []suite.ID{suite.X448_AES256GCM_SHA512_Ed448, suite.X448_CHACHA20POLY1305_SHA512_Ed448} {
			if got := errors.Is(get(t, s).CheckPublicKey(b), suite.ErrKey); got != zero448(b) {
				t.Errorf("X448 %v: refused %v, of low order %v", n, got, zero448(b))
			}
		}
	}
	for _, n := range low25519 {
		if !zero25519(littleEndian(n, 32)) {
			t.Errorf("%v is not of low order", n)
		}
	}
	for _, n := range low448 {
		if !zero448(littleEndian(n, 56)) {
			t.Errorf("%v is not of low order", n)
		}
	}
	for _, n := range append(low25519, low448...) {
		for d := int64(-2); d <= 2; d++ {
			check(plus(n, d))
		}
	}
}

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

// A source of randomness that ends, or yields no scalar, is an error.
func TestRandomness(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		if _, _, err := s.GenerateKeyPair(io.LimitReader(mlstest.Rand(1), 16)); err == nil {
			t.Error("a key pair of 16 random bytes")
		}
		if _, _, err := s.GenerateSigner(io.LimitReader(mlstest.Rand(1), 16)); err == nil {
			t.Error("a signature key of 16 random bytes")
		}
	})
	for _, id := range []suite.ID{suite.P256_AES128GCM_SHA256_P256, suite.P384_AES256GCM_SHA384_P384, suite.P521_AES256GCM_SHA512_P521} {
		if _, _, err := get(t, id).GenerateSigner(constant(0xff)); !errors.Is(err, suite.ErrKey) {
			t.Errorf("%v: %v", id, err)
		}
		if _, _, err := get(t, id).GenerateSigner(constant(0)); !errors.Is(err, suite.ErrKey) {
			t.Errorf("%v: %v", id, err)
		}
		// Draws are no longer than the order, so that hardly any is refused.
		for seed := range uint64(30) {
			if _, _, err := get(t, id).GenerateSigner(io.LimitReader(mlstest.Rand(seed), 300)); err != nil {
				t.Errorf("%v, seed %d: %v", id, seed, err)
			}
		}
	}
}

type constant byte

func (c constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

// No bytes from a peer make the keys' and signatures' parsers panic.
func TestKeysFromPeersDoNotPanic(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		_, pub, err := s.GenerateKeyPair(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		_, signer, err := s.GenerateSigner(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			any := func(name string, like []byte) []byte {
				b := bytes.Clone(like)
				if rapid.Bool().Draw(t, name+" random") {
					b = mlstest.Bytes(rapid.Uint64().Draw(t, name), len(like))
				}
				if len(b) > 0 && rapid.Bool().Draw(t, name+" changed") {
					b[rapid.IntRange(0, len(b)-1).Draw(t, name+" at")] = rapid.Byte().Draw(t, name+" to")
				}
				if rapid.Bool().Draw(t, name+" cut") {
					b = b[:rapid.IntRange(0, len(b)).Draw(t, name+" length")]
				}
				return b
			}
			key := any("key", pub)
			_, err := s.EncryptWithLabel(key, "l", nil, nil)
			if (err == nil) != (s.CheckPublicKey(key) == nil) {
				t.Fatalf("%x: encrypting %v, checking %v", key, err, s.CheckPublicKey(key))
			}
			verifyKey := any("signature key", signer.Public())
			err = s.VerifyWithLabel(verifyKey, "l", nil, any("signature", make([]byte, 64)))
			if want := s.CheckSignatureKey(verifyKey); (want != nil) != errors.Is(err, suite.ErrKey) || err == nil {
				t.Fatalf("%x: %v, %v", verifyKey, err, want)
			}
		})
	})
}
