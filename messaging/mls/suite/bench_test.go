package suite_test

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// BenchmarkSuite measures the operations that groups are made of: messages of a
// kilobyte, and secrets of a hash's length encrypted in the context of a group.
func BenchmarkSuite(b *testing.B) {
	for _, id := range suite.All() {
		s := get(b, id)
		key, nonce := mlstest.Bytes(1, s.KeySize()), mlstest.Bytes(2, s.NonceSize())
		message, context, secret := mlstest.Bytes(3, 1024), mlstest.Bytes(4, 150), mlstest.Bytes(5, s.HashSize())
		sealed := s.Seal(key, nonce, context, message)
		priv, pub, err := s.GenerateKeyPair(mlstest.Rand(6))
		if err != nil {
			b.Fatal(err)
		}
		encrypted, err := s.EncryptWithLabel(pub, "UpdatePathNode", context, secret)
		if err != nil {
			b.Fatal(err)
		}
		_, signer, err := s.GenerateSigner(mlstest.Rand(7))
		if err != nil {
			b.Fatal(err)
		}
		signature, err := s.SignWithLabel(signer, "FramedContentTBS", message)
		if err != nil {
			b.Fatal(err)
		}
		for _, op := range []struct {
			name string
			f    func() error
		}{
			{"Seal", func() error { s.Seal(key, nonce, context, message); return nil }},
			{"Open", func() error { _, err := s.Open(key, nonce, context, sealed); return err }},
			{"EncryptWithLabel", func() error { _, err := s.EncryptWithLabel(pub, "UpdatePathNode", context, secret); return err }},
			{"DecryptWithLabel", func() error { _, err := s.DecryptWithLabel(priv, "UpdatePathNode", context, encrypted); return err }},
			{"DeriveKeyPair", func() error { _, _, err := s.DeriveKeyPair(secret); return err }},
			{"CheckPublicKey", func() error { return s.CheckPublicKey(pub) }},
			{"Sign", func() error { _, err := s.SignWithLabel(signer, "FramedContentTBS", message); return err }},
			{"Verify", func() error {
				return s.VerifyWithLabel(signer.Public(), "FramedContentTBS", message, signature)
			}},
			{"DeriveTreeSecret", func() error { s.DeriveTreeSecret(secret, "key", 7, s.KeySize()); return nil }},
			{"Hash", func() error { s.Hash(context); return nil }},
		} {
			b.Run(op.name+"/"+id.String(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := op.f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
