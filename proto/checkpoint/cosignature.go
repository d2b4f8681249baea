package checkpoint

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// cosignatureHeader is the first line of what an Ed25519 cosigner signs.
const cosignatureHeader = "cosignature/v1\n"

const timestampSize = 8 // bytes, before the signature proper

// A KeySigner signs with an Ed25519 key that may live elsewhere.
type KeySigner interface {
	// Public returns the public key.
	Public() ed25519.PublicKey

	// Sign returns the Ed25519 signature over msg (RFC 8032, PureEdDSA).
	Sign(msg []byte) ([]byte, error)
}

// A Cosigner cosigns checkpoints with an Ed25519 key (C2SP tlog-cosignature).
type Cosigner struct {
	name   string
	key    KeySigner
	public ed25519.PublicKey
}

// seedSigner is a key in memory.
type seedSigner ed25519.PrivateKey

func (s seedSigner) Public() ed25519.PublicKey {
	return ed25519.PrivateKey(s).Public().(ed25519.PublicKey)
}
func (s seedSigner) Sign(msg []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s), msg), nil
}

// GenerateCosigner makes an Ed25519 cosigner key of the given name from 32 bytes
// of rand. It returns the signer key, which is secret, and the verifier key, in
// the note key encodings with the type byte of cosignatures, 4.
func GenerateCosigner(rand io.Reader, name string) (skey, vkey string, err error) {
	if err := CheckOrigin(name); err != nil {
		return "", "", err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return "", "", fmt.Errorf("checkpoint: generate key: %w", err)
	}
	public := seedSigner(ed25519.NewKeyFromSeed(seed)).Public()
	vkey = encodeVerifierKey(name, algCosignature, public)
	return fmt.Sprintf("%s%s+%08x+%s", keyPrefix, name, keyID(name, algCosignature, public),
		base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, seed...))), vkey, nil
}

// NewCosigner returns the cosigner of a signer key of GenerateCosigner. The note
// key of a log is refused: one key must not sign both.
func NewCosigner(skey string) (*Cosigner, error) {
	rest, ok := strings.CutPrefix(skey, keyPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: not a signer key", ErrKey)
	}
	name, alg, seed, id, err := decodeKey(rest)
	if err != nil {
		return nil, err
	}
	if alg != algCosignature || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: not an Ed25519 cosigner key (type %d)", ErrKey, alg)
	}
	c, err := CosignerOf(name, seedSigner(ed25519.NewKeyFromSeed(seed)))
	if err == nil && keyID(name, alg, c.public) != id {
		return nil, fmt.Errorf("%w: its ID is of another key", ErrKey)
	}
	return c, err
}

// CosignerOf returns the cosigner of a name and a key, which may be a remote one.
func CosignerOf(name string, key KeySigner) (*Cosigner, error) {
	if err := CheckOrigin(name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	public := key.Public()
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: a public key of %d bytes", ErrKey, len(public))
	}
	return &Cosigner{name, key, public}, nil
}

// Name returns the name of the cosigner.
func (c *Cosigner) Name() string { return c.name }

// VerifierKey returns the key for NewWitness.
func (c *Cosigner) VerifierKey() string {
	return encodeVerifierKey(c.name, algCosignature, c.public)
}

// Cosign returns the signature line, with its newline, by which the cosigner
// states that at a time, in seconds since the Unix epoch, the checkpoint of the
// given note text was the largest consistent one it had seen of its log. Whether
// that is so is for the caller to know. The signature is verified before it is
// returned, so that a remote signer cannot hand out anything else.
func (c *Cosigner) Cosign(text string, unixSeconds uint64) ([]byte, error) {
	if _, err := ParseText(text); err != nil {
		return nil, err
	}
	if unixSeconds > math.MaxInt64 {
		return nil, fmt.Errorf("checkpoint: cosign: time %d is too large", unixSeconds)
	}
	msg := cosignedText(text, unixSeconds)
	sig, err := c.key.Sign(msg)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: cosign: %w", err)
	}
	if len(sig) != ed25519.SignatureSize || !ed25519.Verify(c.public, msg, sig) {
		return nil, fmt.Errorf("checkpoint: cosign: the signer of %s does not sign with its key", c.name)
	}
	blob := binary.BigEndian.AppendUint32(nil, keyID(c.name, algCosignature, c.public))
	blob = binary.BigEndian.AppendUint64(blob, unixSeconds)
	blob = append(blob, sig...)
	return []byte(linePrefix + c.name + " " + base64.StdEncoding.EncodeToString(blob) + "\n"), nil
}

// cosignedText is the message of an Ed25519 cosignature: "two newline terminated
// lines (one header line and one timestamp line) followed by the whole note body".
func cosignedText(text string, unixSeconds uint64) []byte {
	msg := make([]byte, 0, len(cosignatureHeader)+len("time \n")+20+len(text))
	msg = append(msg, cosignatureHeader...)
	msg = append(msg, "time "...)
	msg = strconv.AppendUint(msg, unixSeconds, 10)
	msg = append(msg, '\n')
	return append(msg, text...)
}

// subtreeLabel starts the message of an ML-DSA-44 cosignature.
const subtreeLabel = "subtree/v1\n\x00"

// cosignedTree is the message of an ML-DSA-44 cosignature of a checkpoint: the
// structure cosigned_message with a start of 0.
func cosignedTree(name string, c Checkpoint, unixSeconds uint64) []byte {
	msg := append(make([]byte, 0, 128), subtreeLabel...)
	msg = append(msg, byte(len(name)))
	msg = append(msg, name...)
	msg = binary.BigEndian.AppendUint64(msg, unixSeconds)
	msg = append(msg, byte(len(c.Origin)))
	msg = append(msg, c.Origin...)
	msg = binary.BigEndian.AppendUint64(msg, 0)
	msg = binary.BigEndian.AppendUint64(msg, c.Size)
	return append(msg, c.Root[:]...)
}
