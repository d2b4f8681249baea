package suite_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// each runs f for every suite.
func each(t *testing.T, f func(t *testing.T, s *suite.Suite)) {
	t.Helper()
	if n := len(suite.All()); n != 9 {
		t.Errorf("%d suites, want the 7 of RFC 9420 and 2 hybrids", n)
	}
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			f(t, get(t, id))
		})
	}
}

func get(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVectorsCryptoBasics(t *testing.T) {
	const file = "crypto-basics.json"
	type hex = mlstest.Hex
	var cases []struct {
		Suite   suite.ID `json:"cipher_suite"`
		RefHash struct {
			Label      string
			Value, Out hex
		} `json:"ref_hash"`
		Expand struct {
			Secret, Context, Out hex
			Label                string
			Length               int
		} `json:"expand_with_label"`
		Derive struct {
			Secret, Out hex
			Label       string
		} `json:"derive_secret"`
		Tree struct {
			Secret, Out hex
			Label       string
			Generation  uint32
			Length      int
		} `json:"derive_tree_secret"`
		Sign struct {
			Priv, Pub, Content, Signature hex
			Label                         string
		} `json:"sign_with_label"`
		Encrypt struct {
			Priv, Pub, Context, Plaintext, Ciphertext hex
			KEMOutput                                 hex `json:"kem_output"`
			Label                                     string
		} `json:"encrypt_with_label"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for i, c := range cases {
		s := get(t, c.Suite)
		equal := func(what string, got []byte, want hex) {
			t.Helper()
			if !bytes.Equal(got, want) {
				t.Errorf("case %d, %v: %s is %x, want %x", i, s, what, got, []byte(want))
			}
		}
		equal("RefHash", s.RefHash(c.RefHash.Label, c.RefHash.Value), c.RefHash.Out)
		equal("ExpandWithLabel", s.ExpandWithLabel(c.Expand.Secret, c.Expand.Label, c.Expand.Context, c.Expand.Length), c.Expand.Out)
		equal("DeriveSecret", s.DeriveSecret(c.Derive.Secret, c.Derive.Label), c.Derive.Out)
		equal("DeriveTreeSecret", s.DeriveTreeSecret(c.Tree.Secret, c.Tree.Label, c.Tree.Generation, c.Tree.Length), c.Tree.Out)

		if err := s.VerifyWithLabel(c.Sign.Pub, c.Sign.Label, c.Sign.Content, c.Sign.Signature); err != nil {
			t.Errorf("case %d, %v: signature: %v", i, s, err)
		}
		signer, err := s.NewSigner(c.Sign.Priv)
		if err != nil {
			t.Fatal(err)
		}
		equal("signature public key", signer.Public(), c.Sign.Pub)
		signature, err := s.SignWithLabel(signer, c.Sign.Label, c.Sign.Content)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyWithLabel(c.Sign.Pub, c.Sign.Label, c.Sign.Content, signature); err != nil {
			t.Errorf("case %d, %v: own signature: %v", i, s, err)
		}

		e := c.Encrypt
		plaintext, err := s.DecryptWithLabel(e.Priv, e.Label, e.Context, suite.Ciphertext{KEMOutput: e.KEMOutput, Ciphertext: e.Ciphertext})
		if err != nil {
			t.Errorf("case %d, %v: DecryptWithLabel: %v", i, s, err)
		}
		equal("plaintext", plaintext, e.Plaintext)
		pub, err := s.PublicKey(e.Priv)
		if err != nil {
			t.Fatal(err)
		}
		equal("HPKE public key", pub, e.Pub)
		own, err := s.EncryptWithLabel(e.Pub, e.Label, e.Context, e.Plaintext)
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err = s.DecryptWithLabel(e.Priv, e.Label, e.Context, own)
		if err != nil {
			t.Errorf("case %d, %v: own ciphertext: %v", i, s, err)
		}
		equal("own plaintext", plaintext, e.Plaintext)
		ran++
	}
	mlstest.Report(t, file, ran, len(cases))
}

func TestUnsupported(t *testing.T) {
	for _, id := range []suite.ID{0, 8, 0x0A0A, 0xF000, 0xF003, 0xFFFF} {
		if s, err := suite.Get(id); s != nil || !errors.Is(err, suite.ErrUnsupported) {
			t.Errorf("suite %v: %v, %v", id, s, err)
		}
	}
	if got := suite.ID(0x0A0A).String(); got != "0x0A0A" {
		t.Errorf("an unknown suite is called %s", got)
	}
}

// The table of "MLS Cipher Suites" (17.1), and of the draft with ML-KEM.
func TestSizes(t *testing.T) {
	for id, want := range map[suite.ID]struct {
		hash, key int
		name      string
	}{
		1:      {32, 16, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"},
		2:      {32, 16, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"},
		3:      {32, 32, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519"},
		4:      {64, 32, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448"},
		5:      {64, 32, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521"},
		6:      {64, 32, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448"},
		7:      {48, 32, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"},
		0xF001: {32, 16, "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519"},
		0xF002: {48, 32, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519"},
	} {
		s := get(t, id)
		if s.ID() != id || s.HashSize() != want.hash || s.KeySize() != want.key || s.NonceSize() != 12 ||
			s.String() != want.name || id.String() != want.name {
			t.Errorf("suite %#x: %v %d %d %d", uint16(id), s, s.HashSize(), s.KeySize(), s.NonceSize())
		}
	}
}

// Everything that Open is given is bound to the ciphertext.
func TestSealOpen(t *testing.T) {
	each(t, func(t *testing.T, s *suite.Suite) {
		key, nonce, aad := mlstest.Bytes(1, s.KeySize()), mlstest.Bytes(2, s.NonceSize()), []byte("aad")
		for _, n := range []int{0, 1, 1000} {
			plaintext := mlstest.Bytes(3, n)
			c := s.Seal(key, nonce, aad, plaintext)
			if len(c) != n+s.Overhead() {
				t.Errorf("%d bytes become %d", n, len(c))
			}
			got, err := s.Open(key, nonce, aad, c)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Fatalf("%x, %v", got, err)
			}
			for name, open := range map[string]func() ([]byte, error){
				"key":       func() ([]byte, error) { return s.Open(flip(key, 0), nonce, aad, c) },
				"nonce":     func() ([]byte, error) { return s.Open(key, flip(nonce, 11), aad, c) },
				"aad":       func() ([]byte, error) { return s.Open(key, nonce, flip(aad, 2), c) },
				"no aad":    func() ([]byte, error) { return s.Open(key, nonce, nil, c) },
				"tag":       func() ([]byte, error) { return s.Open(key, nonce, aad, flip(c, len(c)-1)) },
				"first":     func() ([]byte, error) { return s.Open(key, nonce, aad, flip(c, 0)) },
				"truncated": func() ([]byte, error) { return s.Open(key, nonce, aad, c[:len(c)-1]) },
				"too short": func() ([]byte, error) { return s.Open(key, nonce, aad, c[:s.Overhead()-1]) },
				"empty":     func() ([]byte, error) { return s.Open(key, nonce, aad, nil) },
			} {
				if got, err := open(); got != nil || !errors.Is(err, suite.ErrDecrypt) {
					t.Errorf("%s: %x, %v", name, got, err)
				}
			}
		}
		for _, bad := range [][]byte{nil, key[1:], append(bytes.Clone(key), 0), make([]byte, 24)} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("a key of %d bytes was used", len(bad))
					}
				}()
				s.Seal(bad, nonce, nil, nil)
			}()
		}
	})
}

// flip returns b with a bit of its byte i changed.
func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}
