package evidence

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// maxRoots bounds the signatures of a document.
const maxRoots = provider.MaxRootKeys

// A court is what a body is judged under: the keys and rules in a document that
// was verified.
type court struct {
	own      *Document
	document *provider.Document
	payload  []byte
	configs  []config // of the log, oldest first
	log      note.Verifier
	saved    SavedVerifier
	detached []byte
	verdict  *Verdict
}

type config struct {
	*wire.Configuration
	encoded []byte
	digest  checkpoint.Digest
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

func nothing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNothing, fmt.Sprintf(format, args...))
}

func missing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMissing, fmt.Sprintf(format, args...))
}

// newCourt verifies a document.
func newCourt(x *Document) (*court, error) {
	d, err := x.open()
	if err != nil {
		return nil, err
	}
	c := &court{own: x, document: d, payload: x.Payload}
	for _, b := range append(append([][]byte(nil), bytesOf(d.Former)...), d.Configuration) {
		parsed, err := wire.ParseConfiguration(b, wire.Format{})
		if err != nil {
			return nil, invalid("configuration: %w", err)
		}
		c.configs = append(c.configs, config{parsed, b, sha256.Sum256(b)})
	}
	verifier, err := checkpoint.NewVerifier(d.AuditLog.Key)
	if err != nil {
		return nil, invalid("audit log: %w", err)
	}
	if verifier.Origin() != d.AuditLog.Origin {
		return nil, invalid("audit log %q has the key of %q", d.AuditLog.Origin, verifier.Origin())
	}
	if c.log, err = note.NewVerifier(d.AuditLog.Key); err != nil {
		return nil, invalid("audit log: %w", err)
	}
	return c, nil
}

func bytesOf[B ~[]byte](list []B) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

// config returns the Configuration of a digest.
func (c *court) config(d checkpoint.Digest) (*config, bool) {
	for i := range c.configs {
		if c.configs[i].digest == d {
			return &c.configs[i], true
		}
	}
	return nil, false
}

// checkpoint verifies the signature of a checkpoint of the audit log.
func (c *court) checkpoint(x *SignedCheckpoint) error {
	if x.Size > checkpoint.MaxSize {
		return invalid("checkpoint of size %d", x.Size)
	}
	text := checkpoint.Checkpoint{Origin: c.document.AuditLog.Origin, Size: x.Size, Root: x.Root}.Text()
	if !c.log.Verify([]byte(text), x.Signature[:]) {
		return invalid("checkpoint of size %d is not signed by the audit log", x.Size)
	}
	c.verdict.Keys |= AuditLogKey
	return nil
}

// head verifies the signature of a head, made for any Configuration of the log.
func (c *court) head(x *SignedHead) error {
	if x.Size == 0 {
		return invalid("head of an empty log")
	}
	var err error
	for i := range c.configs {
		if err = suite.VerifyTreeHead(c.configs[i].Configuration, &wire.TreeHead{TreeSize: x.Size, Signature: x.Signature}, x.Root); err == nil {
			c.verdict.Keys |= SignatureKey
			return nil
		}
	}
	return invalid("head of size %d: %w", x.Size, err)
}

// hash returns the hash of a leaf.
func (x *Included) hash() checkpoint.Hash {
	if x.Leaf != nil {
		return tlog.RecordHash(x.Leaf)
	}
	return x.Hash
}

// included verifies that a leaf stands at a position under a verified checkpoint.
func (c *court) included(under *SignedCheckpoint, position uint64, x *Included) error {
	if position >= under.Size {
		return invalid("no leaf %d under a checkpoint of size %d", position, under.Size)
	}
	if err := tlog.CheckRecord(x.Proof, int64(under.Size), under.Root, int64(position), x.hash()); err != nil {
		return invalid("leaf %d is not under the checkpoint of size %d: %w", position, under.Size, err)
	}
	return nil
}

// leaf verifies that a leaf stands at its own position under a verified checkpoint.
func (c *court) leaf(under *SignedCheckpoint, x *Included) (*checkpoint.Leaf, error) {
	if x.Leaf == nil {
		return nil, missing("the leaf, of which only the hash is there")
	}
	leaf, err := checkpoint.ParseLeaf(x.Leaf)
	if err != nil {
		return nil, invalid("%w", err)
	}
	return &leaf, c.included(under, leaf.Position, x)
}

// pair verifies a leaf and the leaf before it, which is nil if there is none.
func (c *court) pair(under *SignedCheckpoint, before, x *Included) (prev, leaf *checkpoint.Leaf, err error) {
	if leaf, err = c.leaf(under, x); err != nil {
		return nil, nil, err
	}
	switch {
	case before == nil && leaf.Position > 0:
		return nil, nil, missing("the leaf before entry %d", leaf.Position)
	case before == nil:
		return nil, leaf, nil
	}
	if prev, err = c.leaf(under, before); err != nil {
		return nil, nil, err
	}
	if leaf.Position == 0 || prev.Position != leaf.Position-1 {
		return nil, nil, invalid("leaf %d is not the one before leaf %d", prev.Position, leaf.Position)
	}
	return prev, leaf, nil
}

// found sets what the verdict is about.
func (c *court) found(entry uint64, format string, args ...any) error {
	c.verdict.Entry = entry
	c.verdict.Text = c.document.Domain + " " + fmt.Sprintf(format, args...)
	return nil
}
