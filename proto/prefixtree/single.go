package prefixtree

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// ErrNotInUpdate is a key that an AuditorUpdate neither adds nor removes.
var ErrNotInUpdate = errors.New("key is not among the leaves of the update")

// A SingleProof is the search for one key alone, as Search would prove it.
type SingleProof struct {
	Proof      wire.PrefixProof // one result
	Commitment wire.HashValue   // of an inclusion
}

// Single takes out of the batch proof of u the searches for one of the keys that it
// adds or removes, in the prefix trees before and after u. It finds every fault
// that EvaluateUpdate does, and wraps the same errors.
func Single(u *wire.AuditorUpdate, key wire.VRFOutput) (before, after SingleProof, err error) {
	if _, _, err := EvaluateUpdate(u); err != nil {
		return before, after, err
	}
	var space [MaxChanges]change
	changes := merge(space[:0], u.Added, u.Removed)
	s := single{audit: audit{u: u, elements: u.Proof.Elements}, key: &key}
	for i := range changes {
		if *changes[i].key == key {
			s.change = &changes[i]
		}
	}
	if s.change == nil {
		return before, after, fmt.Errorf("%w: %x", ErrNotInUpdate, key[:8])
	}
	if err := s.walk(changes, 0); err != nil {
		return before, after, err
	}
	before.Proof = wire.PrefixProof{Results: []wire.PrefixSearchResult{*s.result(s.change)}, Elements: s.elementsOf(s.before)}
	if s.change.removed >= 0 {
		before.Commitment = u.Removed[s.change.removed].Commitment
	}
	after.Proof = wire.PrefixProof{Results: []wire.PrefixSearchResult{s.end}, Elements: s.elementsOf(s.after)}
	if s.end.ResultType == wire.Inclusion {
		after.Commitment = u.Added[s.change.added].Commitment
	}
	return before, after, nil
}

// A single is the state of Single: an audit that keeps what lies beside one path.
type single struct {
	audit
	key    *wire.VRFOutput
	change *change
	// Values of the siblings of the path, from the root down.
	before, after []wire.HashValue
	end           wire.PrefixSearchResult // of the search in the tree after
}

// walk goes down the path of the key from the node at depth, where changes, with
// the key's among them, share the first depth bits. It uses the elements as
// audit.node does.
func (s *single) walk(changes []change, depth int) error {
	end := int(s.result(&changes[0]).Depth)
	if end < depth {
		return fmt.Errorf("%w: a search ends above another's path", ErrProof)
	}
	if end == depth {
		return s.terminal(changes, depth)
	}
	if len(changes) == 1 {
		lefts, rights, err := siblings(&s.elements, s.key, depth, end)
		if err != nil {
			return err
		}
		for d := depth; d < end; d++ {
			sibling := wire.HashValue{}
			if bit(s.key, d) == 1 {
				sibling, lefts = lefts[0], lefts[1:]
			} else {
				sibling, rights = rights[len(rights)-1], rights[:len(rights)-1]
			}
			s.before, s.after = append(s.before, sibling), append(s.after, sibling)
		}
		return s.terminal(changes, end)
	}
	mid := split(changes, depth)
	at := len(s.before)
	s.before, s.after = append(s.before, wire.HashValue{}), append(s.after, wire.HashValue{})
	beside := func(changes []change) error { return s.audit.node(changes, depth+1, &s.before[at], &s.after[at]) }
	if bit(s.key, depth) == 1 {
		if err := beside(changes[:mid]); err != nil {
			return err
		}
		return s.walk(changes[mid:], depth+1)
	}
	if err := s.walk(changes[:mid], depth+1); err != nil {
		return err
	}
	return beside(changes[mid:])
}

// terminal goes on, in the tree after, below the node at depth where the searches
// of changes end in the tree before.
func (s *single) terminal(changes []change, depth int) error {
	var t terminal
	for i := range changes {
		c := &changes[i]
		if c.removed >= 0 {
			t = terminal{} // what was there is gone
			break
		}
		if err := s.agree(&t, c, nil, s.addition(c), depth); err != nil {
			return err
		}
	}
	return s.below(&t, changes, depth)
}

// below is audit.subtree on the path of the key.
func (s *single) below(t *terminal, changes []change, depth int) error {
	var added []*change
	for i := range changes {
		if changes[i].added >= 0 {
			added = append(added, &changes[i])
		}
	}
	finish := func(kind wire.PrefixSearchResultType, leaf wire.PrefixLeaf) error {
		s.end = wire.PrefixSearchResult{ResultType: kind, Leaf: leaf, Depth: uint8(depth)}
		return nil
	}
	switch {
	case depth > maxDepth:
		return ErrDepth
	case len(added) == 0 && t.commitment == nil:
		return finish(wire.NonInclusionParent, wire.PrefixLeaf{})
	case len(added) == 0:
		return finish(wire.NonInclusionLeaf, wire.PrefixLeaf{VRFOutput: *t.key, Commitment: *t.commitment})
	case len(added) == 1 && t.commitment == nil:
		if leaf := &s.u.Added[added[0].added]; leaf.VRFOutput != *s.key {
			return finish(wire.NonInclusionLeaf, *leaf)
		}
		return finish(wire.Inclusion, wire.PrefixLeaf{})
	}
	mid := split(changes, depth)
	lower := [2]terminal{}
	if t.commitment != nil {
		lower[bit(t.key, depth)] = *t
	}
	sides := [2][]change{changes[:mid], changes[mid:]}
	mine := bit(s.key, depth)
	at := len(s.after)
	s.after = append(s.after, wire.HashValue{})
	if err := s.audit.subtree(&lower[1-mine], sides[1-mine], depth+1, &s.after[at]); err != nil {
		return err
	}
	return s.below(&lower[mine], sides[mine], depth+1)
}

// elementsOf puts siblings, from the root down, in the order of a PrefixProof: left
// to right.
func (s *single) elementsOf(beside []wire.HashValue) []wire.HashValue {
	elements := make([]wire.HashValue, 0, len(beside))
	for d := range beside {
		if bit(s.key, d) == 1 {
			elements = append(elements, beside[d])
		}
	}
	for d := len(beside) - 1; d >= 0; d-- {
		if bit(s.key, d) == 0 {
			elements = append(elements, beside[d])
		}
	}
	return elements
}
