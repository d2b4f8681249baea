package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
)

// linePrefix starts a signature line: an em dash and a space.
const linePrefix = "\u2014 "

// Lengths of a key ID, a time and a signature, in bytes.
const (
	ed25519Line = 4 + timestampSize + ed25519.SignatureSize
	mldsa44Line = 4 + timestampSize + mldsa44.SignatureSize
)

// A line is a signature line without its newline.
type line struct {
	text []byte
	name string
	id   uint32
	size int // of key ID and signature, in bytes
}

// parseLine parses a signature line, without its newline.
func parseLine(text []byte) (line, error) {
	rest, ok := bytes.CutPrefix(text, []byte(linePrefix))
	name, data, _ := bytes.Cut(rest, []byte(" "))
	if !ok || len(text) > len(linePrefix)+maxOrigin+1+(mldsa44Line+2)/3*4 {
		return line{}, fmt.Errorf("%w: signature line %.40q", ErrMalformed, text)
	}
	if err := CheckOrigin(string(name)); err != nil {
		return line{}, err
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(string(data))
	if err != nil || len(blob) < 5 || bytes.ContainsAny(data, "\r\n") {
		return line{}, fmt.Errorf("%w: signature of %q", ErrMalformed, name)
	}
	return line{text, string(name), binary.BigEndian.Uint32(blob), len(blob)}, nil
}

// cosignature reports whether the line is as long as a cosignature is.
func (l line) cosignature() bool { return l.size == ed25519Line || l.size == mldsa44Line }

// ParseLines splits the answer of a witness into signature lines, each with its
// newline: at most MaxSignatures, in the canonical form, and as long as
// cosignatures are. It verifies none of them.
func ParseLines(body []byte) ([][]byte, error) {
	if len(body) > MaxNote {
		return nil, fmt.Errorf("%w: signature lines of %d bytes", ErrMalformed, len(body))
	}
	var lines [][]byte
	for len(body) > 0 {
		end := bytes.IndexByte(body, '\n') + 1
		if end == 0 {
			return nil, fmt.Errorf("%w: a signature line without its end", ErrMalformed)
		}
		if _, err := parseCosignature(body[:end]); err != nil {
			return nil, err
		}
		if len(lines) == MaxSignatures {
			return nil, fmt.Errorf("%w: more than %d signature lines", ErrMalformed, MaxSignatures)
		}
		lines = append(lines, body[:end:end])
		body = body[end:]
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%w: no signature line", ErrMalformed)
	}
	return lines, nil
}

// parseCosignature parses a signature line with its newline.
func parseCosignature(text []byte) (line, error) {
	text, ok := bytes.CutSuffix(text, []byte("\n"))
	if !ok {
		return line{}, fmt.Errorf("%w: a signature line without its end", ErrMalformed)
	}
	l, err := parseLine(text)
	if err == nil && !l.cosignature() {
		err = fmt.Errorf("%w: %d bytes by %q are no cosignature", ErrMalformed, l.size, l.name)
	}
	return l, err
}

// AddCosignatures returns the signed checkpoint with the lines of cosignatures
// added, each with its newline. A line takes the place of one of the same name and
// key ID, so that a checkpoint does not grow as it is cosigned again. The lines
// are checked for their form alone: see Witness.Verify. Neither note nor lines are
// changed.
func AddCosignatures(note []byte, lines ...[]byte) ([]byte, error) {
	split := bytes.LastIndex(note, []byte("\n\n")) + 2
	if split < 2 || len(note) > MaxNote {
		return nil, fmt.Errorf("%w: not a signed checkpoint", ErrMalformed)
	}
	var all []line
	for rest := note[split:]; len(rest) > 0; {
		text, after, ok := bytes.Cut(rest, []byte("\n"))
		l, err := parseLine(text)
		if err != nil || !ok {
			return nil, fmt.Errorf("%w: not a signed checkpoint", ErrMalformed)
		}
		all, rest = append(all, l), after
		if len(all) > MaxSignatures {
			return nil, fmt.Errorf("%w: more than %d signatures", ErrMalformed, MaxSignatures)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: a checkpoint without signatures", ErrMalformed)
	}
	for _, text := range lines {
		l, err := parseCosignature(text)
		if err != nil {
			return nil, err
		}
		if all = place(all, l); len(all) > MaxSignatures {
			return nil, fmt.Errorf("%w: more than %d signatures", ErrMalformed, MaxSignatures)
		}
	}
	out := append([]byte(nil), note[:split]...)
	for _, l := range all {
		out = append(append(out, l.text...), '\n')
	}
	if len(out) > MaxNote {
		return nil, fmt.Errorf("%w: a note of %d bytes", ErrMalformed, len(out))
	}
	return out, nil
}

// place puts a cosignature where an older one of its key stands, or at the end.
func place(all []line, l line) []line {
	for i, old := range all {
		if old.name == l.name && old.id == l.id && old.cosignature() {
			all[i] = l
			return all
		}
	}
	return append(all, l)
}
