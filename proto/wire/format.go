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

// Append and Parse are the same for every structure:
//
//   - x.Append(b, f) appends the encoding of x to b, or returns b and an error
//     that wraps [ErrUnencodable]. Fields that the selected variant does not
//     have are not written, whatever they hold.
//   - ParseX(b, f) decodes one X from exactly b, or returns an error that wraps
//     [ErrMalformed]. Labels, values, keys, signatures, VRF proofs and the
//     commitments of ladder steps alias b, which must not change while they are
//     in use; hashes in vectors are copied. An empty vector becomes nil.
//
// Neither checks what the draft asks of the contents, such as the order of a list.

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
