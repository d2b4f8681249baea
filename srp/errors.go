package srp

import "errors"

var (
	// ErrPublic is an A or B that no honest party sends: zero, not below N, too
	// long, or one that makes u zero.
	ErrPublic = errors.New("srp: public value is not acceptable")
	// ErrProof is an M1 or M2 that is not the right one: another password, or
	// somebody in between.
	ErrProof = errors.New("srp: proof does not hold")
	// ErrVerifier is a verifier that is not a number of the group.
	ErrVerifier = errors.New("srp: verifier is not of this group")
	// ErrOrder is a step that was taken twice, or before the one it follows.
	ErrOrder = errors.New("srp: step is out of order")
)
