package suite_test

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"io"
	"math/big"
	"testing"

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

// circl's own derivation, for the one length it takes, is the same but for the clamping
// ("SerializePrivateKey and DeserializePrivateKey" (RFC 9180, 7.1.2)).
func TestX448DeriveAgainstCircl(t *testing.T) {
	s := get(t, suite.X448_AES256GCM_SHA512_Ed448)
	for seed := range uint64(20) {
		ikm := mlstest.Bytes(seed, 56)
		wantPub, wantPriv := circlDerive(t, ikm)
		wantPriv[0] &= 0xfc
		wantPriv[55] |= 0x80
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
