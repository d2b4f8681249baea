package checkpoint

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// MaxSize is the greatest size of a log, in leaves: sumdb/tlog counts in int64
// and needs a bit to spare.
const MaxSize = 1 << 62

// maxOrigin is the greatest length of an origin, in bytes.
const maxOrigin = 255

// MaxNote is the greatest length of a signed checkpoint, in bytes: room for 16
// post-quantum cosignatures.
const MaxNote = 128 << 10

// MaxSignatures is the greatest number of signature lines of a checkpoint.
const MaxSignatures = 64

// A Checkpoint is the body of a signed checkpoint (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // names the log, and is the name of its note key
	Size   uint64 // in leaves, at most MaxSize
	Root   Hash   // of the RFC 6962 tree over the first Size leaves
}

// Text returns the note text: three lines, each with its newline.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" +
		base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// ParseText parses a note text. It accepts what Text returns and nothing else, so
// there are no extension lines.
func ParseText(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 5)
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w: a checkpoint has three lines", ErrMalformed)
	}
	c := Checkpoint{Origin: lines[0]}
	if err := CheckOrigin(c.Origin); err != nil {
		return Checkpoint{}, err
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > MaxSize {
		return Checkpoint{}, fmt.Errorf("%w: tree size", ErrMalformed)
	}
	c.Size = size
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return Checkpoint{}, fmt.Errorf("%w: root hash", ErrMalformed)
	}
	copy(c.Root[:], root)
	if c.Text() != text {
		return Checkpoint{}, fmt.Errorf("%w: not the canonical form", ErrMalformed)
	}
	return c, nil
}

// CheckOrigin checks that origin can be the origin of a log and the name of its
// key: 1 to 255 bytes of UTF-8 without spaces, control characters and plus signs.
func CheckOrigin(origin string) error {
	bad := func(r rune) bool { return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r) }
	if origin == "" || len(origin) > maxOrigin || !utf8.ValidString(origin) || strings.ContainsFunc(origin, bad) {
		return fmt.Errorf("%w: origin %q", ErrMalformed, origin)
	}
	return nil
}

// A Signed is a checkpoint whose signature by the log has been verified.
type Signed struct {
	Checkpoint

	// Others are the signatures by other keys, not verified: cosignatures of
	// witnesses, or a future key of the log.
	Others []note.Signature

	key []byte // public key of the log, which is no witness of itself
}
