package prefixtree

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
