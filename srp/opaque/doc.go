// Package opaque is OPAQUE-3DH (RFC 9807) over ristretto255 and SHA-512: a login
// with a password that the server sees in no form, not even as a salted hash, and
// whose stored record is of no use for guessing without the server's seed. Names
// are the RFC's.
//
//	registration   client  Register → request, FinalizeRegistration → Record
//	               server  Server.Register → response
//	login          client  Login → KE1, Finish → KE3 and keys
//	               server  Server.Login → KE2, Handshake.Finish → session key
//
// The OPRF (RFC 9497) and the group are those of github.com/cloudflare/circl.
// There is no I/O, no clock, and no randomness that is not passed in.
package opaque

import "errors"

// Lengths, in octets ("Configurations").
const (
	Nn    = 32 // a nonce
	Nh    = 64 // a hash
	Nm    = 64 // a tag
	Nx    = 64 // a key that Extract makes
	Noe   = 32 // an element of the OPRF
	Npk   = 32 // a public key
	Nsk   = 32 // a private key
	Nseed = 32 // what a key pair is derived from
	Nok   = 32 // an OPRF key

	envelopeSize = Nn + Nm

	// RequestSize and ResponseSize are the lengths of a registration's messages.
	RequestSize  = Noe
	ResponseSize = Noe + Npk
	// RecordSize is the length of a RegistrationRecord.
	RecordSize = Npk + Nh + envelopeSize
	// KE1Size, KE2Size and KE3Size are the lengths of a login's messages.
	KE1Size = Noe + Nn + Npk
	KE2Size = credentialResponseSize + Nn + Npk + Nm
	KE3Size = Nm

	credentialResponseSize = Noe + Nn + Npk + envelopeSize
	// maxIdentity is what two octets can count.
	maxIdentity = 1<<16 - 1
)

var (
	// ErrMessage is a message of the wrong length, or with an element that no
	// honest party sends.
	ErrMessage = errors.New("opaque: malformed message")
	// ErrAuthentication is a proof that does not hold: another password, or
	// somebody in between.
	ErrAuthentication = errors.New("opaque: authentication failed")
	// ErrOrder is a step taken twice, or before the one it follows.
	ErrOrder = errors.New("opaque: step is out of order")
	// ErrInput is a password, identity or seed that cannot be used.
	ErrInput = errors.New("opaque: input cannot be used")
)
