package treekem

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Private holds the private keys that a member has of the ratchet tree: that of
// its leaf, and those of the nodes above it that it was told.
type Private struct {
	suite.Redacted
	leaf tree.LeafIndex
	keys map[tree.NodeIndex][]byte // of the leaf, and of nodes on its direct path
}

// NewPrivate returns the keys of a member that has only its leaf's, as after
// creating a group. The key is copied.
func NewPrivate(leaf tree.LeafIndex, key []byte) *Private {
	p := &Private{leaf: leaf, keys: make(map[tree.NodeIndex][]byte)}
	p.set(leaf.Node(), slices.Clone(key))
	return p
}

// set replaces the key of a node, and overwrites the one it had.
func (p *Private) set(node tree.NodeIndex, key []byte) {
	clear(p.keys[node])
	p.keys[node] = key
}

// Leaf returns the member's leaf.
func (p *Private) Leaf() tree.LeafIndex { return p.leaf }

// Key returns the private key of a node, nil if the member has none. It must not
// be changed, and is overwritten when the Private is erased.
func (p *Private) Key(node tree.NodeIndex) []byte { return p.keys[node] }

// Clone returns a copy, keys included, so that either can be erased.
func (p *Private) Clone() *Private {
	q := &Private{leaf: p.leaf, keys: make(map[tree.NodeIndex][]byte, len(p.keys))}
	for node, key := range p.keys {
		q.keys[node] = slices.Clone(key)
	}
	return q
}

// WithLeafKey returns a copy in which the leaf has another key, which is copied:
// a Commit contains the member's Update.
func (p *Private) WithLeafKey(key []byte) *Private {
	q := p.Clone()
	q.set(p.leaf.Node(), slices.Clone(key))
	return q
}

// Prune overwrites the keys of nodes that are blank in t or not part of it any
// more: proposals have blanked them. It is for Commits without a path, the
// functions of this package that enter an epoch do it.
func (p *Private) Prune(t *tree.Tree) {
	for node, key := range p.keys {
		if !node.IsLeaf() && t.Parent(node) == nil {
			clear(key)
			delete(p.keys, node)
		}
	}
}

// Check fails with ErrKeyMismatch unless every key is the private key of a node
// of t that is not blank, and the leaf's is among them.
func (p *Private) Check(s *suite.Suite, t *tree.Tree) error {
	if p.keys[p.leaf.Node()] == nil {
		return fmt.Errorf("%w: no key of leaf %d", ErrKeyMismatch, p.leaf)
	}
	for node, key := range p.keys {
		pub, err := s.PublicKey(key)
		if err != nil {
			return fmt.Errorf("%w: node %d: %w", ErrKeyMismatch, node, err)
		}
		if string(pub) != string(t.EncryptionKey(node)) {
			return fmt.Errorf("%w: node %d", ErrKeyMismatch, node)
		}
	}
	return nil
}

// Erase overwrites all keys.
func (p *Private) Erase() {
	for _, key := range p.keys {
		clear(key)
	}
	p.keys = nil
}

// Marshal writes the keys, for the member's own storage.
func (p *Private) Marshal(w *syntax.Writer) {
	nodes := make([]tree.NodeIndex, 0, len(p.keys))
	for node := range p.keys {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	w.Uint32(uint32(p.leaf))
	syntax.WriteList(w, nodes, func(w *syntax.Writer, node tree.NodeIndex) {
		w.Uint32(uint32(node))
		w.Vector(p.keys[node])
	})
}

// Unmarshal reads what Marshal wrote. The keys are copied. It accepts only what
// Marshal can write: the leaf's key and those of nodes above it, ascending.
func (p *Private) Unmarshal(r *syntax.Reader) {
	*p = Private{leaf: tree.LeafIndex(r.Uint32()), keys: make(map[tree.NodeIndex][]byte)}
	if p.leaf >= 1<<31 {
		r.Fail(fmt.Errorf("%w: leaf index", syntax.ErrValue))
	}
	least := uint64(0)
	syntax.ReadList(r, func(r *syntax.Reader) struct{} {
		node, key := tree.NodeIndex(r.Uint32()), r.Vector()
		if r.Err() != nil {
			return struct{}{}
		}
		if uint64(node) < least || !node.Contains(p.leaf.Node()) {
			r.Fail(fmt.Errorf("%w: node of a private key", syntax.ErrValue))
			return struct{}{}
		}
		least = uint64(node) + 1
		p.keys[node] = slices.Clone(key)
		return struct{}{}
	})
	if r.Err() == nil && p.keys[p.leaf.Node()] == nil {
		r.Fail(fmt.Errorf("%w: no key of the leaf", syntax.ErrValue))
	}
}
