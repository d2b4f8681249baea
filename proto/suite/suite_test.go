package suite

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/wire"
)

var ids = []wire.CipherSuite{wire.KT_128_SHA256_P256, wire.KT_128_SHA256_Ed25519}

func forEachSuite(t *testing.T, f func(t *testing.T, s Suite)) {
	for _, id := range ids {
		s, err := Get(id)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.Name(), func(t *testing.T) { f(t, s) })
	}
}

func seed(b byte) io.Reader { return bytes.NewReader(bytes.Repeat([]byte{b}, 32)) }

func mustSigner(t rapid.TB, s Suite, b byte) Signer {
	signer, err := s.GenerateSigner(seed(b))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func mustVerifier(t rapid.TB, s Suite, public []byte) Verifier {
	v, err := s.ParseVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// "KT Cipher Suites"
func TestRegisteredCipherSuites(t *testing.T) {
	for _, want := range []struct {
		id   wire.CipherSuite
		name string
		np   int
		// sizes in bytes
		signaturePublic, vrfPublic int
	}{
		{0x0001, "KT_128_SHA256_P256", 81, 65, 33},
		{0x0002, "KT_128_SHA256_Ed25519", 80, 32, 32},
	} {
		s, err := Get(want.id)
		if err != nil {
			t.Fatal(err)
		}
		if s.ID() != want.id || s.Name() != want.name || s.Np() != want.np {
			t.Errorf("suite %v, %s, Np %d; want %+v", s.ID(), s.Name(), s.Np(), want)
		}
		signer := mustSigner(t, s, 1)
		key, err := s.GenerateVRFKey(seed(2))
		if err != nil {
			t.Fatal(err)
		}
		_, proof := key.Prove(nil)
		sig, err := signer.Sign(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(signer.Public()) != want.signaturePublic || len(key.Public().Bytes()) != want.vrfPublic ||
			len(proof) != want.np || len(sig) != 64 {
			t.Errorf("%s: sizes %d, %d, %d, %d", s.Name(), len(signer.Public()), len(key.Public().Bytes()), len(proof), len(sig))
		}
	}
	for _, id := range []wire.CipherSuite{0, 3, 0x0100, 0xf000, 0xffff} {
		if _, err := Get(id); !errors.Is(err, ErrUnknownSuite) {
			t.Errorf("suite 0x%04x: %v", uint16(id), err)
		}
	}
	p, err := Get(1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Get(1)
	if err != nil {
		t.Fatal(err)
	}
	if p != again {
		t.Error("suites do not compare equal")
	}
}

func TestKeysSurviveTheirBytes(t *testing.T) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		signer := mustSigner(t, s, 1)
		again, err := s.ParseSigner(signer.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(signer.Bytes()) != 32 || !bytes.Equal(again.Public(), signer.Public()) {
			t.Error("a signer made of a signer's bytes is another")
		}
		key, err := s.GenerateVRFKey(seed(1))
		if err != nil {
			t.Fatal(err)
		}
		sameKey, err := s.ParseVRFPrivateKey(key.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(key.Bytes()) != 32 || sameKey.Evaluate(nil) != key.Evaluate(nil) {
			t.Error("a VRF key made of a key's bytes is another")
		}
		for _, n := range []int{0, 31, 33, 64} {
			b := bytes.Repeat([]byte{1}, n)
			if _, err := s.ParseSigner(b); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("signer of %d bytes: %v", n, err)
			}
			if _, err := s.ParseVRFPrivateKey(b); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("VRF key of %d bytes: %v", n, err)
			}
			if _, err := s.ParseVRFPublicKey(b[:min(n, 31)]); !errors.Is(err, ErrInvalidKey) {
				t.Errorf("VRF public key: %v", err)
			}
		}
		clear(signer.Bytes())
		clear(signer.Public())
		if !bytes.Equal(again.Public(), signer.Public()) || !bytes.Equal(again.Bytes(), signer.Bytes()) {
			t.Error("Bytes or Public gives away the signer's own memory")
		}
	})
}

func TestGenerateRefusesBadRandomness(t *testing.T) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		short := bytes.NewReader(make([]byte, 31))
		if _, err := s.GenerateSigner(short); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("31 bytes of randomness: %v", err)
		}
		if _, err := s.GenerateVRFKey(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
			t.Errorf("no randomness: %v", err)
		}
	})
	s, err := Get(wire.KT_128_SHA256_P256)
	if err != nil {
		t.Fatal(err)
	}
	// Beyond the group order: drawn again, and not for ever.
	high := bytes.Repeat([]byte{0xff}, 32)
	stuck := bytes.NewReader(bytes.Repeat(high, 10))
	if _, err := s.GenerateSigner(stuck); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("randomness that is always too high: %v", err)
	}
	want := bytes.Repeat([]byte{5}, 32)
	signer, err := s.GenerateSigner(bytes.NewReader(slices.Concat(high, want)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(signer.Bytes(), want) {
		t.Errorf("the second draw was not taken: %x", signer.Bytes())
	}
	if _, err := NewOpening(bytes.NewReader(make([]byte, 15))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("opening of 15 bytes: %v", err)
	}
	opening, err := NewOpening(seed(9))
	if err != nil || opening != wire.Opening(bytes.Repeat([]byte{9}, 16)) {
		t.Errorf("opening %x, %v", opening, err)
	}
}

func TestSignaturesVerifyAndNothingElseDoes(t *testing.T) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		signer := mustSigner(t, s, 1)
		v := mustVerifier(t, s, signer.Public())
		other := mustVerifier(t, s, mustSigner(t, s, 2).Public())
		rapid.Check(t, func(t *rapid.T) {
			msg := rapid.SliceOf(rapid.Byte()).Draw(t, "msg")
			sig, err := signer.Sign(msg)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Verify(msg, sig); err != nil {
				t.Fatal(err)
			}
			again, err := signer.Sign(msg)
			if err != nil || !bytes.Equal(again, sig) {
				t.Fatalf("signed again: %x, %v, not %x", again, err, sig)
			}
			bit := rapid.IntRange(0, 8*len(sig)-1).Draw(t, "bit")
			bad := slices.Clone(sig)
			bad[bit/8] ^= 1 << (bit % 8)
			for name, err := range map[string]error{
				"flipped bit":    v.Verify(msg, bad),
				"other message":  v.Verify(append(msg, 0), sig),
				"other key":      other.Verify(msg, sig),
				"short":          v.Verify(msg, sig[:63]),
				"long":           v.Verify(msg, append(slices.Clone(sig), 0)),
				"long by a zero": v.Verify(msg, slices.Concat(sig[:32], []byte{0}, sig[32:])),
				"empty":          v.Verify(msg, nil),
				"zero":           v.Verify(msg, make([]byte, 64)),
			} {
				if !errors.Is(err, ErrBadSignature) {
					t.Fatalf("%s: %v", name, err)
				}
			}
		})
	})
}

