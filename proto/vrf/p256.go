package vrf

// NewP256PrivateKey returns the ECVRF-P256-SHA256-TAI key of a 32-byte
// big-endian scalar, which lies in [1, q).
func NewP256PrivateKey(scalar []byte) (PrivateKey, error) { panic("not yet") }

// ParseP256PublicKey parses and validates a 33-byte compressed point, once for
// all the proofs to be verified with it (RFC 9381, "ECVRF Validate Key").
func ParseP256PublicKey(b []byte) (PublicKey, error) { panic("not yet") }
