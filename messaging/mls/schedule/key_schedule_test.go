package schedule_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func testContext() *schedule.GroupContext {
	return &schedule.GroupContext{
		CipherSuite:             testSuite,
		GroupID:                 []byte("group"),
		Epoch:                   1<<40 + 7,
		TreeHash:                bytes.Repeat([]byte{3}, 32),
		ConfirmedTranscriptHash: bytes.Repeat([]byte{4}, 32),
		Extensions:              tree.Extensions{{Type: 0x0a0a, Data: []byte("grease")}},
	}
}

func newSecrets(t testing.TB, id suite.ID) (*suite.Suite, *schedule.Secrets) {
	s := get(t, id)
	return s, schedule.Next(s, mlstest.Bytes(1, s.HashSize()), mlstest.Bytes(2, s.HashSize()), schedule.NoSecret(s), testContext())
}

func TestGroupContextIsReadExactly(t *testing.T) {
	encoded := testContext().Bytes()
	var c schedule.GroupContext
	if err := syntax.Unmarshal(encoded, &c); err != nil {
		t.Fatal(err)
	}
	same(t, "GroupContext read and written", c.Bytes(), encoded)
	for n := range encoded {
		if err := syntax.Unmarshal(encoded[:n], &c); !errors.Is(err, syntax.ErrSyntax) && !errors.Is(err, schedule.ErrVersion) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	refused(t, syntax.Unmarshal(append(bytes.Clone(encoded), 0), &c), syntax.ErrTrailing)
	for _, version := range []byte{0, 2, 255} {
		other := bytes.Clone(encoded)
		other[1] = version
		refused(t, syntax.Unmarshal(other, &c), schedule.ErrVersion)
	}
}

// Every input of the key schedule reaches every secret of the epoch.
func TestSecretsDependOnEverything(t *testing.T) {
	s := get(t, testSuite)
	init, commit, psk := mlstest.Bytes(1, 32), mlstest.Bytes(2, 32), mlstest.Bytes(3, 32)
	base := schedule.Next(s, init, commit, psk, testContext())
	other := testContext()
	other.Epoch++
	for what, changed := range map[string]*schedule.Secrets{
		"init_secret":   schedule.Next(s, mlstest.Bytes(9, 32), commit, psk, testContext()),
		"commit_secret": schedule.Next(s, init, mlstest.Bytes(9, 32), psk, testContext()),
		"psk_secret":    schedule.Next(s, init, commit, schedule.NoSecret(s), testContext()),
		"GroupContext":  schedule.Next(s, init, commit, psk, other),
	} {
		a, b := syntax.Marshal(base), syntax.Marshal(changed)
		for i := 0; i < len(a); i += 1 + s.HashSize() {
			if bytes.Equal(a[i:i+1+s.HashSize()], b[i:i+1+s.HashSize()]) {
				t.Errorf("secret %d does not depend on the %s", i/(1+s.HashSize()), what)
			}
		}
	}
}

func TestConfirmationTag(t *testing.T) {
	_, secrets := newSecrets(t, testSuite)
	hash := []byte("confirmed transcript hash")
	tag := secrets.ConfirmationTag(hash)
	if err := secrets.CheckConfirmationTag(hash, tag); err != nil {
		t.Fatal(err)
	}
	refused(t, secrets.CheckConfirmationTag(hash[1:], tag), schedule.ErrConfirmation)
	refused(t, secrets.CheckConfirmationTag(hash, nil), schedule.ErrConfirmation)
	refused(t, secrets.CheckConfirmationTag(hash, tag[:16]), schedule.ErrConfirmation)
	tag[0] ^= 1
	refused(t, secrets.CheckConfirmationTag(hash, tag), schedule.ErrConfirmation)
}

func TestExport(t *testing.T) {
	for _, id := range suite.All() {
		s, secrets := newSecrets(t, id)
		seen := map[string]string{}
		for what, export := range map[string]func() ([]byte, error){
			"base":          func() ([]byte, error) { return secrets.Export("a", []byte("b"), 32) },
			"other label":   func() ([]byte, error) { return secrets.Export("c", []byte("b"), 32) },
			"other context": func() ([]byte, error) { return secrets.Export("a", []byte("d"), 32) },
			"moved":         func() ([]byte, error) { return secrets.Export("ab", nil, 32) },
		} {
			secret, err := export()
			if err != nil || len(secret) != 32 {
				t.Fatalf("%v: %s: %d bytes, %v", s, what, len(secret), err)
			}
			if seen[string(secret)] != "" {
				t.Errorf("%v: %q and %q export the same", s, what, seen[string(secret)])
			}
			seen[string(secret)] = what
		}
		for _, n := range []int{0, 1, 1000, s.MaxExpand()} {
			if secret, err := secrets.Export("a", nil, n); err != nil || len(secret) != n {
				t.Errorf("%v: %d bytes of %d: %v", s, len(secret), n, err)
			}
		}
		for _, n := range []int{-1, s.MaxExpand() + 1, 1 << 16, 1 << 30} {
			_, err := secrets.Export("a", nil, n)
			refused(t, err, schedule.ErrLength)
		}
	}
}

// The confirmation_tag goes into the interim hash as a vector.
func TestInterimTranscriptHash(t *testing.T) {
	s := get(t, testSuite)
	same(t, "interim_transcript_hash",
		schedule.InterimTranscriptHash(s, []byte("confirmed"), []byte("tag")), s.Hash([]byte("confirmed\x03tag")))
	same(t, "confirmed_transcript_hash",
		schedule.ConfirmedTranscriptHash(s, []byte("interim"), []byte("input")), s.Hash([]byte("interiminput")))
}

// The encryption_secret leaves with the tree; two trees would use each key twice.
func TestSecretTreeIsTakenOnce(t *testing.T) {
	_, secrets := newSecrets(t, testSuite)
	secrets.SecretTree(2)
	if secrets.Encryption != nil {
		t.Error("the encryption_secret was kept")
	}
	defer func() {
		if recover() == nil {
			t.Error("a second tree of the same epoch")
		}
	}()
	secrets.SecretTree(2)
}

// What is stored is what the epoch needs, without what leads to message keys or
// into the group.
func TestSecretsAreStored(t *testing.T) {
	for _, id := range suite.All() {
		s, secrets := newSecrets(t, id)
		stored := syntax.Marshal(secrets)
		for name, secret := range map[string][]byte{
			"joiner_secret": secrets.Joiner, "welcome_secret": secrets.Welcome, "encryption_secret": secrets.Encryption,
		} {
			if bytes.Contains(stored, secret) {
				t.Errorf("%v: the %s is stored", s, name)
			}
		}
		r := syntax.NewReader(stored)
		read := schedule.ReadSecrets(s, r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		same(t, "secrets read and written", syntax.Marshal(read), stored)
		same(t, "confirmation tag", read.ConfirmationTag([]byte("x")), secrets.ConfirmationTag([]byte("x")))
		if read.Joiner != nil || read.Welcome != nil || read.Encryption != nil {
			t.Errorf("%v: secrets that were not stored", s)
		}

		short := syntax.NewReader(append([]byte{3, 1, 2, 3}, stored...))
		schedule.ReadSecrets(s, short)
		refused(t, short.Err(), schedule.ErrRecord)
		cut := syntax.NewReader(stored[:len(stored)-1])
		schedule.ReadSecrets(s, cut)
		refused(t, cut.Err(), syntax.ErrTruncated)
	}
}

func TestEraseSecrets(t *testing.T) {
	_, e := newSecrets(t, testSuite)
	all := [][]byte{e.Joiner, e.Welcome, e.Encryption, e.SenderData, e.Exporter, e.External, e.Confirmation,
		e.Membership, e.ResumptionPSK, e.EpochAuthenticator, e.Init}
	e.ForgetJoiner()
	for i, secret := range all {
		if erased := bytes.Equal(secret, make([]byte, len(secret))); erased != (i < 2) {
			t.Errorf("after ForgetJoiner secret %d is erased: %v", i, erased)
		}
	}
	e.Erase()
	for i, secret := range all {
		if !bytes.Equal(secret, make([]byte, len(secret))) {
			t.Errorf("secret %d outlived its epoch", i)
		}
	}
}

// A Welcome's secrets stay the caller's.
func TestInputsAreNotErased(t *testing.T) {
	s := get(t, testSuite)
	joiner, psk := mlstest.Bytes(1, 32), mlstest.Bytes(2, 32)
	schedule.FromJoiner(s, joiner, psk, testContext()).Erase()
	same(t, "joiner_secret", joiner, mlstest.Bytes(1, 32))
	same(t, "psk_secret", psk, mlstest.Bytes(2, 32))
}
