package suite

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"hash"
	"testing"

	"github.com/cloudflare/circl/dh/x448"
	"golang.org/x/crypto/chacha20poly1305"
)

// slowHPKE is the recipient of RFC 9180 in base mode, written from its prose alone, with
// the numbers of its registries; and X-Wing's decapsulation. It shares nothing with the
// Sealer, and nothing with the implementations of HPKE that the other functions use.
type slowHPKE struct{ kem, kdf, aead uint16 }

// slowSuites are the HPKE ciphersuites of "MLS Cipher Suites" (17.1) and of the draft
// with ML-KEM.
var slowSuites = map[ID]slowHPKE{
	1:      {0x0020, 1, 1},
	2:      {0x0010, 1, 1},
	3:      {0x0020, 1, 3},
	4:      {0x0021, 3, 2},
	5:      {0x0012, 3, 2},
	6:      {0x0021, 3, 3},
	7:      {0x0011, 2, 2},
	0xF001: {0x647a, 1, 1},
	0xF002: {0x647a, 2, 2},
}

func slowHash(kdf uint16) func() hash.Hash {
	return map[uint16]func() hash.Hash{1: sha256.New, 2: sha512.New384, 3: sha512.New}[kdf]
}

func i2osp(n, w int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n))[8-w:]
}

// LabeledExtract and LabeledExpand, "Cryptographic Dependencies" (4).
func slowExtract(kdf uint16, suiteID, salt []byte, label string, ikm []byte) []byte {
	labeled := bytes.Join([][]byte{[]byte("HPKE-v1"), suiteID, []byte(label), ikm}, nil)
	prk, err := hkdf.Extract(slowHash(kdf), labeled, salt)
	if err != nil {
		panic(err)
	}
	return prk
}

func slowExpand(kdf uint16, suiteID, prk []byte, label string, info []byte, l int) []byte {
	labeled := bytes.Join([][]byte{i2osp(l, 2), []byte("HPKE-v1"), suiteID, []byte(label), info}, nil)
	okm, err := hkdf.Expand(slowHash(kdf), prk, string(labeled), l)
	if err != nil {
		panic(err)
	}
	return okm
}

// dh is DH(sk, pk) of a DHKEM: the serialized private key, the serialized public key.
func (h slowHPKE) dh(sk, pk []byte) ([]byte, error) {
	if h.kem == 0x0021 {
		var secret, private, public x448.Key
		copy(private[:], sk)
		copy(public[:], pk)
		if !x448.Shared(&secret, &private, &public) {
			return nil, errors.New("low order")
		}
		return secret[:], nil
	}
	curve := map[uint16]ecdh.Curve{0x0010: ecdh.P256(), 0x0011: ecdh.P384(), 0x0012: ecdh.P521(), 0x0020: ecdh.X25519(), 0x647a: ecdh.X25519()}[h.kem]
	private, err := curve.NewPrivateKey(sk)
	if err != nil {
		return nil, err
	}
	public, err := curve.NewPublicKey(pk)
	if err != nil {
		return nil, err
	}
	return private.ECDH(public)
}

// decap is Decap of "DH-Based KEM (DHKEM)" (4.1), or of X-Wing.
func (h slowHPKE) decap(enc, sk, pk []byte) ([]byte, error) {
	if h.kem == 0x647a {
		expanded := sha3.SumSHAKE256(sk, 96) // d || z, then the key of X25519
		m, err := mlkem.NewDecapsulationKey768(expanded[:64])
		if err != nil {
			return nil, err
		}
		ssM, err := m.Decapsulate(enc[:1088])
		if err != nil {
			return nil, err
		}
		ssX, err := h.dh(expanded[64:], enc[1088:])
		if err != nil {
			return nil, err
		}
		label := []byte{0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c}
		ss := sha3.Sum256(bytes.Join([][]byte{ssM, ssX, enc[1088:], pk[1184:], label}, nil))
		return ss[:], nil
	}
	dh, err := h.dh(sk, enc)
	if err != nil {
		return nil, err
	}
	suiteID := append([]byte("KEM"), i2osp(int(h.kem), 2)...)
	// "KEM IDs" (7.1): the hash of the KEM, and Nsecret.
	kdf := map[uint16]uint16{0x0010: 1, 0x0011: 2, 0x0012: 3, 0x0020: 1, 0x0021: 3}[h.kem]
	secret := map[uint16]int{0x0010: 32, 0x0011: 48, 0x0012: 64, 0x0020: 32, 0x0021: 64}[h.kem]
	prk := slowExtract(kdf, suiteID, nil, "eae_prk", dh)
	return slowExpand(kdf, suiteID, prk, "shared_secret", append(bytes.Clone(enc), pk...), secret), nil
}

