package legacy

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func raw(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

// unhex is a hash as it stands in a PHC string.
func unhex(t testing.TB, s string) string {
	b, err := hex.DecodeString(s)
	must(t, err)
	return base64.RawStdEncoding.EncodeToString(b)
}

// TestKnownHashes are vectors of others: bcrypt's of its authors' test file, scrypt's of
// RFC 7914, section 12, and Argon2's of the reference
// implementation's command line.
func TestKnownHashes(t *testing.T) {
	for _, v := range []struct{ stored, password string }{
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
		{"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
		{"$scrypt$ln=14,r=8,p=1$" + raw("SodiumChloride") + "$" + unhex(t, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"), "pleaseletmein"},
		{"$pbkdf2-sha256$i=80000,l=64$" + raw("NaClNaCl") + "$" + pbkdf2Salted, "Password"},
		{"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
		{"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"},
	} {
		r, hash, err := Split(v.stored)
		if err != nil {
			t.Errorf("%s: %v", v.stored, err)
			continue
		}
		got, err := r.Hash(v.password)
		if err != nil || !bytes.Equal(got, hash) {
			t.Errorf("%s: %x, %v", v.stored, got, err)
		}
		if got, err = r.Hash(v.password + "x"); err != nil || bytes.Equal(got, hash) || len(got) != r.Size() {
			t.Errorf("%s: any password will do: %v", v.stored, err)
		}
		again, err := Parse(r.String())
		if err != nil || again.String() != r.String() || strings.Contains(r.String(), v.stored[len(v.stored)-10:]) {
			t.Errorf("%s: recipe %s, %v", v.stored, r, err)
		}
	}
}

// pbkdf2Salted is by another implementation; the salt of RFC 7914, section 11, is
// shorter than any provider may have used.
const pbkdf2Salted = "Q9X5TYm7APo3Dt8GKWvPSYeqRflNEgQlbgcO4aAyBjqH7XhjnZ6PYPuuQ66d9W5hh0y2dntoqh6miMTZTCB0ug"

// TestBcrypt holds our bcrypt against golang.org/x/crypto's, which cannot be asked
// for a salt.
func TestBcrypt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 72).Draw(t, "password")
		stored, err := bcrypt.GenerateFromPassword(password, 4)
		if err != nil {
			t.Fatal(err)
		}
		r, hash, err := Split(string(stored))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Hash(string(password)); err != nil || !bytes.Equal(got, hash) {
			t.Fatalf("%x, not %x: %v", got, hash, err)
		}
	})
}

// TestBounds: a server cannot ask for a hash that is quickly guessed, nor for one
// that takes all there is.
func TestBounds(t *testing.T) {
	salt, hash := raw("somesaltsalt"), raw("0123456789abcdef0123456789abcdef")
	for _, s := range []string{
		"$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$pbkdf2-sha256$i=999$" + salt + "$" + hash, "$pbkdf2-sha256$i=10000001$" + salt + "$" + hash,
		"$scrypt$ln=9,r=8,p=1$" + salt + "$" + hash, "$scrypt$ln=25,r=8,p=1$" + salt + "$" + hash,
		"$scrypt$ln=14,r=0,p=1$" + salt + "$" + hash, "$scrypt$ln=14,r=8,p=17$" + salt + "$" + hash,
		"$scrypt$ln=64,r=8,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=1048577,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=65536,t=0,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=65536,t=65,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=65536,t=1,p=0$" + salt + "$" + hash, "$argon2id$v=19$m=65536,t=1,p=17$" + salt + "$" + hash,
		"$pbkdf2-sha256$i=29000$" + raw("short") + "$" + hash,
	} {
		if _, _, err := Split(s); !errors.Is(err, ErrCost) {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "$", "$$$$", "plain", "$1$abcdefgh$0123456789abcdef012345", "$argon2d$v=19$m=65536,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=16$m=65536,t=1,p=1$" + salt + "$" + hash, "$argon2id$m=65536,t=1,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$t=1,m=65536,p=1$" + salt + "$" + hash, "$argon2id$v=19$m=65536,t=1$" + salt + "$" + hash,
		"$pbkdf2-sha256$i=029000$" + salt + "$" + hash, "$pbkdf2-sha256$i=29000,l=31$" + salt + "$" + hash,
		"$pbkdf2-sha256$i=29000$" + salt + "$" + raw("short"), "$pbkdf2-md5$i=29000$" + salt + "$" + hash,
		"$pbkdf2-sha256$i=29000$" + salt + "=$" + hash, "$2b$05$CCCC", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$scrypt$ln=14,r=8,p=1$" + salt + "$" + strings.Repeat("A", 600),
	} {
		if _, _, err := Split(s); !errors.Is(err, ErrFormat) {
			t.Errorf("%.60s: %v", s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1,l=32$c29tZXNhbHQ")
	f.Add("$2a$05$CCCCCCCCCCCCCCCCCCCCC.")
	f.Add("$scrypt$ln=14,r=8,p=1,l=64$c29tZXNhbHQ")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := Parse(s); err == nil && r.String() != s {
			t.Errorf("%q is read as %q", s, r)
		}
		if r, hash, err := Split(s); err == nil {
			if again, err := Parse(r.String()); err != nil || again.Size() != len(hash) {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}
