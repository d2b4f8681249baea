package vrf

import (
	"crypto/sha512"
	"fmt"
	"slices"
	"sync"

	"filippo.io/edwards25519"

	"github.com/kith-kt/kith/proto/wire"
)

// suite_string of ECVRF-EDWARDS25519-SHA512-TAI.
const suiteEd25519 = 0x03

// The domain separators of RFC 9381, "ECVRF Cipher Suites" and the sections
// that use them.
const (
	separatorEncode    = 0x01
	separatorChallenge = 0x02
	separatorOutput    = 0x03
	separatorBack      = 0x00
)

type ed25519PublicKey struct {
	encoded [32]byte
	point   edwards25519.Point // Y

	// minusY multiplies -Y; only verifiers pay for it.
	minusY func() *comb[edwards25519.Point, *edwards25519.Point]
}

// ParseEd25519PublicKey parses and validates a 32-byte public key, once for
// all the proofs to be verified with it (RFC 9381, "ECVRF Validate Key").
func ParseEd25519PublicKey(b []byte) (PublicKey, error) {
	k := new(ed25519PublicKey)
	if !decodeEd25519(&k.point, b) {
		return nil, fmt.Errorf("%w: not the canonical encoding of an edwards25519 point", ErrInvalidKey)
	}
	if k.smallOrder() {
		return nil, fmt.Errorf("%w: edwards25519 point of small order", ErrInvalidKey)
	}
	copy(k.encoded[:], b)
	k.prepare()
	return k, nil
}

// smallOrder reports whether the cofactor takes the key to the identity.
func (k *ed25519PublicKey) smallOrder() bool {
	var y8 edwards25519.Point
	return y8.MultByCofactor(&k.point).Equal(identityEd25519) == 1
}

func (k *ed25519PublicKey) prepare() {
	k.minusY = sync.OnceValue(func() *comb[edwards25519.Point, *edwards25519.Point] {
		return newComb(new(edwards25519.Point).Negate(&k.point), identityEd25519)
	})
}

func (k *ed25519PublicKey) Bytes() []byte { return slices.Clone(k.encoded[:]) }

// hashToCurve is ECVRF_encode_to_curve_try_and_increment with the public key
// as salt: it sets h to the first hash that is a point, times the cofactor.
func (k *ed25519PublicKey) hashToCurve(h *edwards25519.Point, alpha []byte) {
	var array [384]byte
	m := append(array[:0], suiteEd25519, separatorEncode)
	m = append(m, k.encoded[:]...)
	m = append(m, alpha...)
	m = append(m, 0, separatorBack)
	for ctr := range 256 {
		m[len(m)-2] = byte(ctr)
		hash := sha512.Sum512(m)
		if !decodeEd25519(h, hash[:32]) {
			continue
		}
		if h.MultByCofactor(h).Equal(identityEd25519) == 0 {
			return
		}
	}
	// Each attempt fails with probability 1/2, independently of the others.
	panic("vrf: 256 hashes of which none is a point")
}

// challenge is ECVRF_challenge_generation; the result is c as a little-endian integer.
func (k *ed25519PublicKey) challenge(h, gamma, u, v *[32]byte) (c [16]byte) {
	m := make([]byte, 0, 2+5*32+1)
	m = append(m, suiteEd25519, separatorChallenge)
	m = append(m, k.encoded[:]...)
	m = append(m, h[:]...)
	m = append(m, gamma[:]...)
	m = append(m, u[:]...)
	m = append(m, v[:]...)
	m = append(m, separatorBack)
	hash := sha512.Sum512(m)
	copy(c[:], hash[:])
	return c
}

// outputEd25519 is the last step of ECVRF_proof_to_hash: the hash of the
// encoding of cofactor·Gamma, all 64 bytes of it.
func outputEd25519(gamma8 *[32]byte) [64]byte {
	var m [2 + 32 + 1]byte
	m[0], m[1] = suiteEd25519, separatorOutput
	copy(m[2:], gamma8[:])
	m[34] = separatorBack
	return sha512.Sum512(m[:])
}

func (k *ed25519PublicKey) Verify(alpha, proof []byte) (wire.VRFOutput, error) {
	out, err := k.verify(alpha, proof)
	return truncate(&out), err
}

// truncate makes the output of "KT Cipher Suites" of the RFC's.
func truncate(out *[64]byte) wire.VRFOutput { return wire.VRFOutput(out[:32]) }

// verify is ECVRF_verify, for a key that is known to be valid.
func (k *ed25519PublicKey) verify(alpha, proof []byte) ([64]byte, error) {
	var p ed25519Proof
	if err := p.decode(proof); err != nil {
		return [64]byte{}, err
	}
	var h, gamma8, u, v, t edwards25519.Point
	k.hashToCurve(&h, alpha)

	// U = s·B - c·Y and V = s·H - c·Gamma. The points are negated, not c:
	// c must stay an integer, since Y and Gamma may have a component of small
	// order.
	k.minusY().mult(&t, &p.c)
	u.ScalarBaseMult(&p.s)
	u.Add(&u, &t)
	t.Negate(&p.gamma)
	v.VarTimeMultiScalarMult(
		[]*edwards25519.Scalar{&p.s, p.challenge()}, []*edwards25519.Point{&h, &t})

	gamma8.MultByCofactor(&p.gamma)
	var enc [4][32]byte
	encodeEd25519(enc[:], &h, &u, &v, &gamma8)
	c := k.challenge(&enc[0], (*[32]byte)(proof), &enc[1], &enc[2])
	if c != p.c {
		return [64]byte{}, fmt.Errorf("%w: it does not hold for this input and key", ErrInvalidProof)
	}
	return outputEd25519(&enc[3]), nil
}

// An ed25519Proof is a decoded pi_string: Gamma, c, s.
type ed25519Proof struct {
	gamma edwards25519.Point
	c     [16]byte // little-endian
	s     edwards25519.Scalar
}

// decode is ECVRF_decode_proof.
func (p *ed25519Proof) decode(proof []byte) error {
	if len(proof) != Ed25519ProofSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrInvalidProof, len(proof), Ed25519ProofSize)
	}
	if !decodeEd25519(&p.gamma, proof[:32]) {
		return fmt.Errorf("%w: Gamma is not the canonical encoding of a point", ErrInvalidProof)
	}
	p.c = [16]byte(proof[32:48])
	if _, err := p.s.SetCanonicalBytes(proof[48:]); err != nil {
		return fmt.Errorf("%w: s is not below the group order", ErrInvalidProof)
	}
	return nil
}

func (p *ed25519Proof) challenge() *edwards25519.Scalar { return ed25519Challenge(&p.c) }

// ed25519Challenge returns c, which is below the group order as it stands.
func ed25519Challenge(c *[16]byte) *edwards25519.Scalar {
	var wide [32]byte
	copy(wide[:], c[:])
	s, err := edwards25519.NewScalar().SetCanonicalBytes(wide[:])
	if err != nil {
		panic("vrf: 128 bits beyond the group order")
	}
	return s
}
