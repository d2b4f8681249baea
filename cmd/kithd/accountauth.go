package main

import (
	"context"
	"errors"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/srp/login"
)

// A sessionAuthorizer takes sessions for tokens of their holder's label, and leaves
// everything else to the one who decides by tokens. Sessions and tokens look alike.
// It never looks at the log: what it says, and how long it takes, is the same whether
// or not a label exists.
type sessionAuthorizer struct {
	accounts *accounts
	tokens   directory.Authorizer
}

// authorizer is operator.OpenOptions.Authorizer.
func (a *accounts) authorizer(tokens directory.Authorizer) directory.Authorizer {
	return &sessionAuthorizer{a, tokens}
}

// bearer is operator.OpenOptions.Bearer. However many sessions somebody has, there
// is one budget.
func (a *accounts) bearer(secret string) (string, bool) {
	if a.service == nil || !login.IsToken(secret) {
		return "", false
	}
	s, err := a.service.Session(context.Background(), secret)
	if err != nil {
		return "", false
	}
	return "account " + s.Name, true // no token's name has a space
}

// MaySearch implements directory.Authorizer.
func (s *sessionAuthorizer) MaySearch(ctx context.Context, label []byte, token string) error {
	denied := s.tokens.MaySearch(ctx, label, token)
	if denied == nil {
		return nil
	}
	return s.mayHold(ctx, label, token, denied)
}

// MayUpdate implements directory.Authorizer.
func (s *sessionAuthorizer) MayUpdate(ctx context.Context, label []byte, token string) error {
	denied := s.tokens.MayUpdate(ctx, label, token)
	if denied == nil {
		return nil
	}
	return s.mayHold(ctx, label, token, denied)
}

// mayHold lets a session pass for the label of its own name. What is no session was
// denied for what it is.
func (s *sessionAuthorizer) mayHold(ctx context.Context, label []byte, token string, denied error) error {
	if s.accounts.service == nil || !login.IsToken(token) {
		return denied
	}
	session, err := s.accounts.service.Session(ctx, token)
	switch {
	case errors.Is(err, login.ErrNoSession):
		return denied
	case err != nil:
		return err
	case s.accounts.names.label(session.Name) != string(label):
		return problem.ErrForbidden
	}
	return nil
}
