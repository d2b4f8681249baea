package schedule_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"pgregory.net/rapid"
)

const testSuite = suite.X25519_AES128GCM_SHA256_Ed25519

// newTree returns a secret tree and a copy of the encryption_secret it is of.
func newTree(t testing.TB, leaves uint32) (*suite.Suite, *schedule.SecretTree, []byte) {
	s := get(t, testSuite)
	encryption := mlstest.Bytes(uint64(leaves), s.HashSize())
	return s, schedule.NewSecretTree(s, bytes.Clone(encryption), leaves), encryption
}

func equal(a, b schedule.Key) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Nonce, b.Nonce)
}

func clone(k schedule.Key) schedule.Key {
	return schedule.Key{Key: bytes.Clone(k.Key), Nonce: bytes.Clone(k.Nonce)}
}

func peek(t testing.TB, keys *schedule.SecretTree, leaf tree.LeafIndex, kind schedule.Kind, g uint32) *schedule.Opening {
	t.Helper()
	o, err := keys.Peek(leaf, kind, g)
	if err != nil {
		t.Fatalf("generation %d: %v", g, err)
	}
	return o
}

func commit(t testing.TB, o *schedule.Opening) {
	t.Helper()
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestSecretTreeIsTheSlowOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := get(t, rapid.SampledFrom(suite.All()).Draw(rt, "suite"))
		leaves := 1 << rapid.IntRange(0, 6).Draw(rt, "depth")
		encryption := rapid.SliceOfN(rapid.Byte(), s.HashSize(), s.HashSize()).Draw(rt, "encryption_secret")
		keys := schedule.NewSecretTree(s, bytes.Clone(encryption), uint32(leaves))
		type use struct {
			leaf       int
			kind       schedule.Kind
			generation uint32
		}
		used := map[use]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "messages") {
			u := use{
				leaf:       rapid.IntRange(0, leaves-1).Draw(rt, "leaf"),
				kind:       schedule.Kind(rapid.IntRange(0, 1).Draw(rt, "kind")),
				generation: uint32(rapid.IntRange(0, 40).Draw(rt, "generation")),
			}
			o, err := keys.Peek(tree.LeafIndex(u.leaf), u.kind, u.generation)
			if used[u] {
				if !errors.Is(err, schedule.ErrConsumed) {
					rt.Fatalf("%+v again: %v", u, err)
				}
				continue
			}
			if err != nil {
				rt.Fatal(err)
			}
			if want := slowKey(s, encryption, leaves, u.leaf, u.kind, u.generation); !equal(o.Key(), want) {
				rt.Fatalf("%+v: key %x, want %x", u, o.Key(), want)
			}
			if rapid.Bool().Draw(rt, "genuine") {
				if err := o.Commit(); err != nil {
					rt.Fatal(err)
				}
				used[u] = true
			} else {
				o.Discard()
			}
		}
	})
}

// The sender's generations count from 0 in each ratchet, and its keys are those of
// the receivers.
func TestNextKeyIsWhatReceiversPeek(t *testing.T) {
	for _, id := range suite.All() {
		s := get(t, id)
		secret := mlstest.Bytes(7, s.HashSize())
		sender := schedule.NewSecretTree(s, bytes.Clone(secret), 5)
		receiver := schedule.NewSecretTree(s, bytes.Clone(secret), 5)
		for _, kind := range []schedule.Kind{schedule.Application, schedule.Handshake} {
			for want := range uint32(4) {
				g, key, err := sender.NextKey(4, kind)
				if err != nil || g != want {
					t.Fatalf("%v: generation %d, want %d: %v", s, g, want, err)
				}
				o := peek(t, receiver, 4, kind, g)
				if !equal(o.Key(), key) || len(key.Key) != s.KeySize() || len(key.Nonce) != s.NonceSize() {
					t.Errorf("%v: %v generation %d: keys differ", s, kind, g)
				}
				commit(t, o)
				_, err = sender.Peek(4, kind, g)
				refused(t, err, schedule.ErrConsumed)
			}
		}
	}
}

