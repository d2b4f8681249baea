package vrf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"filippo.io/nistec"

	"github.com/kith-kt/kith/proto/wire"
)

// suite_string of ECVRF-P256-SHA256-TAI.
const suiteP256 = 0x01

type p256PublicKey struct {
	encoded [33]byte
	point   nistec.P256Point // Y

	// minusY multiplies -Y; only verifiers pay for it.
	minusY func() *comb[nistec.P256Point, *nistec.P256Point]
}

// ParseP256PublicKey parses and validates a 33-byte compressed point, once for
// all the proofs to be verified with it (RFC 9381, "ECVRF Validate Key").
func ParseP256PublicKey(b []byte) (PublicKey, error) {
	k := new(p256PublicKey)
	if !decodeP256(&k.point, b) {
		return nil, fmt.Errorf("%w: not the encoding of a compressed P-256 point", ErrInvalidKey)
	}
	copy(k.encoded[:], b)
	k.prepare()
	return k, nil
}

func (k *p256PublicKey) prepare() {
	k.minusY = sync.OnceValue(func() *comb[nistec.P256Point, *nistec.P256Point] {
		return newComb(nistec.NewP256Point().Negate(&k.point), nistec.NewP256Point())
	})
}

// decodeP256 is string_to_point: it sets p and reports true if b is a
// compressed point other than infinity. There is no second encoding of one.
func decodeP256(p *nistec.P256Point, b []byte) bool {
	if len(b) != 33 {
		return false
	}
	_, err := p.SetBytes(b)
	return err == nil
}

func (k *p256PublicKey) Bytes() []byte { return slices.Clone(k.encoded[:]) }

// hashToCurve is ECVRF_encode_to_curve_try_and_increment with the public key
// as salt: it sets h to the first hash that is an x-coordinate, and returns the
// encoding of h, which the hash is but for its first byte.
func (k *p256PublicKey) hashToCurve(h *nistec.P256Point, alpha []byte) (encoded [33]byte) {
	var array [384]byte
	m := append(array[:0], suiteP256, separatorEncode)
	m = append(m, k.encoded[:]...)
	m = append(m, alpha...)
	m = append(m, 0, separatorBack)
	encoded[0] = 0x02
	for ctr := range 256 {
		m[len(m)-2] = byte(ctr)
		hash := sha256.Sum256(m)
		copy(encoded[1:], hash[:])
		if decodeP256(h, encoded[:]) {
			return encoded
		}
	}
	// Each attempt fails with probability 1/2, independently of the others.
	panic("vrf: 256 hashes of which none is a point")
}

// challenge is ECVRF_challenge_generation; the result is c as a big-endian integer.
func (k *p256PublicKey) challenge(h, gamma []byte, u, v *nistec.P256Point) (c [16]byte) {
	m := make([]byte, 0, 2+5*33+1)
	m = append(m, suiteP256, separatorChallenge)
	m = append(m, k.encoded[:]...)
	m = append(m, h...)
	m = append(m, gamma...)
	m = append(m, u.BytesCompressed()...)
	m = append(m, v.BytesCompressed()...)
	m = append(m, separatorBack)
	hash := sha256.Sum256(m)
	copy(c[:], hash[:])
	return c
}

// outputP256 is the last step of ECVRF_proof_to_hash: the hash of the encoding
// of Gamma, 33 bytes. The cofactor is 1.
func outputP256(gamma []byte) wire.VRFOutput {
	var m [2 + 33 + 1]byte
	m[0], m[1] = suiteP256, separatorOutput
	copy(m[2:], gamma)
	m[35] = separatorBack
	return sha256.Sum256(m[:])
}

// Verify is ECVRF_verify, for a key that is known to be valid.
func (k *p256PublicKey) Verify(alpha, proof []byte) (wire.VRFOutput, error) {
	var p p256Proof
	if err := p.decode(proof); err != nil {
		return wire.VRFOutput{}, err
	}
	var h, u, v, t nistec.P256Point
	encoded := k.hashToCurve(&h, alpha)

	// U = s·B - c·Y and V = s·H - c·Gamma.
	var little [16]byte
	copy(little[:], p.c[:])
	slices.Reverse(little[:])
	t.Set(nistec.NewP256Point())
	k.minusY().mult(&t, &little)
	if _, err := u.ScalarBaseMult(p.s[:]); err != nil {
		panic("vrf: " + err.Error())
	}
	u.Add(&u, &t)
	p256DoubleMult(&v, &h, &p.s, t.Negate(&p.gamma), &p.c)

	if c := k.challenge(encoded[:], proof[:33], &u, &v); c != p.c {
		return wire.VRFOutput{}, fmt.Errorf("%w: it does not hold for this input and key", ErrInvalidProof)
	}
	return outputP256(proof[:33]), nil
}

// A p256Proof is a decoded pi_string: Gamma, c, s.
type p256Proof struct {
	gamma nistec.P256Point
	c     [16]byte // big-endian
	s     [32]byte // big-endian, below the group order
}

// orderP256 is q, the order of P-256, big-endian.
var orderP256 = []byte{
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
}

// decode is ECVRF_decode_proof.
func (p *p256Proof) decode(proof []byte) error {
	if len(proof) != P256ProofSize {
		return fmt.Errorf("%w: %d bytes, not %d", ErrInvalidProof, len(proof), P256ProofSize)
	}
	if !decodeP256(&p.gamma, proof[:33]) {
		return fmt.Errorf("%w: Gamma is not the encoding of a point", ErrInvalidProof)
	}
	if bytes.Compare(proof[49:], orderP256) >= 0 {
		return fmt.Errorf("%w: s is not below the group order", ErrInvalidProof)
	}
	p.c = [16]byte(proof[33:49])
	p.s = [32]byte(proof[49:])
	return nil
}
