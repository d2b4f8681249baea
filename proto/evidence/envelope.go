package evidence

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// open verifies a document under its own root keys.
func (x *Document) open() (*provider.Document, error) {
	d, err := provider.ParsePayload(x.Payload)
	if err != nil {
		return nil, invalid("%w", err)
	}
	return d, x.signed(d.Roots())
}

// signed verifies that enough of the given root keys signed, and that nothing else
// stands among the signatures, so that nothing in a file is without meaning.
func (x *Document) signed(roots provider.Roots) error {
	for i, s := range x.Signatures {
		switch {
		case i > 0 && s.Key <= x.Signatures[i-1].Key:
			return invalid("provider document: signatures are not in the order of the root keys")
		case int(s.Key) >= len(roots.Keys):
			return invalid("provider document: no root key %d", s.Key)
		case !provider.VerifyPayload(x.Payload, roots.Keys[s.Key], s.Signature[:]):
			return invalid("provider document: signature of root key %d", s.Key)
		}
	}
	if len(x.Signatures) < roots.Threshold {
		return invalid("provider document: signed by %d of the %d root keys it takes", len(x.Signatures), roots.Threshold)
	}
	return nil
}

// documentOf takes from an envelope the signatures that are by the given root
// keys; nil stands for the document's own.
func documentOf(enveloped []byte, roots *provider.Roots) (*Document, *provider.Document, error) {
	payload, signatures, err := provider.Split(enveloped)
	if err != nil {
		return nil, nil, err
	}
	d, err := provider.ParsePayload(payload)
	if err != nil {
		return nil, nil, err
	}
	if roots == nil {
		own := d.Roots()
		roots = &own
	}
	x := &Document{Payload: payload}
	for i, key := range roots.Keys {
		for _, s := range signatures {
			if s.KeyID == provider.KeyID(key) && len(s.Signature) == ed25519.SignatureSize && provider.VerifyPayload(payload, key, s.Signature) {
				x.Signatures = append(x.Signatures, RootSignature{uint8(i), [64]byte(s.Signature)})
			}
		}
	}
	return x, d, x.signed(*roots)
}

// CheckpointOf returns a signed checkpoint, as served, in the form it has in
// evidence. Cosignatures are left out.
func CheckpointOf(document, signed []byte) (SignedCheckpoint, error) {
	_, d, err := documentOf(document, nil)
	if err != nil {
		return SignedCheckpoint{}, err
	}
	return checkpointOf(d, signed)
}

func checkpointOf(d *provider.Document, signed []byte) (x SignedCheckpoint, err error) {
	verifier, err := checkpoint.NewVerifier(d.AuditLog.Key)
	if err != nil {
		return x, invalid("audit log: %w", err)
	}
	opened, err := verifier.Open(signed)
	if err != nil {
		return x, invalid("%w", err)
	}
	log, err := note.NewVerifier(d.AuditLog.Key)
	if err != nil {
		return x, invalid("audit log: %w", err)
	}
	n, err := note.Open(signed, note.VerifierList(log))
	if err != nil || len(n.Sigs) != 1 {
		return x, invalid("checkpoint: %v", err)
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(n.Sigs[0].Base64))
	if err != nil || len(blob) != 4+ed25519.SignatureSize {
		return x, invalid("checkpoint: a signature of %d bytes", len(blob))
	}
	return SignedCheckpoint{opened.Size, opened.Root, [64]byte(blob[4:])}, nil
}
