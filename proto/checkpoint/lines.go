package checkpoint

import "errors"

// linePrefix starts a signature line: an em dash and a space.
const linePrefix = "\u2014 "

// MaxNote is the greatest length of a signed checkpoint, in bytes.
const MaxNote = maxNote

// MaxSignatures is the greatest number of signature lines of a checkpoint.
const MaxSignatures = 64

// ParseLines splits the answer of a witness into signature lines, at most
// MaxSignatures, each in its canonical form and as long as a cosignature is. It
// verifies no signature.
func ParseLines(body []byte) ([][]byte, error) {
	return nil, errors.New("checkpoint: not there yet")
}

// AddCosignatures returns the signed checkpoint with signature lines of
// cosignatures added. A line takes the place of an older one of the same name and
// key ID. The lines are checked for their form alone: see Witness.Verify. Neither
// note nor lines are changed.
func AddCosignatures(note []byte, lines ...[]byte) ([]byte, error) {
	return nil, errors.New("checkpoint: not there yet")
}
