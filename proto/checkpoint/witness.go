package checkpoint

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// SizeMediaType is the media type of the body of a 409 of add-checkpoint: the
// size that the witness knows. See ParseSize.
const SizeMediaType = "text/x.tlog.size"

// MaxProof is the greatest number of hashes of an inclusion or consistency proof.
const MaxProof = 63

const (
	oldPrefix = "old "
	maxDigits = 20
	hashLine  = (tlog.HashSize + 2) / 3 * 4 // bytes, without the newline
)

// MaxAddCheckpoint is the greatest length of an encoded AddCheckpoint, in bytes.
const MaxAddCheckpoint = len(oldPrefix) + maxDigits + 1 + MaxProof*(hashLine+1) + 1 + MaxNote

// An AddCheckpoint is the body of POST add-checkpoint (C2SP tlog-witness).
type AddCheckpoint struct {
	Old        uint64 // size of the checkpoint that the witness cosigned last, in leaves; 0: none
	Proof      []Hash // consistency of Old and the checkpoint, at most MaxProof hashes
	Checkpoint []byte // signed, at most MaxNote bytes
}

// Append appends the encoding of the request to b.
func (a *AddCheckpoint) Append(b []byte) ([]byte, error) {
	if a.Old > MaxSize || len(a.Proof) > MaxProof || len(a.Checkpoint) == 0 || len(a.Checkpoint) > MaxNote {
		return b, fmt.Errorf("checkpoint: old size %d, proof of %d hashes, checkpoint of %d bytes cannot be encoded",
			a.Old, len(a.Proof), len(a.Checkpoint))
	}
	b = AppendSize(append(b, oldPrefix...), a.Old)
	for _, h := range a.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), a.Checkpoint...), nil
}

// ParseAddCheckpoint parses what Append returns and nothing else. Whether the
// proof holds is for CheckConsistency, and the signed checkpoint, which shares the
// memory of b, for Verifier.Open.
func ParseAddCheckpoint(b []byte) (*AddCheckpoint, error) {
	if len(b) > MaxAddCheckpoint {
		return nil, fmt.Errorf("%w: add-checkpoint of %d bytes", ErrMalformed, len(b))
	}
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	old, ok := bytes.CutPrefix(first, []byte(oldPrefix))
	size, err := parseSize(old)
	if !ok || err != nil {
		return nil, fmt.Errorf("%w: add-checkpoint starts with %.40q, not an old size", ErrMalformed, first)
	}
	a := &AddCheckpoint{Old: size}
	for {
		text, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("%w: add-checkpoint is cut off", ErrMalformed)
		}
		rest = after
		if len(text) == 0 {
			break
		}
		if len(a.Proof) == MaxProof {
			return nil, fmt.Errorf("%w: add-checkpoint has more than %d hashes", ErrMalformed, MaxProof)
		}
		h, err := base64.StdEncoding.Strict().DecodeString(string(text))
		if err != nil || len(h) != tlog.HashSize || len(text) != hashLine {
			return nil, fmt.Errorf("%w: hash %d of add-checkpoint", ErrMalformed, len(a.Proof))
		}
		a.Proof = append(a.Proof, Hash(h))
	}
	if len(rest) == 0 || len(rest) > MaxNote {
		return nil, fmt.Errorf("%w: a checkpoint of %d bytes", ErrMalformed, len(rest))
	}
	a.Checkpoint = rest
	return a, nil
}

// AppendSize appends a size in leaves and a newline: the body of a 409.
func AppendSize(b []byte, size uint64) []byte {
	return append(strconv.AppendUint(b, size, 10), '\n')
}

// ParseSize parses the body of a 409, at most MaxSize.
func ParseSize(b []byte) (uint64, error) {
	text, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok {
		return 0, fmt.Errorf("%w: a size without its newline", ErrMalformed)
	}
	return parseSize(text)
}

func parseSize(text []byte) (uint64, error) {
	if len(text) > maxDigits {
		return 0, fmt.Errorf("%w: a size of %d digits", ErrMalformed, len(text))
	}
	size, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil || size > MaxSize || strconv.FormatUint(size, 10) != string(text) {
		return 0, fmt.Errorf("%w: size %q", ErrMalformed, text)
	}
	return size, nil
}
