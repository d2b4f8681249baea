package pass

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/provider"
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
	// Configured is which of the log's Configurations the last audited leaf is of,
	// counted from the oldest.
	Configured int
}

// magic begins an encoded Progress, and names its format. In the first format the
// digest of the log's Configuration stood for fingerprint and number.
const (
	magic  = "kith-auditor progress 2\n"
	magic1 = "kith-auditor progress 1\n"
)

// Encode returns the encoding of p for the log: magic, the log's fingerprint, the
// number of the last leaf's Configuration in four bytes, the checkpoint behind its
// length in four bytes, the state, and the SHA-256 of all that, so that a damaged
// file does not accuse the log.
func (p Progress) Encode(l *Log) []byte {
	var b bytes.Buffer
	_ = p.WriteTo(&b, l) // a Buffer takes all
	return b.Bytes()
}

// WriteTo writes what Encode returns, in pieces: the state may be large.
func (p Progress) WriteTo(w io.Writer, l *Log) error {
	fingerprint := provider.FingerprintOf(l.Configuration)
	b := append([]byte(magic), fingerprint[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(p.Configured))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Seen)))
	b = append(b, p.Seen...)
	sum := sha256.New()
	both := io.MultiWriter(w, sum)
	if _, err := both.Write(b); err != nil {
		return err
	}
	if _, err := p.State.WriteTo(both); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// ParseProgress reads what Encode wrote for the same log.
func ParseProgress(b []byte, l *Log) (p Progress, err error) {
	if len(b) < len(magic)+sha256.Size {
		return p, fmt.Errorf("%w: too short", ErrProgress)
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sha256.Sum256(body) != [sha256.Size]byte(sum) {
		return p, fmt.Errorf("%w: checksum", ErrProgress)
	}
	version, rest := string(body[:len(magic)]), body[len(magic):]
	digest := func() (d [sha256.Size]byte) {
		n := copy(d[:], rest)
		rest = rest[n:]
		return d
	}
	switch version {
	case magic:
		if provider.Fingerprint(digest()) != provider.FingerprintOf(l.Configuration) {
			return p, ErrOtherLog
		}
		if len(rest) < 4 || binary.BigEndian.Uint32(rest) > uint32(len(l.Former)) {
			return p, fmt.Errorf("%w: configuration", ErrProgress)
		}
		p.Configured = int(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
	case magic1:
		var known bool
		if p.Configured, known = l.Configured(0, digest()); !known {
			return Progress{}, ErrOtherLog
		}
	default:
		return p, fmt.Errorf("%w: no progress of this version", ErrProgress)
	}
	if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
		return Progress{}, fmt.Errorf("%w: checkpoint", ErrProgress)
	}
	n := binary.BigEndian.Uint32(rest)
	if rest = rest[4:]; n > 0 {
		p.Seen = bytes.Clone(rest[:n])
	}
	if p.State, err = auditor.ParseState(rest[n:]); err != nil {
		return Progress{}, fmt.Errorf("%w: %w", ErrProgress, err)
	}
	if p.State.Window() != l.Configuration.ReasonableMonitoringWindow {
		return Progress{}, ErrOtherLog
	}
	return p, nil
}
