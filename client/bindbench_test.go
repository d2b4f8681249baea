package client_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
	"golang.org/x/mod/sumdb/tlog"
)

// BenchmarkHeadBinding parses and verifies the binding of a head of 131,071
// entries to a checkpoint 300 entries behind it, cosigned by three Ed25519
// witnesses. In the same run and in turn it verifies four Ed25519 signatures, as
// many as the checkpoint has. "µs-besides-signatures" is what the rest takes; the
// bound is 300.
func BenchmarkHeadBinding(b *testing.B) {
	const n, m = 1<<17 - 1, 1<<17 - 1 - 300
	a := newTrail(b, contactLog())
	var tree logtree.Appender
	var nodes []wire.HashValue
	config := checkpoint.Digest{'c'}
	for i := range uint64(n) {
		e := wire.LogEntry{Timestamp: 1000 * i, PrefixTree: sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))}
		nodes = tree.Append(nodes, logtree.LeafHash(e))
		if i >= m {
			continue
		}
		leaf := checkpoint.Leaf{Position: i, Timestamp: e.Timestamp, PrefixRoot: e.PrefixTree, Root: tree.Root(), Configuration: config}
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf.Hash(), a)
		if err != nil {
			b.Fatal(err)
		}
		a.leaves, a.hashes = append(a.leaves, leaf), append(a.hashes, hashes...)
	}
	root, err := tlog.TreeHash(m, a)
	if err == nil {
		a.note, err = a.signer.Sign(m, root)
	}
	if err != nil {
		b.Fatal(err)
	}
	a.cosign(1_790_000_000_000, "w1", "w2", "w3")
	binding := &checkpoint.Binding{Checkpoint: a.note, Leaf: a.leaves[m-1]}
	if binding.Proof, err = tlog.ProveRecord(m, m-1, a); err != nil {
		b.Fatal(err)
	}
	full, elements := checkpoint.BindingNodes(m, n)
	values := func(of []logtree.Node) (all []wire.HashValue) {
		for _, d := range of {
			all = append(all, nodes[logtree.StoredIndex(d)])
		}
		return all
	}
	binding.FullSubtrees, binding.Elements = values(full), values(elements)
	encoded, err := binding.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	quorum, head := a.quorum(3, "w1", "w2", "w3"), tree.Root()
	public, secret, _ := ed25519.GenerateKey(nil)
	message := make([]byte, 128)
	signature := ed25519.Sign(secret, message)
	b.ReportAllocs()
	var bindings, signatures time.Duration // in turn, so that a busy machine slows both
	for b.Loop() {
		start := time.Now()
		x, err := checkpoint.ParseBinding(encoded)
		if err != nil {
			b.Fatal(err)
		}
		bound, err := x.Verify(a.verifier, config, n, head)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := quorum.Check(bound.Signed, 1_790_000_000, 1_790_000_000); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		for range 4 {
			if !ed25519.Verify(public, message, signature) {
				b.Fatal("signature")
			}
		}
		bindings += middle.Sub(start)
		signatures += time.Since(middle)
	}
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(b.N) }
	b.ReportMetric(micros(bindings), "µs/binding")
	b.ReportMetric(micros(signatures), "µs/signatures")
	b.ReportMetric(micros(bindings-signatures), "µs-besides-signatures")
	b.ReportMetric(float64(len(encoded)), "B/binding")
}
