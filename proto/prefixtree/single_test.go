package prefixtree

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/wire"
)

// TestSingle: the searches that Single takes out of an update are the ones that
// Search proves in the trees before and after.
func TestSingle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Short keys share many bits, so that leaves meet and split.
		key := func(what string) (k wire.VRFOutput) {
			k[0] = byte(rapid.IntRange(0, 7).Draw(t, what)) << 5
			k[1] = byte(rapid.IntRange(0, 3).Draw(t, what))
			return k
		}
		var pages memory
		tree := map[wire.VRFOutput]wire.HashValue{}
		var builder Builder
		for pos := range uint64(rapid.IntRange(1, 8).Draw(t, "entries")) {
			u := &wire.AuditorUpdate{}
			next := map[wire.VRFOutput]wire.HashValue{}
			touched := map[wire.VRFOutput]bool{}
			for k, c := range tree {
				next[k] = c
			}
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				k := key("key")
				if touched[k] {
					continue
				}
				touched[k] = true
				c, present := tree[k]
				if present {
					u.Removed = append(u.Removed, wire.PrefixLeaf{VRFOutput: k, Commitment: c})
					delete(next, k)
				}
				if !present || rapid.Bool().Draw(t, "again") {
					next[k] = wire.HashValue{byte(pos), byte(rapid.IntRange(0, 255).Draw(t, "commitment"))}
					u.Added = append(u.Added, wire.PrefixLeaf{VRFOutput: k, Commitment: next[k]})
				}
			}
			SortLeaves(u.Added)
			SortLeaves(u.Removed)
			page, _, err := builder.Apply(pages, pos, u.Added, u.Removed, &u.Proof)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
			for k := range touched {
				before, after, err := Single(u, k)
				if err != nil {
					t.Fatal(err)
				}
				if pos > 0 {
					sameSearch(t, pages, pos-1, k, before)
				}
				sameSearch(t, pages, pos, k, after)
			}
			absent := wire.VRFOutput{0: 1, 31: 1}
			if _, _, err := Single(u, absent); !errors.Is(err, ErrNotInUpdate) {
				t.Fatal(err)
			}
			if len(u.Proof.Elements) > 0 {
				bad := *u
				bad.Proof.Elements = bad.Proof.Elements[1:]
				for k := range touched {
					if _, _, err := Single(&bad, k); !errors.Is(err, ErrProof) {
						t.Fatalf("a proof that is cut short: %v", err)
					}
				}
			}
			tree = next
		}
	})
}

// sameSearch holds a SingleProof against what the prover says.
func sameSearch(t *rapid.T, pages Pages, pos uint64, k wire.VRFOutput, got SingleProof) {
	s := NewSearch(pages, pos)
	commitment, included, err := s.Lookup(k)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := s.Proof()
	if err != nil {
		t.Fatal(err)
	}
	if !included {
		commitment = wire.HashValue{}
	}
	if len(proof.Elements) == 0 && len(got.Proof.Elements) == 0 {
		proof.Elements, got.Proof.Elements = nil, nil
	}
	if !reflect.DeepEqual(proof, got.Proof) || commitment != got.Commitment {
		t.Fatalf("entry %d, key %x: %+v, the prover has %+v %x", pos, k[:2], got, proof, commitment)
	}
}
