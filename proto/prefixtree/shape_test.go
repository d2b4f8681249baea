package prefixtree

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// The two drawings of "Tree Construction", "Prefix Tree".
func TestDrawings(t *testing.T) {
	key := func(bits string) (k wire.VRFOutput) {
		for i, c := range bits {
			k[0] |= byte(c-'0') << (7 - i)
		}
		return k
	}
	var s state
	var leaves []wire.PrefixLeaf
	for i, k := range []string{"00010", "00101", "10001", "10111", "11011"} {
		leaves = append(leaves, wire.PrefixLeaf{VRFOutput: key(k), Commitment: testCommitment(i)})
	}
	s.grow(t, leaves, nil)
	s.grow(t, []wire.PrefixLeaf{{VRFOutput: key("01101"), Commitment: testCommitment(5)}}, nil)
	for pos, want := range []map[string]uint8{
		{"00010": 3, "00101": 3, "10001": 3, "10111": 3, "11011": 2},
		{"00010": 3, "00101": 3, "01101": 2, "10001": 3, "10111": 3, "11011": 2},
	} {
		for k, depth := range want {
			search := NewSearch(s.pages, uint64(pos))
			_, included, err := search.Lookup(key(k))
			proof, _ := search.Proof()
			if err != nil || !included || proof.Results[0].Depth != depth {
				t.Errorf("entry %d, %s: %v, %v, %+v", pos, k, included, err, proof.Results)
			}
		}
	}
}

func TestShape(t *testing.T) {
	a := wire.PrefixLeaf{VRFOutput: testKey(1), Commitment: testCommitment(1)}
	b := wire.PrefixLeaf{VRFOutput: testKey(0), Commitment: testCommitment(2)}
	var pre preimage
	var va, vb, want wire.HashValue
	pre.leaf(&va, &a.VRFOutput, &a.Commitment)
	pre.leaf(&vb, &b.VRFOutput, &b.Commitment)

	var s state
	check := func(name string, want wire.HashValue) {
		t.Helper()
		if got, err := Root(s.pages, uint64(len(s.pages)-1)); err != nil || got != want {
			t.Errorf("%s: root %x, %v, want %x", name, got, err, want)
		}
	}
	s.grow(t, nil, nil)
	check("empty", wire.HashValue{})
	s.grow(t, []wire.PrefixLeaf{a}, nil)
	check("lone leaf", va)
	s.grow(t, nil, nil)
	check("heartbeat", va)
	if n := len(s.pages[2]); n != headerSize {
		t.Errorf("the page of a heartbeat has %d bytes", n)
	}
	s.grow(t, []wire.PrefixLeaf{b}, []wire.PrefixLeaf{a})
	check("removed before added", vb)
	s.grow(t, []wire.PrefixLeaf{a}, nil)
	pre.parent(&want, &vb, &va)
	check("two leaves", want)
	s.grow(t, nil, []wire.PrefixLeaf{a})
	pre.parent(&want, &vb, &wire.HashValue{})
	check("one removed", want)
	s.grow(t, nil, []wire.PrefixLeaf{b})
	pre.parent(&want, &wire.HashValue{}, &wire.HashValue{})
	check("both removed", want)
}

func TestApplyRefuses(t *testing.T) {
	var s state
	a := wire.PrefixLeaf{VRFOutput: testKey(1), Commitment: testCommitment(1)}
	b := wire.PrefixLeaf{VRFOutput: testKey(2), Commitment: testCommitment(2)}
	last := a
	last.VRFOutput[31] ^= 1
	other := a
	other.Commitment[0] ^= 1
	s.grow(t, []wire.PrefixLeaf{a}, nil)
	many := make([]wire.PrefixLeaf, MaxChanges+1)
	for i := range many {
		many[i].VRFOutput[0] = byte(i >> 1)
		many[i].VRFOutput[1] = byte(i&1) << 7
	}
	type list = []wire.PrefixLeaf
	for _, c := range []struct {
		name           string
		added, removed list
		want           error
	}{
		{"present", list{a}, nil, ErrPresent},
		{"present, another commitment", list{other}, nil, ErrPresent},
		{"absent", nil, list{b}, ErrAbsent},
		{"absent, added beside", list{b}, list{b}, ErrAbsent},
		{"another commitment", nil, list{other}, ErrAbsent},
		{"order", list{a, b}, nil, ErrOrder},
		{"twice", list{b, b}, nil, ErrOrder},
		{"removed twice", nil, list{a, a}, ErrOrder},
		{"depth 256", list{last}, nil, ErrDepth},
		{"256 changes", many, nil, ErrTooMany},
		{"256 changes, some removed", many[:MaxChanges], list{a}, ErrTooMany},
	} {
		if _, _, err := s.builder.Apply(s.pages, 1, c.added, c.removed, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if page, root, err := s.builder.Apply(s.pages, 1, many[1:], nil, nil); err != nil {
		t.Errorf("255 changes: %v, %v, %v", page, root, err)
	}
	if _, _, err := s.builder.Apply(s.pages, 2, nil, nil, nil); !errors.Is(err, errNoPage) {
		t.Errorf("missing page: %v", err)
	}
}

// Depth 255 is the deepest leaf there is; 255 keys that each go that deep fill
// a page without overflowing its indexes.
func TestDeepest(t *testing.T) {
	var leaves, twins []wire.PrefixLeaf
	for i := range 127 {
		var l wire.PrefixLeaf
		l.VRFOutput[0] = byte(i * 2)
		leaves = append(leaves, l)
		l.VRFOutput[31] = 2
		twins = append(twins, l)
	}
	type list = []wire.PrefixLeaf
	var pages memory
	var b Builder
	var root wire.HashValue
	for pos, u := range []wire.AuditorUpdate{
		{Added: leaves}, {Added: twins}, {Removed: twins}, {Added: twins, Removed: leaves[:50]},
		{Removed: append(append(list{}, twins...), leaves[50:]...)},
	} {
		SortLeaves(u.Removed)
		page, next, err := b.Apply(pages, uint64(pos), u.Added, u.Removed, &u.Proof)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
		if before, after, err := EvaluateUpdate(&u); err != nil || before != root || after != next {
			t.Errorf("entry %d: %x to %x, %v, want %x to %x", pos, before, after, err, root, next)
		}
		if err := Check(pages, uint64(pos)); err != nil {
			t.Error(err)
		}
		if pos == 2 && u.Proof.Results[0].Depth != 255 {
			t.Errorf("depth %d", u.Proof.Results[0].Depth)
		}
		root = next
	}
}

func TestSearchLimit(t *testing.T) {
	var s state
	s.grow(t, nil, nil)
	search := NewSearch(s.pages, 0)
	for range MaxChanges {
		if _, _, err := search.Lookup(testKey(1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := search.Proof(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := search.Lookup(testKey(1)); !errors.Is(err, ErrTooMany) {
		t.Errorf("lookup 256: %v", err)
	}
	if _, err := search.Proof(); !errors.Is(err, ErrTooMany) {
		t.Errorf("proof after it: %v", err)
	}
}

func TestPagesAreNotAliased(t *testing.T) {
	var s state
	s.grow(t, []wire.PrefixLeaf{{VRFOutput: testKey(1)}, {VRFOutput: testKey(2)}}, nil)
	before := bytes.Clone(s.pages[0])
	s.grow(t, []wire.PrefixLeaf{{VRFOutput: testKey(3)}}, nil)
	if !bytes.Equal(before, s.pages[0]) {
		t.Error("a later entry changed an older page")
	}
}
