package account

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/kith-kt/kith/srp/auth"
)

// Sessions lists the sessions of the token's account.
func (c *Client) Sessions(ctx context.Context, token string) (*auth.Sessions, error) {
	all := new(auth.Sessions)
	return all, c.call(ctx, http.MethodGet, "/sessions", token, nil, all)
}

// Revoke ends the session with an id.
func (c *Client) Revoke(ctx context.Context, token, id string) error {
	if id == "" || url.PathEscape(id) != id {
		return fmt.Errorf("account: %w: no session has the id %.40q", ErrMalformed, id)
	}
	return c.call(ctx, http.MethodDelete, "/sessions/"+id, token, nil, nil)
}

// RevokeOthers ends all sessions but the token's own, and returns how many.
func (c *Client) RevokeOthers(ctx context.Context, token string) (int, error) {
	var ended auth.Ended
	err := c.call(ctx, http.MethodDelete, "/sessions?keep=current", token, nil, &ended)
	return ended.Ended, err
}

// RevokeAll ends all sessions, the token's own too, and returns how many.
func (c *Client) RevokeAll(ctx context.Context, token string) (int, error) {
	var ended auth.Ended
	err := c.call(ctx, http.MethodDelete, "/sessions", token, nil, &ended)
	return ended.Ended, err
}

// Logout ends the token's session.
func (c *Client) Logout(ctx context.Context, token string) error {
	return c.Revoke(ctx, token, "current")
}

// Trail returns what happened to the account, oldest first.
func (c *Client) Trail(ctx context.Context, token string) ([]auth.Event, error) {
	var trail auth.Trail
	err := c.call(ctx, http.MethodGet, "/trail", token, nil, &trail)
	return trail.Events, err
}

// SetBackup replaces the sealed backup.
func (c *Client) SetBackup(ctx context.Context, token string, sealed []byte) error {
	return c.call(ctx, http.MethodPut, "/backup", token, auth.Backup{Backup: sealed}, nil)
}

// Store seals a backup with what a login unlocked, and stores it.
func (c *Client) Store(ctx context.Context, p *Person, g *Grant, backup []byte) error {
	if g.Secrets == nil {
		return ErrNoBackup
	}
	sealed, err := c.seal(g.Secrets, p, backup)
	if err != nil {
		return err
	}
	if err := c.SetBackup(ctx, g.Token, sealed); err != nil {
		return err
	}
	g.Sealed = sealed
	return nil
}

// SetTOTP makes a secret for one-time codes, which count from ConfirmTOTP on. The
// URL (otpauth://) is the secret.
func (c *Client) SetTOTP(ctx context.Context, token string) (string, error) {
	var setup auth.TOTP
	err := c.call(ctx, http.MethodPost, "/totp", token, nil, &setup)
	return setup.URL, err
}

// ConfirmTOTP switches one-time codes on.
func (c *Client) ConfirmTOTP(ctx context.Context, token, code string) error {
	return c.call(ctx, http.MethodPut, "/totp", token, auth.Code{Code: code}, nil)
}

// ClearTOTP switches one-time codes off.
func (c *Client) ClearTOTP(ctx context.Context, token, code string) error {
	return c.call(ctx, http.MethodDelete, "/totp", token, auth.Code{Code: code}, nil)
}
