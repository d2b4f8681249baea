package directory

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory/auditlog/tiled"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// maxChanges is how many changes one log entry holds: PrefixProof.results has a
// one-byte count.
const maxChanges = prefixtree.MaxChanges

// A builder makes the log entries of one Batch on top of a snapshot.
type builder struct {
	config *wire.Configuration
	digest checkpoint.Digest // of config
	base   Snapshot
	batch  Batch
	log    *logtree.Appender
	audit  *tiled.Appender

	versions map[string]uint32 // number of versions of the labels of the batch, as far as noted
	tree     prefixtree.Builder
	update   wire.AuditorUpdate
	scratch  []byte
	hashes   []tlog.Hash
}

// newBuilder starts a batch on the head of base.
func newBuilder(config *wire.Configuration, base Snapshot) (*builder, error) {
	head := base.Head()
	full, err := base.LogNodes(logtree.FullSubtrees(head.Size))
	if err != nil {
		return nil, err
	}
	b := &builder{config: config, base: base, versions: map[string]uint32{}}
	b.batch.Prev, b.batch.Head = head, head
	if b.log, err = logtree.NewAppender(head.Size, full); err != nil {
		return nil, err
	}
	if root := b.log.Root(); root != head.Root {
		return nil, fmt.Errorf("%w: the nodes of the log tree do not make the root of the head", ErrCorrupt)
	}
	if b.audit, err = tiled.NewAppender(head.Size, HashReader{base}); err != nil {
		return nil, err
	}
	encoded, err := config.Append(nil, config.Format())
	if err != nil {
		return nil, err
	}
	b.digest = sha256.Sum256(encoded)
	return b, nil
}

// A HashReader is the audit log of a snapshot as a tlog.HashReader.
type HashReader struct{ AuditLog }

// ReadHashes implements tlog.HashReader.
func (r HashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	values, err := r.AuditNodes(indexes)
	if err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, len(values))
	for i, v := range values {
		hashes[i] = tlog.Hash(v)
	}
	return hashes, nil
}

// Page implements prefixtree.Pages: pages of the batch lie over the snapshot's.
func (b *builder) Page(pos uint64) ([]byte, error) {
	if first := b.batch.Prev.Size; pos >= first && pos-first < uint64(len(b.batch.Entries)) {
		return b.batch.Entries[pos-first].Page, nil
	}
	return b.base.Page(pos)
}

// note remembers that the batch gives a label versions up to n.
func (b *builder) note(label []byte, n uint32) { b.versions[string(label)] = n }

// count returns the number of versions a label has, those noted included.
func (b *builder) count(label []byte) (uint32, error) {
	if n, ok := b.versions[string(label)]; ok {
		return n, nil
	}
	return b.base.Versions(label, math.MaxUint64)
}

// entry adds a log entry of the given new versions, at most maxChanges. It sorts
// values. The versions of each label must be the next ones.
func (b *builder) entry(now uint64, values []*prepared) error {
	slices.SortFunc(values, func(x, y *prepared) int {
		return bytes.Compare(x.leaf.VRFOutput[:], y.leaf.VRFOutput[:])
	})
	e := Entry{Values: make([]Value, len(values))}
	b.update.Added = b.update.Added[:0]
	for i, v := range values {
		e.Values[i] = v.Value
		b.update.Added = append(b.update.Added, v.leaf)
	}
	pos := b.batch.Head.Size
	var err error
	var root wire.HashValue
	e.Page, root, err = b.tree.Apply(b, pos, b.update.Added, nil, &b.update.Proof)
	if err != nil {
		return fmt.Errorf("log entry %d: %w", pos, err)
	}
	e.Log = wire.LogEntry{Timestamp: max(now, b.batch.Head.Timestamp), PrefixTree: root}
	b.update.Timestamp = e.Log.Timestamp
	if b.scratch, err = b.update.Append(b.scratch[:0], b.config.Format()); err != nil {
		return fmt.Errorf("log entry %d: %w", pos, err)
	}
	b.batch.LogNodes = b.log.Append(b.batch.LogNodes, logtree.LeafHash(e.Log))
	leaf := checkpoint.Leaf{
		Position:      pos,
		Timestamp:     e.Log.Timestamp,
		PrefixRoot:    root,
		Root:          b.log.Root(),
		Configuration: b.digest,
		UpdateSize:    uint32(len(b.scratch)),
		Update:        sha256.Sum256(b.scratch),
	}
	e.AuditLeaf = leaf.Append(make([]byte, 0, checkpoint.LeafSize))
	b.hashes = b.audit.Append(b.hashes[:0], e.AuditLeaf)
	for _, h := range b.hashes {
		b.batch.AuditNodes = append(b.batch.AuditNodes, wire.HashValue(h))
	}
	b.batch.Entries = append(b.batch.Entries, e)
	b.batch.Head = Head{Size: pos + 1, Root: leaf.Root, Timestamp: e.Log.Timestamp, PrefixRoot: root}
	return nil
}

// finish signs the head and returns the batch.
func (b *builder) finish(signer suite.Signer) (*Batch, error) {
	head, err := suite.SignTreeHead(signer, b.config, b.batch.Head.Size, b.batch.Head.Root)
	if err != nil {
		return nil, err
	}
	b.batch.Head.Signature = head.Signature
	return &b.batch, nil
}
