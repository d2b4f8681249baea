package srp

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var floor = Argon2id{Memory: MinMemory, Time: MinTime, Threads: 4, Salt: []byte("0123456789abcdef")}

// TestSecretsPinned: what a password makes never changes, or nobody could log in.
func TestSecretsPinned(t *testing.T) {
	s, err := floor.Derive("correct horse")
	must(t, err)
	if got := hex.EncodeToString(s.Auth[:]) + " " + hex.EncodeToString(s.Unlock[:]); got != pinnedSecrets {
		t.Errorf("%s", got)
	}
	if s.Auth == s.Unlock {
		t.Error("the secrets are one")
	}
}

// TestOneFormOfPasswords: what looks the same is the same, what does not is not.
func TestOneFormOfPasswords(t *testing.T) {
	same := [][2]string{{"caf\u00e9", "cafe\u0301"}, {"two words", "two\u00a0words"}, {"two words", "two\u3000words"}}
	for _, p := range same {
		a, err := Normalise(p[0])
		must(t, err)
		if b, err := Normalise(p[1]); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%q is %q and not %q, %v", p[1], b, a, err)
		}
	}
	for _, p := range [][2]string{{"a", "A"}, {"ﬁ", "fi"}, {" a", "a"}, {"a ", "a"}} {
		a, err := Normalise(p[0])
		must(t, err)
		if b, err := Normalise(p[1]); err != nil || bytes.Equal(a, b) {
			t.Errorf("%q is %q too, %v", p[0], p[1], err)
		}
	}
	for _, p := range []string{"", "bell\a", "line\nbreak", "\xff\xfe", strings.Repeat("x", MaxPassword+1)} {
		if b, err := Normalise(p); !errors.Is(err, ErrPassword) || b != nil || len(p) > 1 && strings.Contains(err.Error(), p) {
			t.Errorf("%.20q: %q, %v", p, b, err)
		}
	}
}

// TestDowngradedKDF: whatever a server asks for, nothing cheaper than the floor is
// computed, and nothing that would stop the client's machine.
func TestDowngradedKDF(t *testing.T) {
	for what, change := range map[string]func(*Argon2id){
		"memory": func(k *Argon2id) { k.Memory = MinMemory - 1 }, "time": func(k *Argon2id) { k.Time = MinTime - 1 },
		"no threads": func(k *Argon2id) { k.Threads = 0 }, "salt": func(k *Argon2id) { k.Salt = k.Salt[1:] },
		"no salt": func(k *Argon2id) { k.Salt = nil }, "all memory": func(k *Argon2id) { k.Memory = MaxMemory + 1 },
		"all time": func(k *Argon2id) { k.Time = MaxTime + 1 }, "all threads": func(k *Argon2id) { k.Threads = MaxThreads + 1 },
		"long salt": func(k *Argon2id) { k.Salt = make([]byte, MaxSalt+1) },
	} {
		k := floor
		change(&k)
		if s, err := k.Derive("p"); !errors.Is(err, ErrKDF) || s != nil {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := ParseArgon2id(k.String()); err != nil { // readable, and refused
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPHC(t *testing.T) {
	const want = "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg"
	if floor.String() != want {
		t.Error(floor.String())
	}
	for _, s := range []string{
		"", "$", want + "$", want + "=", strings.Replace(want, "argon2id", "argon2i", 1), strings.Replace(want, "v=19", "v=16", 1),
		strings.Replace(want, "m=65536", "m=+65536", 1), strings.Replace(want, "m=65536", "m=065536", 1), strings.Replace(want, ",t", ", t", 1),
		strings.Replace(want, "p=4", "p=260", 1), strings.Replace(want, "p=4", "p=4,x=1", 1), want + "\n", "x" + want,
	} {
		if k, err := ParseArgon2id(s); !errors.Is(err, ErrKDF) || k != nil {
			t.Errorf("%q: %v, %v", s, k, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		k := &Argon2id{rapid.Uint32().Draw(t, "m"), rapid.Uint32().Draw(t, "t"), rapid.Uint8().Draw(t, "p"), rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "salt")}
		got, err := ParseArgon2id(k.String())
		if err != nil || got.String() != k.String() || !bytes.Equal(got.Salt, k.Salt) {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

func FuzzParseArgon2id(f *testing.F) {
	f.Add(floor.String())
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseArgon2id(s); err == nil && k.String() != s {
			t.Errorf("%q is read as %q", s, k)
		}
	})
}

// TestBackup: only the password and name that sealed it open a backup.
func TestBackup(t *testing.T) {
	s, other := &Secrets{Unlock: [32]byte{1}}, &Secrets{Auth: [32]byte{1}, Unlock: [32]byte{2}}
	sealed, err := s.Seal("alice", []byte("the account key"), rand.Reader)
	must(t, err)
	if plain, err := s.Open("alice", sealed); err != nil || string(plain) != "the account key" {
		t.Fatalf("%q, %v", plain, err)
	}
	refused := func(what string, s *Secrets, name string, b []byte) {
		t.Helper()
		if plain, err := s.Open(name, b); !errors.Is(err, ErrBackup) || plain != nil {
			t.Errorf("%s: %q, %v", what, plain, err)
		}
	}
	refused("another password", other, "alice", sealed)
	refused("another name", s, "bob", sealed)
	refused("nothing", s, "alice", nil)
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		refused("a bit", s, "alice", b)
		refused("cut off", s, "alice", sealed[:i])
	}
	again, err := s.Seal("alice", []byte("the account key"), rand.Reader)
	must(t, err)
	if bytes.Equal(again, sealed) {
		t.Error("two backups are the same bytes: the nonce is used twice")
	}
	if _, err := s.Seal("alice", make([]byte, MaxBackup), rand.Reader); !errors.Is(err, ErrBackup) {
		t.Error(err)
	}
}

// pinnedSecrets are Auth and Unlock of floor and "correct horse".
const pinnedSecrets = "c1f45fa9fb0e49e5a8074672d74d5591aa31220c3f9e762029dbe9d0b04f1d7a 26b14ad5ada8ffe1c3368fada3f98369a0937f07da5e279e9935d1e42f663795"
