package main

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// binding measures how long a client takes to bind a head to a checkpoint: what
// remains without the signature of the checkpoint.
func (b *bench) binding() error {
	verifier, err := checkpoint.NewVerifier(b.log.Checkpoints.VerifierKey())
	if err != nil {
		return err
	}
	size := b.log.Size()
	for _, c := range []struct {
		name string
		m    uint64 // size of the checkpoint
		n    uint64 // of the head
	}{
		{"covered by the checkpoint", size, size - 1},
		{"after the checkpoint", size - 60, size},
	} {
		binding, root, err := b.bindingOf(c.m, c.n)
		if err != nil {
			return err
		}
		encoded, err := binding.Append(nil)
		if err != nil {
			return err
		}
		var alone, all []time.Duration
		for range b.scale.rounds {
			began := time.Now()
			if _, err := verifier.Open(binding.Checkpoint); err != nil {
				return err
			}
			opened := time.Now()
			parsed, err := checkpoint.ParseBinding(encoded)
			if err != nil {
				return err
			}
			if _, err := parsed.Verify(verifier, b.log.Digest, c.n, root); err != nil {
				return err
			}
			alone, all = append(alone, opened.Sub(began)), append(all, time.Since(opened))
		}
		slices.Sort(alone)
		slices.Sort(all)
		signature, whole := alone[len(alone)/2], all[len(all)/2]
		b.report.Note("head binding: signature of the checkpoint, head "+c.name, micros(signature), "µs")
		b.report.AtMost("head binding: all but the signature, head "+c.name, micros(max(0, whole-signature)), 300, "µs")
		b.report.Note("head binding: size, head "+c.name, float64(len(encoded)), "B")
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// bindingOf ties a head of size n to a checkpoint of size m, and returns the
// head's root.
func (b *bench) bindingOf(m, n uint64) (*checkpoint.Binding, wire.HashValue, error) {
	note, err := b.log.Sign(m)
	if err != nil {
		return nil, wire.HashValue{}, err
	}
	root, err := logtree.Root(n, b.log.Nodes(logtree.FullSubtrees(n)))
	if err != nil {
		return nil, root, err
	}
	at := min(m, n) - 1
	leaf, err := checkpoint.ParseLeaf(b.log.Leaf(at))
	if err != nil {
		return nil, root, err
	}
	proof, err := tlog.ProveRecord(int64(m), int64(at), b.log)
	if err != nil {
		return nil, root, fmt.Errorf("binding: %w", err)
	}
	binding := &checkpoint.Binding{Checkpoint: note, Leaf: leaf, Proof: proof}
	if m < n {
		full, elements := checkpoint.BindingNodes(m, n)
		binding.FullSubtrees, binding.Elements = b.log.Nodes(full), b.log.Nodes(elements)
	}
	return binding, root, nil
}
