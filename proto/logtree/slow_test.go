package logtree

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// A slowNode is a node of a left-balanced tree, built from "Log Tree" of "Tree
// Construction", over the leaves [lo, hi).
type slowNode struct {
	lo, hi              uint64
	parent, left, right *slowNode
}

func (x *slowNode) size() uint64 { return x.hi - x.lo }

// slowTree transcribes: "A binary tree is left-balanced if for every parent,
// either the parent is balanced, or the left subtree of that parent is the
// largest balanced subtree that could be constructed from the leaves present in
// the parent's own subtree."
func slowTree(lo, hi uint64, parent *slowNode) *slowNode {
	x := &slowNode{lo: lo, hi: hi, parent: parent}
	if x.size() > 1 {
		largest := uint64(1) // power of two that leaves something for the right child
		for largest*2 < x.size() {
			largest *= 2
		}
		x.left = slowTree(lo, lo+largest, x)
		x.right = slowTree(lo+largest, hi, x)
	}
	return x
}

// balanced transcribes: "A binary tree is balanced if its size is a power of two
// and for any parent node in the tree, its left and right subtrees have the same size."
func (x *slowNode) balanced() bool {
	return x.left == nil ||
		x.left.size() == x.right.size() && x.left.balanced() && x.right.balanced()
}

// value transcribes "Log Tree" of "Cryptographic Computations".
func (x *slowNode) value(log []wire.LogEntry) wire.HashValue {
	if x.left == nil {
		return sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, log[x.lo].Timestamp), log[x.lo].PrefixTree[:]...))
	}
	content := func(child *slowNode) []byte {
		domain := byte(0x01)
		if child.left == nil {
			domain = 0x00
		}
		value := child.value(log)
		return append([]byte{domain}, value[:]...)
	}
	return sha256.Sum256(append(content(x.left), content(x.right)...))
}

// full transcribes: "The full subtrees are the balanced subtrees which are as
// large as possible, meaning that they do not have another balanced subtree as
// their parent."
func (x *slowNode) full() []*slowNode {
	if x.balanced() {
		return []*slowNode{x}
	}
	return append(x.left.full(), x.right.full()...)
}

func (x *slowNode) find(lo, hi uint64) *slowNode {
	if x == nil || x.lo > lo || x.hi < hi || x.lo == lo && x.hi == hi {
		return x
	}
	if hi <= x.left.hi {
		return x.left.find(lo, hi)
	}
	return x.right.find(lo, hi)
}

func (x *slowNode) contains(y *slowNode) bool { return x.lo <= y.lo && y.hi <= x.hi }

func (x *slowNode) node() Node {
	d := Node{0, x.lo}
	for uint64(1)<<d.Level < x.size() {
		d.Level++
		d.Index /= 2
	}
	return d
}

// sources are the nodes that a proof starts from: what is known before it, and
// the full subtrees of the audited size, which must be computed.
type sources struct {
	known   []*slowNode // proved leaves and the retained subtrees that still count
	audited []*slowNode
}

func slowSources(tree *slowNode, leaves []uint64, prev, also uint64) (s sources) {
	for _, pos := range leaves {
		s.known = append(s.known, tree.find(pos, pos+1))
	}
	if also > 0 {
		for _, f := range slowTree(0, also, nil).full() {
			s.audited = append(s.audited, tree.find(f.lo, f.hi))
		}
	}
	if prev > 0 {
		for _, r := range slowTree(0, prev, nil).full() {
			// "the portion of the batch proof that shows inclusion for the leaves in
			// these subtrees will itself be sufficient to recompute the retained head
			// values. This makes the retained values redundant"
			redundant := slices.ContainsFunc(leaves, func(pos uint64) bool { return r.lo <= pos && pos < r.hi })
			if !redundant && !(r.lo < also && also < r.hi) {
				s.known = append(s.known, tree.find(r.lo, r.hi))
			}
		}
	}
	return s
}

// slowNeeded collects "the copath values [...] with any non-balanced subtrees
// broken down as mentioned" of every source, without those that can be computed
// because there are sources in them.
func slowNeeded(n uint64, leaves []uint64, prev, also uint64) []Node {
	tree := slowTree(0, n, nil)
	s := slowSources(tree, leaves, prev, also)
	all := append(slices.Clone(s.known), s.audited...)
	found := map[Node]bool{}
	for _, f := range s.audited {
		if !slices.ContainsFunc(s.known, f.contains) {
			found[f.node()] = true
		}
	}
	for _, x := range all {
		for ; x.parent != nil; x = x.parent {
			sibling := x.parent.left
			if sibling == x {
				sibling = x.parent.right
			}
			for _, b := range sibling.full() {
				if !slices.ContainsFunc(all, b.contains) {
					found[b.node()] = true
				}
			}
		}
	}
	if len(all) == 0 {
		for _, b := range tree.full() {
			found[b.node()] = true
		}
	}
	var out []Node
	for d := range found {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Node) int {
		if a.Start() < b.Start() {
			return -1
		}
		return 1
	})
	return out
}

// slowLog is a log that computes everything from its entries.
type slowLog []wire.LogEntry

func newSlowLog(n uint64, seed byte) slowLog {
	log := make(slowLog, n)
	for i := range log {
		log[i] = wire.LogEntry{
			Timestamp:  uint64(i) * 1000,
			PrefixTree: sha256.Sum256([]byte{seed, byte(i), byte(i >> 8)}),
		}
	}
	return log
}

func (log slowLog) value(d Node) wire.HashValue {
	return slowTree(d.Start(), d.End(), nil).value(log)
}

func (log slowLog) root(n uint64) wire.HashValue { return slowTree(0, n, nil).value(log) }

func (log slowLog) full(n uint64) (full []wire.HashValue) {
	if n > 0 {
		for _, x := range slowTree(0, n, nil).full() {
			full = append(full, x.value(log))
		}
	}
	return full
}

func (log slowLog) leaves(positions []uint64) (leaves []Leaf) {
	for _, pos := range positions {
		leaves = append(leaves, Leaf{pos, log.value(Node{0, pos})})
	}
	return leaves
}

func (log slowLog) values(nodes []Node) (values []wire.HashValue) {
	for _, d := range nodes {
		values = append(values, log.value(d))
	}
	return values
}
