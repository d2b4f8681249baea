package prefixtree

import (
	"crypto/sha256"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// The slow reference: the draft's prose, read as a recursive structure. Nodes
// are objects, keys are strings of '0' and '1', nothing is shared or reused.

type refNode struct {
	leaf        bool
	key         string // leaf
	commitment  wire.HashValue
	left, right *refNode        // parent; nil: missing
	opaque      *wire.HashValue // known by its value alone
}

func bitString(k wire.VRFOutput) string {
	s := ""
	for _, b := range k {
		s += fmt.Sprintf("%08b", b)
	}
	return s
}

// "A prefix tree can be searched by starting at the root node …"
func refSearch(n *refNode, key string, depth int) (*refNode, int) {
	if n == nil || n.leaf {
		return n, depth
	}
	if key[depth] == '0' {
		return refSearch(n.left, key, depth+1)
	}
	return refSearch(n.right, key, depth+1)
}

// "If the search terminates at a parent without a left or right child, a new
// leaf is simply added … If … at a leaf for the wrong search key, one or more
// intermediate nodes are added until …"
func refAdd(n *refNode, key string, c wire.HashValue, depth int) *refNode {
	if n == nil {
		return &refNode{leaf: true, key: key, commitment: c}
	}
	if n.leaf {
		p := &refNode{}
		if n.key[depth] == '0' {
			p.left = n
		} else {
			p.right = n
		}
		return refAdd(p, key, c, depth)
	}
	p := &refNode{left: n.left, right: n.right}
	if key[depth] == '0' {
		p.left = refAdd(n.left, key, c, depth+1)
	} else {
		p.right = refAdd(n.right, key, c, depth+1)
	}
	return p
}

// A removed leaf is replaced by a stand-in; its parents stay.
func refRemove(n *refNode, key string, depth int) *refNode {
	if n.leaf {
		return nil
	}
	p := &refNode{left: n.left, right: n.right}
	if key[depth] == '0' {
		p.left = refRemove(n.left, key, depth+1)
	} else {
		p.right = refRemove(n.right, key, depth+1)
	}
	return p
}

// "parent.value = Hash(0x03 || …)", "leaf.value = Hash(0x02 || …)", "If one of
// the children does not exist, an all-zero byte string … is used instead."
func refValue(n *refNode) wire.HashValue {
	if n == nil {
		return wire.HashValue{}
	}
	if n.opaque != nil {
		return *n.opaque
	}
	var b []byte
	if n.leaf {
		b = append(b, 2)
		for i := 0; i < len(n.key); i += 8 {
			var v byte
			fmt.Sscanf(n.key[i:i+8], "%b", &v)
			b = append(b, v)
		}
		b = append(b, n.commitment[:]...)
		return sha256.Sum256(b)
	}
	l, r := refValue(n.left), refValue(n.right)
	b = append(append(append(b, 3), l[:]...), r[:]...)
	return sha256.Sum256(b)
}

// "The elements array consists of the fewest node values that can be hashed
// together with these leaves to produce the root … in left-to-right order."
func refProof(root *refNode, keys []wire.VRFOutput) wire.PrefixProof {
	var proof wire.PrefixProof
	var paths []string // to terminal nodes
	for _, k := range keys {
		s := bitString(k)
		n, depth := refSearch(root, s, 0)
		paths = append(paths, s[:depth])
		r := wire.PrefixSearchResult{Depth: uint8(depth)}
		switch {
		case n == nil:
			r.ResultType = wire.NonInclusionParent
		case n.key == s:
			r.ResultType = wire.Inclusion
		default:
			r.ResultType = wire.NonInclusionLeaf
			r.Leaf.Commitment = n.commitment
			for i := range r.Leaf.VRFOutput {
				fmt.Sscanf(n.key[i*8:i*8+8], "%b", &r.Leaf.VRFOutput[i])
			}
		}
		proof.Results = append(proof.Results, r)
	}
	var walk func(n *refNode, path string)
	walk = func(n *refNode, path string) {
		onPath := false
		for _, p := range paths {
			if p == path {
				return
			}
			if len(p) > len(path) && p[:len(path)] == path {
				onPath = true
			}
		}
		if !onPath {
			proof.Elements = append(proof.Elements, refValue(n))
			return
		}
		walk(n.left, path+"0")
		walk(n.right, path+"1")
	}
	walk(root, "")
	return proof
}
