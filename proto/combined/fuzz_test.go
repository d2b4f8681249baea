package combined

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// Whatever a directory sends, a user does not panic, and can tell what is wrong.
func FuzzReplay(f *testing.F) {
	rng := rand.New(rand.NewPCG(6, 6))
	w := newWorld(rng, 24)
	for _, o := range operations(f, w, 24, rng) {
		proof, _, err := o.prove(w, 24, 9)
		if err != nil {
			f.Fatal(err)
		}
		b, err := proof.Append(nil, wire.Format{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(24), uint8(9))
	}
	f.Fuzz(func(t *testing.T, b []byte, size, last uint8) {
		proof, err := wire.ParseCombinedTreeProof(b, wire.Format{})
		if err != nil {
			return
		}
		if int(last) > len(w.entries) {
			last = 9
		}
		prev := w.retained(uint64(last))
		for _, o := range operations(t, w, 24, rand.New(rand.NewPCG(6, 6))) {
			o.auditor = 0
			_, _, err := o.verify(w.params, proof, uint64(size), &prev)
			if err != nil && !errors.Is(err, ErrProof) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrExpired) && !errors.Is(err, ErrRequest) {
				t.Fatalf("%s: %v", o.name, err)
			}
		}
	})
}
