package prefixtree

import (
	"os"
	"reflect"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

// stride is the distance of the bits that one run of a mutation test flips; a
// run draws the first. With KITH_SOAK set every run flips every bit.
func stride() int {
	if os.Getenv("KITH_SOAK") != "" {
		return 1
	}
	return 32
}

// mutations calls f with the proofs that differ from p in one bit of one field,
// or in one whole field or list entry; first is less than stride.
func mutations(p wire.PrefixProof, first int, f func(what string, m wire.PrefixProof)) {
	step := stride()
	results := func() []wire.PrefixSearchResult { return append([]wire.PrefixSearchResult(nil), p.Results...) }
	elements := func() []wire.HashValue { return append([]wire.HashValue(nil), p.Elements...) }
	try := func(what string, m wire.PrefixProof) {
		if len(m.Results) != len(p.Results) || len(m.Elements) != len(p.Elements) || !reflect.DeepEqual(m, p) {
			f(what, m)
		}
	}
	for i := range p.Results {
		for typ := range wire.PrefixSearchResultType(5) {
			r := results()
			if r[i].ResultType = typ; typ != wire.NonInclusionLeaf {
				r[i].Leaf = wire.PrefixLeaf{}
			}
			try("type", wire.PrefixProof{Results: r, Elements: p.Elements})
		}
		for depth := first % step; depth < 256; depth += 1 + step/4 {
			r := results()
			r[i].Depth = uint8(depth)
			try("depth", wire.PrefixProof{Results: r, Elements: p.Elements})
		}
		if p.Results[i].ResultType == wire.NonInclusionLeaf {
			for b := first; b < 512; b += step {
				r := results()
				if b < 256 {
					r[i].Leaf.VRFOutput[b/8] ^= 1 << (b % 8)
				} else {
					r[i].Leaf.Commitment[b/8-32] ^= 1 << (b % 8)
				}
				try("leaf", wire.PrefixProof{Results: r, Elements: p.Elements})
			}
		}
		r := results()
		try("result dropped", wire.PrefixProof{Results: append(r[:i:i], r[i+1:]...), Elements: p.Elements})
		try("result added", wire.PrefixProof{Results: append(results(), p.Results[i]), Elements: p.Elements})
		for j := range i {
			r := results()
			r[i], r[j] = r[j], r[i]
			try("results swapped", wire.PrefixProof{Results: r, Elements: p.Elements})
		}
	}
	for i := range p.Elements {
		for b := first; b < 256; b += step {
			e := elements()
			e[i][b/8] ^= 1 << (b % 8)
			try("element", wire.PrefixProof{Results: p.Results, Elements: e})
		}
		e := elements()
		try("element dropped", wire.PrefixProof{Results: p.Results, Elements: append(e[:i:i], e[i+1:]...)})
		try("element added", wire.PrefixProof{Results: p.Results, Elements: append(elements(), p.Elements[i])})
		for j := range i {
			e := elements()
			e[i], e[j] = e[j], e[i]
			try("elements swapped", wire.PrefixProof{Results: p.Results, Elements: e})
		}
	}
	try("empty element added", wire.PrefixProof{Results: p.Results, Elements: append(elements(), wire.HashValue{})})
}

// A mutated proof is refused, or proves another root. The slow verifier agrees
// about which, and which root.
func TestEvaluateRefusesMutations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s state
		seq := 0
		for range rapid.IntRange(1, 4).Draw(t, "entries") {
			added, removed := s.drawEntry(t, &seq)
			s.grow(t, added, removed)
		}
		pos := len(s.pages) - 1
		search := NewSearch(s.pages, uint64(pos))
		var keys []wire.VRFOutput
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 127), 0, 3).Draw(t, "searched") {
			keys = append(keys, testKey(n))
			search.Lookup(testKey(n))
		}
		proof, err := search.Proof()
		if err != nil {
			t.Fatal(err)
		}
		zero := wire.HashValue{1} // what a mutated inclusion would commit to
		commitments := func(i int) *wire.HashValue {
			if c, ok := s.present[pos][keys[i]]; ok {
				return &c
			}
			return &zero
		}
		root, err := Evaluate(keys, commitments, &proof)
		if err != nil || root != refValue(s.refs[pos]) {
			t.Fatalf("honest proof: %v", err)
		}
		first := rapid.IntRange(0, stride()-1).Draw(t, "first bit")
		slow := rapid.IntRange(0, 20).Draw(t, "slow") // how often the slow verifier is asked
		n := 0
		mutations(proof, first, func(what string, m wire.PrefixProof) {
			got, err := Evaluate(keys, commitments, &m)
			if err == nil && got == root {
				t.Fatalf("%s: accepted for the same root: %+v, was %+v", what, m, proof)
			}
			if n++; n%21 == slow {
				want, refErr := refEvaluate(keys, commitments, &m)
				if (err == nil) != (refErr == nil) || got != want {
					t.Fatalf("%s: %x, %v; reference %x, %v: %+v", what, got, err, want, refErr, m)
				}
			}
		})
	})
}

// A mutated update is refused, or shows other roots.
func TestEvaluateUpdateRefusesMutations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s state
		seq := 0
		for range rapid.IntRange(1, 4).Draw(t, "entries") {
			added, removed := s.drawEntry(t, &seq)
			s.grow(t, added, removed)
		}
		first, step := rapid.IntRange(0, stride()-1).Draw(t, "first bit"), stride()
		honest := s.updates[len(s.updates)-1]
		prev, next, err := EvaluateUpdate(honest)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		try := func(what string, u wire.AuditorUpdate) {
			p, q, err := EvaluateUpdate(&u)
			if err == nil && p == prev && q == next {
				t.Fatalf("%s: accepted for the same roots: %+v, was %+v", what, u, *honest)
			}
			if n++; n%61 == 0 {
				rp, rq, refErr := refEvaluateUpdate(&u)
				if (err == nil) != (refErr == nil) || p != rp || q != rq {
					t.Fatalf("%s: %x, %x, %v; reference %x, %x, %v: %+v", what, p, q, err, rp, rq, refErr, u)
				}
			}
		}
		mutations(honest.Proof, first, func(what string, m wire.PrefixProof) {
			u := *honest
			u.Proof = m
			try(what, u)
		})
		lists := func(get func(*wire.AuditorUpdate) *[]wire.PrefixLeaf) {
			for i := range *get(honest) {
				for b := first; b < 512; b += step {
					u := *honest
					l := append([]wire.PrefixLeaf(nil), *get(honest)...)
					if b < 256 {
						l[i].VRFOutput[b/8] ^= 1 << (b % 8)
					} else {
						l[i].Commitment[b/8-32] ^= 1 << (b % 8)
					}
					*get(&u) = l
					try("changed leaf", u)
				}
				u := *honest
				l := append([]wire.PrefixLeaf(nil), *get(honest)...)
				*get(&u) = append(l[:i:i], l[i+1:]...)
				try("dropped leaf", u)
			}
		}
		lists(func(u *wire.AuditorUpdate) *[]wire.PrefixLeaf { return &u.Added })
		lists(func(u *wire.AuditorUpdate) *[]wire.PrefixLeaf { return &u.Removed })
	})
}
