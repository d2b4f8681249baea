package suite

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	circl "github.com/cloudflare/circl/hpke"
)

// Sealer encrypts to many public keys for one purpose and context. What it makes is
// what [Suite.EncryptWithLabel] makes; but what does not depend on the key is done
// once. It is for Welcomes: their context is the whole group's tree, and HPKE hashes
// it for each new member, so that adding n members would cost n² hashing. Where the
// context is short EncryptWithLabel does as well.
//
// The implementations of HPKE at hand keep that hash to themselves. So a Sealer is
// RFC 9180's SetupBaseS and Seal with "info_hash" computed before ("Creating the
// Encryption Context" (5.1)), on top of the standard library's and circl's key
// exchanges. It only encrypts: those who open use the other implementation, which
// is also what the tests compare it with.
//
// A Sealer may be used concurrently.
type Sealer struct {
	suite   *Suite
	kem     encapsulator
	id      []byte // suite_id
	context []byte // key_schedule_context
}

// encapsulator is the sender's half of a KEM.
type encapsulator interface {
	ids() (kem, kdf, aead uint16)
	encapsulate(hash hashAlg, pub []byte) (shared, enc []byte, err error)
}

// Sealer returns the Sealer of a label and a context, which is not kept.
func (s *Suite) Sealer(label string, context []byte) *Sealer {
	return s.sealer(encryptContext(label, context))
}

// sealer returns the Sealer of an info.
func (s *Suite) sealer(info []byte) *Sealer {
	kem := s.kem.(encapsulator)
	kemID, kdfID, aeadID := kem.ids()
	id := binary.BigEndian.AppendUint16([]byte("HPKE"), kemID)
	id = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(id, kdfID), aeadID)
	e := &Sealer{suite: s, kem: kem, id: id, context: []byte{0}} // mode_base
	e.context = append(e.context, s.hash.labeledExtract(id, nil, "psk_id_hash", nil)...)
	e.context = append(e.context, s.hash.labeledExtract(id, nil, "info_hash", info)...)
	return e
}

// Seal encrypts plaintext to pub. It draws randomness from the system. The error is
// ErrKey.
func (e *Sealer) Seal(pub, plaintext []byte) (Ciphertext, error) {
	shared, enc, err := e.kem.encapsulate(e.suite.hash, pub)
	if err != nil {
		return Ciphertext{}, err
	}
	defer clear(shared)
	key, nonce := e.schedule(shared)
	defer clear(key)
	return Ciphertext{KEMOutput: enc, Ciphertext: e.suite.aead.open(key).Seal(nil, nonce, plaintext, nil)}, nil
}

// schedule is the rest of KeySchedule: the key and the nonce of message 0, which is the
// only one that is ever encrypted with them.
func (e *Sealer) schedule(shared []byte) (key, nonce []byte) {
	hash := e.suite.hash
	secret := hash.labeledExtract(e.id, shared, "secret", nil)
	defer clear(secret)
	return hash.labeledExpand(e.id, secret, "key", e.context, e.suite.aead.keySize()),
		hash.labeledExpand(e.id, secret, "base_nonce", e.context, nonceSize)
}

// labeledExtract and labeledExpand are those of RFC 9180, "Cryptographic
// Dependencies" (4), with HKDF over this hash.
func (a hashAlg) labeledExtract(id, salt []byte, label string, ikm []byte) []byte {
	msg := make([]byte, 0, len(hpkeVersion)+len(id)+len(label)+len(ikm))
	msg = append(append(append(append(msg, hpkeVersion...), id...), label...), ikm...)
	defer clear(msg)
	return a.mac(nil, salt, msg)
}

func (a hashAlg) labeledExpand(id, prk []byte, label string, info []byte, n int) []byte {
	msg := make([]byte, 0, 2+len(hpkeVersion)+len(id)+len(label)+len(info)+1)
	msg = append(append(binary.BigEndian.AppendUint16(msg, uint16(n)), hpkeVersion...), id...)
	return a.expand(prk, append(append(msg, label...), info...), n)
}

const hpkeVersion = "HPKE-v1"

func (k *standardKEM) ids() (kem, kdf, aead uint16) { return k.kem.ID(), k.kdf.ID(), k.aead.ID() }

func (k *standardKEM) encapsulate(hash hashAlg, pub []byte) (shared, enc []byte, err error) {
	if k.kem.ID() == kemMLKEM768X25519 {
		shared, enc, err = encapsulateHybrid(pub)
	} else {
		shared, enc, err = k.encapsulateDH(hash, pub)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: HPKE encapsulation: %w", ErrKey, err)
	}
	return shared, enc, nil
}

