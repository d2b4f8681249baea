package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// EvaluateUpdate returns the roots of the prefix tree before and after u. It is
// steps 2, 3, 4, 6 and 7 of "Auditing", as far as the prefix tree goes: the
// caller compares prevRoot with its own. Faults wrap ErrOrder (step 2),
// ErrPresent (step 3), ErrAbsent (step 4), ErrProof, ErrTooMany or ErrDepth
// (steps 6 and 7).
func EvaluateUpdate(u *wire.AuditorUpdate) (prevRoot, newRoot wire.HashValue, err error) {
	n := len(u.Added) + len(u.Removed)
	switch {
	case n > MaxChanges:
		return prevRoot, newRoot, ErrTooMany
	case !ascending(u.Added):
		return prevRoot, newRoot, fmt.Errorf("added: %w", ErrOrder)
	case !ascending(u.Removed):
		return prevRoot, newRoot, fmt.Errorf("removed: %w", ErrOrder)
	case len(u.Proof.Results) != n:
		return prevRoot, newRoot, fmt.Errorf("%w: %d results for %d leaves", ErrProof, len(u.Proof.Results), n)
	}
	var space [MaxChanges]change
	e := audit{u: u, elements: u.Proof.Elements}
	changes := merge(space[:0], u.Added, u.Removed)
	if err = e.types(changes); err == nil {
		err = e.node(changes, 0, &prevRoot, &newRoot)
	}
	if err == nil && len(e.elements) != 0 {
		err = fmt.Errorf("%w: %d elements left over", ErrProof, len(e.elements))
	}
	if err != nil {
		return wire.HashValue{}, wire.HashValue{}, err
	}
	return prevRoot, newRoot, nil
}

// An audit is the state of EvaluateUpdate.
type audit struct {
	u        *wire.AuditorUpdate
	elements []wire.HashValue // not used yet
	pre      preimage
}

// types checks that leaves are added where there was none, or where the same
// key was removed, and that removed leaves were there.
func (e *audit) types(changes []change) error {
	for i := range changes {
		c := &changes[i]
		if c.removed >= 0 {
			if t := e.removal(c).ResultType; t != wire.Inclusion {
				return fmt.Errorf("%w: result type %d", ErrAbsent, t)
			}
		} else if t := e.addition(c).ResultType; t != wire.NonInclusionLeaf && t != wire.NonInclusionParent {
			return fmt.Errorf("%w: result type %d", ErrPresent, t)
		}
	}
	return nil
}

func (e *audit) addition(c *change) *wire.PrefixSearchResult {
	return &e.u.Proof.Results[c.added]
}

func (e *audit) removal(c *change) *wire.PrefixSearchResult {
	return &e.u.Proof.Results[len(e.u.Added)+int(c.removed)]
}

// result is a result of the search for c's key; terminal compares it with the other.
func (e *audit) result(c *change) *wire.PrefixSearchResult {
	if c.added >= 0 {
		return e.addition(c)
	}
	return e.removal(c)
}

// node sets before and after to the values, in either tree, of the node at depth
// on the paths of changes, which share the first depth bits.
func (e *audit) node(changes []change, depth int, before, after *wire.HashValue) error {
	if len(changes) == 0 {
		err := take(&e.elements, before)
		*after = *before
		return err
	}
	end := int(e.result(&changes[0]).Depth)
	if end < depth {
		return fmt.Errorf("%w: a search ends above another's path", ErrProof)
	}
	if end == depth {
		return e.terminal(changes, depth, before, after)
	}
	if len(changes) == 1 {
		// As in evaluation.node, in both trees at once.
		if err := e.terminal(changes, end, before, after); err != nil {
			return err
		}
		key := changes[0].key
		lefts, rights, err := siblings(&e.elements, key, depth, end)
		if err != nil {
			return err
		}
		for d := end - 1; d >= depth; d-- {
			if bit(key, d) == 1 {
				left := &lefts[len(lefts)-1]
				lefts = lefts[:len(lefts)-1]
				e.pre.parent(before, left, before)
				e.pre.parent(after, left, after)
			} else {
				e.pre.parent(before, before, &rights[0])
				e.pre.parent(after, after, &rights[0])
				rights = rights[1:]
			}
		}
		return nil
	}
	mid := split(changes, depth)
	var rightBefore, rightAfter wire.HashValue
	if err := e.node(changes[:mid], depth+1, before, after); err != nil {
		return err
	}
	if err := e.node(changes[mid:], depth+1, &rightBefore, &rightAfter); err != nil {
		return err
	}
	e.pre.parent(before, before, &rightBefore)
	e.pre.parent(after, after, &rightAfter)
	return nil
}

// terminal sets before and after to the values of the node at depth where the
// searches of all keys of changes end.
func (e *audit) terminal(changes []change, depth int, before, after *wire.HashValue) error {
	var t terminal
	kept := true // the leaf at depth, if there is one
	for i := range changes {
		c := &changes[i]
		if c.added >= 0 {
			var commitment *wire.HashValue
			if c.removed >= 0 {
				commitment = &e.u.Removed[c.removed].Commitment
			}
			if err := e.agree(&t, c, commitment, e.addition(c), depth); err != nil {
				return err
			}
		}
		if c.removed >= 0 {
			commitment := &e.u.Removed[c.removed].Commitment
			if err := e.agree(&t, c, commitment, e.removal(c), depth); err != nil {
				return err
			}
			kept = false
		}
	}
	t.value(before, &e.pre)
	if !kept {
		t = terminal{}
	}
	return e.subtree(&t, changes, depth, after)
}

func (e *audit) agree(t *terminal, c *change, commitment *wire.HashValue, r *wire.PrefixSearchResult, depth int) error {
	if r.ResultType == wire.Inclusion && commitment == nil {
		return ErrPresent
	}
	return t.add(c.key, commitment, r, depth)
}

// subtree sets value to that of the tree, its root at depth, of the leaves that
// changes add, and of t if that is a leaf.
func (e *audit) subtree(t *terminal, changes []change, depth int, value *wire.HashValue) error {
	first, n := 0, 0
	for i := range changes {
		if changes[i].added >= 0 {
			if n++; n == 1 {
				first = i
			}
		}
	}
	switch {
	case n == 0:
		t.value(value, &e.pre)
		return nil
	case n == 1 && t.commitment == nil:
		leaf := &e.u.Added[changes[first].added]
		e.pre.leaf(value, &leaf.VRFOutput, &leaf.Commitment)
		return nil
	case depth >= maxDepth:
		return ErrDepth
	}
	mid := split(changes, depth)
	lower := [2]terminal{}
	if t.commitment != nil {
		lower[bit(t.key, depth)] = *t
	}
	var right wire.HashValue
	if err := e.subtree(&lower[0], changes[:mid], depth+1, value); err != nil {
		return err
	}
	if err := e.subtree(&lower[1], changes[mid:], depth+1, &right); err != nil {
		return err
	}
	e.pre.parent(value, value, &right)
	return nil
}
