package vrf

// NewEd25519PrivateKey returns the ECVRF-EDWARDS25519-SHA512-TAI key of a
// 32-byte seed (RFC 8032, "Key Generation").
func NewEd25519PrivateKey(seed []byte) (PrivateKey, error) { panic("not yet") }

// ParseEd25519PublicKey parses and validates a 32-byte public key, once for
// all the proofs to be verified with it (RFC 9381, "ECVRF Validate Key").
func ParseEd25519PublicKey(b []byte) (PublicKey, error) { panic("not yet") }
