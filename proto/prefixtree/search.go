package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A Search looks keys up, one by one, in the tree of one log entry, and then
// proves what it found. It is not safe for concurrent use.
type Search struct {
	pages   Pages
	pos     uint64
	steps   []step // steps[0] is the root; empty before the first lookup
	results []wire.PrefixSearchResult
	err     error // sticky
}

// A step is a node that a lookup passed.
type step struct {
	page  page
	index uint16   // in page; noIndex: a stand-in
	child [2]int32 // steps below, left and right; 0: no lookup passed there
}

// NewSearch begins a search of the tree of log entry pos.
func NewSearch(pages Pages, pos uint64) *Search {
	s := new(Search)
	s.Reset(pages, pos)
	return s
}

// Reset begins another search, in the memory of this one.
func (s *Search) Reset(pages Pages, pos uint64) {
	s.pages, s.pos, s.err = pages, pos, nil
	s.steps, s.results = s.steps[:0], s.results[:0]
}

// Lookup looks key up. A key may be looked up twice; it then has two results.
// At most MaxChanges lookups fit in one proof. After an error the search is
// over: every further call returns it.
func (s *Search) Lookup(key wire.VRFOutput) (commitment wire.HashValue, included bool, err error) {
	if len(s.results) == MaxChanges {
		s.err = ErrTooMany
	}
	s.begin()
	at := int32(0)
	for depth := 0; s.err == nil; depth++ {
		n := &s.steps[at]
		if n.index == noIndex {
			s.found(wire.NonInclusionParent, depth, nil)
			return commitment, false, s.err
		}
		if isLeaf(n.index) {
			k, c := n.page.leaf(n.index)
			if *k == key {
				s.found(wire.Inclusion, depth, nil)
				return *c, true, s.err
			}
			s.found(wire.NonInclusionLeaf, depth, &wire.PrefixLeaf{VRFOutput: *k, Commitment: *c})
			return commitment, false, s.err
		}
		if depth >= maxDepth {
			s.err = n.page.corrupt(int(n.index), "parent too deep")
			break
		}
		side := bit(&key, depth)
		if n.child[side] == 0 {
			s.expand(at, side)
		} else {
			at = n.child[side]
			continue
		}
		at = int32(len(s.steps) - 1)
	}
	return commitment, false, s.err
}

// begin finds the root.
func (s *Search) begin() {
	if s.err != nil || len(s.steps) > 0 {
		return
	}
	p, r, err := openRoot(s.pages, s.pos)
	if err != nil {
		s.err = err
		return
	}
	s.steps = append(s.steps, step{page: p, index: r.index})
}

// expand adds the child on one side of a parent.
func (s *Search) expand(at int32, side int) {
	p := s.steps[at].page
	left, right, err := p.children(s.steps[at].index)
	if err == nil {
		r := left
		if side == 1 {
			r = right
		}
		if !r.empty() && r.pos != p.pos {
			p, err = p.follow(s.pages, r)
		}
		s.steps[at].child[side] = int32(len(s.steps))
		s.steps = append(s.steps, step{page: p, index: r.index})
	}
	s.err = err
}

func (s *Search) found(t wire.PrefixSearchResultType, depth int, leaf *wire.PrefixLeaf) {
	r := wire.PrefixSearchResult{ResultType: t, Depth: uint8(depth)}
	if leaf != nil {
		r.Leaf = *leaf
	}
	s.results = append(s.results, r)
}

// Proof proves the lookups made since the beginning, in their order. Without
// lookups it has no results and one element, the root.
func (s *Search) Proof() (wire.PrefixProof, error) {
	s.begin()
	if s.err != nil {
		return wire.PrefixProof{}, s.err
	}
	var pre preimage
	proof := wire.PrefixProof{
		Results:  append([]wire.PrefixSearchResult(nil), s.results...),
		Elements: make([]wire.HashValue, 0, len(s.steps)+1),
	}
	if len(s.results) == 0 {
		var root wire.HashValue
		if n := &s.steps[0]; n.index != noIndex {
			n.page.value(n.index, &root, &pre)
		}
		proof.Elements = append(proof.Elements, root)
		return proof, nil
	}
	proof.Elements, s.err = s.copath(0, proof.Elements, &pre)
	if s.err != nil {
		return wire.PrefixProof{}, s.err
	}
	return proof, nil
}

// copath appends the values of the nodes below at that no lookup passed, left to right.
func (s *Search) copath(at int32, elements []wire.HashValue, pre *preimage) ([]wire.HashValue, error) {
	n := &s.steps[at]
	if n.index == noIndex || isLeaf(n.index) {
		return elements, nil
	}
	left, right, err := n.page.children(n.index)
	if err != nil {
		return nil, err
	}
	for side, r := range [2]ref{left, right} {
		if n.child[side] != 0 {
			if elements, err = s.copath(n.child[side], elements, pre); err != nil {
				return nil, err
			}
			continue
		}
		elements = append(elements, wire.HashValue{})
		if r.empty() {
			continue
		}
		p, err := n.page.follow(s.pages, r)
		if err != nil {
			return nil, fmt.Errorf("sibling: %w", err)
		}
		p.value(r.index, &elements[len(elements)-1], pre)
	}
	return elements, nil
}
