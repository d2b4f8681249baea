package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/kith-kt/kith/directory/auditlog/tiled"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// A CheckError is the first thing that Check found wrong.
type CheckError struct {
	Where    string // "pages", "log", "nodes", "leaves", "audit", "labels", "values" or "meta"
	Position uint64 // log entry
	Reason   error
}

func (e *CheckError) Error() string {
	return fmt.Sprintf("%v: %s, log entry %d: %v", ErrCorrupt, e.Where, e.Position, e.Reason)
}

// Unwrap makes errors.Is(err, ErrCorrupt) true.
func (e *CheckError) Unwrap() []error { return []error{ErrCorrupt, e.Reason} }

// CheckOptions directs Check. Its zero value is ready.
type CheckOptions struct {
	// VRF, if there is one, evaluates every label-version pair again. Without
	// it, an erased version is only known to have a leaf.
	VRF vrf.PrivateKey
	// Progress is called now and then with the steps done, of all there are.
	Progress func(done, all uint64)
}

// Check recomputes every hash of a log from its leaves: the pages of the prefix
// tree, the log entries and their tree, the audit log, every commitment of a
// value that was not erased, and the signature of the head. It returns a
// CheckError for the first thing wrong.
func Check(ctx context.Context, snap Snapshot, config *wire.Configuration, o CheckOptions) error {
	c := &check{ctx: ctx, snap: snap, config: config, o: o, size: snap.Head().Size}
	err := kv.Fault(func() error {
		if err := c.entries(); err != nil {
			return err
		}
		if err := c.head(); err != nil {
			return err
		}
		return c.labels()
	})
	switch {
	case errors.Is(err, kv.ErrCorrupt) && !errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case err != nil:
		return err
	}
	if o.Progress != nil {
		o.Progress(c.size+c.leaves, c.size+c.leaves)
	}
	return nil
}

type check struct {
	ctx    context.Context
	snap   Snapshot
	config *wire.Configuration
	o      CheckOptions
	size   uint64

	periods []Period

	log    logtree.Appender
	audit  *tiled.Appender
	last   wire.LogEntry
	leaves uint64      // added by all entries
	seen   [][4]uint64 // by entry: the ranks that a version claims
}

func wrong(where string, pos uint64, format string, args ...any) error {
	return &CheckError{where, pos, fmt.Errorf(format, args...)}
}

func (c *check) entries() error {
	var err error
	if c.periods, err = Periods(c.snap, c.config); err != nil {
		return err
	}
	if c.audit, err = tiled.NewAppender(0, HashReader{c.snap}); err != nil {
		return err
	}
	c.seen = nil
	for pos := range c.size {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.entry(pos); err != nil {
			return err
		}
		if c.o.Progress != nil && pos%64 == 0 {
			c.o.Progress(pos, c.size)
		}
	}
	return nil
}

// entry makes everything that belongs to log entry pos again. What was checked
// before it can be trusted.
func (c *check) entry(pos uint64) error {
	entry, err := c.snap.LogEntry(pos)
	if err != nil {
		return &CheckError{"log", pos, err}
	}
	stored, err := c.snap.AuditLeaves(pos, pos+1)
	if err != nil {
		return &CheckError{"leaves", pos, err}
	}
	claim, claimErr := checkpoint.ParseLeaf(stored[0])

	nodes := c.log.Append(nil, logtree.LeafHash(entry))
	for i, value := range nodes {
		d := logtree.Node{Level: uint8(i), Index: pos >> i}
		got, err := c.snap.LogNodes([]logtree.Node{d})
		if err != nil {
			return &CheckError{"nodes", pos, err}
		}
		if got[0] != value {
			if i == 0 && claimErr == nil && claim.LogEntry() != entry && logtree.LeafHash(claim.LogEntry()) == got[0] {
				return wrong("log", pos, "it is not the entry that the log tree has")
			}
			return wrong("nodes", pos, "node %v of the log tree is not the hash of what is below", d)
		}
	}
	if entry.Timestamp < c.last.Timestamp {
		return wrong("log", pos, "timestamp %d is before that of the entry before", entry.Timestamp)
	}
	c.last = entry

	update, err := prefixtree.Update(c.snap, pos, entry.Timestamp)
	if err != nil {
		return &CheckError{"pages", pos, err}
	}
	root, err := prefixtree.Root(c.snap, pos)
	if err != nil {
		return &CheckError{"pages", pos, err}
	}
	if root != entry.PrefixTree {
		return wrong("pages", pos, "the root of the prefix tree is not that of the log entry")
	}
	c.leaves += uint64(len(update.Added))
	c.seen = append(c.seen, [4]uint64{})

	body, err := update.Append(nil, c.config.Format())
	if err != nil {
		return &CheckError{"pages", pos, err}
	}
	leaf := checkpoint.Leaf{
		Position: pos, Timestamp: entry.Timestamp, PrefixRoot: root, Root: c.log.Root(),
		Configuration: periodOf(c.periods, pos).Digest, UpdateSize: uint32(len(body)), Update: sha256.Sum256(body),
	}
	if !bytes.Equal(stored[0], leaf.Append(nil)) {
		return wrong("leaves", pos, "the leaf of the audit log is not that of the log entry")
	}
	for i, value := range c.audit.Append(nil, stored[0]) {
		index := int64(logtree.StoredIndex(logtree.Node{Level: uint8(i), Index: pos >> i}))
		got, err := c.snap.AuditNodes([]int64{index})
		if err != nil {
			return &CheckError{"audit", pos, err}
		}
		if got[0] != wire.HashValue(value) {
			return wrong("audit", pos, "node %d of the audit log is not the hash of what is below", index)
		}
	}
	return nil
}

