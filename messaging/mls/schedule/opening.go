package schedule

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Opening is the key of a received message while it is not known whether the
// message is genuine. It is decided by Commit, once the message has been
// decrypted and its signature verified, or by Discard.
type Opening struct {
	suite.Redacted
	tree       *SecretTree
	version    uint64 // of the tree that the Opening was derived from
	leaf       tree.LeafIndex
	kind       Kind
	generation uint32

	key     Key
	secrets [][]byte // see ratchet.advance; nil for a key that was passed over
	first   *descent // nil unless this is the first key of the leaf
}

// Peek returns the key of a generation of leaf's ratchet without using it up: the
// tree stays as it is until Commit. It fails with ErrNoLeaf, ErrConsumed or
// ErrTooFarAhead, before anything is derived.
func (t *SecretTree) Peek(leaf tree.LeafIndex, kind Kind, generation uint32) (*Opening, error) {
	ratchets, err := t.ratchets(leaf)
	if err != nil {
		return nil, err
	}
	o := &Opening{tree: t, version: t.version, leaf: leaf, kind: kind, generation: generation}
	if ratchets == nil {
		if err := new(ratchet).check(generation); err != nil {
			return nil, fmt.Errorf("%s ratchet of leaf %d: %w", kind, leaf, err)
		}
		o.first = t.descend(leaf)
		ratchets = &o.first.leaf
	}
	r := &ratchets[kind]
	if err := r.check(generation); err != nil {
		return nil, fmt.Errorf("%s ratchet of leaf %d: %w", kind, leaf, err)
	}
	if uint64(generation) < r.next {
		i, _ := r.find(generation)
		o.key = r.unused[i].key.clone()
		return o, nil
	}
	o.secrets = r.advance(t.suite, generation)
	o.key = messageKey(t.suite, o.secrets[len(o.secrets)-1], generation)
	return o, nil
}

// Key returns the message's key, valid until Commit or Discard overwrites it.
func (o *Opening) Key() Key { return o.key }

// Commit uses the key up: the message is genuine. It overwrites the key and all
// that it was derived from. It fails with ErrConsumed, and changes nothing, if
// the key was used since Peek, as by a copy of the message: then the message must
// be refused.
func (o *Opening) Commit() error {
	if o.tree == nil {
		return fmt.Errorf("%w: decided before", ErrConsumed)
	}
	t := o.tree
	if o.version != t.version {
		fresh, err := t.Peek(o.leaf, o.kind, o.generation)
		o.Discard()
		if err != nil {
			return err
		}
		return fresh.Commit()
	}
	ratchets := t.leaves[o.leaf]
	if o.first != nil {
		ratchets = t.install(o.leaf, o.first)
		o.first = nil
	}
	ratchets[o.kind].use(t.suite, o.generation, o.secrets)
	t.version++
	t.changes.leaf(o.leaf)
	o.secrets = nil
	o.Discard()
	return nil
}

// Discard forgets the key: the message was refused, and the tree is as it was.
// It does nothing after Commit.
func (o *Opening) Discard() {
	o.key.Erase()
	for _, secret := range o.secrets {
		clear(secret)
	}
	if o.first != nil {
		o.first.erase()
	}
	o.tree, o.secrets, o.first = nil, nil, nil
}
