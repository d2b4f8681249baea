package prefixtree

import (
	"bytes"

	"github.com/kith-kt/kith/proto/wire"
)

// Update returns log entry pos as its auditor sees it ("Auditing"), from pages
// alone: only the entry's new nodes, the previous nodes in their places, and
// the siblings of both are read. It checks the page as Check does, so a body
// is right if Root is what the log entry says.
func Update(pages Pages, pos uint64, timestamp uint64) (*wire.AuditorUpdate, error) {
	d := diff{pages: pages}
	if err := d.run(pos); err != nil {
		return nil, err
	}
	u := &wire.AuditorUpdate{Timestamp: timestamp, Added: d.added, Removed: d.removed}
	var b Builder
	again, _, err := b.Apply(pages, pos, u.Added, u.Removed, &u.Proof)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, d.page.b) {
		return nil, d.page.corrupt(-1, "page is not what its changes make")
	}
	return u, nil
}

// Check makes the page of log entry pos again, from its leaves and the pages
// before it, and compares them byte by byte. With every older page checked, and
// Root what the log entry says, it vouches for everything in the tree.
func Check(pages Pages, pos uint64) error {
	_, err := Update(pages, pos, 0)
	return err
}

// A diff finds what one page changed. Its walk passes every node of the page
// once, in the order they lie in, or the page is corrupt.
type diff struct {
	pages   Pages
	page    page
	parents int // passed
	leaves  int // passed
	added   []wire.PrefixLeaf
	removed []wire.PrefixLeaf
}

func (d *diff) run(pos uint64) (err error) {
	if d.page, err = loadPage(d.pages, pos); err != nil {
		return err
	}
	parents, leaves, err := d.page.header()
	if err != nil {
		return err
	}
	now, err := d.page.root()
	if err != nil {
		return err
	}
	old := node{ref: emptyRef}
	if pos > 0 {
		if old, err = root(d.pages, pos-1); err != nil {
			return err
		}
	}
	if err := d.node(&old, now, 0); err != nil {
		return err
	}
	if d.parents != parents || d.leaves != leaves {
		return d.page.corrupt(-1, "nodes that nothing refers to")
	}
	return nil
}

// node compares a node of the previous tree with the one in its place.
func (d *diff) node(old *node, now ref, depth int) error {
	if now == old.ref {
		return nil
	}
	if old.empty() {
		_, err := d.collect(now, emptyRef, depth)
		return err
	}
	if old.isLeaf() {
		kept, err := d.collect(now, old.ref, depth)
		if err == nil && !kept {
			key, commitment := old.page.leaf(old.index)
			d.removed = append(d.removed, wire.PrefixLeaf{VRFOutput: *key, Commitment: *commitment})
		}
		return err
	}
	if now.empty() || now.pos != d.page.pos || now.isLeaf() {
		return d.page.corrupt(-1, "a parent has gone")
	}
	left, right, err := d.enter(now, depth)
	if err != nil {
		return err
	}
	oldLeft, oldRight, err := old.page.children(old.index)
	if err != nil {
		return err
	}
	if err := d.child(old, oldLeft, left, depth); err != nil {
		return err
	}
	return d.child(old, oldRight, right, depth)
}

func (d *diff) child(parent *node, old, now ref, depth int) error {
	if now == old {
		return nil
	}
	child := node{ref: old, page: parent.page}
	if err := child.load(d.pages); err != nil {
		return err
	}
	return d.node(&child, now, depth+1)
}

// enter passes the next parent of the page.
func (d *diff) enter(now ref, depth int) (left, right ref, err error) {
	if int(now.index) != d.parents || depth >= maxDepth {
		return left, right, d.page.corrupt(int(now.index), "parent is out of place")
	}
	d.parents++
	return d.page.children(now.index)
}

// collect passes a subtree of added leaves. The only older node it may refer to
// is the leaf that lay in its place; kept says whether it does.
func (d *diff) collect(now, old ref, depth int) (kept bool, err error) {
	switch {
	case now.empty():
		return false, nil
	case now == old:
		return true, nil
	case now.pos != d.page.pos:
		return false, d.page.corrupt(-1, "an older node has moved")
	case now.isLeaf():
		if int(now.index)-leafBase != d.leaves {
			return false, d.page.corrupt(int(now.index), "leaf is out of place")
		}
		d.leaves++
		key, commitment := d.page.leaf(now.index)
		d.added = append(d.added, wire.PrefixLeaf{VRFOutput: *key, Commitment: *commitment})
		return false, nil
	}
	left, right, err := d.enter(now, depth)
	if err != nil {
		return false, err
	}
	keptLeft, err := d.collect(left, old, depth+1)
	if err != nil {
		return false, err
	}
	keptRight, err := d.collect(right, old, depth+1)
	return keptLeft || keptRight, err
}
