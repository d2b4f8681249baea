package prefixtree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

// memory is a log's pages in a slice.
type memory [][]byte

var errNoPage = errors.New("no such page")

func (m memory) Page(pos uint64) ([]byte, error) {
	if pos >= uint64(len(m)) {
		return nil, errNoPage
	}
	return m[pos], nil
}

// testKey makes few keys that share many bits: low bits of n at chosen places.
func testKey(n int) (k wire.VRFOutput) {
	k[0] = byte(n&1) << 7
	k[1] = byte(n>>1&3) << 5
	k[2] = byte(n >> 3 & 7)
	k[4] = byte(n>>6&1) << 1
	return k
}

func testCommitment(n int) (c wire.HashValue) {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// state is the tree under test beside the reference.
type state struct {
	pages   memory
	refs    []*refNode
	present []map[wire.VRFOutput]wire.HashValue
	updates []*wire.AuditorUpdate
	builder Builder
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// grow adds one log entry to both.
func (s *state) grow(t fataler, added, removed []wire.PrefixLeaf) {
	SortLeaves(added)
	SortLeaves(removed)
	pos := uint64(len(s.pages))
	var old *refNode
	was := map[wire.VRFOutput]wire.HashValue{}
	if pos > 0 {
		old = s.refs[pos-1]
		was = s.present[pos-1]
	}
	u := &wire.AuditorUpdate{Timestamp: pos, Added: added, Removed: removed}
	page, root, err := s.builder.Apply(s.pages, pos, added, removed, &u.Proof)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	now := old
	is := map[wire.VRFOutput]wire.HashValue{}
	for k, v := range was {
		is[k] = v
	}
	var keys []wire.VRFOutput
	for _, l := range removed {
		now = refRemove(now, bitString(l.VRFOutput), 0)
		delete(is, l.VRFOutput)
	}
	for _, l := range added {
		now = refAdd(now, bitString(l.VRFOutput), l.Commitment, 0)
		is[l.VRFOutput] = l.Commitment
		keys = append(keys, l.VRFOutput)
	}
	for _, l := range removed {
		keys = append(keys, l.VRFOutput)
	}
	if want := refValue(now); root != want {
		t.Fatalf("entry %d: root %x, reference %x", pos, root, want)
	}
	sameProof(t, u.Proof, refProof(old, keys))
	s.pages = append(s.pages, page)
	s.refs = append(s.refs, now)
	s.present = append(s.present, is)
	s.updates = append(s.updates, u)
	if got, err := Root(s.pages, pos); err != nil || got != root {
		t.Fatalf("Root: %x, %v, want %x", got, err, root)
	}
}

func sameProof(t fataler, got, want wire.PrefixProof) {
	if len(got.Results) != len(want.Results) || len(got.Elements) != len(want.Elements) {
		t.Fatalf("proof of %d results, %d elements; reference %d, %d",
			len(got.Results), len(got.Elements), len(want.Results), len(want.Elements))
	}
	for i := range got.Results {
		if got.Results[i] != want.Results[i] {
			t.Fatalf("result %d: %+v, reference %+v", i, got.Results[i], want.Results[i])
		}
	}
	for i := range got.Elements {
		if got.Elements[i] != want.Elements[i] {
			t.Fatalf("element %d: %x, reference %x", i, got.Elements[i], want.Elements[i])
		}
	}
}

// drawEntry draws the changes of one entry.
func (s *state) drawEntry(t *rapid.T, seq *int) (added, removed []wire.PrefixLeaf) {
	present := map[wire.VRFOutput]wire.HashValue{}
	if n := len(s.present); n > 0 {
		present = s.present[n-1]
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 127), 0, 10, rapid.ID).Draw(t, "keys") {
		k := testKey(n)
		*seq++
		leaf := wire.PrefixLeaf{VRFOutput: k, Commitment: testCommitment(*seq)}
		old, ok := present[k]
		if !ok {
			added = append(added, leaf)
			continue
		}
		removed = append(removed, wire.PrefixLeaf{VRFOutput: k, Commitment: old})
		if rapid.Bool().Draw(t, "again") {
			added = append(added, leaf)
		}
	}
	return added, removed
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s state
		seq := 0
		search := NewSearch(nil, 0)
		for range rapid.IntRange(1, 8).Draw(t, "entries") {
			added, removed := s.drawEntry(t, &seq)
			s.grow(t, added, removed)
		}
		for pos := range s.pages {
			// Searches of every version, with keys asked twice now and then.
			var keys []wire.VRFOutput
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 127), 0, 10).Draw(t, "searched") {
				keys = append(keys, testKey(n))
			}
			search.Reset(s.pages, uint64(pos))
			for _, k := range keys {
				c, included, err := search.Lookup(k)
				want, ok := s.present[pos][k]
				if err != nil || included != ok || c != want {
					t.Fatalf("Lookup: %x, %v, %v, want %x, %v", c, included, err, want, ok)
				}
			}
			proof, err := search.Proof()
			if err != nil {
				t.Fatalf("Proof: %v", err)
			}
			sameProof(t, proof, refProof(s.refs[pos], keys))
			root, err := Evaluate(keys, func(i int) *wire.HashValue {
				if c, ok := s.present[pos][keys[i]]; ok {
					return &c
				}
				return nil
			}, &proof)
			if want := refValue(s.refs[pos]); err != nil || root != want {
				t.Fatalf("Evaluate: %x, %v, want %x", root, err, want)
			}

			// The auditor's side of every entry.
			var before *refNode
			if pos > 0 {
				before = s.refs[pos-1]
			}
			prev, next, err := EvaluateUpdate(s.updates[pos])
			if err != nil || prev != refValue(before) || next != refValue(s.refs[pos]) {
				t.Fatalf("EvaluateUpdate: %v", err)
			}
			u, err := Update(s.pages, uint64(pos), uint64(pos))
			if err != nil {
				t.Fatalf("Update: %v", err)
			}
			sameUpdate(t, u, s.updates[pos])
		}
	})
}

