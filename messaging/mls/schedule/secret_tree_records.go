package schedule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// A secret tree is stored as one interior record, the node secrets, and one record
// per leaf of which a key was used. A message changes the record of its sender's
// leaf; the first of a sender changes the interior record too. A record replaces
// the one before it: old ones must not stay readable, and records that Changes
// names together have to be written in one transaction, or keys come back to life.

// changes is what differs from what is stored.
type changes struct {
	interior bool
	leaves   map[tree.LeafIndex]struct{}
}

func (c *changes) leaf(leaf tree.LeafIndex) {
	if c.leaves == nil {
		c.leaves = make(map[tree.LeafIndex]struct{})
	}
	c.leaves[leaf] = struct{}{}
}

// Changes tells which records have changed since the tree was made or restored,
// or since Saved: the interior one, and those of leaves, ascending.
func (t *SecretTree) Changes() (interior bool, leaves []tree.LeafIndex) {
	for leaf := range t.changes.leaves {
		leaves = append(leaves, leaf)
	}
	slices.Sort(leaves)
	return t.changes.interior, leaves
}

// Saved tells the tree that all its records are stored.
func (t *SecretTree) Saved() { t.changes = changes{} }

// InteriorRecord returns the interior record.
func (t *SecretTree) InteriorRecord() []byte {
	nodes := make([]tree.NodeIndex, 0, len(t.frontier))
	for node := range t.frontier {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	w := syntax.NewWriter(make([]byte, 0, 8+len(nodes)*(6+t.suite.HashSize())))
	w.Uint32(t.leafCount)
	syntax.WriteList(w, nodes, func(w *syntax.Writer, node tree.NodeIndex) {
		w.Uint32(uint32(node))
		w.Vector(t.frontier[node])
	})
	return w.Bytes()
}

// LeafRecord returns the record of a leaf that Changes has named.
func (t *SecretTree) LeafRecord(leaf tree.LeafIndex) []byte {
	ratchets := t.leaves[leaf]
	size := 4
	for i := range ratchets {
		size += 24 + 8*len(ratchets[i].lost) + t.suite.HashSize() + len(ratchets[i].unused)*(6+t.suite.KeySize()+t.suite.NonceSize())
	}
	w := syntax.NewWriter(make([]byte, 0, size))
	w.Uint32(uint32(leaf))
	for i := range ratchets {
		ratchets[i].marshal(w)
	}
	return w.Bytes()
}

func (r *ratchet) marshal(w *syntax.Writer) {
	w.Uint64(r.next)
	w.Vector(r.secret)
	syntax.WriteList(w, r.unused, func(w *syntax.Writer, k unusedKey) {
		w.Uint32(k.generation)
		w.Vector(k.key.Key)
		w.Vector(k.key.Nonce)
	})
	syntax.WriteList(w, r.lost, func(w *syntax.Writer, l Span) {
		w.Uint32(l.First)
		w.Uint32(l.Last)
	})
}

var errBadRecord = errors.New("inconsistent")

// RestoreSecretTree returns the tree whose interior record is given. load returns
// the record of a leaf; it is called at most once per leaf, when a key of it is
// wanted, so that a restart does not read the records of everybody who wrote. It
// fails with ErrRecord for a damaged record; so does the use of a leaf whose
// record is damaged or absent (empty).
func RestoreSecretTree(s *suite.Suite, interior []byte, load func(tree.LeafIndex) ([]byte, error)) (*SecretTree, error) {
	r := syntax.NewReader(interior)
	t := &SecretTree{
		suite:     s,
		leafCount: r.Uint32(),
		frontier:  make(map[tree.NodeIndex][]byte),
		leaves:    make(map[tree.LeafIndex]*leafRatchets),
		load:      load,
	}
	if r.Err() == nil && t.leafCount != fullWidth(t.leafCount) {
		r.Fail(errBadRecord)
	}
	end := uint64(0) // first node index that no subtree so far covers
	syntax.ReadList(r, func(r *syntax.Reader) struct{} {
		node, secret := tree.NodeIndex(r.Uint32()), r.Vector()
		if r.Err() != nil {
			return struct{}{}
		}
		// The subtree of a node of level k is the 2^k - 1 nodes on either side.
		side := uint64(1)<<node.Level() - 1
		if uint64(node) >= 2*uint64(t.leafCount)-1 || len(secret) != s.HashSize() || uint64(node)-side < end {
			r.Fail(errBadRecord)
			return struct{}{}
		}
		end = uint64(node) + side + 1
		t.frontier[node] = slices.Clone(secret)
		return struct{}{}
	})
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: interior: %w", ErrRecord, err)
	}
	return t, nil
}

// Unused reports whether no key of a leaf was ever used. A leaf that has a record is
// not: then the interior record is an older one, and would yield keys again.
func (t *SecretTree) Unused(leaf tree.LeafIndex) bool {
	return uint64(leaf) < uint64(t.leafCount) && t.covered(leaf)
}

// restore reads the ratchets of a leaf from its record.
func (t *SecretTree) restore(leaf tree.LeafIndex) (*leafRatchets, error) {
	record, err := t.load(leaf)
	if err != nil {
		return nil, fmt.Errorf("mls: secret tree, leaf %d: %w", leaf, err)
	}
	r := syntax.NewReader(record)
	if tree.LeafIndex(r.Uint32()) != leaf {
		r.Fail(errBadRecord)
	}
	ratchets := new(leafRatchets)
	for i := range ratchets {
		ratchets[i].unmarshal(t.suite, r)
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: leaf %d: %w", ErrRecord, leaf, err)
	}
	t.leaves[leaf] = ratchets
	return ratchets, nil
}

func (r *ratchet) unmarshal(s *suite.Suite, in *syntax.Reader) {
	r.next = in.Uint64()
	if secret := in.Vector(); len(secret) > 0 {
		r.secret = slices.Clone(secret)
	}
	exhausted := r.next == generations && r.secret == nil
	if in.Err() == nil && !exhausted && (r.next >= generations || len(r.secret) != s.HashSize()) {
		in.Fail(errBadRecord)
	}
	least := uint64(0)
	if r.next > Window {
		least = r.next - Window
	}
	r.unused = syntax.ReadList(in, func(in *syntax.Reader) unusedKey {
		k := unusedKey{generation: in.Uint32(), key: Key{Key: in.Vector(), Nonce: in.Vector()}}
		g := uint64(k.generation)
		if in.Err() == nil && (g < least || g >= r.next ||
			len(k.key.Key) != s.KeySize() || len(k.key.Nonce) != s.NonceSize()) {
			in.Fail(errBadRecord)
		}
		least = g + 1
		k.key = k.key.clone()
		return k
	})
	least = 0
	r.lost = syntax.ReadList(in, func(in *syntax.Reader) Span {
		l := Span{in.Uint32(), in.Uint32()}
		if in.Err() == nil && (uint64(l.First) < least || l.Last < l.First || uint64(l.Last) >= r.next) {
			in.Fail(errBadRecord)
		}
		least = uint64(l.Last) + 2
		return l
	})
	if len(r.lost) > maxLost {
		in.Fail(errBadRecord)
	}
}
