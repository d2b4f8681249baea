package passkey

import (
	"context"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// errAbsent is a passkey that the account does not have.
var errAbsent = fmt.Errorf("%w: no such passkey", login.ErrMalformed)

// List returns the passkeys of a session's account.
func (s *Service) List(ctx context.Context, of *login.Session) (*auth.Passkeys, error) {
	u, p, err := s.user(ctx, of)
	if err != nil {
		return nil, err
	}
	out := &auth.Passkeys{Passkeys: []auth.Passkey{}, Second: p.Second}
	for i := range u.keys {
		out.Passkeys = append(out.Passkeys, u.keys[i].message())
	}
	return out, nil
}

// Rename gives a passkey another name.
func (s *Service) Rename(ctx context.Context, of *login.Session, id, name string) error {
	name, err := checkName(name, s.config.Now())
	if err != nil {
		return err
	}
	return s.edit(ctx, of, "passkey renamed", func(_ *login.Passkeys, all keys) (keys, error) {
		i := all.find(id)
		if i < 0 {
			return nil, errAbsent
		}
		all[i].Name = name
		return all, nil
	})
}

// Remove forgets a passkey: it opens nothing from now on. With the last one, the
// demand for a second factor goes.
func (s *Service) Remove(ctx context.Context, of *login.Session, id string) error {
	return s.edit(ctx, of, "passkey removed", func(_ *login.Passkeys, all keys) (keys, error) {
		i := all.find(id)
		if i < 0 {
			return nil, errAbsent
		}
		return slices.Delete(all, i, i+1), nil
	})
}

// SetSecond says whether a password alone is not enough any more. There must be a
// passkey.
func (s *Service) SetSecond(ctx context.Context, of *login.Session, on bool) error {
	what := "passkey demanded after a password"
	if !on {
		what = "passkey no longer demanded after a password"
	}
	return s.edit(ctx, of, what, func(p *login.Passkeys, all keys) (keys, error) {
		if on && len(all) == 0 {
			return nil, errAbsent
		}
		p.Second = on
		return all, nil
	})
}
