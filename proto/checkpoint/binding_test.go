package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

var testConfig = Digest{'c'}

// A testWorld is a KEYTRANS log and its audit log, slow and from the prose alone:
// every value is computed from the entries.
type testWorld struct {
	entries []wire.LogEntry
	audit   testLog
	signer  *Signer
	verify  *Verifier
}

func newTestWorld(t testing.TB, size int, seed byte) *testWorld {
	t.Helper()
	w := new(testWorld)
	w.signer, w.verify = testKey(t, 7)
	for i := range size {
		w.add(t, wire.LogEntry{Timestamp: 1_000 * uint64(i), PrefixTree: sha256.Sum256([]byte{seed, byte(i), byte(i >> 8)})}, nil)
	}
	return w
}

// add adds an entry and its leaf, which edit may spoil.
func (w *testWorld) add(t testing.TB, entry wire.LogEntry, edit func(*Leaf)) {
	t.Helper()
	w.entries = append(w.entries, entry)
	n := uint64(len(w.entries))
	leaf := Leaf{Position: n - 1, Timestamp: entry.Timestamp, PrefixRoot: entry.PrefixTree, Root: w.root(n), Configuration: testConfig}
	if edit != nil {
		edit(&leaf)
	}
	hashes, err := tlog.StoredHashesForRecordHash(int64(n-1), leaf.Hash(), &w.audit)
	if err != nil {
		t.Fatal(err)
	}
	w.audit.leaves = append(w.audit.leaves, leaf)
	w.audit.hashes = append(w.audit.hashes, hashes...)
}

// reference is the value of the log tree over entries ("Log Tree": a left-balanced
// binary tree; "Cryptographic Computations"). Values are kept, for speed alone.
func reference(entries []wire.LogEntry) (value [32]byte) {
	if len(entries) == 1 {
		b := binary.BigEndian.AppendUint64(nil, entries[0].Timestamp)
		return sha256.Sum256(append(b, entries[0].PrefixTree[:]...))
	}
	left := 1 << (bits.Len(uint(len(entries)-1)) - 1)
	content := func(part []wire.LogEntry) []byte {
		v := reference(part)
		if len(part) == 1 {
			return append([]byte{0}, v[:]...)
		}
		return append([]byte{1}, v[:]...)
	}
	return sha256.Sum256(append(content(entries[:left]), content(entries[left:])...))
}

func (w *testWorld) root(n uint64) wire.HashValue { return reference(w.entries[:n]) }

func (w *testWorld) values(nodes []logtree.Node) (all []wire.HashValue) {
	for _, d := range nodes {
		all = append(all, reference(w.entries[d.Start():d.End()]))
	}
	return all
}

// bind is what a server does.
func (w *testWorld) bind(t testing.TB, m, n uint64, lines ...[]byte) *Binding {
	t.Helper()
	root, err := tlog.TreeHash(int64(m), &w.audit)
	if err != nil {
		t.Fatal(err)
	}
	pos := min(m, n) - 1
	proof, err := tlog.ProveRecord(int64(m), int64(pos), &w.audit)
	if err != nil {
		t.Fatal(err)
	}
	full, elements := BindingNodes(m, n)
	return &Binding{cosigned(t, w.signer, m, root, lines...), w.audit.leaves[pos], proof, w.values(full), w.values(elements)}
}

// TestBinding: every head of a log is bound to every checkpoint.
func TestBinding(t *testing.T) {
	const size = 34
	w := newTestWorld(t, size, 1)
	for m := uint64(1); m <= size; m++ {
		for n := uint64(1); n <= size; n++ {
			b := w.bind(t, m, n)
			encoded, err := b.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(encoded) > MaxBinding {
				t.Fatalf("%d bytes", len(encoded))
			}
			b, err = ParseBinding(encoded)
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.Verify(w.verify, testConfig, n, w.root(n))
			if err != nil {
				t.Fatalf("m = %d, n = %d: %v", m, n, err)
			}
			want := Bound{m, 1000 * (min(m, n) - 1), m >= n, w.audit.leaves[min(m, n)-1], got.Signed}
			if *got != want || got.Signed.Size != m {
				t.Fatalf("m = %d, n = %d: %+v, want %+v", m, n, got, want)
			}
		}
	}
}

