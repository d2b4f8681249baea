package checkpoint

import "errors"

// SizeMediaType is the media type of the body of a 409 of add-checkpoint: the
// size that the witness knows. See ParseSize.
const SizeMediaType = "text/x.tlog.size"

// MaxProof is the greatest number of hashes of a consistency proof.
const MaxProof = 63

// MaxAddCheckpoint is the greatest length of an AddCheckpoint, in bytes.
const MaxAddCheckpoint = len("old 4611686018427387904\n") + MaxProof*45 + 1 + MaxNote

// An AddCheckpoint is the body of POST add-checkpoint (C2SP tlog-witness).
type AddCheckpoint struct {
	Old        uint64 // size of the last checkpoint that the witness cosigned, in leaves
	Proof      []Hash // consistency of Old and the checkpoint, at most MaxProof hashes
	Checkpoint []byte // signed
}

// Append appends the encoding of the request to b.
func (a *AddCheckpoint) Append(b []byte) ([]byte, error) {
	return nil, errors.New("checkpoint: not there yet")
}

// ParseAddCheckpoint parses what Append returns and nothing else. The signed
// checkpoint is not parsed: see Verifier.Open. It shares the memory of b.
func ParseAddCheckpoint(b []byte) (*AddCheckpoint, error) {
	return nil, errors.New("checkpoint: not there yet")
}

// AppendSize appends the body of a 409: a size in leaves and a newline.
func AppendSize(b []byte, size uint64) []byte { return b }

// ParseSize parses the body of a 409.
func ParseSize(b []byte) (uint64, error) { return 0, errors.New("checkpoint: not there yet") }
