package prefixtree

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

func keyOf(first, last byte) (k wire.VRFOutput) {
	k[0], k[31] = first, last
	return k
}

// Single lies, each of which a verifier without the matching check would
// believe, or stumble over.
func TestEvaluateRefusesLies(t *testing.T) {
	a, b := keyOf(0x00, 0), keyOf(0x80, 0)
	ca, cb := testCommitment(1), testCommitment(2)
	var s state
	s.grow(t, []wire.PrefixLeaf{{VRFOutput: a, Commitment: ca}, {VRFOutput: b, Commitment: cb}}, nil)
	search := NewSearch(s.pages, 0)
	search.Lookup(a)
	honest, err := search.Proof()
	if err != nil {
		t.Fatal(err)
	}
	keys := []wire.VRFOutput{a}
	one := func(r wire.PrefixSearchResult, elements ...wire.HashValue) *wire.PrefixProof {
		return &wire.PrefixProof{Results: []wire.PrefixSearchResult{r}, Elements: elements}
	}
	leafA := wire.PrefixLeaf{VRFOutput: a, Commitment: ca}
	leafB := wire.PrefixLeaf{VRFOutput: b, Commitment: cb}
	for name, proof := range map[string]*wire.PrefixProof{
		"the key's own leaf as another's": one(wire.PrefixSearchResult{ResultType: wire.NonInclusionLeaf, Leaf: leafA, Depth: 1}, honest.Elements...),
		"a leaf off the path":             one(wire.PrefixSearchResult{ResultType: wire.NonInclusionLeaf, Leaf: leafB, Depth: 1}, honest.Elements...),
		"no element":                      one(honest.Results[0]),
		"an element too many":             one(honest.Results[0], honest.Elements[0], honest.Elements[0]),
		"no result":                       {Elements: honest.Elements},
		"unknown type":                    one(wire.PrefixSearchResult{ResultType: 4, Depth: 1}, honest.Elements...),
	} {
		if root, err := Evaluate(keys, func(int) *wire.HashValue { return &ca }, proof); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %x, %v", name, root, err)
		}
	}
	if _, err := Evaluate(keys, func(int) *wire.HashValue { return nil }, &honest); !errors.Is(err, ErrProof) {
		t.Errorf("inclusion without a commitment: %v", err)
	}
	if _, err := Evaluate(keys, func(int) *wire.HashValue { return &ca }, &honest); err != nil {
		t.Errorf("honest: %v", err)
	}
	// Equal keys must have equal results.
	twice := wire.PrefixProof{Results: []wire.PrefixSearchResult{honest.Results[0], {ResultType: wire.NonInclusionParent, Depth: 1}}, Elements: honest.Elements}
	if _, err := Evaluate([]wire.VRFOutput{a, a}, func(int) *wire.HashValue { return &ca }, &twice); !errors.Is(err, ErrProof) {
		t.Errorf("equal keys, unequal results: %v", err)
	}
	many := wire.PrefixProof{Results: make([]wire.PrefixSearchResult, MaxChanges+1)}
	if _, err := Evaluate(make([]wire.VRFOutput, MaxChanges+1), nil, &many); !errors.Is(err, ErrTooMany) {
		t.Errorf("256 keys: %v", err)
	}
}

