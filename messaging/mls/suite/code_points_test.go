package suite_test

import (
	"bytes"
	"crypto/hpke"
	"testing"

	circl "github.com/cloudflare/circl/hpke"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// The HPKE primitives are those of the tables in "MLS Cipher Suites" (17.1) and in
// the draft with ML-KEM: what a suite encrypts and exports is opened by HPKE that
// is put together from the tables' numbers, with EncryptContext written by hand.
func TestHPKEAgainstCodePoints(t *testing.T) {
	table := map[suite.ID]struct{ kem, kdf, aead uint16 }{
		0x0001: {0x0020, 0x0001, 0x0001},
		0x0002: {0x0010, 0x0001, 0x0001},
		0x0003: {0x0020, 0x0001, 0x0003},
		0x0004: {0x0021, 0x0003, 0x0002},
		0x0005: {0x0012, 0x0003, 0x0002},
		0x0006: {0x0021, 0x0003, 0x0003},
		0x0007: {0x0011, 0x0002, 0x0002},
		0xF001: {0x647a, 0x0001, 0x0001},
		0xF002: {0x647a, 0x0002, 0x0002},
	}
	each(t, func(t *testing.T, s *suite.Suite) {
		row, ok := table[s.ID()]
		if !ok {
			t.Fatal("not in the table")
		}
		priv, pub, err := s.GenerateKeyPair(mlstest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		context, plaintext := mlstest.Bytes(2, 100), []byte("plaintext")
		c, err := s.EncryptWithLabel(pub, "Welcome", context, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		const exporterContext = "MLS 1.0 external init secret"
		kemOutput, secret, err := s.ExportSend(pub, exporterContext, s.HashSize())
		if err != nil {
			t.Fatal(err)
		}
		info := append(vector([]byte("MLS 1.0 Welcome")), vector(context)...)

		var got, exported []byte
		if row.kem == 0x0021 {
			got, exported = openCircl(t, row.kem, row.kdf, row.aead, priv, info, c, kemOutput, exporterContext, s.HashSize())
		} else {
			got, exported = openStandard(t, row.kem, row.kdf, row.aead, priv, info, c, kemOutput, exporterContext, s.HashSize())
		}
		if !bytes.Equal(got, plaintext) {
			t.Errorf("plaintext %q", got)
		}
		if !bytes.Equal(exported, secret) {
			t.Errorf("exported %x, want %x", exported, secret)
		}
	})
}

func openStandard(t *testing.T, kemID, kdfID, aeadID uint16, priv, info []byte, c suite.Ciphertext, kemOutput []byte, context string, n int) (plaintext, exported []byte) {
	t.Helper()
	kem, err := hpke.NewKEM(kemID)
	if err != nil {
		t.Fatal(err)
	}
	kdf, err := hpke.NewKDF(kdfID)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := hpke.NewAEAD(aeadID)
	if err != nil {
		t.Fatal(err)
	}
	key, err := kem.NewPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	r, err := hpke.NewRecipient(c.KEMOutput, key, kdf, aead, info)
	if err != nil {
		t.Fatal(err)
	}
	if plaintext, err = r.Open(nil, c.Ciphertext); err != nil {
		t.Fatal(err)
	}
	if r, err = hpke.NewRecipient(kemOutput, key, kdf, aead, nil); err != nil {
		t.Fatal(err)
	}
	if exported, err = r.Export(context, n); err != nil {
		t.Fatal(err)
	}
	return plaintext, exported
}

func openCircl(t *testing.T, kemID, kdfID, aeadID uint16, priv, info []byte, c suite.Ciphertext, kemOutput []byte, context string, n int) (plaintext, exported []byte) {
	t.Helper()
	s := circl.NewSuite(circl.KEM(kemID), circl.KDF(kdfID), circl.AEAD(aeadID))
	key, err := circl.KEM(kemID).Scheme().UnmarshalBinaryPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	open := func(enc, info []byte) circl.Opener {
		t.Helper()
		r, err := s.NewReceiver(key, info)
		if err != nil {
			t.Fatal(err)
		}
		opener, err := r.Setup(enc)
		if err != nil {
			t.Fatal(err)
		}
		return opener
	}
	if plaintext, err = open(c.KEMOutput, info).Open(c.Ciphertext, nil); err != nil {
		t.Fatal(err)
	}
	return plaintext, open(kemOutput, nil).Export([]byte(context), uint(n))
}

// circlDerive is circl's own derivation of a key pair, for the one length of
// secret that it takes.
func circlDerive(t *testing.T, ikm []byte) (pub, priv []byte) {
	t.Helper()
	pk, sk := circl.KEM_X448_HKDF_SHA512.Scheme().DeriveKeyPair(ikm)
	pub, err := pk.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	priv, err = sk.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return pub, priv
}
