package opaque

import (
	"crypto/hmac"

	"github.com/cloudflare/circl/group"
)

// An opened envelope is what a password gives its owner ("Key Recovery").
type opened struct {
	private   group.Scalar
	public    []byte
	tag       []byte
	exportKey []byte
}

// open is the common part of Store and Recover.
func open(randomized, nonce, serverKey []byte, i Identities) (*opened, error) {
	private, public, err := deriveKeyPair(expand(randomized, Nseed, nonce, []byte("PrivateKey")))
	if err != nil {
		return nil, err
	}
	i = i.or(public, serverKey)
	authKey := expand(randomized, Nh, nonce, []byte("AuthKey"))
	return &opened{
		private: private, public: public,
		tag:       mac(authKey, nonce, serverKey, counted(i.Server), counted(i.Client)),
		exportKey: expand(randomized, Nh, nonce, []byte("ExportKey")),
	}, nil
}

// recover is Recover ("Envelope Recovery").
func recoverEnvelope(randomized, serverKey, envelope []byte, i Identities) (*opened, error) {
	o, err := open(randomized, envelope[:Nn], serverKey, i)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(o.tag, envelope[Nn:]) {
		return nil, ErrAuthentication
	}
	return o, nil
}

func maskingKey(randomized []byte) []byte { return expand(randomized, Nh, []byte("MaskingKey")) }

// mask hides a server's public key and an envelope, or shows them again.
func mask(maskingKey, nonce, b []byte) []byte {
	pad := expand(maskingKey, Npk+envelopeSize, nonce, []byte("CredentialResponsePad"))
	for i := range pad {
		pad[i] ^= b[i]
	}
	return pad
}
