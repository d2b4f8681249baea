package combined

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// cloneProof copies a proof deeply enough to be tampered with.
func cloneProof(p *wire.CombinedTreeProof) *wire.CombinedTreeProof {
	c := &wire.CombinedTreeProof{
		Timestamps:   slices.Clone(p.Timestamps),
		PrefixProofs: slices.Clone(p.PrefixProofs),
		PrefixRoots:  slices.Clone(p.PrefixRoots),
		Inclusion:    wire.InclusionProof{Elements: slices.Clone(p.Inclusion.Elements)},
	}
	for i := range c.PrefixProofs {
		c.PrefixProofs[i].Results = slices.Clone(c.PrefixProofs[i].Results)
		c.PrefixProofs[i].Elements = slices.Clone(c.PrefixProofs[i].Elements)
	}
	return c
}

// A tampering is one way to change a proof.
type tampering struct {
	name  string
	apply func(p *wire.CombinedTreeProof)
}

// list gives the ways to change one element of a list, to drop it, to repeat it
// and to swap it with the next; list finds the list in a proof.
func list[E any](name string, n int, list func(p *wire.CombinedTreeProof) *[]E, extra E, change ...func(e *E)) (ways []tampering) {
	for i := range n {
		for _, c := range change {
			ways = append(ways, tampering{name + " changed", func(p *wire.CombinedTreeProof) { c(&(*list(p))[i]) }})
		}
		ways = append(ways, tampering{name + " dropped", func(p *wire.CombinedTreeProof) {
			*list(p) = slices.Delete(*list(p), i, i+1)
		}}, tampering{name + " repeated", func(p *wire.CombinedTreeProof) {
			*list(p) = slices.Insert(*list(p), i, (*list(p))[i])
		}}, tampering{name + " swapped", func(p *wire.CombinedTreeProof) {
			l := *list(p)
			j := (i + 1) % len(l)
			l[i], l[j] = l[j], l[i]
		}})
	}
	return append(ways, tampering{name + " added", func(p *wire.CombinedTreeProof) { *list(p) = append(*list(p), extra) }})
}

func tamperings(p *wire.CombinedTreeProof) []tampering {
	flip := func(h *wire.HashValue) { h[5] ^= 4 }
	zero := func(h *wire.HashValue) { *h = wire.HashValue{1} }
	ways := list("timestamp", len(p.Timestamps), func(p *wire.CombinedTreeProof) *[]uint64 { return &p.Timestamps }, 1<<41,
		func(ms *uint64) { *ms++ }, func(ms *uint64) { *ms-- }, func(ms *uint64) { *ms = 0 }, func(ms *uint64) { *ms = 1<<64 - 1 })
	ways = append(ways, list("prefix root", len(p.PrefixRoots), func(p *wire.CombinedTreeProof) *[]wire.HashValue { return &p.PrefixRoots }, wire.HashValue{}, flip, zero)...)
	ways = append(ways, list("inclusion", len(p.Inclusion.Elements), func(p *wire.CombinedTreeProof) *[]wire.HashValue { return &p.Inclusion.Elements }, wire.HashValue{}, flip, zero)...)
	empty := wire.PrefixProof{Elements: []wire.HashValue{{}}}
	ways = append(ways, list("prefix proof", len(p.PrefixProofs), func(p *wire.CombinedTreeProof) *[]wire.PrefixProof { return &p.PrefixProofs }, empty,
		func(q *wire.PrefixProof) { *q = empty }, func(q *wire.PrefixProof) { *q = wire.PrefixProof{} })...)
	for i, q := range p.PrefixProofs {
		ways = append(ways, list("result", len(q.Results), func(p *wire.CombinedTreeProof) *[]wire.PrefixSearchResult { return &p.PrefixProofs[i].Results },
			wire.PrefixSearchResult{ResultType: wire.NonInclusionParent, Depth: 3},
			func(r *wire.PrefixSearchResult) { r.Depth++ }, func(r *wire.PrefixSearchResult) { r.Depth-- },
			func(r *wire.PrefixSearchResult) { r.ResultType = r.ResultType%3 + 1 },
			func(r *wire.PrefixSearchResult) { r.ResultType = (r.ResultType+1)%3 + 1 },
			func(r *wire.PrefixSearchResult) { r.ResultType = 0 },
			func(r *wire.PrefixSearchResult) {
				if r.ResultType == wire.NonInclusionLeaf {
					r.Leaf.Commitment[1] ^= 1
				}
			},
			func(r *wire.PrefixSearchResult) {
				if r.ResultType == wire.NonInclusionLeaf {
					r.Leaf.VRFOutput[31] ^= 1
				}
			})...)
		ways = append(ways, list("element", len(q.Elements), func(p *wire.CombinedTreeProof) *[]wire.HashValue { return &p.PrefixProofs[i].Elements }, wire.HashValue{}, flip, zero)...)
	}
	return ways
}