// TestBindingAgainstReference: a binding of two logs that part after some entry
// holds if, and only if, the head's log starts with the checkpoint's, or the
// checkpoint's with the head's.
func TestBindingAgainstReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		common := rapid.IntRange(0, 20).Draw(rt, "common")
		ours, theirs := newTestWorld(t, common, 1), newTestWorld(t, common, 1)
		for range rapid.IntRange(0, 12).Draw(rt, "ours") {
			ours.add(t, wire.LogEntry{Timestamp: 500_000, PrefixTree: wire.HashValue{'o'}}, nil)
		}
		for range rapid.IntRange(0, 12).Draw(rt, "theirs") {
			theirs.add(t, wire.LogEntry{Timestamp: 500_000, PrefixTree: wire.HashValue{'t'}}, nil)
		}
		if len(ours.entries) == 0 || len(theirs.entries) == 0 {
			return
		}
		n := rapid.Uint64Range(1, uint64(len(ours.entries))).Draw(rt, "n")
		m := rapid.Uint64Range(1, uint64(len(theirs.entries))).Draw(rt, "m")
		b := theirs.bind(t, m, min(n, m))
		if m < n { // from our log, as far as it goes
			full, elements := BindingNodes(m, n)
			b.FullSubtrees = ours.values(full)
			if rapid.Bool().Draw(rt, "their subtrees") {
				b.FullSubtrees = theirs.values(full)
			}
			b.Elements = ours.values(elements)
		}
		_, err := b.Verify(ours.verify, testConfig, n, ours.root(n))
		same := slices.Equal(ours.entries[:min(m, n)], theirs.entries[:min(m, n)])
		if (err == nil) != same {
			rt.Fatalf("m = %d, n = %d, common %d: %v", m, n, common, err)
		}
		if contradiction, ok := errors.AsType[*ContradictionError](err); ok != (!same && m >= n) {
			rt.Fatalf("m = %d, n = %d, common %d: %+v, %v", m, n, common, contradiction, err)
		}
	})
}

