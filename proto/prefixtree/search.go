package prefixtree

import "github.com/kith-kt/kith/proto/wire"

// A Search looks keys up, one by one, in the tree of one log entry, and then
// proves what it found. It is not safe for concurrent use.
type Search struct {
	pages   Pages
	pos     uint64
	steps   []step // steps[0] is the root; empty before the first lookup
	results []wire.PrefixSearchResult
	err     error // sticky
	touched byte  // see node.children
}

// A step is a node that a lookup passed, or the sibling of one.
type step struct {
	node
	passed   bool
	children int32 // steps[children] is the left child, the next the right; 0: none passed
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
		n.passed = true
		if n.empty() {
			s.found(wire.NonInclusionParent, depth, nil)
			return commitment, false, nil
		}
		if n.isLeaf() {
			k, c := n.page.leaf(n.index)
			if *k == key {
				s.found(wire.Inclusion, depth, nil)
				return *c, true, nil
			}
			s.found(wire.NonInclusionLeaf, depth, &wire.PrefixLeaf{VRFOutput: *k, Commitment: *c})
			return commitment, false, nil
		}
		if depth >= maxDepth {
			s.err = n.page.corrupt(int(n.index), "parent too deep")
			break
		}
		if n.children == 0 {
			left, right, touched, err := n.node.children(s.pages)
			if err != nil {
				s.err = err
				break
			}
			s.touched += touched
			n.children = int32(len(s.steps))
			s.steps = append(s.steps, step{node: left}, step{node: right})
		}
		at = s.steps[at].children + int32(bit(&key, depth))
	}
	return commitment, false, s.err
}

// begin finds the root.
func (s *Search) begin() {
	if s.err != nil || len(s.steps) > 0 {
		return
	}
	n, err := root(s.pages, s.pos)
	if err != nil {
		s.err = err
		return
	}
	s.steps = append(s.steps, step{node: n})
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
		Elements: make([]wire.HashValue, 0, len(s.steps)/2+1),
	}
	proof.Elements = s.copath(0, proof.Elements, &pre)
	return proof, nil
}

// copath appends the values of the topmost nodes, from at down, that no lookup
// passed, left to right.
func (s *Search) copath(at int32, elements []wire.HashValue, pre *preimage) []wire.HashValue {
	n := &s.steps[at]
	if !n.passed {
		elements = append(elements, wire.HashValue{})
		n.value(&elements[len(elements)-1], pre)
		return elements
	}
	if n.children == 0 {
		return elements
	}
	elements = s.copath(n.children, elements, pre)
	return s.copath(n.children+1, elements, pre)
}
