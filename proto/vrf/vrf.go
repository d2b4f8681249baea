// Package vrf is the verifiable random functions of KEYTRANS
// (draft-ietf-keytrans-protocol, "Verifiable Random Function" and "KT Cipher
// Suites"): ECVRF-P256-SHA256-TAI and ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381,
// the second with its output truncated to 32 bytes.
//
// A VRF is a keyed hash whose results can be proved. The directory keys its
// prefix tree with the outputs, so that the tree says nothing about labels to
// those who cannot ask for a proof. Three paths are kept apart, because they
// are paid by different people:
//
//   - [PrivateKey.Evaluate] computes the output alone. Publishing needs no more.
//   - [PrivateKey.Prove] also computes the proof that a search response carries.
//   - [PublicKey.Verify] is what a client runs.
//
// Evaluate and Prove take the same time for every secret key. Verify, and the
// hash onto the curve in all three ("try and increment"), take a time that
// depends on their input. That input is no secret to either end, but a label
// is private to outsiders: over many measurements of one request, somebody who
// can time the hash could tell two labels apart by the number of attempts
// (RFC 9381, "Side-Channel Attacks"). Attempts are few and short beside the
// rest, and the suites allow no other hash.
package vrf

import (
	"errors"

	"github.com/kith-kt/kith/proto/wire"
)

// Sizes of proofs (VRF.Np of "KT Cipher Suites"), in bytes.
const (
	P256ProofSize    = 81
	Ed25519ProofSize = 80
)

// Errors returned by this package; they come wrapped with what was found.
var (
	// ErrInvalidKey is returned for a public or private key that is not the
	// canonical encoding of a usable key.
	ErrInvalidKey = errors.New("vrf: invalid key")
	// ErrInvalidProof is returned for a proof that is malformed, or does not
	// hold for its input and public key.
	ErrInvalidProof = errors.New("vrf: invalid proof")
)

// A PublicKey verifies proofs. It is safe for concurrent use.
type PublicKey interface {
	// Verify returns the VRF output for alpha if proof proves it, and
	// otherwise an error that is ErrInvalidProof.
	Verify(alpha, proof []byte) (wire.VRFOutput, error)
	// Bytes returns the encoding of the key as it stands in a Configuration.
	Bytes() []byte
}

// A PrivateKey computes outputs and proofs. It is safe for concurrent use.
type PrivateKey interface {
	// Evaluate returns the VRF output for alpha, without a proof.
	Evaluate(alpha []byte) wire.VRFOutput
	// Prove returns the VRF output for alpha and its proof.
	Prove(alpha []byte) (wire.VRFOutput, []byte)
	// Output returns the output that a well-formed proof proves, if it proves
	// anything: it does not verify, and is meant for proofs made by this key.
	Output(proof []byte) (wire.VRFOutput, error)
	// Public returns the key's public half.
	Public() PublicKey
	// Bytes returns the secret: the seed or scalar the key was made from.
	Bytes() []byte
}
