package directory

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// ErrNoToken is a token that does not exist.
var ErrNoToken = errors.New("no such token")

// A Scope is what a token is good for.
type Scope string

// The scopes of tokens.
const (
	// ScopeUpdate lets its bearer publish versions of one label, and look it up.
	ScopeUpdate Scope = "update"
	// ScopeSearch lets its bearer look every label up.
	ScopeSearch Scope = "search"
)

// A Token is what is known about a bearer token: never its secret.
type Token struct {
	ID      string // 32 hexadecimal digits; names the token, and opens nothing
	Scope   Scope
	Label   []byte    // of ScopeUpdate
	Created time.Time // in whole seconds
}

// Tokens are the bearer tokens of a provider. Of a token only the SHA-256 is
// kept, among the store's meta values. It is safe for concurrent use.
type Tokens struct {
	store Store
	now   func() time.Time
	rand  io.Reader
	mu    sync.Mutex
}

// NewTokens returns the tokens kept in store.
func NewTokens(store Store, now func() time.Time, rand io.Reader) *Tokens {
	return &Tokens{store: store, now: now, rand: rand}
}

// Create makes a token of 256 random bits and returns its secret, which is
// shown this once. The label is for ScopeUpdate, and nil for ScopeSearch.
func (t *Tokens) Create(ctx context.Context, scope Scope, label []byte) (secret string, token *Token, err error) {
	panic("not yet")
}

// Revoke ends a token, or ErrNoToken.
func (t *Tokens) Revoke(ctx context.Context, id string) error { panic("not yet") }

// List returns the tokens of a label, or with nil those for searches, the
// oldest first.
func (t *Tokens) List(label []byte) ([]Token, error) { panic("not yet") }