func sameUpdate(t fataler, got, want *wire.AuditorUpdate) {
	sameProof(t, got.Proof, want.Proof)
	if got.Timestamp != want.Timestamp || len(got.Added) != len(want.Added) || len(got.Removed) != len(want.Removed) ||
		len(got.Added) > 0 && !reflect.DeepEqual(got.Added, want.Added) ||
		len(got.Removed) > 0 && !reflect.DeepEqual(got.Removed, want.Removed) {
		t.Fatalf("update %+v, want %+v", got, want)
	}
}

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

// TestAccumulated pins every root, page and proof of thousands of random trees.
func TestAccumulated(t *testing.T) {
	const want = "5711d942d4e4ad69f44092f478b75de91b51e2fe49b614adc9f604718ea099e3"
	trees := 3000
	if testing.Short() {
		t.Skip("long")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	sum := sha256.New()
	for range trees {
		var pages memory
		var b Builder
		present := map[int]wire.HashValue{}
		for pos := range uint64(1 + rng.IntN(6)) {
			var added, removed []wire.PrefixLeaf
			for n := range 128 {
				if rng.IntN(8) != 0 {
					continue
				}
				leaf := wire.PrefixLeaf{VRFOutput: testKey(n)}
				if c, ok := present[n]; ok {
					leaf.Commitment = c
					removed = append(removed, leaf)
					delete(present, n)
				}
				if len(removed) == 0 || rng.IntN(2) == 0 {
					leaf.Commitment = testCommitment(rng.IntN(1000))
					added = append(added, leaf)
					present[n] = leaf.Commitment
				}
			}
			SortLeaves(added)
			SortLeaves(removed)
			var proof wire.PrefixProof
			page, root, err := b.Apply(pages, pos, added, removed, &proof)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
			sum.Write(page)
			sum.Write(root[:])
			for _, r := range proof.Results {
				sum.Write([]byte{byte(r.ResultType), r.Depth})
				sum.Write(r.Leaf.VRFOutput[:])
				sum.Write(r.Leaf.Commitment[:])
			}
			for _, e := range proof.Elements {
				sum.Write(e[:])
			}
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("accumulated hash %s, want %s", got, want)
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
