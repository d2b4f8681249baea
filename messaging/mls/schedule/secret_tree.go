package schedule

import (
	"fmt"
	"math/bits"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Kind is one of the two ratchets of a leaf.
type Kind uint8

const (
	Handshake   Kind = 0 // proposals and commits
	Application Kind = 1 // application messages
)

// String returns the RFC's name of the ratchet.
func (k Kind) String() string {
	if k == Handshake {
		return "handshake"
	}
	return "application"
}

// SecretTree holds the message keys of one epoch that have not been used
// ("Secret Tree" (9)). It starts with the secret of the root alone. The first key
// of a leaf derives the secrets between the two, O(log n) of them, and leaves
// those of the branches that were not taken.
type SecretTree struct {
	suite.Redacted
	suite     *suite.Suite
	leafCount uint32 // a power of two

	// frontier holds the node secrets that were not used: no node of it lies
	// below another, and every leaf that is not in leaves is below one.
	frontier map[tree.NodeIndex][]byte
	leaves   map[tree.LeafIndex]*leafRatchets

	// load reads the record of a leaf that was used before a restart; nil in a
	// tree that was never stored.
	load func(tree.LeafIndex) ([]byte, error)

	version uint64 // counts changes, so that an Opening sees that it is outdated
	changes changes
}

// leafRatchets are the two sender ratchets of a leaf.
type leafRatchets [2]ratchet // by Kind

// NewSecretTree returns the secret tree of encryption, an encryption_secret, for
// leafCount leaves, at most 2^31, rounded up to the power of two that a ratchet
// tree has. The slice is the tree's from here on and is overwritten in time.
func NewSecretTree(s *suite.Suite, encryption []byte, leafCount uint32) *SecretTree {
	t := &SecretTree{
		suite:     s,
		leafCount: fullWidth(leafCount),
		frontier:  make(map[tree.NodeIndex][]byte),
		leaves:    make(map[tree.LeafIndex]*leafRatchets),
	}
	t.frontier[tree.Root(t.leafCount)] = encryption
	t.changes.interior = true
	return t
}

// fullWidth returns the number of leaves of the full tree that has room for n.
func fullWidth(n uint32) uint32 {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len32(n-1)
}

// LeafCount returns the number of leaves, a power of two.
func (t *SecretTree) LeafCount() uint32 { return t.leafCount }

// Erase overwrites every secret: the epoch is over. The tree has no keys after it.
func (t *SecretTree) Erase() {
	for _, secret := range t.frontier {
		clear(secret)
	}
	for _, leaf := range t.leaves {
		leaf[Handshake].erase()
		leaf[Application].erase()
	}
	t.frontier, t.leaves, t.load, t.changes = nil, nil, nil, changes{}
	t.version++
}

// NextKey uses up the next generation of leaf's ratchet, to encrypt a message
// with. The key is out of the tree when it returns; whoever sends the message
// stores the changed records (see Changes) before a byte of it leaves, and
// overwrites the key with Erase after use.
func (t *SecretTree) NextKey(leaf tree.LeafIndex, kind Kind) (generation uint32, key Key, err error) {
	ratchets, err := t.ratchets(leaf)
	if err != nil {
		return 0, Key{}, err
	}
	if ratchets != nil {
		next := ratchets[kind].next
		if next == generations {
			return 0, Key{}, fmt.Errorf("%w: %s ratchet of leaf %d", ErrExhausted, kind, leaf)
		}
		generation = uint32(next)
	}
	opening, err := t.Peek(leaf, kind, generation)
	if err != nil {
		return 0, Key{}, err
	}
	key, opening.key = opening.key, Key{}
	return generation, key, opening.Commit()
}

// ratchets returns the ratchets of leaf, or nil if none of its keys was ever used.
func (t *SecretTree) ratchets(leaf tree.LeafIndex) (*leafRatchets, error) {
	if uint64(leaf) >= uint64(t.leafCount) {
		return nil, fmt.Errorf("%w: leaf %d of %d", ErrNoLeaf, leaf, t.leafCount)
	}
	if r := t.leaves[leaf]; r != nil {
		return r, nil
	}
	if t.covered(leaf) {
		return nil, nil
	}
	if t.load == nil {
		return nil, fmt.Errorf("%w: leaf %d has no secret", ErrRecord, leaf)
	}
	return t.restore(leaf)
}

// covered reports whether the leaf's secret can be derived from the frontier.
func (t *SecretTree) covered(leaf tree.LeafIndex) bool {
	_, ok := t.above(leaf)
	return ok
}

// above returns the frontier's node over leaf.
func (t *SecretTree) above(leaf tree.LeafIndex) (tree.NodeIndex, bool) {
	for n, ok := leaf.Node(), true; ok; n, ok = n.Parent(t.leafCount) {
		if _, here := t.frontier[n]; here {
			return n, true
		}
	}
	return 0, false
}

// descent is the way from a node of the frontier down to a leaf: what the first
// key of the leaf adds to the tree.
type descent struct {
	from   tree.NodeIndex            // leaves the frontier
	beside map[tree.NodeIndex][]byte // join it: the siblings on the way
	leaf   leafRatchets
}

// descend derives the way to leaf, which must be covered, and changes nothing.
func (t *SecretTree) descend(leaf tree.LeafIndex) *descent {
	s, target := t.suite, leaf.Node()
	from, _ := t.above(leaf)
	d := &descent{from: from, beside: make(map[tree.NodeIndex][]byte)}
	secret, node := t.frontier[from], from
	for node != target {
		left := s.ExpandWithLabel(secret, "tree", leftLabel, s.HashSize())
		right := s.ExpandWithLabel(secret, "tree", rightLabel, s.HashSize())
		if node != from {
			clear(secret)
		}
		if target < node {
			d.beside[node.Right()] = right
			secret, node = left, node.Left()
		} else {
			d.beside[node.Left()] = left
			secret, node = right, node.Right()
		}
	}
	d.leaf[Handshake].secret = s.ExpandWithLabel(secret, "handshake", nil, s.HashSize())
	d.leaf[Application].secret = s.ExpandWithLabel(secret, "application", nil, s.HashSize())
	if node != from {
		clear(secret)
	}
	return d
}

var leftLabel, rightLabel = []byte("left"), []byte("right")

// install makes the descent part of the tree and erases the secret it started
// from. All others between it and the leaf are gone already.
func (t *SecretTree) install(leaf tree.LeafIndex, d *descent) *leafRatchets {
	clear(t.frontier[d.from])
	delete(t.frontier, d.from)
	for node, secret := range d.beside {
		t.frontier[node] = secret
	}
	ratchets := d.leaf
	t.leaves[leaf] = &ratchets
	t.changes.interior = true
	return &ratchets
}

// erase overwrites a descent that is not installed.
func (d *descent) erase() {
	for _, secret := range d.beside {
		clear(secret)
	}
	d.leaf[Handshake].erase()
	d.leaf[Application].erase()
}