// slowSchedule is all that KeySchedule computes ("Creating the Encryption Context"
// (5.1)) and does not export.
type slowSchedule struct{ context, secret, key, nonce []byte }

func (h slowHPKE) schedule(shared, info []byte) slowSchedule {
	const modeBase = 0
	suiteID := bytes.Join([][]byte{[]byte("HPKE"), i2osp(int(h.kem), 2), i2osp(int(h.kdf), 2), i2osp(int(h.aead), 2)}, nil)
	pskIDHash := slowExtract(h.kdf, suiteID, nil, "psk_id_hash", nil)
	infoHash := slowExtract(h.kdf, suiteID, nil, "info_hash", info)
	context := bytes.Join([][]byte{{modeBase}, pskIDHash, infoHash}, nil)
	secret := slowExtract(h.kdf, suiteID, shared, "secret", nil)
	nk := map[uint16]int{1: 16, 2: 32, 3: 32}[h.aead]
	return slowSchedule{
		context, secret,
		slowExpand(h.kdf, suiteID, secret, "key", context, nk),
		slowExpand(h.kdf, suiteID, secret, "base_nonce", context, 12),
	}
}

// open is Open of sequence number 0 ("Encryption and Decryption" (5.2)).
func (h slowHPKE) open(k slowSchedule, aad, ct []byte) ([]byte, error) {
	var aead cipher.AEAD
	var err error
	if h.aead == 3 {
		aead, err = chacha20poly1305.New(k.key)
	} else {
		var block cipher.Block
		if block, err = aes.NewCipher(k.key); err == nil {
			aead, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		return nil, err
	}
	nonce := bytes.Clone(k.nonce)
	for i, b := range i2osp(0, 8) {
		nonce[4+i] ^= b
	}
	return aead.Open(nil, nonce, ct, aad)
}

// TestSealerAgainstProse: the slow recipient opens what a Sealer makes, in every suite,
// and what EncryptWithLabel makes.
func TestSealerAgainstProse(t *testing.T) {
	if len(slowSuites) != len(All()) {
		t.Fatalf("%d suites, and %d here", len(All()), len(slowSuites))
	}
	for id, h := range slowSuites {
		s, err := Get(id)
		if err != nil {
			t.Fatal(err)
		}
		for i := range byte(8) {
			ikm := bytes.Repeat([]byte{i, byte(id)}, 40)
			priv, pub, err := s.DeriveKeyPair(ikm)
			if err != nil {
				t.Fatal(err)
			}
			context, plaintext := bytes.Repeat([]byte{i}, int(i)*100), bytes.Repeat([]byte{^i}, int(i)*11)
			// EncryptContext of 5.1.3. Both are as long as one or two bytes of length say.
			label := []byte("MLS 1.0 Welcome")
			info := append([]byte{byte(len(label))}, label...)
			if n := len(context); n < 64 {
				info = append(info, byte(n))
			} else {
				info = append(info, 0x40|byte(n>>8), byte(n))
			}
			info = append(info, context...)
			sealed, err := s.Sealer("Welcome", context).Seal(pub, plaintext)
			if err != nil {
				t.Fatal(err)
			}
			encrypted, err := s.EncryptWithLabel(pub, "Welcome", context, plaintext)
			if err != nil {
				t.Fatal(err)
			}
			for what, c := range map[string]Ciphertext{"a Sealer": sealed, "EncryptWithLabel": encrypted} {
				shared, err := h.decap(c.KEMOutput, priv, pub)
				if err != nil {
					t.Fatalf("%v: %s: %v", s, what, err)
				}
				got, err := h.open(h.schedule(shared, info), nil, c.Ciphertext)
				if err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%v: %s: %x, %v", s, what, got, err)
				}
			}
		}
	}
}
