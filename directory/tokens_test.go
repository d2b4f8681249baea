package directory_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/problem"
)

func newTokens(t *testing.T) (*directory.Tokens, *embedded.Store, string) {
	t.Helper()
	path := t.TempDir() + "/kith.db"
	store, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	now := func() time.Time { return time.Unix(1_800_000_000, 5) }
	return directory.NewTokens(store, now, rand.Reader), store, path
}

func create(t *testing.T, tokens *directory.Tokens, scope directory.Scope, label string) (string, *directory.Token) {
	t.Helper()
	var b []byte
	if label != "" {
		b = []byte(label)
	}
	secret, token, err := tokens.Create(t.Context(), scope, b)
	if err != nil {
		t.Fatal(err)
	}
	return secret, token
}

func TestTokensAreFoundListedAndRevoked(t *testing.T) {
	tokens, _, _ := newTokens(t)
	first, one := create(t, tokens, directory.ScopeUpdate, "alice")
	second, two := create(t, tokens, directory.ScopeUpdate, "alice")
	reader, three := create(t, tokens, directory.ScopeSearch, "")
	if first == second || one.ID == two.ID {
		t.Fatal("two tokens are one")
	}
	for secret, want := range map[string]*directory.Token{first: one, second: two, reader: three} {
		got, err := tokens.Find(secret)
		if err != nil || got.ID != want.ID || got.Scope != want.Scope || string(got.Label) != string(want.Label) || !got.Created.Equal(want.Created) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if list, err := tokens.List([]byte("alice")); err != nil || len(list) != 2 || list[0].ID != one.ID || list[1].ID != two.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if err := tokens.Revoke(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Find(first); !errors.Is(err, directory.ErrNoToken) {
		t.Errorf("a revoked token: %v", err)
	}
	if err := tokens.Revoke(t.Context(), one.ID); !errors.Is(err, directory.ErrNoToken) {
		t.Errorf("revoked twice: %v", err)
	}
	if list, err := tokens.List([]byte("alice")); err != nil || len(list) != 1 || list[0].ID != two.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := tokens.List(nil); err != nil || len(list) != 1 || list[0].ID != three.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := tokens.List([]byte("bob")); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestTokensKeepNoSecret: neither the secret nor its random bytes are in the file.
func TestTokensKeepNoSecret(t *testing.T) {
	tokens, store, path := newTokens(t)
	secret, token := create(t, tokens, directory.ScopeUpdate, "alice")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, "kith_"))
	if err != nil || len(random) != 32 {
		t.Fatalf("%q is not 256 bits: %v", secret, err)
	}
	if bytes.Contains(file, []byte(secret)) || bytes.Contains(file, random) {
		t.Error("the secret is in the store")
	}
	if !bytes.Contains(file, []byte(token.ID)) {
		t.Error("the token is not in the store")
	}
}

// TestTokenIDOpensNothing: what the store names a token by is no token.
func TestTokenIDOpensNothing(t *testing.T) {
	tokens, _, _ := newTokens(t)
	secret, token := create(t, tokens, directory.ScopeSearch, "")
	for _, wrong := range []string{token.ID, "", "kith_", secret + "=", " " + secret, strings.ToUpper(secret), secret[:len(secret)-1]} {
		if _, err := tokens.Find(wrong); !errors.Is(err, directory.ErrNoToken) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestTokensOfBadScope(t *testing.T) {
	tokens, _, _ := newTokens(t)
	for _, test := range []struct {
		scope directory.Scope
		label []byte
	}{
		{directory.ScopeUpdate, nil}, {directory.ScopeUpdate, make([]byte, 256)},
		{directory.ScopeSearch, []byte("alice")}, {"admin", nil}, {"", []byte("alice")},
	} {
		if _, _, err := tokens.Create(t.Context(), test.scope, test.label); err == nil {
			t.Errorf("a token of scope %q for %q", test.scope, test.label)
		}
	}
}

// TestTokenAuthorizer is the table of who may do what.
func TestTokenAuthorizer(t *testing.T) {
	tokens, _, _ := newTokens(t)
	alice, _ := create(t, tokens, directory.ScopeUpdate, "alice")
	reader, _ := create(t, tokens, directory.ScopeSearch, "")
	bound := &directory.TokenAuthorizer{Tokens: tokens}
	public := &directory.TokenAuthorizer{Tokens: tokens, PublicSearch: true}
	for _, test := range []struct {
		token, label           string
		public, search, update error
	}{
		{"", "alice", nil, problem.ErrUnauthorized, problem.ErrUnauthorized},
		{"kith_x", "alice", nil, problem.ErrUnauthorized, problem.ErrUnauthorized},
		{alice, "alice", nil, nil, nil},
		{alice, "bob", nil, problem.ErrForbidden, problem.ErrForbidden},
		{alice, "alice2", nil, problem.ErrForbidden, problem.ErrForbidden},
		{alice, "", nil, problem.ErrForbidden, problem.ErrForbidden},
		{reader, "alice", nil, nil, problem.ErrForbidden},
		{reader, "", nil, nil, problem.ErrForbidden}, // a token without a label is not one for the empty label
	} {
		label := []byte(test.label)
		if err := public.MaySearch(t.Context(), label, test.token); err != test.public {
			t.Errorf("public search of %q: %v", test.label, err)
		}
		if err := bound.MaySearch(t.Context(), label, test.token); err != test.search {
			t.Errorf("search of %q: %v, want %v", test.label, err, test.search)
		}
		if err := bound.MayUpdate(t.Context(), label, test.token); err != test.update {
			t.Errorf("update of %q: %v, want %v", test.label, err, test.update)
		}
	}
}
