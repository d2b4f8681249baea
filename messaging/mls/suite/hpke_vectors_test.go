package suite

import (
	"bytes"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// readVectors reads a file of testdata, which says where its vectors are from.
func readVectors[V any](t *testing.T, name string) []V {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Origin  string
		Vectors []V
	}
	if err := json.Unmarshal(b, &file); err != nil || file.Origin == "" || len(file.Vectors) == 0 {
		t.Fatalf("%s: %v", name, err)
	}
	return file.Vectors
}

type hpkeVector struct {
	Suite          ID
	KEM, KDF, AEAD uint16
	Info           hexBytes
	IkmE           hexBytes
	IkmR           hexBytes
	SkEm           hexBytes
	SkRm           hexBytes
	PkRm           hexBytes
	Enc            hexBytes
	SharedSecret   hexBytes `json:"shared_secret"`
	Context        hexBytes `json:"key_schedule_context"`
	Secret         hexBytes
	Key            hexBytes
	BaseNonce      hexBytes `json:"base_nonce"`
	AAD, PT, CT    hexBytes
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %x, not %x", what, got, want)
	}
}

// clamped is SkRm as SerializePrivateKey writes it ("SerializePrivateKey and
// DeserializePrivateKey" (7.1.2)). In the vectors it is as it was derived.
func (v *hpkeVector) clamped() []byte {
	sk := bytes.Clone(v.SkRm)
	switch last := len(sk) - 1; v.KEM {
	case 0x0020:
		sk[0] &= 0xf8
		sk[last] = sk[last]&0x7f | 0x40
	case 0x0021:
		sk[0] &= 0xfc
		sk[last] |= 0x80
	}
	return sk
}

// check holds a suite, and the slow HPKE of the tests, against a vector. The suite must
// be of the vector's HPKE ciphersuite.
func (v *hpkeVector) check(t *testing.T, s *Suite) {
	t.Helper()
	priv, pub, err := s.DeriveKeyPair(v.IkmR)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "derived private key", priv, v.clamped())
	same(t, "derived public key", pub, v.PkRm)
	if pub, err = s.PublicKey(v.SkRm); err != nil {
		t.Fatal(err)
	}
	same(t, "public key", pub, v.PkRm)

	e := s.sealer(v.Info)
	if v.Context != nil {
		same(t, "key_schedule_context", e.context, v.Context)
	}
	key, nonce := e.schedule(v.SharedSecret)
	same(t, "key", key, v.Key)
	same(t, "base_nonce", nonce, v.BaseNonce)
	same(t, "ciphertext", s.aead.open(key).Seal(nil, nonce, v.PT, v.AAD), v.CT)

	h := slowHPKE{v.KEM, v.KDF, v.AEAD}
	shared, err := h.decap(v.Enc, v.SkRm, v.PkRm)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "slow shared_secret", shared, v.SharedSecret)
	slow := h.schedule(shared, v.Info)
	if v.Context != nil {
		same(t, "slow key_schedule_context", slow.context, v.Context)
		same(t, "slow secret", slow.secret, v.Secret)
	}
	same(t, "slow key", slow.key, v.Key)
	same(t, "slow base_nonce", slow.nonce, v.BaseNonce)
	plaintext, err := h.open(slow, v.AAD, v.CT)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "slow plaintext", plaintext, v.PT)

	// What opens in all other functions.
	switch k := s.kem.(type) {
	case *standardKEM:
		p, err := k.privateKey(v.SkRm)
		if err != nil {
			t.Fatal(err)
		}
		recipient, err := hpke.NewRecipient(v.Enc, p, k.kdf, k.aead, v.Info)
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err = recipient.Open(v.AAD, v.CT)
		if err != nil {
			t.Fatal(err)
		}
	case *x448KEM:
		opener, err := k.receiver(v.SkRm, v.Enc, v.Info)
		if err != nil {
			t.Fatal(err)
		}
		if plaintext, err = opener.Open(v.CT, v.AAD); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "plaintext", plaintext, v.PT)
}

// TestVectorsHPKE: the vectors of RFC 9180, Appendix A, with all that stands between the
// keys and the ciphertext.
func TestVectorsHPKE(t *testing.T) {
	for _, v := range readVectors[hpkeVector](t, "hpke.json") {
		s, err := Get(v.Suite)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.String(), func(t *testing.T) {
			if h := slowSuites[v.Suite]; h != (slowHPKE{v.KEM, v.KDF, v.AEAD}) {
				t.Fatalf("a vector of %v", h)
			}
			v.check(t, s)
			// The encapsulation, with the vector's ephemeral key.
			dh, err := slowHPKE{kem: v.KEM}.dh(v.SkEm, v.PkRm)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "shared_secret", extractAndExpand(s.hash, v.KEM, dh, v.Enc, v.PkRm), v.SharedSecret)
		})
	}
}

// TestVectorsHybridHPKE: a vector of draft-ietf-hpke-pq. It has the KEM of our hybrid
// suites, and an AEAD of another.
func TestVectorsHybridHPKE(t *testing.T) {
	for _, v := range readVectors[hpkeVector](t, "hpke_hybrid.json") {
		s := &Suite{
			name: "MLKEM768X25519_CHACHA20POLY1305_SHA256", hash: sha2_256, aead: chacha20poly1305Alg,
			kem: &standardKEM{hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), 32},
		}
		v.check(t, s)
		shared, enc := encapsulateWith(t, v.PkRm, v.IkmE)
		same(t, "enc", enc, v.Enc)
		same(t, "shared_secret", shared, v.SharedSecret)
	}
}

// encapsulateWith is encapsulateHybrid with randomness that is given: that of ML-KEM,
// and the private key of X25519.
func encapsulateWith(t *testing.T, pub, random []byte) (shared, enc []byte) {
	t.Helper()
	pq, err := mlkem.NewEncapsulationKey768(pub[:mlkem.EncapsulationKeySize768])
	if err != nil {
		t.Fatal(err)
	}
	ssPQ, ctPQ, err := mlkemtest.Encapsulate768(pq, random[:32])
	if err != nil {
		t.Fatal(err)
	}
	x25519, pubT := curves[kemX25519], pub[mlkem.EncapsulationKeySize768:]
	key, err := x25519.NewPrivateKey(random[32:])
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := x25519.NewPublicKey(pubT)
	if err != nil {
		t.Fatal(err)
	}
	ssT, err := key.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	ctT := key.PublicKey().Bytes()
	return combineHybrid(ssPQ, ssT, ctT, pubT), append(ctPQ, ctT...)
}

// TestVectorsXWing: the KEM of the hybrid suites is X-Wing
// (draft-connolly-cfrg-xwing-kem).
func TestVectorsXWing(t *testing.T) {
	type vector struct{ Seed, Eseed, SS, SK, PK, CT hexBytes }
	s, err := Get(MLKEM768X25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range readVectors[vector](t, "xwing.json") {
		pub, err := s.PublicKey(v.SK)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "public key", pub, v.PK)
		shared, enc := encapsulateWith(t, v.PK, v.Eseed)
		same(t, "ciphertext", enc, v.CT)
		same(t, "shared secret", shared, v.SS)
		shared, err = slowHPKE{kem: 0x647a}.decap(v.CT, v.SK, v.PK)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "slow shared secret", shared, v.SS)
	}
}