func (c *check) head() error {
	head := c.snap.Head()
	if c.size == 0 {
		if _, err := c.snap.LogEntry(0); !errors.Is(err, ErrNotFound) {
			return wrong("meta", 0, "there is no head, but there are log entries")
		}
		return nil
	}
	treeHead := head.TreeHead()
	switch {
	case head.Root != c.log.Root():
		return wrong("meta", c.size-1, "the root of the head is not that of the log tree")
	case head.Timestamp != c.last.Timestamp || head.PrefixRoot != c.last.PrefixTree:
		return wrong("meta", c.size-1, "the head is not that of the newest log entry")
	}
	if newest := c.periods[len(c.periods)-1]; newest.From >= c.size {
		return wrong("meta", c.size-1, "a configuration is in force from log entry %d on", newest.From)
	}
	if err := suite.VerifyTreeHead(c.config, &treeHead, head.Root); err != nil {
		return &CheckError{"meta", c.size - 1, err}
	}
	auditor, err := keptAuditorHead(c.snap, c.config.Format())
	if err != nil || auditor == nil {
		return err
	}
	if auditor.TreeSize == 0 || auditor.TreeSize > c.size {
		return wrong("meta", c.size-1, "auditor head of size %d", auditor.TreeSize)
	}
	full, err := c.snap.LogNodes(logtree.FullSubtrees(auditor.TreeSize))
	if err != nil {
		return &CheckError{"nodes", auditor.TreeSize - 1, err}
	}
	root, err := logtree.Root(auditor.TreeSize, full)
	if err == nil {
		err = suite.VerifyAuditorTreeHead(periodOf(c.periods, auditor.TreeSize-1).Log, auditor, root)
	}
	if err != nil {
		return &CheckError{"meta", auditor.TreeSize - 1, err}
	}
	return nil
}

// labels checks that label-version pairs and leaves belong together one to one.
func (c *check) labels() error {
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var done uint64
	err := c.snap.EachLabel(func(label []byte, places []Place) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for version, at := range places {
			if at.Position >= c.size {
				return wrong("labels", at.Position, "a version lies beyond the log")
			}
			word, bit := &c.seen[at.Position][at.Index/64], uint64(1)<<(at.Index%64)
			if *word&bit != 0 {
				return wrong("labels", at.Position, "two versions claim leaf %d", at.Index)
			}
			*word |= bit
			if version > 0 && at.Position < places[version-1].Position {
				return wrong("labels", at.Position, "version %d is older than the one before", version)
			}
			if done++; c.o.Progress != nil && done%4096 == 0 {
				c.o.Progress(c.size+done, c.size+c.leaves)
			}
		}
		label, places = bytes.Clone(label), append([]Place(nil), places...)
		group.Go(func() error {
			return kv.Fault(func() error {
				for version, at := range places {
					if err := c.version(label, uint32(version), at); err != nil {
						return err
					}
				}
				return nil
			})
		})
		return nil
	})
	if e := group.Wait(); e != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = e // the fault that ended the walk
	}
	var fault *CheckError
	switch {
	case err == nil && done != c.leaves:
		return wrong("labels", c.size-1, "%d versions for %d leaves", done, c.leaves)
	case errors.Is(err, ErrCorrupt) && !errors.As(err, &fault):
		return &CheckError{"labels", 0, err}
	}
	return err
}

// version checks one label-version pair against its leaf.
func (c *check) version(label []byte, version uint32, at Place) error {
	leaf, err := prefixtree.Leaf(c.snap, at.Position, at.Index)
	if err != nil {
		return &CheckError{"labels", at.Position, err}
	}
	if c.o.VRF != nil && c.o.VRF.Evaluate(suite.VRFInput(label, version)) != leaf.VRFOutput {
		return wrong("labels", at.Position, "leaf %d is not that of the label-version pair", at.Index)
	}
	value, err := c.snap.Value(label, version, at)
	if errors.Is(err, ErrErased) {
		return nil
	}
	if err != nil {
		return &CheckError{"values", at.Position, err}
	}
	update := wire.UpdateValue{Value: value.Value, Suffix: wire.UpdateSuffix{Signature: value.Suffix}}
	commitment, err := suite.Commit(label, version, &update, &value.Opening, c.config.Format())
	if err != nil {
		return &CheckError{"values", at.Position, err}
	}
	if commitment != leaf.Commitment {
		return wrong("values", at.Position, "value %d is not what its leaf commits to", at.Index)
	}
	return nil
}