// TestBindingOfSomethingElseIsRefused goes through what an attacker could put in.
func TestBindingOfSomethingElseIsRefused(t *testing.T) {
	w := newTestWorld(t, 24, 1)
	fork := newTestWorld(t, 24, 2)
	foreign := newTestWorld(t, 24, 1)
	foreign.signer, _ = testKey(t, 8)
	for _, c := range []struct {
		name string
		m, n uint64
		edit func(b *Binding)
		want error
	}{
		{"checkpoint of another key", 13, 21, func(b *Binding) { *b = *foreign.bind(t, 13, 21) }, ErrSignature},
		{"checkpoint of another size", 13, 21, func(b *Binding) { b.Checkpoint = w.bind(t, 14, 21).Checkpoint }, ErrBinding},
		{"checkpoint of another tree", 13, 21, func(b *Binding) { b.Checkpoint = fork.bind(t, 13, 21).Checkpoint }, ErrProof},
		{"no checkpoint", 13, 21, func(b *Binding) { b.Checkpoint = nil }, ErrMalformed},
		{"another leaf of the log", 13, 21, func(b *Binding) { b.Leaf = w.audit.leaves[11] }, ErrBinding},
		{"another leaf at the position", 13, 21, func(b *Binding) { b.Leaf = fork.audit.leaves[12] }, ErrProof},
		{"a younger leaf", 13, 21, func(b *Binding) { b.Leaf.Timestamp++ }, ErrProof},
		{"leaf with another root", 13, 21, func(b *Binding) { b.Leaf.Root[0] ^= 1 }, ErrProof},
		{"proof cut", 13, 21, func(b *Binding) { b.Proof = b.Proof[1:] }, ErrProof},
		{"proof too long", 13, 21, func(b *Binding) { b.Proof = append(b.Proof, Hash{}) }, ErrProof},
		{"full subtrees of another log", 13, 21, func(b *Binding) {
			full, _ := BindingNodes(13, 21)
			b.FullSubtrees = fork.values(full)
		}, ErrBinding},
		{"one full subtree forged", 13, 21, func(b *Binding) { b.FullSubtrees[1][3] ^= 1 }, ErrBinding},
		{"one full subtree missing", 13, 21, func(b *Binding) { b.FullSubtrees = b.FullSubtrees[:2] }, ErrBinding},
		{"one full subtree more", 13, 21, func(b *Binding) { b.FullSubtrees = append(b.FullSubtrees, wire.HashValue{}) }, ErrBinding},
		{"no full subtrees", 13, 21, func(b *Binding) { b.FullSubtrees, b.Elements = nil, nil }, ErrBinding},
		{"elements of another log", 13, 21, func(b *Binding) {
			_, elements := BindingNodes(13, 21)
			b.Elements = fork.values(elements)
		}, ErrBinding},
		{"one element forged", 13, 21, func(b *Binding) { b.Elements[len(b.Elements)-1][0] ^= 1 }, ErrBinding},
		{"one element missing", 13, 21, func(b *Binding) { b.Elements = b.Elements[1:] }, ErrBinding},
		{"one element more", 13, 21, func(b *Binding) { b.Elements = append(b.Elements, wire.HashValue{}) }, ErrBinding},
		{"elements of a smaller head", 13, 21, func(b *Binding) { *b = *w.bind(t, 13, 20) }, ErrBinding},
		{"extension where the head is covered", 21, 13, func(b *Binding) { b.FullSubtrees, b.Elements = make([]wire.HashValue, 3), make([]wire.HashValue, 1) }, ErrBinding},
		{"the newest leaf where the head is covered", 21, 13, func(b *Binding) { *b = *w.bind(t, 21, 21) }, ErrBinding},
		{"binding of a covered head, checkpoint too small", 21, 13, func(b *Binding) { b.Checkpoint = w.bind(t, 12, 12).Checkpoint }, ErrBinding},
		{"an empty checkpoint", 13, 21, func(b *Binding) { b.Checkpoint = cosigned(t, w.signer, 0, emptyRoot) }, ErrBinding},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := w.bind(t, c.m, c.n)
			c.edit(b)
			got, err := b.Verify(w.verify, testConfig, c.n, w.root(c.n))
			if !errors.Is(err, c.want) || got != nil {
				t.Fatalf("%+v, %v, want %v", got, err, c.want)
			}
			if contradiction, ok := errors.AsType[*ContradictionError](err); ok {
				t.Errorf("somebody is accused: %v", contradiction)
			}
		})
	}
	b := w.bind(t, 13, 13)
	if _, err := b.Verify(w.verify, testConfig, 0, wire.HashValue{}); !errors.Is(err, ErrBinding) {
		t.Errorf("a head of no entries: %v", err)
	}
	if _, err := b.Verify(w.verify, testConfig, MaxSize+1, wire.HashValue{}); !errors.Is(err, ErrBinding) {
		t.Errorf("a head of too many entries: %v", err)
	}
	_, err := b.Verify(w.verify, Digest{'d'}, 13, w.root(13))
	if other, ok := errors.AsType[*ConfigurationError](err); !ok || other.Have != testConfig || other.Want != (Digest{'d'}) || !errors.Is(err, ErrBinding) {
		t.Errorf("another configuration: %v", err)
	}
	_, err = b.Verify(w.verify, testConfig, 13, fork.root(13))
	if e, ok := errors.AsType[*ContradictionError](err); !ok || e.Size != 13 || e.Root != fork.root(13) || e.Binding.Leaf != w.audit.leaves[12] || e.Origin != testOrigin {
		t.Errorf("another head: %v", err)
	}
}

