package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// Evaluate returns the root that proof proves lookups of keys in. commitments(i)
// is the commitment of keys[i] and is asked for where results[i] is an
// inclusion; nil is then an error. Equal keys must have equal results.
//
// Every fault of the proof is an ErrProof. A proof has exactly one meaning: each
// of its elements is used once, and searches that end at one node agree on it.
func Evaluate(keys []wire.VRFOutput, commitments func(i int) *wire.HashValue, proof *wire.PrefixProof) (root wire.HashValue, err error) {
	if len(keys) != len(proof.Results) {
		return root, fmt.Errorf("%w: %d results for %d keys", ErrProof, len(proof.Results), len(keys))
	}
	if len(keys) > MaxChanges {
		return root, ErrTooMany
	}
	var order [MaxChanges]uint8
	sortKeys(order[:len(keys)], keys)
	e := evaluation{keys: keys, commitments: commitments, results: proof.Results, elements: proof.Elements}
	if err = e.node(order[:len(keys)], 0, &root); err != nil {
		return wire.HashValue{}, err
	}
	if len(e.elements) != 0 {
		return wire.HashValue{}, fmt.Errorf("%w: %d elements left over", ErrProof, len(e.elements))
	}
	return root, nil
}

// sortKeys sets order to the indexes of keys, ascending by key: a binary
// insertion sort, for a ladder's few keys.
func sortKeys(order []uint8, keys []wire.VRFOutput) {
	for i := range order {
		lo, hi := 0, i
		for lo < hi {
			if mid := (lo + hi) / 2; compareKeys(&keys[order[mid]], &keys[i]) <= 0 {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		copy(order[lo+1:i+1], order[lo:i])
		order[lo] = uint8(i)
	}
}

// An evaluation is the state of Evaluate.
type evaluation struct {
	keys        []wire.VRFOutput
	commitments func(i int) *wire.HashValue
	results     []wire.PrefixSearchResult
	elements    []wire.HashValue // not used yet
	pre         preimage
}

// node sets value to that of the node at depth on the paths of the keys in
// order, which share the first depth bits.
func (e *evaluation) node(order []uint8, depth int, value *wire.HashValue) error {
	if len(order) == 0 {
		return take(&e.elements, value)
	}
	end := int(e.results[order[0]].Depth)
	if end < depth {
		return fmt.Errorf("%w: a search ends above another's path", ErrProof)
	}
	if end == depth {
		return e.terminal(order, depth, value)
	}
	if len(order) == 1 {
		// The path of one key: elements to its left come from the top down,
		// then those to its right from the bottom up.
		if err := e.terminal(order, end, value); err != nil {
			return err
		}
		key := &e.keys[order[0]]
		lefts, rights, err := siblings(&e.elements, key, depth, end)
		if err != nil {
			return err
		}
		for d := end - 1; d >= depth; d-- {
			if bit(key, d) == 1 {
				e.pre.parent(value, &lefts[len(lefts)-1], value)
				lefts = lefts[:len(lefts)-1]
			} else {
				e.pre.parent(value, value, &rights[0])
				rights = rights[1:]
			}
		}
		return nil
	}
	mid := 0
	for mid < len(order) && bit(&e.keys[order[mid]], depth) == 0 {
		mid++
	}
	var right wire.HashValue
	if err := e.node(order[:mid], depth+1, value); err != nil {
		return err
	}
	if err := e.node(order[mid:], depth+1, &right); err != nil {
		return err
	}
	e.pre.parent(value, value, &right)
	return nil
}

// terminal sets value to that of the node at depth where the searches of the
// keys in order end.
func (e *evaluation) terminal(order []uint8, depth int, value *wire.HashValue) error {
	var t terminal
	for _, i := range order {
		r := &e.results[i]
		var commitment *wire.HashValue
		if r.ResultType == wire.Inclusion {
			if commitment = e.commitments(int(i)); commitment == nil {
				return fmt.Errorf("%w: inclusion without a commitment", ErrProof)
			}
		}
		if err := t.add(&e.keys[i], commitment, r, depth); err != nil {
			return err
		}
	}
	t.value(value, &e.pre)
	return nil
}

// take uses the next element.
func take(elements *[]wire.HashValue, value *wire.HashValue) error {
	if len(*elements) == 0 {
		return fmt.Errorf("%w: too few elements", ErrProof)
	}
	*value = (*elements)[0]
	*elements = (*elements)[1:]
	return nil
}

// siblings uses the elements beside the path of key from depth to end: those to
// its left, from the top down, and those to its right, from the bottom up.
func siblings(elements *[]wire.HashValue, key *wire.VRFOutput, depth, end int) (lefts, rights []wire.HashValue, err error) {
	n, ones := end-depth, 0
	if len(*elements) < n {
		return nil, nil, fmt.Errorf("%w: too few elements", ErrProof)
	}
	for d := depth; d < end; d++ {
		ones += bit(key, d)
	}
	lefts, rights = (*elements)[:ones], (*elements)[ones:n]
	*elements = (*elements)[n:]
	return lefts, rights, nil
}