// curves are the groups of the DHKEMs, by their number in HPKE.
var curves = map[uint16]ecdh.Curve{
	hpke.DHKEM(ecdh.X25519()).ID(): ecdh.X25519(),
	hpke.DHKEM(ecdh.P256()).ID():   ecdh.P256(),
	hpke.DHKEM(ecdh.P384()).ID():   ecdh.P384(),
	hpke.DHKEM(ecdh.P521()).ID():   ecdh.P521(),
}

// exchange returns the secret between a fresh key and pub, and the fresh public key.
// It fails if pub is of low order.
func exchange(curve ecdh.Curve, pub []byte) (dh, enc []byte, err error) {
	theirs, err := curve.NewPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	key, err := curve.GenerateKey(ignored{})
	if err != nil {
		return nil, nil, err
	}
	if dh, err = key.ECDH(theirs); err != nil {
		return nil, nil, err
	}
	return dh, key.PublicKey().Bytes(), nil
}

// ignored is given to functions of the standard library that take the system's
// randomness whatever they are given, since Go 1.26. Where GODEBUG undoes that
// (cryptocustomrand=1), they fail.
type ignored struct{}

func (ignored) Read([]byte) (int, error) {
	return 0, errors.New("GODEBUG=cryptocustomrand=1 is not supported")
}

// encapsulateDH is Encap of RFC 9180, "DH-Based KEM (DHKEM)" (4.1). The KDF of the
// KEM is in all suites that of HPKE.
func (k *standardKEM) encapsulateDH(hash hashAlg, pub []byte) (shared, enc []byte, err error) {
	dh, enc, err := exchange(curves[k.kem.ID()], pub)
	if err != nil {
		return nil, nil, err
	}
	defer clear(dh)
	return extractAndExpand(hash, k.kem.ID(), dh, enc, pub), enc, nil
}

// extractAndExpand is ExtractAndExpand of RFC 9180 (4.1), with the kem_context of Encap.
func extractAndExpand(hash hashAlg, kem uint16, dh, enc, pub []byte) []byte {
	id := binary.BigEndian.AppendUint16([]byte("KEM"), kem)
	prk := hash.labeledExtract(id, nil, "eae_prk", dh)
	defer clear(prk)
	return hash.labeledExpand(id, prk, "shared_secret", slices.Concat(enc, pub), hash.size())
}

// encapsulateHybrid is Encap of MLKEM768-X25519 (draft-irtf-cfrg-concrete-hybrid-kems;
// the same as X-Wing's).
func encapsulateHybrid(pub []byte) (shared, enc []byte, err error) {
	if len(pub) < mlkem.EncapsulationKeySize768 {
		return nil, nil, errors.New("short public key")
	}
	pq, err := mlkem.NewEncapsulationKey768(pub[:mlkem.EncapsulationKeySize768])
	if err != nil {
		return nil, nil, err
	}
	pubT := pub[mlkem.EncapsulationKeySize768:]
	ssT, ctT, err := exchange(ecdh.X25519(), pubT)
	if err != nil {
		return nil, nil, err
	}
	ssPQ, ctPQ := pq.Encapsulate()
	defer clear(ssT)
	defer clear(ssPQ)
	return combineHybrid(ssPQ, ssT, ctT, pubT), slices.Concat(ctPQ, ctT), nil
}

// combineHybrid is the combiner of X-Wing. The ciphertext of ML-KEM is not in it: it is
// bound by that KEM's secret.
func combineHybrid(ssPQ, ssT, ctT, pubT []byte) []byte {
	h := sha3.New256()
	for _, part := range [][]byte{ssPQ, ssT, ctT, pubT, []byte(`\.//^\`)} {
		h.Write(part)
	}
	return h.Sum(nil)
}

func (k *x448KEM) ids() (kem, kdf, aead uint16) {
	return kemX448, uint16(circl.KDF_HKDF_SHA512), uint16(k.aead)
}

func (k *x448KEM) encapsulate(_ hashAlg, pub []byte) (shared, enc []byte, err error) {
	p, err := k.publicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	enc, shared, err = circl.KEM_X448_HKDF_SHA512.Scheme().Encapsulate(p)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: HPKE encapsulation: %w", ErrKey, err)
	}
	return shared, enc, nil
}
