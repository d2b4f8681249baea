package suite_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// What a Sealer makes is opened by the HPKE of the standard library and of circl, by
// the owner of the key, with the label and the context, and by nobody else; and each
// time it is made with fresh randomness.
func TestSealerAgainstHPKE(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		for _, size := range []int{0, 1, 100, 1 << 14} {
			context := mlstest.Bytes(uint64(size), size)
			sealer := s.Sealer("Welcome", context)
			var before []suite.Ciphertext
			for i := range uint64(3) {
				priv, pub, err := s.GenerateKeyPair(mlstest.Rand(i % 2))
				if err != nil {
					t.Fatal(err)
				}
				plaintext := mlstest.Bytes(i, int(i)*50)
				c, err := sealer.Seal(pub, plaintext)
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.DecryptWithLabel(priv, "Welcome", context, c)
				if err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("context of %d bytes: opened %x, %v, not %x", size, got, err, plaintext)
				}
				other, _, err := s.GenerateKeyPair(mlstest.Rand(99))
				if err != nil {
					t.Fatal(err)
				}
				for what, open := range map[string]func() ([]byte, error){
					"another key":     func() ([]byte, error) { return s.DecryptWithLabel(other, "Welcome", context, c) },
					"another label":   func() ([]byte, error) { return s.DecryptWithLabel(priv, "welcome", context, c) },
					"another context": func() ([]byte, error) { return s.DecryptWithLabel(priv, "Welcome", append(context, 0), c) },
				} {
					if _, err := open(); !errors.Is(err, suite.ErrDecrypt) {
						t.Errorf("%s: %v", what, err)
					}
				}
				for _, b := range before {
					if bytes.Equal(b.KEMOutput, c.KEMOutput) {
						t.Error("one encapsulation twice")
					}
				}
				before = append(before, c)
			}
		}
	})
}

// A Sealer refuses the keys that EncryptWithLabel refuses.
func TestSealerRefusesKeys(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		_, pub, err := s.GenerateKeyPair(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		sealer := s.Sealer("test", nil)
		bad := map[string][]byte{"none": nil, "short": pub[:len(pub)-1], "long": append(bytes.Clone(pub), 0), "zero": make([]byte, len(pub))}
		if len(pub) > 1000 {
			bad["hybrid with a point of low order"] = append(bytes.Clone(pub[:len(pub)-32]), make([]byte, 32)...)
			bad["hybrid with an unreduced coefficient"] = append([]byte{0xff, 0xff}, pub[2:]...)
			bad["half of a hybrid"] = pub[:len(pub)-32]
		}
		for what, key := range bad {
			if _, err := sealer.Seal(key, []byte("plaintext")); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := s.EncryptWithLabel(key, "test", nil, []byte("plaintext")); !errors.Is(err, suite.ErrKey) {
				t.Errorf("%s, EncryptWithLabel: %v", what, err)
			}
		}
	})
}
