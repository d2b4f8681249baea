package pass

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/auditor"
)

var (
	// ErrProgress is a saved Progress that cannot be read.
	ErrProgress = errors.New("auditor's progress is damaged")
	// ErrOtherLog is a saved Progress of another log.
	ErrOtherLog = errors.New("auditor's progress is of another log")
)

// A Progress is how far an auditor has come. It is a value.
type Progress struct {
	State auditor.State
	Seen  []byte // the signed checkpoint that was verified last; nil: none
}

// magic begins an encoded Progress, and names its format.
const magic = "kith-auditor progress 1\n"

// Encode returns the encoding of p for the log: magic, the digest of the
// Configuration, the checkpoint behind its length in four bytes, the state, and
// the SHA-256 of all that, so that a damaged file does not accuse the log.
func (p Progress) Encode(l *Log) []byte {
	b := append([]byte(magic), l.Digest[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Seen)))
	b = append(b, p.Seen...)
	b = p.State.Append(b)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// ParseProgress reads what Encode wrote for the same log.
func ParseProgress(b []byte, l *Log) (p Progress, err error) {
	head := len(magic) + len(l.Digest) + 4
	if len(b) < head+sha256.Size || !bytes.HasPrefix(b, []byte(magic)) {
		return p, fmt.Errorf("%w: no progress of this version", ErrProgress)
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sha256.Sum256(body) != [sha256.Size]byte(sum) {
		return p, fmt.Errorf("%w: checksum", ErrProgress)
	}
	if !bytes.Equal(body[len(magic):head-4], l.Digest[:]) {
		return p, ErrOtherLog
	}
	n := uint64(binary.BigEndian.Uint32(body[head-4:]))
	if n > uint64(len(body)-head) {
		return p, fmt.Errorf("%w: checkpoint", ErrProgress)
	}
	if n > 0 {
		p.Seen = bytes.Clone(body[head : head+int(n)])
	}
	if p.State, err = auditor.ParseState(body[head+int(n):]); err != nil {
		return Progress{}, fmt.Errorf("%w: %w", ErrProgress, err)
	}
	return p, nil
}
