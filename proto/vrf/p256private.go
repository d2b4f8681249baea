package vrf

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"

	"filippo.io/bigmod"
	"filippo.io/nistec"

	"github.com/kith-kt/kith/proto/wire"
)

// modulusP256 is q, for arithmetic with secrets.
var modulusP256 = func() *bigmod.Modulus {
	m, err := bigmod.NewModulus(orderP256)
	if err != nil {
		panic("vrf: " + err.Error())
	}
	return m
}()

type p256PrivateKey struct {
	scalar [32]byte // x, big-endian
	public *p256PublicKey
}

// NewP256PrivateKey returns the ECVRF-P256-SHA256-TAI key of a 32-byte
// big-endian scalar, which lies in [1, q).
func NewP256PrivateKey(scalar []byte) (PrivateKey, error) {
	if len(scalar) != 32 {
		return nil, fmt.Errorf("%w: a scalar of %d bytes, not 32", ErrInvalidKey, len(scalar))
	}
	x, err := bigmod.NewNat().SetBytes(scalar, modulusP256)
	if err != nil || x.IsZero() == 1 {
		return nil, fmt.Errorf("%w: scalar out of range", ErrInvalidKey)
	}
	k := &p256PrivateKey{scalar: [32]byte(scalar), public: new(p256PublicKey)}
	if _, err := k.public.point.ScalarBaseMult(scalar); err != nil {
		panic("vrf: " + err.Error())
	}
	copy(k.public.encoded[:], k.public.point.BytesCompressed())
	k.public.prepare()
	return k, nil
}

func (k *p256PrivateKey) Public() PublicKey { return k.public }

func (k *p256PrivateKey) Bytes() []byte { return slices.Clone(k.scalar[:]) }

func (k *p256PrivateKey) Evaluate(alpha []byte) wire.VRFOutput {
	var p nistec.P256Point
	k.public.hashToCurve(&p, alpha)
	multP256(&p, &p, k.scalar[:])
	return outputP256(p.BytesCompressed())
}

// multP256 sets r = scalar·p in constant time.
func multP256(r, p *nistec.P256Point, scalar []byte) {
	if _, err := r.ScalarMult(p, scalar); err != nil {
		panic("vrf: " + err.Error())
	}
}

// Prove is ECVRF_prove, and proof_to_hash of its result.
func (k *p256PrivateKey) Prove(alpha []byte) (wire.VRFOutput, []byte) {
	var h, gamma, u, v nistec.P256Point
	encoded := k.public.hashToCurve(&h, alpha)
	multP256(&gamma, &h, k.scalar[:])
	nonce := k.nonce(encoded[:])
	if _, err := u.ScalarBaseMult(nonce); err != nil {
		panic("vrf: " + err.Error())
	}
	multP256(&v, &h, nonce)

	proof := make([]byte, 0, P256ProofSize)
	proof = append(proof, gamma.BytesCompressed()...)
	c := k.public.challenge(encoded[:], proof, &u, &v)
	proof = append(proof, c[:]...)

	// s = nonce + c·x mod q
	var wide [32]byte
	copy(wide[16:], c[:])
	s := natP256(wide[:])
	s.Mul(natP256(k.scalar[:]), modulusP256)
	s.Add(natP256(nonce), modulusP256)
	proof = append(proof, s.Bytes(modulusP256)...)
	return outputP256(proof[:33]), proof
}

// natP256 returns an integer that is known to be below q.
func natP256(b []byte) *bigmod.Nat {
	n, err := bigmod.NewNat().SetBytes(b, modulusP256)
	if err != nil {
		panic("vrf: " + err.Error())
	}
	return n
}

// nonce is ECVRF_nonce_generation_RFC6979: the k of RFC 6979, "Generation of
// k", for the message h and SHA-256, in [1, q).
func (k *p256PrivateKey) nonce(h []byte) []byte {
	digest := sha256.Sum256(h)
	reduced, err := bigmod.NewNat().SetOverflowingBytes(digest[:], modulusP256)
	if err != nil {
		panic("vrf: " + err.Error())
	}
	seed := append(slices.Clone(k.scalar[:]), reduced.Bytes(modulusP256)...)

	key, value := make([]byte, 32), slices.Repeat([]byte{0x01}, 32)
	mac := func(parts ...[]byte) []byte {
		m := hmac.New(sha256.New, key)
		for _, part := range parts {
			m.Write(part)
		}
		return m.Sum(nil)
	}
	for _, separator := range []byte{0x00, 0x01} {
		key = mac(value, []byte{separator}, seed)
		value = mac(value)
	}
	for {
		value = mac(value)
		n, err := bigmod.NewNat().SetBytes(value, modulusP256)
		if err == nil && n.IsZero() == 0 {
			return value
		}
		key = mac(value, []byte{0x00})
		value = mac(value)
	}
}

// Output is ECVRF_proof_to_hash.
func (k *p256PrivateKey) Output(proof []byte) (wire.VRFOutput, error) {
	var p p256Proof
	if err := p.decode(proof); err != nil {
		return wire.VRFOutput{}, err
	}
	return outputP256(proof[:33]), nil
}
