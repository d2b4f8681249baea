package directory

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// Errors of Tokens.
var (
	// ErrNoToken is a token that does not exist.
	ErrNoToken = errors.New("no such token")
	// ErrTooManyTokens is a label with MaxTokens tokens.
	ErrTooManyTokens = errors.New("too many tokens")
)

// MaxTokens bounds the tokens of one label, and those for searches.
const MaxTokens = 4096

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
// kept, among the store's meta values. It is safe for concurrent use, but one
// store has one Tokens.
type Tokens struct {
	store Store
	now   func() time.Time
	rand  io.Reader
	mu    sync.Mutex // held by whoever changes the store
}

// NewTokens returns the tokens kept in store. Secrets come from rand.
func NewTokens(store Store, now func() time.Time, rand io.Reader) *Tokens {
	return &Tokens{store: store, now: now, rand: rand}
}

const (
	tokenPrefix = "kith_" // lets people and scanners of leaked secrets see what it is
	tokenSize   = 32      // random bytes of a secret
	tokenIDSize = 16      // bytes of a secret's hash that name its token
	tokenFormat = 1
)

// Create makes a token of 256 random bits and returns its secret, which is
// shown this once. The label is for ScopeUpdate, and nil for ScopeSearch.
func (t *Tokens) Create(ctx context.Context, scope Scope, label []byte) (secret string, token *Token, err error) {
	switch {
	case scope == ScopeUpdate && (len(label) == 0 || len(label) > wire.MaxLabelSize):
		return "", nil, fmt.Errorf("a token for updates is for a label of 1 to %d bytes", wire.MaxLabelSize)
	case scope == ScopeSearch && label != nil:
		return "", nil, errors.New("a token for searches is for no label")
	case scope != ScopeUpdate && scope != ScopeSearch:
		return "", nil, fmt.Errorf("no tokens have scope %q", scope)
	}
	var random [tokenSize]byte
	if _, err := io.ReadFull(t.rand, random[:]); err != nil {
		return "", nil, err
	}
	secret = tokenPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(secret))
	record := storedToken{hash: hash, token: Token{
		ID: tokenID(hash), Scope: scope, Label: label, Created: time.Unix(t.now().Unix(), 0).UTC(),
	}}
	err = t.change(ctx, scope, label, func(ids []string) ([]string, error) {
		if len(ids) >= MaxTokens {
			return nil, ErrTooManyTokens
		}
		return append(ids, record.token.ID), nil
	}, record.token.ID, record.encode())
	if err != nil {
		return "", nil, err
	}
	return secret, &record.token, nil
}

// Revoke ends a token, or returns ErrNoToken.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	record, err := t.read(id)
	if err != nil {
		return err
	}
	return t.change(ctx, record.token.Scope, record.token.Label, func(ids []string) ([]string, error) {
		rest := ids[:0]
		for _, other := range ids {
			if other != id {
				rest = append(rest, other)
			}
		}
		return rest, nil
	}, id, nil)
}

// List returns the tokens of a label, or with nil those for searches, the
// oldest first.
func (t *Tokens) List(label []byte) ([]Token, error) {
	scope := ScopeUpdate
	if label == nil {
		scope = ScopeSearch
	}
	ids, err := t.index(scope, label)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, 0, len(ids))
	for _, id := range ids {
		record, err := t.read(id)
		if errors.Is(err, ErrNoToken) {
			continue // revoked meanwhile
		}
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, record.token)
	}
	return tokens, nil
}

// Find returns the token with a secret, or ErrNoToken.
func (t *Tokens) Find(secret string) (*Token, error) {
	hash := sha256.Sum256([]byte(secret))
	record, err := t.read(tokenID(hash))
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(record.hash[:], hash[:]) != 1 {
		return nil, ErrNoToken
	}
	return &record.token, nil
}

// change writes a token and the index it stands in, in one step.
func (t *Tokens) change(ctx context.Context, scope Scope, label []byte,
	edit func([]string) ([]string, error), id string, record []byte,
) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids, err := t.index(scope, label)
	if err != nil {
		return err
	}
	if ids, err = edit(ids); err != nil {
		return err
	}
	var index []byte
	for _, id := range ids {
		index = append(index, id...)
	}
	return t.store.PutMeta(ctx, map[string][]byte{
		"token/" + id:          record,
		indexKey(scope, label): index,
	})
}

func (t *Tokens) index(scope Scope, label []byte) ([]string, error) {
	b, err := t.meta(indexKey(scope, label))
	if err != nil {
		return nil, err
	}
	const width = 2 * tokenIDSize
	if len(b)%width != 0 {
		return nil, fmt.Errorf("%w: meta: token index", ErrCorrupt)
	}
	var ids []string
	for ; len(b) > 0; b = b[width:] {
		ids = append(ids, string(b[:width]))
	}
	return ids, nil
}

func indexKey(scope Scope, label []byte) string {
	hash := sha256.Sum256(label)
	return "tokens/" + string(scope) + "/" + hex.EncodeToString(hash[:])
}

func tokenID(hash [sha256.Size]byte) string { return hex.EncodeToString(hash[:tokenIDSize]) }

func (t *Tokens) read(id string) (*storedToken, error) {
	b, err := t.meta("token/" + id)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, ErrNoToken
	}
	return parseStoredToken(id, b)
}

// meta reads from a snapshot of its own, so that a change counts at once. The
// value is copied.
func (t *Tokens) meta(key string) ([]byte, error) {
	snap, err := t.store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	b, err := snap.Meta(key)
	if err != nil || b == nil {
		return nil, err
	}
	return append([]byte{}, b...), nil
}

// A storedToken is a token as the store has it: a format byte, a byte 1 for
// updates or 2 for searches, the time of creation in s since the Unix epoch, the
// SHA-256 of the secret, and the label.
type storedToken struct {
	token Token
	hash  [sha256.Size]byte
}

var scopeBytes = map[Scope]byte{ScopeUpdate: 1, ScopeSearch: 2}

func (s *storedToken) encode() []byte {
	b := []byte{tokenFormat, scopeBytes[s.token.Scope]}
	b = binary.BigEndian.AppendUint64(b, uint64(s.token.Created.Unix()))
	b = append(b, s.hash[:]...)
	return append(b, s.token.Label...)
}

func parseStoredToken(id string, b []byte) (*storedToken, error) {
	const head = 2 + 8 + sha256.Size
	if len(b) < head || b[0] != tokenFormat {
		return nil, fmt.Errorf("%w: meta: token", ErrCorrupt)
	}
	s := &storedToken{token: Token{ID: id, Created: time.Unix(int64(binary.BigEndian.Uint64(b[2:])), 0).UTC()}}
	copy(s.hash[:], b[10:])
	for scope, c := range scopeBytes {
		if c == b[1] {
			s.token.Scope = scope
		}
	}
	if s.token.Scope == ScopeUpdate {
		s.token.Label = b[head:]
	}
	if s.token.Scope == "" || (s.token.Scope == ScopeUpdate) != (len(b) > head) || tokenID(s.hash) != id {
		return nil, fmt.Errorf("%w: meta: token", ErrCorrupt)
	}
	return s, nil
}