// TestBindingLeafCannotLookYounger: a leaf under a signed checkpoint states another
// time than the log entry has. Only an auditor would see that the leaf is wrong;
// but what the binding says of the time does not come from the leaf alone.
func TestBindingLeafCannotLookYounger(t *testing.T) {
	w := newTestWorld(t, 12, 1)
	w.add(t, wire.LogEntry{Timestamp: 12_000, PrefixTree: wire.HashValue{1}}, func(l *Leaf) { l.Timestamp = 99_000_000 })
	for range 5 {
		w.add(t, wire.LogEntry{Timestamp: 99_000_000, PrefixTree: wire.HashValue{1}}, nil)
	}
	if got, err := w.bind(t, 13, 18).Verify(w.verify, testConfig, 18, w.root(18)); !errors.Is(err, ErrBinding) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestBindingOfForkWithTheSameLastEntry: witnesses saw another log, which has the
// same entry where the checkpoint ends.
func TestBindingOfForkWithTheSameLastEntry(t *testing.T) {
	ours, theirs := newTestWorld(t, 8, 1), newTestWorld(t, 8, 2)
	for range 10 {
		entry := wire.LogEntry{Timestamp: 8_000, PrefixTree: wire.HashValue{1}}
		ours.add(t, entry, nil)
		theirs.add(t, entry, nil)
	}
	b := ours.bind(t, 11, 18)
	forged := theirs.bind(t, 11, 18)
	b.Checkpoint, b.Leaf, b.Proof = forged.Checkpoint, forged.Leaf, forged.Proof
	if got, err := b.Verify(ours.verify, testConfig, 18, ours.root(18)); !errors.Is(err, ErrBinding) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBindingEncodingIsStrict(t *testing.T) {
	w := newTestWorld(t, 24, 1)
	encoded, err := w.bind(t, 13, 21).Append([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	encoded = encoded[len("before"):]
	for n := range encoded {
		if _, err := ParseBinding(encoded[:n:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes: %v", n, len(encoded), err)
		}
	}
	if _, err := ParseBinding(append(bytes.Clone(encoded), 0)); !errors.Is(err, ErrMalformed) {
		t.Error("a byte more:", err)
	}
	if _, err := ParseBinding(append([]byte{2}, encoded[1:]...)); !errors.Is(err, ErrMalformed) {
		t.Error("another format:", err)
	}
	if _, err := ParseBinding(make([]byte, MaxBinding+1)); !errors.Is(err, ErrMalformed) {
		t.Error("too long:", err)
	}
	good := w.bind(t, 13, 21)
	for what, edit := range map[string]func(b *Binding){
		"no checkpoint":         func(b *Binding) { b.Checkpoint = nil },
		"checkpoint too long":   func(b *Binding) { b.Checkpoint = make([]byte, MaxNote+1) },
		"proof too long":        func(b *Binding) { b.Proof = make([]Hash, MaxProof+1) },
		"too many subtrees":     func(b *Binding) { b.FullSubtrees = make([]wire.HashValue, 64) },
		"too many elements":     func(b *Binding) { b.Elements = make([]wire.HashValue, 256) },
		"subtrees alone":        func(b *Binding) { b.Elements = nil },
		"elements alone":        func(b *Binding) { b.FullSubtrees = nil },
		"proof of as many more": func(b *Binding) { b.Proof = make([]Hash, 256+len(b.Proof)) },
	} {
		b := *good
		edit(&b)
		if got, err := b.Append(nil); err == nil {
			t.Errorf("%s: %d bytes", what, len(got))
		}
	}
	// Full subtrees alone, or elements alone.
	lists := len(encoded) - 32*(len(good.FullSubtrees)+len(good.Elements)) - 2
	subtrees := encoded[lists : lists+1+32*len(good.FullSubtrees)]
	elements := encoded[lists+len(subtrees):]
	for _, tail := range [][]byte{append(bytes.Clone(subtrees), 0), append([]byte{0}, elements...)} {
		if b, err := ParseBinding(append(bytes.Clone(encoded[:lists]), tail...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v, %v", b, err)
		}
	}
	// Every byte of a binding matters.
	for i := range encoded {
		bent := bytes.Clone(encoded)
		bent[i] ^= 1
		b, err := ParseBinding(bent)
		if err == nil {
			_, err = b.Verify(w.verify, testConfig, 21, w.root(21))
		}
		if err == nil {
			t.Fatalf("byte %d of %d can be changed", i, len(encoded))
		}
	}
}

func FuzzParseBinding(f *testing.F) {
	w := newTestWorld(f, 24, 1)
	for _, sizes := range [][2]uint64{{13, 21}, {21, 13}, {1, 1}, {1, 24}} {
		b, err := w.bind(f, sizes[0], sizes[1]).Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	root := w.root(21)
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := ParseBinding(in)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || b != nil {
				t.Fatalf("(%v, %v) is not ErrMalformed", b, err)
			}
			return
		}
		again, err := b.Append(nil)
		if err != nil || !bytes.Equal(again, in) {
			t.Fatalf("parsed %x\nappended %x, %v", in, again, err)
		}
		if bound, err := b.Verify(w.verify, testConfig, 21, root); err == nil && b.Leaf != w.audit.leaves[min(bound.Size, 21)-1] {
			t.Fatalf("bound to leaf %+v", b.Leaf)
		}
	})
}
