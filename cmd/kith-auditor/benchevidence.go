package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/mirror/synthetic"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// evidence measures how large evidence of each kind is, over the whole log. Each
// is verified first.
func (b *bench) evidence() error {
	b.say("making evidence of each kind")
	for _, c := range []struct {
		kind evidence.Kind
		make func() (*evidence.Evidence, error)
	}{
		{evidence.TwoHeads, b.twoHeads},
		{evidence.TwoCheckpoints, b.twoCheckpoints},
		{evidence.TwoLeaves, b.twoLeaves},
		{evidence.HeadAndLeaf, b.headAndLeaf},
		{evidence.TwoDocuments, b.twoDocuments},
		{evidence.BadLeaf, b.badLeaf},
		{evidence.BadTimestamps, b.badTimestamps},
		{evidence.BadUpdate, b.badUpdate},
		{evidence.BadRoot, b.badRoot},
		{evidence.HeadsDiverge, b.headsDiverge},
		{evidence.Stated, b.stated},
		{evidence.EarlyRemoval, b.earlyRemoval}, // the last one: it makes the log longer
	} {
		e, err := c.make()
		if err != nil {
			return fmt.Errorf("%s: %w", c.kind, err)
		}
		file, err := e.Append(nil)
		if err != nil {
			return fmt.Errorf("%s: %w", c.kind, err)
		}
		verdict, err := e.Verify()
		if err != nil || e.Kind != c.kind || verdict.Kind != c.kind {
			return fmt.Errorf("%s: it is %s: %w", c.kind, e.Kind, err)
		}
		b.report.AtMost(fmt.Sprintf("evidence: %s", c.kind), float64(len(file))/(1<<10), 64, "KiB")
	}
	return nil
}

// A forgery is the hashes of the log with another last leaf.
type forgery struct {
	log   *synthetic.Log
	other map[int64]tlog.Hash
	size  uint64
	leaf  []byte
	note  []byte
}

// ReadHashes implements tlog.HashReader.
func (f *forgery) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out, err := f.log.ReadHashes(indexes)
	for i, x := range indexes {
		if h, ok := f.other[x]; ok && err == nil {
			out[i] = h
		}
	}
	return out, err
}

// forge signs a log whose last leaf is not what it should be.
func (b *bench) forge(change func(*checkpoint.Leaf)) (*forgery, error) {
	return b.forgeAt(b.log.Size(), change)
}

func (b *bench) forgeAt(size uint64, change func(*checkpoint.Leaf)) (*forgery, error) {
	leaf, err := checkpoint.ParseLeaf(b.log.Leaf(size - 1))
	if err != nil {
		return nil, err
	}
	change(&leaf)
	f := &forgery{log: b.log, size: size, leaf: leaf.Append(nil), other: map[int64]tlog.Hash{}}
	hashes, err := tlog.StoredHashes(int64(size-1), f.leaf, b.log)
	if err != nil {
		return nil, err
	}
	first := tlog.StoredHashIndex(0, int64(size-1))
	for i, h := range hashes {
		f.other[first+int64(i)] = h
	}
	root, err := tlog.TreeHash(int64(size), f)
	if err != nil {
		return nil, err
	}
	f.note, err = b.log.Checkpoints.Sign(size, root)
	return f, err
}

// last returns the last leaf, as it stands under the forged checkpoint.
func (f *forgery) last() (evidence.Included, error) {
	return evidence.Include(f, f.size, f.size-1, f.leaf)
}

// before returns the leaf before it.
func (f *forgery) before() (evidence.Included, error) {
	return evidence.Include(f, f.size, f.size-2, f.log.Leaf(f.size-2))
}