// Every honest proof with any one element changed, dropped, repeated, added or
// swapped is refused, or leads to another root, which no head signs.
func TestTamperedProofsAreRefused(t *testing.T) {
	worlds := 8
	if testing.Short() {
		worlds = 2
	}
	tried, refused, pages := 0, 0, 0
	for seed := range worlds {
		rng := rand.New(rand.NewPCG(uint64(seed), 9))
		w := newWorld(rng, 5+rng.IntN(40))
		for n := uint64(1); n <= w.size(); n += 1 + rng.Uint64N(4) {
			last := rng.Uint64N(n + 1)
			prev := w.retained(last)
			for _, o := range operations(t, w, n, rng) {
				proof, honest, _ := o.check(t, w, n, last)
				for _, way := range tamperings(proof) {
					bad := cloneProof(proof)
					way.apply(bad)
					if reflect.DeepEqual(bad, proof) || sameProof(bad, proof) {
						continue
					}
					tried++
					result, out, err := o.verify(w.params, bad, n, &prev)
					if !reflect.DeepEqual(prev, w.retained(last)) {
						t.Fatalf("%s, %s: retained state was changed", o.name, way.name)
					}
					switch {
					case err == nil && result.Root == w.root(n) && shorterPage(honest, out):
						pages++
					case err == nil && result.Root == w.root(n):
						t.Fatalf("seed %d, %s from %d to %d, %s: accepted, with %v", seed, o.name, last, n, way.name, out)
					case err == nil:
					case errors.Is(err, ErrProof), errors.Is(err, ErrNotFound), errors.Is(err, ErrExpired), errors.Is(err, ErrRequest):
						refused++
					default:
						t.Fatalf("%s, %s: untyped error %v", o.name, way.name, err)
					}
				}
			}
		}
	}
	t.Logf("%d tampered proofs, %d refused before their root was compared, %d shorter pages", tried, refused, pages)
	if tried < 1000 || refused == tried || refused == 0 {
		t.Errorf("%d tampered proofs, %d refused", tried, refused)
	}
}

// shorterPage reports whether both are outcomes of owner monitoring, and the
// second is of a page that ends earlier. A directory may end a page before any
// ladder, and where the rest of the proof does not depend on the ladders left
// out, because the user retained the entries they are from, it is a proof as
// honest as the longer one: the owner knows that it is not done.
func shorterPage(honest, out any) bool {
	long, ok1 := honest.([]any)
	short, ok2 := out.([]any)
	if !ok1 || !ok2 || !reflect.DeepEqual(long[0], short[0]) {
		return false
	}
	whole, part := long[1].(OwnerWalk).Verified, short[1].(OwnerWalk)
	return len(part.Verified) < len(whole) && slices.Equal(part.Verified, whole[:len(part.Verified)]) && !part.Done
}

// sameProof reports whether two proofs have the same encoding.
func sameProof(a, b *wire.CombinedTreeProof) bool {
	x, errA := a.Append(nil, wire.Format{})
	y, errB := b.Append(nil, wire.Format{})
	return errA == nil && errB == nil && slices.Equal(x, y)
}
