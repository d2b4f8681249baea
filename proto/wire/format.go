package wire

import "errors"

// ErrMalformed is wrapped by every decoding error; the text says which field
// was refused, at which offset of the input, and why.
var ErrMalformed = errors.New("malformed message")

// ErrUnencodable is wrapped by every encoding error: a value is outside the
// bounds of its field, or a field that the message needs is absent.
var ErrUnencodable = errors.New("value cannot be encoded")

// Sizes of VRF.Np, in bytes ("KT Cipher Suites").
const (
	VRFProofSizeP256    = 81
	VRFProofSizeEd25519 = 80
)

// A Format is what a log's configuration decides about its messages: the suite
// sets the length of VRF proofs, the mode which optional fields exist.
type Format struct {
	Suite CipherSuite
	Mode  DeploymentMode
}

// Format returns the format of the messages of a log with this configuration.
func (x *Configuration) Format() Format {
	return Format{Suite: x.CipherSuite, Mode: x.Mode}
}

// proofSize returns VRF.Np in bytes, 0 for a suite that is not registered.
func (s CipherSuite) proofSize() int {
	switch s {
	case KT_128_SHA256_P256:
		return VRFProofSizeP256
	case KT_128_SHA256_Ed25519:
		return VRFProofSizeEd25519
	}
	return 0
}

func (m DeploymentMode) known() bool { return m >= ContactMonitoring && m <= ThirdPartyAuditing }
