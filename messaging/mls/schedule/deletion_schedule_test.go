package schedule_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
)

// The example of "Deletion Schedule" (9.2), with its names: D's message of
// generation 1 is the first that anybody reads.
func TestDeletionSchedule(t *testing.T) {
	s, keys, g := newTree(t, 4)
	derive := func(secret []byte, label string) []byte {
		return s.ExpandWithLabel(secret, "tree", []byte(label), s.HashSize())
	}
	e, f := derive(g, "left"), derive(g, "right")
	c, d := derive(f, "left"), derive(f, "right")
	hr0 := slowRatchet(s, d, schedule.Handshake, 0)
	ar := func(j uint32) []byte { return slowRatchet(s, d, schedule.Application, j) }
	k0, k1 := slowKey(s, g, 4, 3, schedule.Application, 0), slowKey(s, g, 4, 3, schedule.Application, 1)

	stored := func() []byte { return append(keys.InteriorRecord(), keys.LeafRecord(3)...) }
	opening := peek(t, keys, 3, schedule.Application, 1)
	held := opening.Key()
	commit(t, opening)
	for name, secret := range map[string][]byte{
		"K1": k1.Key, "N1": k1.Nonce, "AR1": ar(1), "AR0": ar(0), "D": d, "F": f, "G": g,
	} {
		if bytes.Contains(stored(), secret) {
			t.Errorf("%s is consumed and was kept", name)
		}
	}
	for name, secret := range map[string][]byte{
		"K0": k0.Key, "N0": k0.Nonce, "AR2": ar(2), "HR0": hr0, "E": e, "C": c,
	} {
		if !bytes.Contains(stored(), secret) {
			t.Errorf("%s is not consumed and was dropped", name)
		}
	}
	if bytes.Equal(held.Key, k1.Key) || bytes.Equal(held.Nonce, k1.Nonce) {
		t.Error("the key of an accepted message is still in memory")
	}
	commit(t, peek(t, keys, 3, schedule.Application, 0))
	if bytes.Contains(stored(), k0.Key) || bytes.Contains(stored(), k0.Nonce) {
		t.Error("K0 is consumed and was kept")
	}
}

// The encryption_secret is overwritten where it lies, and so is everything else
// when the epoch ends.
func TestErase(t *testing.T) {
	s := get(t, testSuite)
	zeros := make([]byte, s.HashSize())
	encryption := mlstest.Bytes(1, s.HashSize())
	keys := schedule.NewSecretTree(s, encryption, 2)
	if _, _, err := keys.NextKey(0, schedule.Application); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encryption, zeros) {
		t.Error("the encryption_secret outlived the first key")
	}
	other := mlstest.Bytes(2, s.HashSize())
	keys = schedule.NewSecretTree(s, other, 2)
	opening := peek(t, keys, 0, schedule.Application, 0)
	keys.Erase()
	if !bytes.Equal(other, zeros) {
		t.Error("the encryption_secret outlived the tree")
	}
	if opening.Commit() == nil {
		t.Error("a message was accepted after the end of the tree")
	}
	if _, _, err := keys.NextKey(0, schedule.Application); err == nil {
		t.Error("a key came out of an erased tree")
	}
}
