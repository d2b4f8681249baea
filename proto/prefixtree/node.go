package prefixtree

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A ref names a node of any page. index noIndex is no node at all.
type ref struct {
	pos   uint64
	index uint16
}

var emptyRef = ref{index: noIndex}

func (r ref) empty() bool { return r.index == noIndex }

// isLeaf tells leaves from parents by their index.
func (r ref) isLeaf() bool { return r.index >= leafBase && r.index != noIndex }

// A node is a ref and, if there is such a node, the page it lies in.
type node struct {
	ref
	page page
}

// root returns the root of the tree of log entry pos.
func root(pages Pages, pos uint64) (n node, err error) {
	if n.page, err = loadPage(pages, pos); err != nil {
		return n, err
	}
	if n.ref, err = n.page.root(); err != nil {
		return n, err
	}
	return n, n.load(pages)
}

// Root returns the root of the tree of log entry pos.
func Root(pages Pages, pos uint64) (value wire.HashValue, err error) {
	n, err := root(pages, pos)
	if err == nil {
		var pre preimage
		n.value(&value, &pre)
	}
	return value, err
}

// load replaces the page in which n is referred to by the page in which it lies.
func (n *node) load(pages Pages) error {
	if n.empty() || n.pos == n.page.pos {
		return nil
	}
	from := n.page.pos
	p, err := loadPage(pages, n.pos)
	if err != nil {
		return err
	}
	n.page = p
	if !p.has(n.index) {
		return p.corrupt(int(n.index), fmt.Sprintf("entry %d refers to a missing node", from))
	}
	return nil
}

// children returns the children of a parent, loaded. It reads a byte of each,
// and returns their sum, for the processor to begin fetching both from memory
// while the caller is still busy with one: at a million leaves that halves the
// time of everything.
func (n *node) children(pages Pages) (left, right node, touched byte, err error) {
	left.page, right.page = n.page, n.page
	if left.ref, right.ref, err = n.page.children(n.index); err != nil {
		return left, right, 0, err
	}
	if err = left.load(pages); err != nil {
		return left, right, 0, err
	}
	if err = right.load(pages); err != nil {
		return left, right, 0, err
	}
	return left, right, left.touch() + right.touch(), nil
}

func (n *node) touch() byte {
	switch {
	case n.empty():
		return 0
	case n.isLeaf():
		key, commitment := n.page.leaf(n.index)
		return key[0] + commitment[31]
	}
	b := n.page.parent(n.index)
	return b[0] + b[parentSize-1]
}

// value sets out to the value of n.
func (n *node) value(out *wire.HashValue, pre *preimage) {
	switch {
	case n.empty():
		*out = wire.HashValue{}
	case n.isLeaf():
		key, commitment := n.page.leaf(n.index)
		pre.leaf(out, key, commitment)
	default:
		copy(out[:], n.page.parent(n.index))
	}
}
