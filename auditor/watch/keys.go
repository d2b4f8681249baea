package watch

import "crypto/ed25519"

// A KeyHolder holds keys for others, as an SSH agent does.
type KeyHolder interface {
	// Key returns the key of a name ("SHA256:..."). The key is asked for every
	// signature, and may be gone by then.
	Key(name string) (RemoteKey, error)
}

// A RemoteKey is a key that somebody else holds.
type RemoteKey interface {
	// Type is "ssh-ed25519" or "ecdsa-sha2-nistp256".
	Type() string
	// Public returns an Ed25519 public key, or an uncompressed point of P-256.
	Public() []byte
	// Sign signs a message: Ed25519 as in RFC 8032; ECDSA over its SHA-256, as
	// r and s, 32 bytes each.
	Sign(msg []byte) ([]byte, error)
}

var _ = ed25519.PublicKeySize