// RFC 8032, "TEST 2".
func TestEd25519KnownAnswer(t *testing.T) {
	s, err := Get(wire.KT_128_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.ParseSigner(unhex(t, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "public key", signer.Public(), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
	sig, err := signer.Sign([]byte{0x72})
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "signature", sig, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
}

// RFC 6979, A.2.5, with SHA-256.
func TestP256KnownAnswer(t *testing.T) {
	s, err := Get(wire.KT_128_SHA256_P256)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.ParseSigner(unhex(t, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "public key", signer.Public(), "04"+
		"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"+
		"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
	sig, err := signer.Sign([]byte("sample"))
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "signature", sig, ""+
		"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"+
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")
}

func TestP256RefusesRAndSOutOfRange(t *testing.T) {
	s, err := Get(wire.KT_128_SHA256_P256)
	if err != nil {
		t.Fatal(err)
	}
	signer := mustSigner(t, s, 1)
	v := mustVerifier(t, s, signer.Public())
	sig, err := signer.Sign(nil)
	if err != nil {
		t.Fatal(err)
	}
	q, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	for name, n := range map[string]*big.Int{
		"0": new(big.Int), "q": q, "2^256-1": new(big.Int).SetBytes(bytes.Repeat([]byte{0xff}, 32)),
	} {
		b := n.FillBytes(make([]byte, 32))
		if err := v.Verify(nil, slices.Concat(b, sig[32:])); !errors.Is(err, ErrBadSignature) {
			t.Errorf("r = %s: %v", name, err)
		}
		if err := v.Verify(nil, slices.Concat(sig[:32], b)); !errors.Is(err, ErrBadSignature) {
			t.Errorf("s = %s: %v", name, err)
		}
	}
	// The DER form of the same signature is not one.
	der := slices.Concat([]byte{0x30, 0x44, 2, 0x20}, sig[:32], []byte{2, 0x20}, sig[32:])
	if err := v.Verify(nil, der); !errors.Is(err, ErrBadSignature) {
		t.Errorf("DER: %v", err)
	}
	compressed := append([]byte{2 + signer.Public()[64]&1}, signer.Public()[1:33]...)
	offCurve := signer.Public()
	offCurve[64] ^= 1
	for _, bad := range [][]byte{nil, {0}, compressed, offCurve, signer.Public()[:64], append(signer.Public(), 0)} {
		if _, err := s.ParseVerifier(bad); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("public key %x: %v", bad, err)
		}
	}
}

// With a public key of small order, one signature holds for many messages; the
// standard library takes such keys, and other than canonical encodings.
func TestEd25519RefusesKeysThatTheLibraryTakes(t *testing.T) {
	s, err := Get(wire.KT_128_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000", // the identity
		"0100000000000000000000000000000000000000000000000000000000000080", // with a negative zero
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 1
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 3, of large order
		"", "00",
	} {
		if _, err := s.ParseVerifier(unhex(t, bad)); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("public key %s: %v", bad, err)
		}
	}
	signer := mustSigner(t, s, 1)
	sig, err := signer.Sign(nil)
	if err != nil {
		t.Fatal(err)
	}
	// s + q is the same integer modulo q.
	q, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	n := slices.Clone(sig[32:])
	slices.Reverse(n)
	unreduced := new(big.Int).Add(new(big.Int).SetBytes(n), q).FillBytes(make([]byte, 32))
	slices.Reverse(unreduced)
	if err := mustVerifier(t, s, signer.Public()).Verify(nil, slices.Concat(sig[:32], unreduced)); !errors.Is(err, ErrBadSignature) {
		t.Errorf("unreduced s: %v", err)
	}
}