// A message that is not genuine costs nothing: neither its key nor the window.
func TestDiscardChangesNothing(t *testing.T) {
	_, keys, _ := newTree(t, 8)
	commit(t, peek(t, keys, 2, schedule.Application, 3)) // 0, 1, 2 are passed over
	keys.Saved()
	interior, leaf := keys.InteriorRecord(), keys.LeafRecord(2)
	for _, f := range []struct {
		leaf       tree.LeafIndex
		kind       schedule.Kind
		generation uint32
	}{
		{2, schedule.Application, 1},                       // passed over
		{2, schedule.Application, 4},                       // the next
		{2, schedule.Application, 4 + schedule.MaxForward}, // far ahead
		{2, schedule.Handshake, 9},
		{5, schedule.Application, 0}, // of a leaf that never wrote
		{5, schedule.Handshake, schedule.MaxForward},
	} {
		forged := peek(t, keys, f.leaf, f.kind, f.generation)
		want := clone(forged.Key())
		forged.Discard()
		if changed, leaves := keys.Changes(); changed || len(leaves) > 0 {
			t.Errorf("%+v: changes %v %v", f, changed, leaves)
		}
		if !bytes.Equal(keys.InteriorRecord(), interior) || !bytes.Equal(keys.LeafRecord(2), leaf) {
			t.Errorf("%+v: a refused message changed the tree", f)
		}
		genuine := peek(t, keys, f.leaf, f.kind, f.generation)
		if !equal(genuine.Key(), want) {
			t.Errorf("%+v: the key is another one after a refused message", f)
		}
		genuine.Discard()
	}
}

// Two copies of a message may both be decrypted before either is accepted. One is.
func TestCommitOnce(t *testing.T) {
	for _, c := range []struct {
		name       string
		before     []uint32 // generations used
		generation uint32
	}{
		{"first of the leaf", nil, 0},
		{"ahead", []uint32{0}, 5},
		{"passed over", []uint32{5}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, keys, _ := newTree(t, 4)
			for _, g := range c.before {
				commit(t, peek(t, keys, 1, schedule.Application, g))
			}
			first := peek(t, keys, 1, schedule.Application, c.generation)
			second := peek(t, keys, 1, schedule.Application, c.generation)
			commit(t, first)
			refused(t, first.Commit(), schedule.ErrConsumed)
			refused(t, second.Commit(), schedule.ErrConsumed)
			_, err := keys.Peek(1, schedule.Application, c.generation)
			refused(t, err, schedule.ErrConsumed)
		})
	}
}

// Messages that were opened in one order may be accepted in any other.
func TestCommitInAnyOrder(t *testing.T) {
	s, keys, encryption := newTree(t, 4)
	a := peek(t, keys, 1, schedule.Application, 3)
	b := peek(t, keys, 1, schedule.Handshake, 0)
	c := peek(t, keys, 0, schedule.Application, 1)
	d := peek(t, keys, 1, schedule.Application, 1)
	for _, o := range []*schedule.Opening{d, c, b, a} {
		commit(t, o)
	}
	for _, g := range []uint32{0, 2, 4} {
		if o := peek(t, keys, 1, schedule.Application, g); !equal(o.Key(), slowKey(s, encryption, 4, 1, schedule.Application, g)) {
			t.Errorf("generation %d: wrong key", g)
		}
	}
	for _, g := range []uint32{1, 3} {
		_, err := keys.Peek(1, schedule.Application, g)
		refused(t, err, schedule.ErrConsumed)
	}
}

func TestNoLeaf(t *testing.T) {
	_, keys, _ := newTree(t, 4)
	for _, leaf := range []tree.LeafIndex{4, 5, 1 << 31, 1<<32 - 1} {
		_, err := keys.Peek(leaf, schedule.Application, 0)
		refused(t, err, schedule.ErrNoLeaf)
		_, _, err = keys.NextKey(leaf, schedule.Application)
		refused(t, err, schedule.ErrNoLeaf)
	}
}

// The tree is keyed lazily: the first key of a leaf leaves one secret for each
// level, not one for each leaf.
func TestFirstKeyIsLogarithmic(t *testing.T) {
	s, keys, _ := newTree(t, 1<<20)
	if _, _, err := keys.NextKey(12345, schedule.Application); err != nil {
		t.Fatal(err)
	}
	if n, most := len(keys.InteriorRecord()), 8+20*(5+s.HashSize()); n > most {
		t.Errorf("%d bytes of node secrets after one key, want at most %d", n, most)
	}
}
