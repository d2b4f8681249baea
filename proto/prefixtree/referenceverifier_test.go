package prefixtree

import (
	"errors"
	"slices"
	"sort"

	"github.com/kith-kt/kith/proto/wire"
)

// The slow verifier: "The proof is verified by hashing together the provided
// values, in the left/right arrangement dictated by the bits of the search
// keys." It first draws the part of the tree that a proof shows, and then
// works on the drawing.

var errReference = errors.New("reference verifier refuses")

// refDraw draws the tree that proof shows; nodes it does not show are opaque.
func refDraw(keys []wire.VRFOutput, commitments func(int) *wire.HashValue, proof *wire.PrefixProof) (*refNode, error) {
	if len(keys) != len(proof.Results) {
		return nil, errReference
	}
	terminals := map[string]*refNode{}
	for i, r := range proof.Results {
		key := bitString(keys[i])
		path := key[:r.Depth]
		var n *refNode
		switch r.ResultType {
		case wire.Inclusion:
			c := commitments(i)
			if c == nil {
				return nil, errReference
			}
			n = &refNode{leaf: true, key: key, commitment: *c}
		case wire.NonInclusionLeaf:
			n = &refNode{leaf: true, key: bitString(r.Leaf.VRFOutput), commitment: r.Leaf.Commitment}
			if n.key == key || n.key[:r.Depth] != path {
				return nil, errReference
			}
		case wire.NonInclusionParent:
		default:
			return nil, errReference
		}
		if old, ok := terminals[path]; ok && !(old == nil && n == nil || old != nil && n != nil && *old == *n) {
			return nil, errReference
		}
		terminals[path] = n
	}
	// No search passes the end of another.
	paths := []string{}
	for p := range terminals {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for i := 1; i < len(paths); i++ {
		if len(paths[i]) >= len(paths[i-1]) && paths[i][:len(paths[i-1])] == paths[i-1] {
			return nil, errReference
		}
	}
	elements := proof.Elements
	var draw func(path string) (*refNode, error)
	draw = func(path string) (*refNode, error) {
		if n, ok := terminals[path]; ok {
			return n, nil
		}
		if !slices.ContainsFunc(paths, func(p string) bool { return len(p) > len(path) && p[:len(path)] == path }) {
			if len(elements) == 0 {
				return nil, errReference
			}
			n := &refNode{opaque: &elements[0]}
			elements = elements[1:]
			return n, nil
		}
		left, err := draw(path + "0")
		if err != nil {
			return nil, err
		}
		right, err := draw(path + "1")
		return &refNode{left: left, right: right}, err
	}
	root, err := draw("")
	if err == nil && len(elements) != 0 {
		err = errReference
	}
	return root, err
}

func refEvaluate(keys []wire.VRFOutput, commitments func(int) *wire.HashValue, proof *wire.PrefixProof) (wire.HashValue, error) {
	root, err := refDraw(keys, commitments, proof)
	if err != nil {
		return wire.HashValue{}, err
	}
	return refValue(root), nil
}

// refEvaluateUpdate is steps 2, 3, 4, 6 and 7 of "Auditing".
func refEvaluateUpdate(u *wire.AuditorUpdate) (prev, next wire.HashValue, err error) {
	for _, list := range [][]wire.PrefixLeaf{u.Added, u.Removed} {
		for i := 1; i < len(list); i++ {
			if bitString(list[i-1].VRFOutput) >= bitString(list[i].VRFOutput) {
				return prev, next, errReference
			}
		}
	}
	if len(u.Proof.Results) != len(u.Added)+len(u.Removed) || len(u.Proof.Results) > MaxChanges {
		return prev, next, errReference
	}
	var keys []wire.VRFOutput
	commitments := map[wire.VRFOutput]*wire.HashValue{}
	for i, l := range u.Removed {
		if u.Proof.Results[len(u.Added)+i].ResultType != wire.Inclusion {
			return prev, next, errReference
		}
		commitments[l.VRFOutput] = &u.Removed[i].Commitment
	}
	for i, l := range u.Added {
		if u.Proof.Results[i].ResultType == wire.Inclusion && commitments[l.VRFOutput] == nil {
			return prev, next, errReference
		}
		keys = append(keys, l.VRFOutput)
	}
	for _, l := range u.Removed {
		keys = append(keys, l.VRFOutput)
	}
	root, err := refDraw(keys, func(i int) *wire.HashValue { return commitments[keys[i]] }, &u.Proof)
	if err != nil {
		return prev, next, err
	}
	prev = refValue(root)
	for _, l := range u.Removed {
		root = refRemove(root, bitString(l.VRFOutput), 0)
	}
	for _, l := range u.Added {
		root = refAdd(root, bitString(l.VRFOutput), l.Commitment, 0)
	}
	if refDepth(root) > 255 {
		return wire.HashValue{}, wire.HashValue{}, errReference
	}
	return prev, refValue(root), nil
}

func refDepth(n *refNode) int {
	if n == nil || n.left == nil && n.right == nil {
		return 0
	}
	return 1 + max(refDepth(n.left), refDepth(n.right))
}
