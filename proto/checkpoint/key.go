package checkpoint

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrKey says that a key is not an Ed25519 note key.
	ErrKey = errors.New("checkpoint: invalid key")

	// ErrSignature says that a checkpoint is not signed by the key of its log.
	ErrSignature = errors.New("checkpoint: not signed by the log")
)

const (
	keyPrefix  = "PRIVATE+KEY+"
	algEd25519 = 1
)

// GenerateKey makes a note key for the log of the given origin from 32 bytes of
// rand. It returns the signer key, which is secret, and the verifier key, both
// in the encodings of sumdb/note.
func GenerateKey(rand io.Reader, origin string) (skey, vkey string, err error) {
	if err := CheckOrigin(origin); err != nil {
		return "", "", err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return "", "", fmt.Errorf("checkpoint: generate key: %w", err)
	}
	vkey, err = verifierKey(origin, seed)
	if err != nil {
		return "", "", err
	}
	id := vkey[len(origin)+1:][:8]
	return keyPrefix + origin + "+" + id + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed...)), vkey, nil
}

func verifierKey(origin string, seed []byte) (string, error) {
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrKey, err)
	}
	return vkey, nil
}

// A Signer signs the checkpoints of one log.
type Signer struct {
	note note.Signer
	vkey string
}

// NewSigner returns the signer of a signer key.
func NewSigner(skey string) (*Signer, error) {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrKey, err)
	}
	if err := CheckOrigin(signer.Name()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	// NewSigner has checked the form PRIVATE+KEY+name+id+base64(alg || seed), in
	// which base64 may contain plus signs of its own.
	fields := strings.SplitN(skey, "+", 5)
	secret, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(secret) != 1+ed25519.SeedSize || secret[0] != algEd25519 {
		return nil, ErrKey
	}
	vkey, err := verifierKey(signer.Name(), secret[1:])
	if err != nil {
		return nil, err
	}
	return &Signer{signer, vkey}, nil
}

// Origin returns the origin of the log.
func (s *Signer) Origin() string { return s.note.Name() }

// VerifierKey returns the key for NewVerifier.
func (s *Signer) VerifierKey() string { return s.vkey }

// Sign returns the signed checkpoint of the log at a size. "A log MUST not sign
// any checkpoint which is inconsistent with any checkpoint it previously
// signed": that is for the caller to know.
func (s *Signer) Sign(size uint64, root Hash) ([]byte, error) {
	if size > MaxSize {
		return nil, fmt.Errorf("checkpoint: size %d is too large", size)
	}
	c := Checkpoint{s.Origin(), size, root}
	msg, err := note.Sign(&note.Note{Text: c.Text()}, s.note)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: sign: %w", err)
	}
	return msg, nil
}

// A Verifier verifies the checkpoints of one log.
type Verifier struct {
	note note.Verifier
	key  []byte // the public key
}

// NewVerifier returns the verifier of a verifier key.
func NewVerifier(vkey string) (*Verifier, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrKey, err)
	}
	if err := CheckOrigin(verifier.Name()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	// NewVerifier has checked the form name+id+base64(alg || key).
	_, _, key, _, err := decodeKey(vkey)
	if err != nil {
		return nil, err
	}
	return &Verifier{verifier, key}, nil
}

// Origin returns the origin of the log.
func (v *Verifier) Origin() string { return v.note.Name() }

// Open parses a signed checkpoint, verifies the log's signature, and checks that
// it is of this log. Signatures by other keys are returned as they are.
func (v *Verifier) Open(msg []byte) (*Signed, error) {
	if len(msg) > MaxNote {
		return nil, fmt.Errorf("%w: a note of %d bytes", ErrMalformed, len(msg))
	}
	n, err := note.Open(msg, note.VerifierList(v.note))
	if err != nil {
		var unverified *note.UnverifiedNoteError
		var invalid *note.InvalidSignatureError
		if errors.As(err, &unverified) || errors.As(err, &invalid) {
			return nil, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// note.Open does not mind stray bits in the padding.
	for _, sig := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return nil, fmt.Errorf("%w: signature: %w", ErrMalformed, err)
		}
	}
	if len(n.Sigs)+len(n.UnverifiedSigs) > MaxSignatures {
		return nil, fmt.Errorf("%w: %d signatures", ErrMalformed, len(n.UnverifiedSigs))
	}
	c, err := ParseText(n.Text)
	if err != nil {
		return nil, err
	}
	if c.Origin != v.Origin() {
		return nil, fmt.Errorf("%w: origin %q is not %q", ErrMalformed, c.Origin, v.Origin())
	}
	return &Signed{Checkpoint: c, Others: n.UnverifiedSigs, key: v.key}, nil
}
