package schedule_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"pgregory.net/rapid"
)

func drawID(rt *rapid.T, s *suite.Suite) (id schedule.PreSharedKeyID) {
	some := rapid.SliceOfN(rapid.Byte(), 0, 70)
	id.Type = schedule.PSKType(rapid.IntRange(1, 3).Draw(rt, "psktype"))
	switch id.Type {
	case schedule.ExternalPSK:
		id.ID = some.Draw(rt, "psk_id")
	case schedule.ResumptionPSK:
		id.Usage = schedule.ResumptionUsage(rapid.IntRange(1, 3).Draw(rt, "usage"))
		id.GroupID = some.Draw(rt, "psk_group_id")
		id.Epoch = rapid.Uint64().Draw(rt, "psk_epoch")
	case schedule.ApplicationPSK:
		id.Component = rapid.Uint16().Draw(rt, "component_id")
		id.ID = some.Draw(rt, "psk_id")
	}
	id.Nonce = rapid.SliceOfN(rapid.Byte(), s.HashSize(), s.HashSize()).Draw(rt, "psk_nonce")
	return id
}

func TestPSKSecretIsTheSlowOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := get(t, rapid.SampledFrom(suite.All()).Draw(rt, "suite"))
		psks := make([]schedule.PSK, rapid.IntRange(0, 6).Draw(rt, "count"))
		for i := range psks {
			psks[i] = schedule.PSK{ID: drawID(rt, s), Secret: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "psk")}
		}
		got, err := schedule.PSKSecret(s, psks)
		if err != nil {
			rt.Fatal(err)
		}
		if want := slowPSKSecret(s, psks, len(psks)); !bytes.Equal(got, want) {
			rt.Fatalf("psk_secret %x, want %x", got, want)
		}
	})
}

func TestPreSharedKeyIDIsReadExactly(t *testing.T) {
	t.Parallel()
	s := get(t, testSuite)
	rapid.Check(t, func(rt *rapid.T) {
		id := drawID(rt, s)
		encoded := syntax.Marshal(&id)
		var read schedule.PreSharedKeyID
		if err := syntax.Unmarshal(encoded, &read); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(syntax.Marshal(&read), encoded) || !read.SameKey(&id) || read.Usage != id.Usage {
			rt.Fatalf("%+v is read as %+v", id, read)
		}
		n := rapid.IntRange(0, len(encoded)-1).Draw(rt, "cut")
		if err := syntax.Unmarshal(encoded[:n], &read); !errors.Is(err, syntax.ErrSyntax) {
			rt.Fatalf("cut to %d bytes: %v", n, err)
		}
	})
	// Types and usages without a meaning: what follows cannot be read.
	nonce := append([]byte{32}, make([]byte, 32)...)
	for _, bad := range [][]byte{
		append([]byte{0, 0}, nonce...),
		append([]byte{4, 0}, nonce...),
		append([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nonce...),
		append([]byte{2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nonce...),
	} {
		var id schedule.PreSharedKeyID
		refused(t, syntax.Unmarshal(bad, &id), syntax.ErrValue)
	}
}

// "PreSharedKey" (12.1.4): the psk_nonce has KDF.Nh bytes.
func TestPSKNonceLength(t *testing.T) {
	for _, suiteID := range suite.All() {
		s := get(t, suiteID)
		id := schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("id")}
		if err := id.FreshNonce(s, mlstest.Rand(1)); err != nil {
			t.Fatal(err)
		}
		if err := id.CheckNonce(s); err != nil {
			t.Error(err)
		}
		if _, err := schedule.PSKSecret(s, []schedule.PSK{{ID: id}}); err != nil {
			t.Error(err)
		}
		for _, n := range []int{0, s.HashSize() - 1, s.HashSize() + 1} {
			id.Nonce = make([]byte, n)
			refused(t, id.CheckNonce(s), schedule.ErrPSK)
			_, err := schedule.PSKSecret(s, []schedule.PSK{{ID: id}})
			refused(t, err, schedule.ErrPSK)
		}
	}
}

func TestPSKNoncesAreFresh(t *testing.T) {
	s := get(t, testSuite)
	var a, b schedule.PreSharedKeyID
	rand := mlstest.Rand(1)
	if err := errors.Join(a.FreshNonce(s, rand), b.FreshNonce(s, rand)); err != nil {
		t.Fatal(err)
	}
	// All of it is random, and nothing is used again.
	if both := append(bytes.Clone(a.Nonce), b.Nonce...); !bytes.Equal(both, mlstest.Bytes(1, 2*s.HashSize())) {
		t.Errorf("nonces %x and %x are not what the source gave", a.Nonce, b.Nonce)
	}
	broken := errors.New("no randomness")
	refused(t, a.FreshNonce(s, iotest.ErrReader(broken)), broken)
}

// Nonce, order and number of the pre-shared keys all reach the psk_secret.
func TestPSKSecretDependsOnEverything(t *testing.T) {
	s := get(t, testSuite)
	psk := func(id string, nonce uint64) schedule.PSK {
		return schedule.PSK{
			ID:     schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id), Nonce: mlstest.Bytes(nonce, s.HashSize())},
			Secret: []byte("secret of " + id),
		}
	}
	seen := map[string]int{}
	for i, psks := range [][]schedule.PSK{
		nil,
		{psk("a", 1)}, {psk("a", 2)}, {psk("b", 1)},
		{psk("a", 1), psk("b", 1)}, {psk("b", 1), psk("a", 1)}, {psk("a", 1), psk("a", 1)},
	} {
		secret, err := schedule.PSKSecret(s, psks)
		if err != nil {
			t.Fatal(err)
		}
		if j, ok := seen[string(secret)]; ok {
			t.Errorf("lists %d and %d have the same psk_secret", i, j)
		}
		seen[string(secret)] = i
	}
	none, err := schedule.PSKSecret(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "psk_secret of no PSK", none, schedule.NoSecret(s))
}

func TestTooManyPSKs(t *testing.T) {
	s := get(t, testSuite)
	psks := make([]schedule.PSK, 1<<16)
	for i := range psks {
		psks[i].ID = schedule.PreSharedKeyID{Type: schedule.ExternalPSK, Nonce: make([]byte, s.HashSize())}
	}
	_, err := schedule.PSKSecret(s, psks)
	refused(t, err, schedule.ErrPSK)
}

// SameKey looks at the key, not at the use of it.
func TestSameKey(t *testing.T) {
	base := schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageBranch, GroupID: []byte("g"), Epoch: 4, Nonce: []byte{1}}
	use := base
	use.Usage, use.Nonce = schedule.UsageApplication, []byte{2}
	if !base.SameKey(&use) {
		t.Error("another use of the same key is another key")
	}
	for name, change := range map[string]func(*schedule.PreSharedKeyID){
		"group":     func(id *schedule.PreSharedKeyID) { id.GroupID = []byte("h") },
		"epoch":     func(id *schedule.PreSharedKeyID) { id.Epoch++ },
		"type":      func(id *schedule.PreSharedKeyID) { id.Type = schedule.ExternalPSK },
		"id":        func(id *schedule.PreSharedKeyID) { id.ID = []byte("i") },
		"component": func(id *schedule.PreSharedKeyID) { id.Component++ },
	} {
		other := base
		change(&other)
		if base.SameKey(&other) {
			t.Errorf("another %s is the same key", name)
		}
	}
}
