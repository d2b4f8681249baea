package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"golang.org/x/mod/sumdb/note"
)

// Type bytes of cosigner keys (C2SP tlog-cosignature, "Format").
const (
	algCosignature = 4 // Ed25519
	algMLDSA44     = 6
)

// keyID is the first four bytes of the hash of a name and a key.
func keyID(name string, alg byte, public []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', alg})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func encodeVerifierKey(name string, alg byte, public []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyID(name, alg, public),
		base64.StdEncoding.EncodeToString(append([]byte{alg}, public...)))
}

// decodeKey splits "name+id+base64(alg || key)", without the prefix of a secret
// key, and accepts only the canonical form.
func decodeKey(s string) (name string, alg byte, key []byte, id uint32, err error) {
	if len(s) > maxKey {
		return "", 0, nil, 0, fmt.Errorf("%w: of %d bytes", ErrKey, len(s))
	}
	name, rest, _ := strings.Cut(s, "+")
	hex, data, _ := strings.Cut(rest, "+")
	if err := CheckOrigin(name); err != nil {
		return "", 0, nil, 0, fmt.Errorf("%w: %w", ErrKey, err)
	}
	id64, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || fmt.Sprintf("%08x", id64) != hex {
		return "", 0, nil, 0, fmt.Errorf("%w: its ID is eight hexadecimal digits", ErrKey)
	}
	key, err = base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || len(key) < 2 || base64.StdEncoding.EncodeToString(key) != data {
		return "", 0, nil, 0, fmt.Errorf("%w: not in base64", ErrKey)
	}
	return name, key[0], key[1:], uint32(id64), nil
}

// maxKey is the greatest length of an encoded key, in bytes.
const maxKey = maxOrigin + 2 + 8 + (mldsa44.PublicKeySize+3)*4/3

// A Witness verifies the cosignatures of one cosigner: a witness, or an auditor
// that cosigns what it has audited.
type Witness struct {
	name    string
	vkey    string
	id      uint32
	alg     byte
	public  []byte
	lattice *mldsa44.PublicKey // of algMLDSA44 only
}

// NewWitness returns the witness of a verifier key (a vkey with type byte 4,
// Ed25519, or 6, ML-DSA-44).
func NewWitness(vkey string) (*Witness, error) {
	name, alg, public, id, err := decodeKey(vkey)
	if err != nil {
		return nil, err
	}
	w := &Witness{name: name, vkey: vkey, id: id, alg: alg, public: public}
	switch {
	case alg == algCosignature && len(public) == ed25519.PublicKeySize:
	case alg == algMLDSA44 && len(public) == mldsa44.PublicKeySize:
		w.lattice = new(mldsa44.PublicKey)
		if err := w.lattice.UnmarshalBinary(public); err != nil {
			return nil, fmt.Errorf("%w: ML-DSA-44: %w", ErrKey, err)
		}
	case alg == algEd25519:
		return nil, fmt.Errorf("%w: %s is the key of a log, not of a cosigner (type 1, not 4 or 6)", ErrKey, name)
	default:
		return nil, fmt.Errorf("%w: cosigner key of type %d with %d bytes", ErrKey, alg, len(public))
	}
	if keyID(name, alg, public) != id {
		return nil, fmt.Errorf("%w: its ID is of another key", ErrKey)
	}
	return w, nil
}

// Name returns the name of the cosigner: a label, not an identity. See Key.
func (w *Witness) Name() string { return w.name }

// Key returns the verifier key.
func (w *Witness) Key() string { return w.vkey }

// Made reports whether the name and key ID of a signature are those of the
// witness. It says nothing about the signature itself.
func (w *Witness) Made(sig note.Signature) bool {
	return sig.Name == w.name && sig.Hash == w.id
}

// Verify verifies a cosignature over a checkpoint and returns its time, in
// seconds since the Unix epoch. Errors wrap ErrCosignature.
func (w *Witness) Verify(c Checkpoint, sig note.Signature) (unixSeconds uint64, err error) {
	if !w.Made(sig) {
		return 0, fmt.Errorf("%w: not by %s", ErrCosignature, w.name)
	}
	unixSeconds, raw, err := splitCosignature(sig)
	if err != nil {
		return 0, err
	}
	valid := false
	switch {
	case w.alg == algCosignature && len(raw) == ed25519.SignatureSize:
		valid = ed25519.Verify(w.public, cosignedText(c.Text(), unixSeconds), raw)
	case w.alg == algMLDSA44 && len(raw) == mldsa44.SignatureSize:
		valid = mldsa44.Verify(w.lattice, cosignedTree(w.name, c, unixSeconds), nil, raw)
	}
	if !valid {
		return 0, fmt.Errorf("%w: signature of %s", ErrCosignature, w.name)
	}
	return unixSeconds, nil
}

// splitCosignature returns the time and the signature proper of a
// timestamped_signature.
func splitCosignature(sig note.Signature) (unixSeconds uint64, raw []byte, err error) {
	blob, err := base64.StdEncoding.Strict().DecodeString(sig.Base64)
	if err != nil || len(blob) < 4+timestampSize || binary.BigEndian.Uint32(blob) != sig.Hash {
		return 0, nil, fmt.Errorf("%w: by %q, cut off", ErrCosignature, sig.Name)
	}
	unixSeconds, raw = binary.BigEndian.Uint64(blob[4:]), blob[4+timestampSize:]
	if unixSeconds > math.MaxInt64 {
		return 0, nil, fmt.Errorf("%w: by %q, time %d", ErrCosignature, sig.Name, unixSeconds)
	}
	return unixSeconds, raw, nil
}
