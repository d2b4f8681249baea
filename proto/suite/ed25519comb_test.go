package suite

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"
)

// TestEdCheckIsTheStandardLibrarys holds the fast verification against the
// standard library's: on signatures, on signatures with a bit changed, and on
// bytes of all kinds.
func TestEdCheckIsTheStandardLibrarys(t *testing.T) {
	var held, refused int
	rapid.Check(t, func(t *rapid.T) {
		key := stded25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		public := key.Public().(stded25519.PublicKey)
		check := newEdCheck(public)
		msg := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "msg")
		sig := stded25519.Sign(key, msg)
		if !check.verify(msg, sig) {
			t.Fatal("a good signature is refused")
		}
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			bit := rapid.IntRange(0, 511).Draw(t, "bit")
			sig[bit/8] ^= 1 << (bit % 8)
		case 1:
			msg = append(bytes.Clone(msg), 0)
		case 2:
			copy(sig[rapid.SampledFrom([]int{0, 32}).Draw(t, "half"):], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
		}
		want := stded25519.Verify(public, msg, sig)
		if got := check.verify(msg, sig); got != want {
			t.Fatalf("verify is %v, the standard library's %v", got, want)
		}
		if want {
			held++
		} else {
			refused++
		}
	})
	if held == 0 || refused == 0 {
		t.Errorf("%d signatures held and %d did not: too few of one kind", held, refused)
	}
}

// TestEdCheckOnTheEdge tries signatures that honest signers never make: s at and
// around multiples of the group order, and R of small order or in another encoding.
func TestEdCheckOnTheEdge(t *testing.T) {
	const order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
	key := stded25519.NewKeyFromSeed(make([]byte, 32))
	public := key.Public().(stded25519.PublicKey)
	check := newEdCheck(public)
	msg := []byte("message")
	good := stded25519.Sign(key, msg)
	try := func(what string, sig []byte, want bool) {
		t.Helper()
		if std := stded25519.Verify(public, msg, sig); std != want {
			t.Errorf("%s: the standard library says %v", what, std)
		}
		if check.verify(msg, sig) != want {
			t.Errorf("%s: verify says %v", what, !want)
		}
	}
	try("as signed", good, true)

	l, err := hex.DecodeString(order)
	if err != nil {
		t.Fatal(err)
	}
	beyond := bytes.Clone(good)
	carry := 0
	for i, b := range l { // s + order
		carry += int(good[32+i]) + int(b)
		beyond[32+i] = byte(carry)
		carry >>= 8
	}
	try("s not reduced", beyond, false)
	try("s is the order", append(bytes.Clone(good[:32]), l...), false)

	// s = k·a, so that s·B - k·A is the identity: the one R that then holds is
	// the identity's one encoding.
	identity := edwards25519.NewIdentityPoint().Bytes()
	for _, r := range [][]byte{
		identity,
		append(append([]byte{1}, make([]byte, 30)...), 0x80),                  // negative zero
		append(append([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f), // y = p + 1
		append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f), // order 2
	} {
		s := signatureFor(t, key, r, msg)
		try(hex.EncodeToString(r), append(bytes.Clone(r), s...), bytes.Equal(r, identity))
	}
}

// signatureFor returns k·a for the R given.
func signatureFor(t *testing.T, key stded25519.PrivateKey, r, msg []byte) []byte {
	t.Helper()
	k, err := new(edwards25519.Scalar).SetUniformBytes(sum512(r, key.Public().(stded25519.PublicKey), msg))
	if err != nil {
		t.Fatal(err)
	}
	a, err := new(edwards25519.Scalar).SetBytesWithClamping(sum512(key.Seed())[:32])
	if err != nil {
		t.Fatal(err)
	}
	return k.Multiply(k, a).Bytes()
}

func sum512(parts ...[]byte) []byte {
	sum := sha512.Sum512(bytes.Join(parts, nil))
	return sum[:]
}

func BenchmarkVerifySignature(b *testing.B) {
	key := stded25519.NewKeyFromSeed(make([]byte, 32))
	msg := make([]byte, 200)
	sig := stded25519.Sign(key, msg)
	public := key.Public().(stded25519.PublicKey)
	check := newEdCheck(public)
	b.Run("standard", func(b *testing.B) {
		for b.Loop() {
			stded25519.Verify(public, msg, sig)
		}
	})
	b.Run("comb", func(b *testing.B) {
		for b.Loop() {
			check.verify(msg, sig)
		}
	})
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			newEdCheck(public)
		}
	})
}
