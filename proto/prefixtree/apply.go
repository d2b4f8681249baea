package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A Builder applies the changes of log entries. Its zero value is ready; it
// keeps buffers between calls and is not safe for concurrent use.
type Builder struct {
	pages   Pages
	pos     uint64
	added   []wire.PrefixLeaf
	removed []wire.PrefixLeaf
	changes []change
	proof   *wire.PrefixProof // nil: not asked for
	parents []byte            // of the new page
	leaves  []wire.PrefixLeaf // of the new page, left to right
	pre     preimage
	touched byte // see node.children
}

// A change is what happens to one key.
type change struct {
	key     *wire.VRFOutput
	added   int16 // index in added, -1: not added
	removed int16 // index in removed, -1: not removed
}

// Apply makes the tree of log entry pos: that of entry pos-1 (the empty tree if
// pos is 0) without the leaves of removed and with those of added. Both lists
// are strictly ascending by VRF output (see SortLeaves) and hold at most
// MaxChanges leaves together; a key may be in both, which replaces its
// commitment. Without changes the page refers to the previous root.
//
// It returns the entry's page, which is the caller's, and the root. If proof is
// not nil, it is filled with the proof of the entry's AuditorUpdate, reusing
// its slices' space: the lookups of added, then removed, in the previous tree.
// After an error proof's content is undefined.
func (b *Builder) Apply(pages Pages, pos uint64, added, removed []wire.PrefixLeaf, proof *wire.PrefixProof) (page []byte, value wire.HashValue, err error) {
	if err := b.begin(pages, pos, added, removed, proof); err != nil {
		return nil, value, err
	}
	old := node{ref: emptyRef}
	if pos > 0 {
		if old, err = root(pages, pos-1); err != nil {
			return nil, value, err
		}
	}
	top, err := b.node(&old, b.changes, 0, &value)
	if err != nil {
		return nil, wire.HashValue{}, err
	}
	return b.finish(top), value, nil
}

func (b *Builder) begin(pages Pages, pos uint64, added, removed []wire.PrefixLeaf, proof *wire.PrefixProof) error {
	if len(added)+len(removed) > MaxChanges {
		return ErrTooMany
	}
	if pos > maxPos {
		return fmt.Errorf("log entry %d: beyond the page format", pos)
	}
	if !ascending(added) || !ascending(removed) {
		return ErrOrder
	}
	b.pages, b.pos, b.added, b.removed, b.proof = pages, pos, added, removed, proof
	b.parents, b.leaves = b.parents[:0], b.leaves[:0]
	b.changes = merge(b.changes[:0], added, removed)
	if proof != nil {
		n := len(added) + len(removed)
		if cap(proof.Results) < n {
			proof.Results = make([]wire.PrefixSearchResult, n)
		}
		proof.Results, proof.Elements = proof.Results[:n], proof.Elements[:0]
	}
	return nil
}

// merge lists the changes of two ascending lists, ascending by key.
func merge(changes []change, added, removed []wire.PrefixLeaf) []change {
	for i, j := 0, 0; i < len(added) || j < len(removed); {
		order := -1
		if i == len(added) {
			order = 1
		} else if j < len(removed) {
			order = compareKeys(&added[i].VRFOutput, &removed[j].VRFOutput)
		}
		c := change{added: -1, removed: -1}
		if order <= 0 {
			c.key, c.added = &added[i].VRFOutput, int16(i)
			i++
		}
		if order >= 0 {
			c.key, c.removed = &removed[j].VRFOutput, int16(j)
			j++
		}
		changes = append(changes, c)
	}
	return changes
}

// split returns the number of changes whose key has a 0 at bit depth. They
// share all bits before it.
func split(changes []change, depth int) int {
	lo, hi := 0, len(changes)
	for lo < hi {
		if mid := (lo + hi) / 2; bit(changes[mid].key, depth) == 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// node makes the successor of the previous tree's node old at depth, sets value
// to its value, and returns where it is: the same place without changes, else
// the new page.
func (b *Builder) node(old *node, changes []change, depth int, value *wire.HashValue) (ref, error) {
	if len(changes) == 0 {
		old.value(value, &b.pre)
		if b.proof != nil {
			b.proof.Elements = append(b.proof.Elements, *value)
		}
		return old.ref, nil
	}
	if old.empty() {
		return b.standIn(changes, depth, value)
	}
	if old.isLeaf() {
		return b.leaf(old, changes, depth, value)
	}
	if depth >= maxDepth {
		return emptyRef, old.page.corrupt(int(old.index), "parent too deep")
	}
	oldLeft, oldRight, touched, err := old.children(b.pages)
	if err != nil {
		return emptyRef, err
	}
	b.touched += touched
	at := b.newParent()
	mid := split(changes, depth)
	var leftValue, rightValue wire.HashValue
	left, err := b.node(&oldLeft, changes[:mid], depth+1, &leftValue)
	if err != nil {
		return emptyRef, err
	}
	right, err := b.node(&oldRight, changes[mid:], depth+1, &rightValue)
	if err != nil {
		return emptyRef, err
	}
	b.pre.parent(value, &leftValue, &rightValue)
	b.setParent(at, left, right, value)
	return ref{b.pos, at}, nil
}

// standIn puts added leaves in the place of a missing child.
func (b *Builder) standIn(changes []change, depth int, value *wire.HashValue) (ref, error) {
	for i := range changes {
		if changes[i].removed >= 0 {
			return emptyRef, ErrAbsent
		}
		b.result(&changes[i], wire.PrefixSearchResult{ResultType: wire.NonInclusionParent, Depth: uint8(depth)})
	}
	return b.subtree(changes, nil, depth, value)
}

// leaf removes a leaf, replaces it, or moves it down beside added ones.
func (b *Builder) leaf(old *node, changes []change, depth int, value *wire.HashValue) (ref, error) {
	key, commitment := old.page.leaf(old.index)
	kept := &keptLeaf{ref: old.ref, key: key, commitment: commitment}
	for i := range changes {
		c := &changes[i]
		if *c.key != *key {
			if c.removed >= 0 {
				return emptyRef, ErrAbsent
			}
			r := wire.PrefixSearchResult{ResultType: wire.NonInclusionLeaf, Depth: uint8(depth)}
			r.Leaf = wire.PrefixLeaf{VRFOutput: *key, Commitment: *commitment}
			b.result(c, r)
			continue
		}
		if c.removed < 0 {
			return emptyRef, ErrPresent
		}
		if b.removed[c.removed].Commitment != *commitment {
			return emptyRef, fmt.Errorf("%w with that commitment", ErrAbsent)
		}
		b.result(c, wire.PrefixSearchResult{ResultType: wire.Inclusion, Depth: uint8(depth)})
		kept = nil
	}
	return b.subtree(changes, kept, depth, value)
}

func (b *Builder) result(c *change, r wire.PrefixSearchResult) {
	if b.proof == nil {
		return
	}
	if c.added >= 0 {
		b.proof.Results[c.added] = r
	}
	if c.removed >= 0 {
		b.proof.Results[len(b.added)+int(c.removed)] = r
	}
}
