package login

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Remove ends an account as Delete does, for the operator, who needs no proof. It
// is ErrNotFound if there is none.
func (s *Service) Remove(ctx context.Context, given string) error {
	name, err := s.name(given)
	if err != nil {
		return err
	}
	var a *account
	err = s.config.Store.View(ctx, func(r Reader) (err error) {
		a, err = getAccount(r, name)
		return err
	})
	if err != nil {
		return err
	}
	return s.remove(ctx, &handshake{name: name, account: a.Generation}, nil)
}

// Counts say how much there is, for the operator.
type Counts struct {
	Accounts int `json:"accounts"`
	// Legacy accounts were imported, and nobody has logged in to them since: their
	// passwords are proved by hashes of before.
	Legacy   int `json:"legacy"`
	Sessions int `json:"sessions"` // that have not expired
	Invites  int `json:"invites"`  // that are still good
	Former   int `json:"former"`   // names that are not given out, or were not for a while
}

// Count counts. It reads everything.
func (s *Service) Count(ctx context.Context) (n Counts, err error) {
	now := s.config.Now()
	err = s.config.Store.View(ctx, func(r Reader) error {
		for _, t := range []struct {
			table Table
			count func(value []byte) error
		}{
			{Accounts, func(value []byte) error {
				var a account
				n.Accounts++
				err := json.Unmarshal(value, &a)
				if c := a.Passwords[stepSRP]; c != nil && c.Legacy {
					n.Legacy++
				}
				return err
			}},
			{Sessions, func(value []byte) error {
				var one struct{ Expires time.Time }
				err := json.Unmarshal(value, &one)
				if now.Before(one.Expires) {
					n.Sessions++
				}
				return err
			}},
			{Invites, func(value []byte) error {
				var i invitation
				err := json.Unmarshal(value, &i)
				if now.Before(i.Expires) {
					n.Invites++
				}
				return err
			}},
			{Former, func([]byte) error { n.Former++; return nil }},
		} {
			err := r.Each(t.table, nil, func(_, value []byte) error {
				if err := t.count(value); err != nil {
					return fmt.Errorf("login: stored: %w", err)
				}
				return ctx.Err()
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
