package opaque

import "fmt"

// Identities are the names that both sides bind into a login; nil: the public
// key ("CleartextCredentials"). Context too must be the same on both sides.
type Identities struct {
	Client, Server []byte // at most 65535 octets
}

func (i Identities) check() error {
	if len(i.Client) > maxIdentity || len(i.Server) > maxIdentity {
		return fmt.Errorf("%w: identity too long", ErrInput)
	}
	return nil
}

// or returns the identities, with the public keys in place of absent ones.
func (i Identities) or(clientKey, serverKey []byte) Identities {
	if i.Client == nil {
		i.Client = clientKey
	}
	if i.Server == nil {
		i.Server = serverKey
	}
	return i
}

// expandLabel is Expand-Label with the output length Nx ("Transcript Functions").
func deriveSecret(secret []byte, label string, transcript []byte) []byte {
	label = "OPAQUE-" + label
	return expand(secret, Nx, []byte{Nx >> 8, Nx, byte(len(label))}, []byte(label), []byte{byte(len(transcript))}, transcript)
}

// preamble is Preamble. start is KE2 up to the server's key share.
func preamble(context []byte, i Identities, ke1, start []byte) []byte {
	return join([]byte("OPAQUEv1-"), counted(context), counted(i.Client), ke1, counted(i.Server), start)
}

// derived are the keys of a handshake ("Shared Secret Derivation").
type derived struct {
	session    []byte
	serverMAC  []byte
	clientMAC  []byte
	transcript []byte // preamble's hash
}

// deriveKeys is DeriveKeys, with the tags that both sides compute from them.
func deriveKeys(ikm, preamble []byte) *derived {
	prk := extract(ikm)
	transcript := hash(preamble)
	handshake := deriveSecret(prk, "HandshakeSecret", transcript)
	d := &derived{session: deriveSecret(prk, "SessionKey", transcript), transcript: transcript}
	d.serverMAC = mac(deriveSecret(handshake, "ServerMAC", nil), transcript)
	d.clientMAC = mac(deriveSecret(handshake, "ClientMAC", nil), hash(preamble, d.serverMAC))
	return d
}
