// Package keyfile reads files of public keys for import: OpenPGP keyrings, SSH
// allowed_signers files, and JSON lines.
//
// A reader is an iterator over entries, in the order of the file, that holds
// one entry at a time and bounds each. What cannot be published is an entry
// too, with the reason, and never ends the reading: an import of ten thousand
// keys does not fail for one. Only a file that cannot be read on does.
//
// Collect gathers the entries of a file by label, for labels have one record.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/kith-kt/kith/proto/record"
)

// Bounds of what is read. What exceeds one is skipped as TooLarge.
const (
	MaxPacket      = 1 << 20   // bytes of one OpenPGP packet
	MaxCertificate = 4 << 20   // bytes kept of one OpenPGP key while it is read
	MaxPackets     = 4096      // packets kept of one OpenPGP key while it is read
	MaxKey         = 512 << 10 // bytes of one key as published
	MaxLine        = 2 << 20   // bytes of one line
	MaxValue       = 1 << 20   // bytes of one opaque value
)

// ErrUnreadable is a file that cannot be read on, from where the error says.
var ErrUnreadable = errors.New("cannot read the key file")

// A Reason says why something in a file is not published. "" is no reason.
type Reason string

// Why something is not published.
const (
	Malformed   Reason = "malformed"
	TooLarge    Reason = "too large"
	Secret      Reason = "secret key"                 // it must not be published, or lie in such a file
	Unsupported Reason = "unsupported"                // version, algorithm or option
	Unverified  Reason = "no valid self-signature"    // of a user id
	Revoked     Reason = "revoked"                    // key or user id
	Expired     Reason = "expired"                    // key or user id
	NotYet      Reason = "not valid yet"              // key or user id
	NoAddress   Reason = "no e-mail address"          // user id, or line without a label
	BadLabel    Reason = "label without one form"     // see package label
	Mismatch    Reason = "key is not for this label"  // OpenPGP key of another address
	Duplicate   Reason = "given twice"                // Collect only
	Fault       Reason = "the parser failed on a key" // a library panicked
)

// An Entry is one thing found in a file: something to publish at a label, or
// something skipped.
type Entry struct {
	Where string // for the operator: "line 12", "key 4A5B…, user id 3"
	Label string // in canonical form; may be "" when skipped

	Keys  []record.PublishedKey // to be published; nil when Value is set or skipped
	Value []byte                // an opaque value, for providers with a format of their own

	Skipped Reason // "" : publish it
	Detail  string // more on Skipped
}

func skip(where string, why Reason, format string, args ...any) Entry {
	return Entry{Where: where, Skipped: why, Detail: fmt.Sprintf(format, args...)}
}

// A Format is a kind of key file.
type Format string

// The formats, as the --format flag names them.
const (
	FormatOpenPGP Format = "openpgp"
	FormatSSH     Format = "ssh"
	FormatJSONL   Format = "jsonl"
)

// Formats lists every format.
var Formats = []Format{FormatOpenPGP, FormatSSH, FormatJSONL}

// Read returns the entries of a file. now decides what has expired. An error
// comes last, wraps ErrUnreadable, and leaves what came before it valid.
func Read(f Format, r io.Reader, now time.Time) iter.Seq2[Entry, error] {
	switch f {
	case FormatOpenPGP:
		return OpenPGP(r, now)
	case FormatSSH:
		return SSH(r, now)
	case FormatJSONL:
		return JSONL(r, now)
	}
	return func(yield func(Entry, error) bool) {
		yield(Entry{}, fmt.Errorf("%w: unknown format %q; use openpgp, ssh or jsonl", ErrUnreadable, f))
	}
}
