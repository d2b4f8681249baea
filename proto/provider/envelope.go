package provider

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/kith-kt/kith/proto/strictjson"
)

// MaxSignatures bounds the signatures of an envelope: two full sets of roots.
const MaxSignatures = 2 * MaxRootKeys

type envelope struct {
	PayloadType string           `json:"payloadType"`
	Payload     strictjson.Bytes `json:"payload"`
	Signatures  []signature      `json:"signatures"`
}

type signature struct {
	KeyID string           `json:"keyid"`
	Sig   strictjson.Bytes `json:"sig"`
}

// Roots are the keys that may sign a document, and how many must.
type Roots struct {
	Keys      []ed25519.PublicKey
	Threshold int
}

func (r Roots) check() error {
	if len(r.Keys) == 0 || len(r.Keys) > MaxRootKeys {
		return fmt.Errorf("%w: %d root keys, not 1 to %d", ErrMalformed, len(r.Keys), MaxRootKeys)
	}
	if r.Threshold < 1 || r.Threshold > len(r.Keys) {
		return fmt.Errorf("%w: a root threshold of %d with %d keys", ErrMalformed, r.Threshold, len(r.Keys))
	}
	seen := map[string]bool{}
	for _, k := range r.Keys {
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: a root key has %d bytes, not %d", ErrMalformed, len(k), ed25519.PublicKeySize)
		}
		if seen[string(k)] {
			return fmt.Errorf("%w: a root key is listed twice", ErrMalformed)
		}
		seen[string(k)] = true
	}
	return nil
}

// KeyID returns the name of a root key in an envelope: the first 16 bytes of
// the SHA-256 of the key, in hexadecimal.
func KeyID(key ed25519.PublicKey) string {
	h := sha256.Sum256(key)
	return hex.EncodeToString(h[:16])
}

// PAE returns what a signature covers: DSSE's pre-authentication encoding,
// "DSSEv1" SP length(type) SP type SP length(payload) SP payload.
func PAE(payloadType string, payload []byte) []byte {
	b := []byte("DSSEv1 ")
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// Encode returns the bytes of a document that are to be signed. Whoever signs
// later signs these bytes, not the document.
func (d *Document) Encode() ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return b, nil
}

// Sign wraps the bytes of a document in an envelope signed by the given keys.
func Sign(payload []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	e := envelope{PayloadType: PayloadType, Payload: payload, Signatures: []signature{}}
	return e.add(keys)
}

// AddSignatures adds signatures to an envelope, for root keys that are not in one
// place. A key that has signed is not added again.
func AddSignatures(enveloped []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	e, err := parseEnvelope(enveloped)
	if err != nil {
		return nil, err
	}
	return e.add(keys)
}

func (e *envelope) add(keys []ed25519.PrivateKey) ([]byte, error) {
	have := map[string]bool{}
	for _, s := range e.Signatures {
		have[s.KeyID] = true
	}
	for _, k := range keys {
		id := KeyID(k.Public().(ed25519.PublicKey))
		if have[id] {
			continue
		}
		have[id] = true
		e.Signatures = append(e.Signatures, signature{id, ed25519.Sign(k, PAE(e.PayloadType, e.Payload))})
	}
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	b = append(b, '\n')
	if len(b) > MaxSize || len(e.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("%w: %d bytes and %d signatures", ErrMalformed, len(b), len(e.Signatures))
	}
	return b, nil
}

func parseEnvelope(b []byte) (*envelope, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrMalformed, len(b), MaxSize)
	}
	e := new(envelope)
	if err := strictjson.Decode(b, e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if e.PayloadType != PayloadType {
		return nil, fmt.Errorf("%w: payload type %q, not %q", ErrMalformed, e.PayloadType, PayloadType)
	}
	if len(e.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("%w: %d signatures, the most is %d", ErrMalformed, len(e.Signatures), MaxSignatures)
	}
	seen := map[string]bool{}
	for _, s := range e.Signatures {
		if seen[s.KeyID] {
			return nil, fmt.Errorf("%w: key %q signs twice", ErrMalformed, s.KeyID)
		}
		seen[s.KeyID] = true
	}
	return e, nil
}

// signedBy reports ErrSignature unless enough of the keys signed. Signatures
// of other keys do not count, and a bad signature counts for nobody.
func (e *envelope) signedBy(r Roots, whose string) error {
	if err := r.check(); err != nil {
		return err
	}
	msg := PAE(e.PayloadType, e.Payload)
	good := 0
	for _, k := range r.Keys {
		id := KeyID(k)
		for _, s := range e.Signatures {
			if s.KeyID == id && ed25519.Verify(k, msg, s.Sig) {
				good++
			}
		}
	}
	if good < r.Threshold {
		return fmt.Errorf("%w: %d of the %d signatures that the %s ask for", ErrSignature, good, r.Threshold, whose)
	}
	return nil
}

func (e *envelope) document() (*Document, error) {
	d := new(Document)
	if err := strictjson.Decode(e.Payload, d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	return d, nil
}

// SameDocument reports whether two envelopes carry the same bytes, however signed.
func SameDocument(a, b []byte) bool {
	x, err := parseEnvelope(a)
	if err != nil {
		return false
	}
	y, err := parseEnvelope(b)
	return err == nil && bytes.Equal(x.Payload, y.Payload)
}
