package directory

import (
	"bytes"
	"context"
	"errors"

	"github.com/kith-kt/kith/proto/problem"
)

// A TokenAuthorizer is an Authorizer by bearer token: updates need a token for
// their label; searches are open to everybody, or need a token for searches or
// for the label.
type TokenAuthorizer struct {
	Tokens       *Tokens
	PublicSearch bool
}

var _ Authorizer = (*TokenAuthorizer)(nil)

// MaySearch implements Authorizer.
func (a *TokenAuthorizer) MaySearch(_ context.Context, label []byte, secret string) error {
	if a.PublicSearch {
		return nil
	}
	token, err := a.find(secret)
	if err != nil {
		return err
	}
	if token.Scope == ScopeSearch || bytes.Equal(token.Label, label) {
		return nil
	}
	return problem.ErrForbidden
}

// MayUpdate implements Authorizer.
func (a *TokenAuthorizer) MayUpdate(_ context.Context, label []byte, secret string) error {
	token, err := a.find(secret)
	if err != nil {
		return err
	}
	if token.Scope == ScopeUpdate && bytes.Equal(token.Label, label) {
		return nil
	}
	return problem.ErrForbidden
}

func (a *TokenAuthorizer) find(secret string) (*Token, error) {
	if secret == "" {
		return nil, problem.ErrUnauthorized
	}
	token, err := a.Tokens.Find(secret)
	if errors.Is(err, ErrNoToken) {
		return nil, problem.ErrUnauthorized
	}
	return token, err
}