// head signs a head, of another root if it lies.
func (b *bench) head(size uint64, lies bool) (h evidence.SignedHead, err error) {
	root, err := logtree.Root(size, b.log.Nodes(logtree.FullSubtrees(size)))
	if err != nil {
		return h, err
	}
	if lies {
		root[0] ^= 1
	}
	signed, err := suite.SignTreeHead(b.log.Head, b.log.Configuration, size, root)
	if err != nil {
		return h, err
	}
	return evidence.SignedHead{Size: size, Root: root, Signature: signed.Signature}, nil
}

func (b *bench) heads(older uint64) (honest, lie evidence.SignedHead, err error) {
	if honest, err = b.head(b.log.Size(), false); err == nil {
		lie, err = b.head(older, true)
	}
	return honest, lie, err
}

func (b *bench) twoHeads() (*evidence.Evidence, error) {
	honest, lie, err := b.heads(b.log.Size())
	if err != nil {
		return nil, err
	}
	return evidence.NewTwoHeads(b.log.Document, honest, lie)
}

func (b *bench) headsDiverge() (*evidence.Evidence, error) {
	older := b.log.Size()*2/3 - 1
	honest, lie, err := b.heads(older)
	if err != nil {
		return nil, err
	}
	return evidence.NewHeadsDiverge(b.log.Document, lie, honest, b.log.Nodes(logtree.Needed(nil, honest.Size, 0, older)))
}

func (b *bench) twoCheckpoints() (*evidence.Evidence, error) {
	f, err := b.forge(func(l *checkpoint.Leaf) { l.Timestamp++ })
	if err != nil {
		return nil, err
	}
	honest, err := b.log.Sign(f.size)
	if err != nil {
		return nil, err
	}
	return evidence.NewTwoCheckpoints(b.log.Document, honest, f.note)
}

func (b *bench) twoLeaves() (*evidence.Evidence, error) {
	size := b.log.Size()
	f, err := b.forgeAt(size-1, func(l *checkpoint.Leaf) { l.Timestamp++ })
	if err != nil {
		return nil, err
	}
	honest, err := b.log.Sign(size)
	if err != nil {
		return nil, err
	}
	lie, err := f.last()
	if err != nil {
		return nil, err
	}
	leaf, err := evidence.Include(b.log, size, f.size-1, b.log.Leaf(f.size-1))
	if err != nil {
		return nil, err
	}
	return evidence.NewTwoLeaves(b.log.Document, f.size-1, f.note, lie, honest, leaf)
}

func (b *bench) headAndLeaf() (*evidence.Evidence, error) {
	size := b.log.Size()
	lie, err := b.head(size, true)
	if err != nil {
		return nil, err
	}
	note, err := b.log.Sign(size)
	if err != nil {
		return nil, err
	}
	leaf, err := evidence.Include(b.log, size, size-1, b.log.Leaf(size-1))
	if err != nil {
		return nil, err
	}
	return evidence.NewHeadAndLeaf(b.log.Document, lie, note, leaf)
}

func (b *bench) twoDocuments() (*evidence.Evidence, error) {
	pinned, err := provider.Reopen(b.log.Document)
	if err != nil {
		return nil, err
	}
	other := *pinned.Document
	other.Addresses = []string{"https://other." + synthetic.Domain}
	payload, err := other.Encode()
	if err != nil {
		return nil, err
	}
	signed, err := provider.Sign(payload, b.log.Root)
	if err != nil {
		return nil, err
	}
	return evidence.NewTwoDocuments(b.log.Document, b.log.Document, signed)
}

// entryOf is evidence of a forged entry.
func (b *bench) entryOf(f *forgery, update []byte) (*evidence.Evidence, error) {
	leaf, err := f.last()
	if err != nil {
		return nil, err
	}
	before, err := f.before()
	if err != nil {
		return nil, err
	}
	return evidence.NewEntry(b.log.Document, evidence.Entry{
		Position: f.size - 1, Checkpoint: f.note, Before: &before, Leaf: leaf, Update: update,
		Subtrees: b.log.Nodes(logtree.FullSubtrees(f.size - 1)),
	})
}