func TestEvaluateUpdateRefusesLies(t *testing.T) {
	a := wire.PrefixLeaf{VRFOutput: keyOf(0, 0), Commitment: testCommitment(1)}
	last := wire.PrefixLeaf{VRFOutput: keyOf(0, 1), Commitment: testCommitment(2)} // differs in the last bit
	b := wire.PrefixLeaf{VRFOutput: keyOf(0x80, 0), Commitment: testCommitment(3)}
	included := wire.PrefixSearchResult{ResultType: wire.Inclusion}
	standIn := wire.PrefixSearchResult{ResultType: wire.NonInclusionParent}
	type list = []wire.PrefixLeaf
	for _, c := range []struct {
		name           string
		added, removed list
		results        []wire.PrefixSearchResult
		want           error
	}{
		{"step 2: added out of order", list{b, a}, nil, []wire.PrefixSearchResult{standIn, standIn}, ErrOrder},
		{"step 2: added twice", list{a, a}, nil, []wire.PrefixSearchResult{standIn, standIn}, ErrOrder},
		{"step 2: removed twice", nil, list{a, a}, []wire.PrefixSearchResult{included, included}, ErrOrder},
		{"step 2: removed out of order", nil, list{b, a}, []wire.PrefixSearchResult{included, included}, ErrOrder},
		{"step 3: added though present", list{a}, nil, []wire.PrefixSearchResult{included}, ErrPresent},
		{"step 3: unknown type", list{a}, nil, []wire.PrefixSearchResult{{ResultType: 7}}, ErrPresent},
		{"step 4: removed though absent", nil, list{a}, []wire.PrefixSearchResult{standIn}, ErrAbsent},
		{"step 4: another leaf there", nil, list{a}, []wire.PrefixSearchResult{{ResultType: wire.NonInclusionLeaf, Leaf: b}}, ErrAbsent},
		{"replaced, but absent as added", list{a}, list{a}, []wire.PrefixSearchResult{standIn, included}, ErrProof},
		{"depth 256 beside a leaf", list{last}, nil, []wire.PrefixSearchResult{{ResultType: wire.NonInclusionLeaf, Leaf: a}}, ErrDepth},
		{"depth 256 side by side", list{a, last}, nil, []wire.PrefixSearchResult{standIn, standIn}, ErrDepth},
		{"too few results", list{a}, nil, nil, ErrProof},
		{"256 leaves", make(list, 256), nil, make([]wire.PrefixSearchResult, 256), ErrTooMany},
	} {
		u := &wire.AuditorUpdate{Added: c.added, Removed: c.removed, Proof: wire.PrefixProof{Results: c.results}}
		if _, _, err := EvaluateUpdate(u); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	replace := &wire.AuditorUpdate{Added: list{a}, Removed: list{a}, Proof: wire.PrefixProof{Results: []wire.PrefixSearchResult{included, included}}}
	if _, _, err := EvaluateUpdate(replace); err != nil {
		t.Errorf("replacement: %v", err)
	}
}

// parentBytes is a parent of a hostile page.
func parentBytes(outside uint64, a, b uint16) []byte {
	p := make([]byte, parentSize)
	putUint40(p[hashSize:], outside)
	binary.BigEndian.PutUint16(p[hashSize+5:], a)
	binary.BigEndian.PutUint16(p[hashSize+7:], b)
	return p
}

func hostilePage(pos uint64, parents ...[]byte) []byte {
	b := make([]byte, headerSize)
	b[0] = pageVersion
	binary.BigEndian.PutUint16(b[1:], uint16(len(parents)))
	putUint40(b[5:], pos)
	for _, p := range parents {
		b = append(b, p...)
	}
	return b
}

// Whatever a page says, a walk ends, and says which node was wrong.
func TestHostilePageTerminates(t *testing.T) {
	// Parents that share both children: 2^n paths, and beyond depth 256.
	for _, n := range []int{60, 300} {
		var parents [][]byte
		for i := range n {
			next := uint16(i + 1)
			if i == n-1 {
				next = noIndex
			}
			parents = append(parents, parentBytes(noPos, next, next))
		}
		pages := memory{hostilePage(0, parents...)}
		if _, err := Update(pages, 0, 0); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d shared parents: Update: %v", n, err)
		}
		if n <= maxDepth {
			continue
		}
		if _, _, err := NewSearch(pages, 0).Lookup(testKey(1)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Lookup: %v", err)
		}
		var builder Builder
		if _, _, err := builder.Apply(pages, 1, []wire.PrefixLeaf{{}}, nil, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Apply: %v", err)
		}
	}
	good := hostilePage(0, parentBytes(noPos, noIndex, noIndex))
	for _, c := range []struct {
		name   string
		parent []byte
		reason string
	}{
		{"its own child", parentBytes(noPos, 0, noIndex), "child is out of place"},
		{"a child that is not there", parentBytes(noPos, 1, noIndex), "child is out of place"},
		{"a leaf that is not there", parentBytes(noPos, noIndex, leafBase), "child is out of place"},
		{"older child in the same entry", parentBytes(1, 0, noIndex), "child is not in an older page"},
		{"older child in a later entry", parentBytes(2, 0, noIndex), "child is not in an older page"},
		{"older child on the right in a later entry", parentBytes(sideBit|2, 0, noIndex), "child is not in an older page"},
		{"older child that is none", parentBytes(0, noIndex, noIndex), "child is not in an older page"},
	} {
		pages := memory{good, hostilePage(1, c.parent), hostilePage(2, parentBytes(1, 0, noIndex))}
		_, _, err := NewSearch(pages, 1).Lookup(testKey(0))
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || corrupt.Pos != 1 || corrupt.Node != 0 || corrupt.Reason != c.reason {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	pages := memory{good, hostilePage(1, parentBytes(0, 9, noIndex))}
	var corrupt *CorruptError
	if _, _, err := NewSearch(pages, 1).Lookup(testKey(0)); !errors.As(err, &corrupt) || corrupt.Pos != 0 || corrupt.Node != 9 {
		t.Errorf("older child that is not there: %v", err)
	}
	if _, err := Root(memory{append([]byte{2}, good[1:]...)}, 0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another format version: %v", err)
	}
}
