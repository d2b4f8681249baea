package prefixtree

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A page is, in bytes:
//
//	 1  format version, 1
//	 2  n, number of parents
//	 2  m, number of leaves
//	 5  root: position of its page
//	 2  root: index there
//	41n parents, in preorder
//	64m leaves, right to left: VRF output, commitment
//
// all big-endian. An index below leafBase names a parent, leafBase+i the leaf
// that is i leaves from the page's end, which is also the i-th from the left,
// noIndex an empty tree or stand-in. No address in a page depends on its header,
// so that a processor need not wait for it. A root in an older page belongs to an entry
// without changes. A parent is
//
//	32  its value
//	 5  side (1 bit), position (39 bits)
//	 2  a
//	 2  b
//
// If the position is older than the page, the child at side (0 left, 1 right)
// is node a of that page and the other child is node b of this one. If it is
// noPos, the children are nodes a (left) and b (right) of this page. A new
// parent always has a new or an empty child, so there is no third case. Indexes
// within a page are greater than their parent's, and positions outside it are
// less than its own: every walk ends.
const (
	pageVersion = 1
	headerSize  = 12
	parentSize  = hashSize + 9
	leafSize    = wire.VRFOutputSize + hashSize

	leafBase = 0xff00 // at most MaxChanges leaves follow
	noIndex  = 0xffff
	sideBit  = 1 << 39
	noPos    = 1<<40 - 1
	maxPos   = 1<<39 - 2 // greatest position of a log entry
)

// A page is the bytes of one page.
type page struct {
	b   []byte
	pos uint64
}

func (p *page) corrupt(node int, reason string) error {
	return &CorruptError{Pos: p.pos, Node: node, Reason: reason}
}

// loadPage reads a page. Its header is checked where a tree is entered, in
// root, and where the page itself is, in diff; elsewhere only what would lead a
// walk out of bounds or in circles is. Reading the header of every page that a
// walk passes costs as much again as the walk: it is never in the cache.
func loadPage(pages Pages, pos uint64) (page, error) {
	b, err := pages.Page(pos)
	if err != nil {
		return page{}, fmt.Errorf("prefix tree page of entry %d: %w", pos, err)
	}
	p := page{b: b, pos: pos}
	if len(b) < headerSize {
		return p, p.corrupt(-1, "too short")
	}
	return p, nil
}

// header checks the header and returns the numbers of nodes.
func (p *page) header() (parents, leaves int, err error) {
	if p.b[0] != pageVersion {
		return 0, 0, p.corrupt(-1, "unknown format version")
	}
	parents = int(binary.BigEndian.Uint16(p.b[1:]))
	leaves = int(binary.BigEndian.Uint16(p.b[3:]))
	if parents > leafBase || leaves > MaxChanges {
		return 0, 0, p.corrupt(-1, "too many nodes")
	}
	if len(p.b) != headerSize+parents*parentSize+leaves*leafSize {
		return 0, 0, p.corrupt(-1, "wrong length")
	}
	return parents, leaves, nil
}

// root returns the root of the page's tree.
func (p *page) root() (ref, error) {
	parents, leaves, err := p.header()
	if err != nil {
		return emptyRef, err
	}
	r := ref{uint40(p.b[5:]), binary.BigEndian.Uint16(p.b[10:])}
	switch {
	case r.empty():
		if r.pos != noPos || parents+leaves != 0 {
			return r, p.corrupt(-1, "nodes below an empty root")
		}
		return emptyRef, nil
	case r.pos == p.pos:
		// Preorder: the root is the first parent, or the only leaf.
		if r.index == 0 && parents > 0 || r.index == leafBase && parents == 0 && leaves == 1 {
			return r, nil
		}
		return r, p.corrupt(-1, "root is not the first node")
	case r.pos < p.pos && parents+leaves == 0:
		return r, nil
	}
	return r, p.corrupt(-1, "root is out of place")
}

// has reports whether the page has room for a node of that index.
func (p *page) has(index uint16) bool {
	room := len(p.b) - headerSize
	if index >= leafBase {
		return index != noIndex && int(index-leafBase) < room/leafSize
	}
	return int(index) < room/parentSize
}

// parent returns the bytes of a parent that exists.
func (p *page) parent(index uint16) []byte {
	i := headerSize + int(index)*parentSize
	return p.b[i : i+parentSize : i+parentSize]
}

// leaf returns the key and commitment of a leaf that exists, where they lie.
func (p *page) leaf(index uint16) (*wire.VRFOutput, *wire.HashValue) {
	i := len(p.b) - int(index-leafBase+1)*leafSize
	return (*wire.VRFOutput)(p.b[i:]), (*wire.HashValue)(p.b[i+wire.VRFOutputSize:])
}

// children returns the children of a parent that exists. Those in this page
// exist; those in others are yet to be found there.
func (p *page) children(index uint16) (left, right ref, err error) {
	b := p.parent(index)[hashSize:]
	at := uint40(b)
	a := binary.BigEndian.Uint16(b[5:])
	c := binary.BigEndian.Uint16(b[7:])
	if at == noPos {
		if left, err = p.inside(index, a); err == nil {
			right, err = p.inside(index, c)
		}
		return left, right, err
	}
	outer := ref{at &^ sideBit, a}
	if outer.pos >= p.pos || outer.empty() {
		return left, right, p.corrupt(int(index), "child is not in an older page")
	}
	inner, err := p.inside(index, c)
	if at&sideBit != 0 {
		return inner, outer, err
	}
	return outer, inner, err
}

// inside is the child with an index in the same page as its parent.
func (p *page) inside(parent, child uint16) (ref, error) {
	if child == noIndex {
		return emptyRef, nil
	}
	if child <= parent || !p.has(child) {
		return emptyRef, p.corrupt(int(parent), "child is out of place")
	}
	return ref{p.pos, child}, nil
}

func uint40(b []byte) uint64 {
	return uint64(b[0])<<32 | uint64(binary.BigEndian.Uint32(b[1:5]))
}

func putUint40(b []byte, v uint64) {
	b[0] = byte(v >> 32)
	binary.BigEndian.PutUint32(b[1:5], uint32(v))
}
