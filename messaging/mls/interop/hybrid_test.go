package interop

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestHybridKEM: ts-mls has suites with X-Wing under numbers of its own (83, 84, 87,
// 88, with SHA-512), and this project those of draft-ietf-mls-pq-ciphersuites, so
// groups cannot be shared. What is under them is the same KEM, 0x647a: HPKE to a key
// of one side opens on the other. (Only DeriveKeyPair is not the same: the package
// follows the older text, draft-connolly-cfrg-xwing-kem.)
func TestHybridKEM(t *testing.T) {
	p := start(t, "peer.mjs")
	for id, bits := range map[suite.ID]int{
		suite.MLKEM768X25519_AES128GCM_SHA256_Ed25519: 128,
		suite.MLKEM768X25519_AES256GCM_SHA384_Ed25519: 256,
	} {
		s, err := suite.Get(id)
		must(t, err)
		key := p.ask("hybridKey", q{"bits": bits})
		public, err := s.PublicKey(key.Secret)
		must(t, err)
		if !bytes.Equal(public, key.Public) {
			t.Errorf("%v: two public keys of one private key", s)
		}
		// RFC 9420, "Public Key Encryption" (5.1.3): info is EncryptContext.
		info := append(append([]byte("\x0cMLS 1.0 test"), 7), "context"...)
		c, err := s.EncryptWithLabel(key.Public, "test", []byte("context"), []byte("from here"))
		must(t, err)
		got := p.ask("hybridOpen", q{"bits": bits, "secret": key.Secret, "enc": c.KEMOutput, "ct": c.Ciphertext, "info": info})
		if string(got.Text) != "from here" {
			t.Errorf("%v: the peer opens %q", s, got.Text)
		}
		sealed := p.ask("hybridSeal", q{"bits": bits, "public": key.Public, "info": info, "text": []byte("from there")})
		text, err := s.DecryptWithLabel(key.Secret, "test", []byte("context"), suite.Ciphertext{KEMOutput: sealed.Enc, Ciphertext: sealed.CT})
		if err != nil || string(text) != "from there" {
			t.Errorf("%v: we open %q, %v", s, text, err)
		}
	}
}
