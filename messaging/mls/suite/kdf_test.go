package suite_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// newHash is the hash named by a suite's name, from the standard library.
func newHash(s *suite.Suite) func() hash.Hash {
	switch s.HashSize() {
	case 32:
		return sha256.New
	case 48:
		return sha512.New384
	default:
		return sha512.New
	}
}

// vector is opaque<V>, written out.
func vector(b []byte) []byte {
	n := len(b)
	switch {
	case n < 64:
		return append([]byte{byte(n)}, b...)
	case n < 16384:
		return append([]byte{0x40 | byte(n>>8), byte(n)}, b...)
	default:
		return append([]byte{0x80 | byte(n>>24), byte(n >> 16), byte(n >> 8), byte(n)}, b...)
	}
}

// slowExpandWithLabel is "Key Schedule" (8) over the standard library's HKDF:
// Expand(Secret, KDFLabel, Length) with KDFLabel = length, label<V>, context<V>.
func slowExpandWithLabel(t *rapid.T, s *suite.Suite, secret []byte, label string, context []byte, n int) []byte {
	info := []byte{byte(n >> 8), byte(n)}
	info = append(info, vector([]byte("MLS 1.0 "+label))...)
	info = append(info, vector(context)...)
	out, err := hkdf.Expand(newHash(s), secret, string(info), n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKDFAgainstProse(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		rapid.Check(t, func(t *rapid.T) {
			// Lengths around the sizes of a block, a hash and the buffers on the stack.
			draw := func(name string) []byte {
				n := rapid.OneOf(rapid.IntRange(0, 80), rapid.IntRange(120, 136), rapid.IntRange(150, 170),
					rapid.IntRange(250, 262), rapid.IntRange(380, 390), rapid.IntRange(0, 2000)).Draw(t, name+" length")
				return mlstest.Bytes(rapid.Uint64().Draw(t, name), n)
			}
			secret, context, msg := draw("secret"), draw("context"), draw("message")
			label := rapid.StringN(0, 100, -1).Draw(t, "label")
			equal := func(what string, got, want []byte) {
				if !bytes.Equal(got, want) {
					t.Fatalf("%s is %x, want %x", what, got, want)
				}
			}

			h := newHash(s)()
			h.Write(msg)
			equal("Hash", s.Hash(msg), h.Sum(nil))
			h.Write(context)
			equal("Hash of two", s.Hash(msg, context), h.Sum(nil))
			equal("Hash of none", s.Hash(), newHash(s)().Sum(nil))

			mac := hmac.New(newHash(s), secret)
			mac.Write(msg)
			equal("MAC", s.MAC(secret, msg), mac.Sum(nil))

			prk, err := hkdf.Extract(newHash(s), msg, secret)
			if err != nil {
				t.Fatal(err)
			}
			equal("Extract", s.Extract(secret, msg), prk)

			n := rapid.OneOf(rapid.IntRange(0, 130), rapid.IntRange(0, 255*s.HashSize())).Draw(t, "n")
			equal("ExpandWithLabel", s.ExpandWithLabel(secret, label, context, n), slowExpandWithLabel(t, s, secret, label, context, n))
			equal("DeriveSecret", s.DeriveSecret(secret, label), slowExpandWithLabel(t, s, secret, label, nil, s.HashSize()))
			g := rapid.Uint32().Draw(t, "generation")
			equal("DeriveTreeSecret", s.DeriveTreeSecret(secret, label, g, s.KeySize()),
				slowExpandWithLabel(t, s, secret, label, []byte{byte(g >> 24), byte(g >> 16), byte(g >> 8), byte(g)}, s.KeySize()))

			h = newHash(s)()
			h.Write(vector([]byte(label)))
			h.Write(vector(msg))
			equal("RefHash", s.RefHash(label, msg), h.Sum(nil))
		})
	})
}

// The KDF leaves its arguments as they are, even where they have spare capacity.
func TestKDFLeavesArguments(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		for _, n := range []int{16, 32, 200} {
			backing := mlstest.Bytes(1, 400)
			before := bytes.Clone(backing)
			secret, context := backing[:n], backing[200:200+n]
			s.ExpandWithLabel(secret, "label", context, n)
			s.MAC(secret, context)
			if !bytes.Equal(backing, before) {
				t.Errorf("arguments of %d bytes were changed", n)
			}
		}
	})
}

func TestExpandOutOfRange(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		if got := len(s.ExpandWithLabel(nil, "", nil, s.MaxExpand())); got != s.MaxExpand() || got != 255*s.HashSize() {
			t.Errorf("%d bytes", got)
		}
		for _, n := range []int{-1, s.MaxExpand() + 1} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%d bytes were expanded", n)
					}
				}()
				s.ExpandWithLabel(nil, "", nil, n)
			}()
		}
	})
}

func TestVerifyMAC(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		key, msg := mlstest.Bytes(1, s.HashSize()), []byte("message")
		tag := s.MAC(key, msg)
		if !s.VerifyMAC(key, msg, tag) {
			t.Error("its own tag is refused")
		}
		for name, ok := range map[string]bool{
			"key":       s.VerifyMAC(flip(key, 0), msg, tag),
			"message":   s.VerifyMAC(key, flip(msg, 0), tag),
			"first":     s.VerifyMAC(key, msg, flip(tag, 0)),
			"last":      s.VerifyMAC(key, msg, flip(tag, len(tag)-1)),
			"truncated": s.VerifyMAC(key, msg, tag[:len(tag)-1]),
			"longer":    s.VerifyMAC(key, msg, append(bytes.Clone(tag), 0)),
			"empty":     s.VerifyMAC(key, msg, nil),
		} {
			if ok {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

// One derivation of a ratchet costs its result and nothing else.
func TestExpandAllocations(t *testing.T) {
	for _, id := range suite.All() {
		s := get(t, id)
		secret := mlstest.Bytes(1, s.HashSize())
		for name, f := range map[string]func(){
			"DeriveTreeSecret": func() { s.DeriveTreeSecret(secret, "nonce", 7, s.NonceSize()) },
			"DeriveSecret":     func() { s.DeriveSecret(secret, "secret") },
			"ExpandWithLabel":  func() { s.ExpandWithLabel(secret, "tree", []byte("left"), s.HashSize()) },
			"MAC":              func() { s.MAC(secret, secret) },
			"Hash":             func() { s.Hash(secret) },
		} {
			if n := testing.AllocsPerRun(100, f); n > 1 {
				t.Errorf("%v: %s makes %v allocations", s, name, n)
			}
		}
	}
}