func (b *bench) badLeaf() (*evidence.Evidence, error) {
	f, err := b.forge(func(l *checkpoint.Leaf) { l.Position++ })
	if err != nil {
		return nil, err
	}
	return b.entryOf(f, nil)
}

func (b *bench) badTimestamps() (*evidence.Evidence, error) {
	f, err := b.forge(func(l *checkpoint.Leaf) { l.Timestamp = 1 })
	if err != nil {
		return nil, err
	}
	return b.entryOf(f, nil)
}

func (b *bench) badUpdate() (*evidence.Evidence, error) {
	update, err := b.log.Update(b.log.Size() - 1)
	if err != nil {
		return nil, err
	}
	update[len(update)-1] ^= 1 // a hash of the proof
	f, err := b.forge(func(l *checkpoint.Leaf) { l.Update = sha256.Sum256(update) })
	if err != nil {
		return nil, err
	}
	return b.entryOf(f, update)
}

func (b *bench) badRoot() (*evidence.Evidence, error) {
	update, err := b.log.Update(b.log.Size() - 1)
	if err != nil {
		return nil, err
	}
	f, err := b.forge(func(l *checkpoint.Leaf) { l.Root[0] ^= 1 })
	if err != nil {
		return nil, err
	}
	return b.entryOf(f, update)
}

// stated is a statement that shows as much of an answer as auditors show.
func (b *bench) stated() (*evidence.Evidence, error) {
	update, err := b.log.Update(b.log.Size() - 1)
	if err != nil {
		return nil, err
	}
	note, err := b.log.Sign(b.log.Size())
	if err != nil {
		return nil, err
	}
	signed, err := evidence.CheckpointOf(b.log.Document, note)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return evidence.SignStatement(b.log.Document, &evidence.Statement{
		Observer: key.Public().(ed25519.PublicKey), Time: benchTime(b.log.Size()), About: evidence.BadAnswer, Entry: b.log.Size() - 1,
		Items: []evidence.Item{
			evidence.ItemCheckpoint{Checkpoint: signed},
			evidence.Served("/log/updates/000", update, 24<<10),
			evidence.Served("/log/tile/0/000", update, 24<<10),
		},
	}, func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil })
}

// earlyRemoval adds an entry of 255 changes, and one that removes a leaf of it.
func (b *bench) earlyRemoval() (*evidence.Evidence, error) {
	added := b.log.Size()
	fresh := b.leaves(int(added))
	victim := fresh[0]
	if err := b.log.Add(benchTime(added), fresh, nil); err != nil {
		return nil, err
	}
	removed := added + 1
	more := b.leaves(int(removed))[1:]
	if err := b.log.Add(benchTime(removed), more, []wire.PrefixLeaf{victim}); err != nil {
		return nil, err
	}
	size := removed + 1
	note, err := b.log.Sign(size)
	if err != nil {
		return nil, err
	}
	r := evidence.Removal{Checkpoint: note, Key: victim.VRFOutput}
	want := map[uint64]*evidence.Included{added - 1: new(evidence.Included), added: &r.Added, removed: &r.Removed}
	r.Before = want[added-1]
	timestamp := func(pos uint64) (uint64, error) { return b.log.Entry(pos).Timestamp, nil }
	at, any, err := evidence.RemovalBound(benchWindow, added, removed, timestamp)
	if err != nil {
		return nil, err
	}
	if any && want[at] == nil {
		want[at] = new(evidence.Included)
	}
	for pos := range maps.Keys(want) {
		if *want[pos], err = evidence.Include(b.log, size, pos, b.log.Leaf(pos)); err != nil {
			return nil, err
		}
	}
	if any {
		r.Bound = want[at]
	}
	if r.AddedUpdate, err = b.log.Update(added); err != nil {
		return nil, err
	}
	if r.RemovedUpdate, err = b.log.Update(removed); err != nil {
		return nil, err
	}
	return evidence.NewEarlyRemoval(b.log.Document, r)
}
