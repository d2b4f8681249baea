package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kith-kt/kith/srp/auth"
)

// A Renewal is a new password.
type Renewal struct {
	Password Password
	Protocol string // SRP ("") or OPAQUE
	// Backup is what the new password is to unlock, in the clear; nil: what the old
	// one does.
	Backup []byte
	// Recovery is a new recovery code; nil: the old one stays, and with it what it
	// unlocks.
	Recovery *Code
}

// ChangePassword replaces a password. All sessions end, but for the one returned.
//
// It logs in first: a server that cannot prove itself is not told what the new
// password is checked by, nor given a session.
func (c *Client) ChangePassword(ctx context.Context, l *Login, r *Renewal) (*Grant, error) {
	s := &stretcher{password: l.Password, legacy: l.Legacy}
	defer s.wipe()
	g, _, err := c.login(ctx, l, s)
	if err != nil {
		return nil, err
	}
	defer g.Wipe()
	return c.change(ctx, l, g, s, r)
}

// change is ChangePassword after the login.
func (c *Client) change(ctx context.Context, l *Login, g *Grant, s *stretcher, r *Renewal) (*Grant, error) {
	backup := r.Backup
	if backup == nil {
		opened, err := g.Open(&l.Person)
		if err != nil && !errors.Is(err, ErrNoBackup) {
			return nil, fmt.Errorf("account: the backup would be lost: %w", err)
		}
		defer clear(opened)
		backup = opened
	}
	q, next, err := c.renewal(ctx, &l.Person, r, backup)
	if err != nil {
		return nil, err
	}
	p, err := c.prove(ctx, &l.Person, l.Protocol, s, false)
	if err != nil {
		return nil, err
	}
	q.Proof = p.Proof
	var answer auth.Grant
	if err := c.call(ctx, http.MethodPut, "/password", g.Token, q, &answer); err != nil {
		return nil, err
	}
	return c.renewed(ctx, &l.Person, p, &answer, q, next)
}

// renewal makes the credentials of a Renewal.
func (c *Client) renewal(ctx context.Context, p *Person, r *Renewal, backup []byte) (*auth.Change, *Grant, error) {
	password, secrets, err := c.credential(ctx, p, r.Protocol, r.Password)
	if err != nil {
		return nil, nil, err
	}
	q := &auth.Change{Password: *password, Device: p.Device}
	if q.Backup, err = c.seal(secrets, p, backup); err != nil {
		return nil, nil, err
	}
	q.Recovery, q.Spare, err = c.spare(p, r.Recovery, backup)
	return q, &Grant{Secrets: secrets, Sealed: q.Backup}, err
}

// renewed takes the grant that answers a renewal.
func (c *Client) renewed(ctx context.Context, person *Person, p *proof, answer *auth.Grant, q *auth.Change, next *Grant) (*Grant, error) {
	if err := p.confirm(answer.M2); err != nil {
		return nil, err
	}
	answer.Needs = nil
	g, err := c.granted(ctx, person, answer, nil)
	if err != nil {
		return nil, err
	}
	g.Secrets, g.Sealed = next.Secrets, q.Backup
	return g, nil
}

// Recover replaces a forgotten password. renew is given the backup that the code
// unlocks (nil: none), and returns what is to be set: with a new recovery code, for
// the old one is used up. A wrong code is an ErrDenied.
func (c *Client) Recover(ctx context.Context, p *Person, code *Code, renew func(backup []byte) (*Renewal, error)) (*Grant, error) {
	password := code.password()
	defer password.Wipe()
	s := &stretcher{password: password}
	defer s.wipe()
	known, err := c.prove(ctx, p, SRP, s, true)
	if err != nil {
		return nil, err
	}
	var spare auth.Spare
	if err := c.call(ctx, http.MethodPost, "/recovery/spare", "", auth.ProofOnly{Proof: known.Proof, Device: p.Device}, &spare); err != nil {
		return nil, err
	}
	if err := known.confirm(spare.M2); err != nil {
		return nil, err
	}
	var backup []byte
	if len(spare.Spare) > 0 {
		if backup, err = known.secrets.Open(p.Label(), spare.Spare); err != nil {
			return nil, fmt.Errorf("account: %w", err)
		}
		defer clear(backup)
	}
	r, err := renew(backup)
	if err != nil {
		return nil, err
	}
	if r.Backup != nil {
		backup = r.Backup
	}
	q, next, err := c.renewal(ctx, p, r, backup)
	if err != nil {
		return nil, err
	}
	again, err := c.prove(ctx, p, SRP, s, true)
	if err != nil {
		return nil, err
	}
	q.Proof = again.Proof
	var answer auth.Grant
	if err := c.call(ctx, http.MethodPost, "/recovery", "", q, &answer); err != nil {
		return nil, err
	}
	return c.renewed(ctx, p, again, &answer, q, next)
}

// Delete ends an account: a login, and a second proof of the password. before is
// called between the two, with a session that is still good: for the closed record
// that the person signs. Where there is none, the provider publishes its own.
func (c *Client) Delete(ctx context.Context, l *Login, before func(*Grant) error) error {
	s := &stretcher{password: l.Password, legacy: l.Legacy}
	defer s.wipe()
	g, _, err := c.login(ctx, l, s)
	if err != nil {
		return err
	}
	defer g.Wipe()
	if before != nil {
		if err := before(g); err != nil {
			return err
		}
	}
	p, err := c.prove(ctx, &l.Person, l.Protocol, s, false)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodDelete, "/account", g.Token, auth.ProofOnly{Proof: p.Proof, Device: l.Device}, nil)
}
