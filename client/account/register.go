package account

import (
	"context"
	"fmt"
	"net/http"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
)

// A Registration is a new account.
type Registration struct {
	Person
	Password Password
	Protocol string // SRP ("") or OPAQUE
	Backup   []byte // what the password is to unlock, in the clear; nil: nothing
	Recovery *Code  // unlocks the backup too, and replaces the password; nil: there is none
	Invite   string // where registration needs one
}

// Register makes an account, and returns its first session. Nothing secret is
// sent: a verifier, and the backup sealed.
func (c *Client) Register(ctx context.Context, r *Registration) (*Grant, error) {
	password, secrets, err := c.credential(ctx, &r.Person, r.Protocol, r.Password)
	if err != nil {
		return nil, err
	}
	q := &auth.Registration{Name: r.Name, Password: *password, Invite: r.Invite}
	if q.Backup, err = c.seal(secrets, &r.Person, r.Backup); err != nil {
		return nil, err
	}
	if q.Recovery, q.Spare, err = c.spare(&r.Person, r.Recovery, r.Backup); err != nil {
		return nil, err
	}
	var answer auth.Grant
	if err := c.call(ctx, http.MethodPost, "/accounts", "", q, &answer); err != nil {
		return nil, err
	}
	answer.Needs = nil
	g, err := c.granted(ctx, &r.Person, &answer, nil)
	if err != nil {
		return nil, err
	}
	g.Secrets, g.Sealed = secrets, q.Backup
	return g, nil
}

// seal seals a backup; nil stays nil.
func (c *Client) seal(s *srp.Secrets, p *Person, backup []byte) ([]byte, error) {
	if backup == nil {
		return nil, nil
	}
	sealed, err := s.Seal(p.Label(), backup, c.options.Rand)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return sealed, nil
}

// spare makes the credential of a recovery code, and the backup sealed by it.
func (c *Client) spare(p *Person, code *Code, backup []byte) (*auth.Credential, []byte, error) {
	if code == nil {
		return nil, nil, nil
	}
	password := code.password()
	defer password.Wipe()
	credential, secrets, err := c.verifier(password)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := c.seal(secrets, p, backup)
	*secrets = srp.Secrets{}
	return credential, sealed, err
}
