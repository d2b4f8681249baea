package vrf

import (
	"crypto/sha512"
	"fmt"
	"slices"

	"filippo.io/edwards25519"

	"github.com/kith-kt/kith/proto/wire"
)

type ed25519PrivateKey struct {
	seed   [32]byte
	x      edwards25519.Scalar // the secret scalar, modulo the group order
	x8     edwards25519.Scalar // cofactor·x
	prefix [32]byte            // what nonces are made of
	public *ed25519PublicKey
}

// NewEd25519PrivateKey returns the ECVRF-EDWARDS25519-SHA512-TAI key of a
// 32-byte seed (RFC 8032, "Key Generation").
func NewEd25519PrivateKey(seed []byte) (PrivateKey, error) {
	if len(seed) != 32 {
		return nil, fmt.Errorf("%w: a seed of %d bytes, not 32", ErrInvalidKey, len(seed))
	}
	k := &ed25519PrivateKey{seed: [32]byte(seed), public: new(ed25519PublicKey)}
	hash := sha512.Sum512(seed)
	if _, err := k.x.SetBytesWithClamping(hash[:32]); err != nil {
		panic("vrf: " + err.Error())
	}
	copy(k.prefix[:], hash[32:])
	k.x8.Add(&k.x, &k.x)
	k.x8.Add(&k.x8, &k.x8)
	k.x8.Add(&k.x8, &k.x8)

	k.public.point.ScalarBaseMult(&k.x)
	copy(k.public.encoded[:], k.public.point.Bytes())
	k.public.prepare()
	return k, nil
}

func (k *ed25519PrivateKey) Public() PublicKey { return k.public }

func (k *ed25519PrivateKey) Bytes() []byte { return slices.Clone(k.seed[:]) }

func (k *ed25519PrivateKey) Evaluate(alpha []byte) wire.VRFOutput {
	out := k.evaluate(alpha)
	return truncate(&out)
}

// evaluate computes cofactor·Gamma as (8x)·H, which is the same since H is in
// the subgroup of prime order.
func (k *ed25519PrivateKey) evaluate(alpha []byte) [64]byte {
	var p edwards25519.Point
	k.public.hashToCurve(&p, alpha)
	p.ScalarMult(&k.x8, &p)
	return outputEd25519((*[32]byte)(p.Bytes()))
}

func (k *ed25519PrivateKey) Prove(alpha []byte) (wire.VRFOutput, []byte) {
	out, proof := k.prove(alpha)
	return truncate(&out), proof
}

// prove is ECVRF_prove, and proof_to_hash of its result.
func (k *ed25519PrivateKey) prove(alpha []byte) ([64]byte, []byte) {
	var h, gamma, gamma8, u, v edwards25519.Point
	k.public.hashToCurve(&h, alpha)
	gamma.ScalarMult(&k.x, &h)
	gamma8.MultByCofactor(&gamma)
	var enc [3][32]byte
	encodeEd25519(enc[:], &h, &gamma, &gamma8)

	nonce := k.nonce(&enc[0])
	u.ScalarBaseMult(nonce)
	v.ScalarMult(nonce, &h)
	var encUV [2][32]byte
	encodeEd25519(encUV[:], &u, &v)
	c := k.public.challenge(&enc[0], &enc[1], &encUV[0], &encUV[1])

	s := edwards25519.NewScalar().MultiplyAdd(ed25519Challenge(&c), &k.x, nonce)
	proof := make([]byte, 0, Ed25519ProofSize)
	proof = append(proof, enc[1][:]...)
	proof = append(proof, c[:]...)
	proof = append(proof, s.Bytes()...)
	return outputEd25519(&enc[2]), proof
}

// nonce is ECVRF_nonce_generation_RFC8032.
func (k *ed25519PrivateKey) nonce(h *[32]byte) *edwards25519.Scalar {
	var m [64]byte
	copy(m[:], k.prefix[:])
	copy(m[32:], h[:])
	hash := sha512.Sum512(m[:])
	nonce, err := edwards25519.NewScalar().SetUniformBytes(hash[:])
	if err != nil {
		panic("vrf: " + err.Error())
	}
	return nonce
}

func (k *ed25519PrivateKey) Output(proof []byte) (wire.VRFOutput, error) {
	out, err := proofToHashEd25519(proof)
	return truncate(&out), err
}

// proofToHashEd25519 is ECVRF_proof_to_hash.
func proofToHashEd25519(proof []byte) ([64]byte, error) {
	var p ed25519Proof
	if err := p.decode(proof); err != nil {
		return [64]byte{}, err
	}
	p.gamma.MultByCofactor(&p.gamma)
	return outputEd25519((*[32]byte)(p.gamma.Bytes())), nil
}
