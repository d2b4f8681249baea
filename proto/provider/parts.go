package provider

import "crypto/ed25519"

// A Signature is one signature of an envelope, not verified.
type Signature struct {
	KeyID     string // names the root key; see KeyID
	Signature []byte // over PAE(PayloadType, payload)
}

// Split returns the exact bytes of the document in an envelope, and its signatures.
// It verifies neither.
func Split(enveloped []byte) (payload []byte, signatures []Signature, err error) {
	e, err := parseEnvelope(enveloped)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range e.Signatures {
		signatures = append(signatures, Signature{s.KeyID, s.Sig})
	}
	return e.Payload, signatures, nil
}

// ParsePayload reads the exact bytes of a document. Whether anybody signed them is
// not asked: see VerifyPayload.
func ParsePayload(payload []byte) (*Document, error) {
	return (&envelope{Payload: payload}).document()
}

// VerifyPayload reports whether a signature is one of a document's exact bytes by a
// root key.
func VerifyPayload(payload []byte, key ed25519.PublicKey, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, PAE(PayloadType, payload), signature)
}
