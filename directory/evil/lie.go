package evil

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/auditlog/tiled"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// An Entry is a log entry that says what its liar wants.
type Entry struct {
	Timestamp uint64 // ms since the Unix epoch; it need not rise
	Added     []Version
	Removed   []Version // their values are not used
}

// A Version is one version of a label.
type Version struct {
	Label   string
	Version uint32
	Value   []byte
}

// Lie appends entries to the log in a data folder that nobody has open, and signs
// the head after them with the folder's keys. None of the rules of a directory
// are kept but one: what follows from what is computed as it should be, so that
// roots, proofs, leaves, AuditorUpdates and signatures hold. Whoever Runs the
// folder serves the lies.
func Lie(dir string, entries ...Entry) (err error) {
	op, err := operator.Open(dir, operator.OpenOptions{Offline: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, op.Close()) }()
	snap, err := op.Store().Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	l, err := newLiar(op.Configuration(), op.Keys(), snap)
	if err != nil {
		return err
	}
	for i := range entries {
		if err := l.entry(&entries[i]); err != nil {
			return fmt.Errorf("log entry %d: %w", l.batch.Head.Size, err)
		}
	}
	head, err := suite.SignTreeHead(op.Keys().Signer, l.config, l.batch.Head.Size, l.batch.Head.Root)
	if err != nil {
		return err
	}
	l.batch.Head.Signature = head.Signature
	return op.Store().Commit(context.Background(), &l.batch)
}

// A liar makes the batch of Lie.
type liar struct {
	config *wire.Configuration
	digest checkpoint.Digest // of config
	keys   *directory.Keys
	base   directory.Snapshot
	batch  directory.Batch
	log    *logtree.Appender
	audit  *tiled.Appender
	tree   prefixtree.Builder
}

func newLiar(config *wire.Configuration, keys *directory.Keys, base directory.Snapshot) (*liar, error) {
	l := &liar{config: config, keys: keys, base: base}
	head := base.Head()
	l.batch.Prev, l.batch.Head = head, head
	full, err := base.LogNodes(logtree.FullSubtrees(head.Size))
	if err != nil {
		return nil, err
	}
	if l.log, err = logtree.NewAppender(head.Size, full); err != nil {
		return nil, err
	}
	if l.audit, err = tiled.NewAppender(head.Size, directory.HashReader{AuditLog: base}); err != nil {
		return nil, err
	}
	encoded, err := config.Append(nil, config.Format())
	l.digest = sha256.Sum256(encoded)
	return l, err
}

// Page implements prefixtree.Pages: pages of the batch lie over the store's.
func (l *liar) Page(pos uint64) ([]byte, error) {
	if first := l.batch.Prev.Size; pos >= first && pos-first < uint64(len(l.batch.Entries)) {
		return l.batch.Entries[pos-first].Page, nil
	}
	return l.base.Page(pos)
}

// An added is a version that an entry adds, and its leaf of the prefix tree.
type added struct {
	value directory.Value
	leaf  wire.PrefixLeaf
}

func (l *liar) entry(lie *Entry) error {
	all := make([]added, len(lie.Added))
	for i := range lie.Added {
		if err := l.commitTo(&all[i], &lie.Added[i]); err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b added) int { return bytes.Compare(a.leaf.VRFOutput[:], b.leaf.VRFOutput[:]) })
	u := wire.AuditorUpdate{Timestamp: lie.Timestamp}
	e := directory.Entry{Log: wire.LogEntry{Timestamp: lie.Timestamp}}
	for i := range all {
		e.Values, u.Added = append(e.Values, all[i].value), append(u.Added, all[i].leaf)
	}
	for i := range lie.Removed {
		leaf, err := l.committed(&lie.Removed[i])
		if err != nil {
			return err
		}
		u.Removed = append(u.Removed, leaf)
	}
	prefixtree.SortLeaves(u.Removed)
	pos := l.batch.Head.Size
	var err error
	if e.Page, e.Log.PrefixTree, err = l.tree.Apply(l, pos, u.Added, u.Removed, &u.Proof); err != nil {
		return err
	}
	update, err := u.Append(nil, l.config.Format())
	if err != nil {
		return err
	}
	l.batch.LogNodes = l.log.Append(l.batch.LogNodes, logtree.LeafHash(e.Log))
	leaf := checkpoint.Leaf{
		Position: pos, Timestamp: lie.Timestamp, PrefixRoot: e.Log.PrefixTree, Root: l.log.Root(),
		Configuration: l.digest, UpdateSize: uint32(len(update)), Update: sha256.Sum256(update),
	}
	e.AuditLeaf = leaf.Append(nil)
	for _, h := range l.audit.Append(nil, e.AuditLeaf) {
		l.batch.AuditNodes = append(l.batch.AuditNodes, wire.HashValue(h))
	}
	l.batch.Entries = append(l.batch.Entries, e)
	l.batch.Head = directory.Head{Size: pos + 1, Root: leaf.Root, Timestamp: lie.Timestamp, PrefixRoot: leaf.PrefixRoot}
	return nil
}

func (l *liar) output(v *Version) wire.VRFOutput {
	return l.keys.VRF.Evaluate(suite.VRFInput([]byte(v.Label), v.Version))
}

// commitTo makes the leaf of a version with a fresh opening.
func (l *liar) commitTo(a *added, v *Version) (err error) {
	a.value = directory.Value{Label: []byte(v.Label), Version: v.Version, Value: v.Value}
	if a.value.Opening, err = suite.NewOpening(rand.Reader); err != nil {
		return err
	}
	a.leaf.VRFOutput = l.output(v)
	a.leaf.Commitment, err = suite.Commit(a.value.Label, v.Version, &wire.UpdateValue{Value: v.Value}, &a.value.Opening, l.config.Format())
	return err
}

// committed returns the leaf of a version that the log or the batch has.
func (l *liar) committed(v *Version) (wire.PrefixLeaf, error) {
	output := l.output(v)
	for pos := l.batch.Head.Size; pos > 0; pos-- {
		// All that an entry of a small log added is looked through.
		u, err := prefixtree.Update(l, pos-1, 0)
		if err != nil {
			return wire.PrefixLeaf{}, err
		}
		for _, leaf := range u.Added {
			if leaf.VRFOutput == output {
				return leaf, nil
			}
		}
	}
	return wire.PrefixLeaf{}, fmt.Errorf("%w: version %d of %s", directory.ErrNotFound, v.Version, v.Label)
}
