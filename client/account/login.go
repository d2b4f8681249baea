package account

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
)

// A Factor asks the person for a code of a second factor: needs lists which would
// do. It is asked only by a server that has proved itself.
type Factor func(ctx context.Context, needs []string) (code string, err error)

// A Login is a person with a password.
type Login struct {
	Person
	Password Password
	Protocol string // SRP ("") or OPAQUE
	// Legacy follows the recipe of an older provider, if the server asks for it. A
	// server, or who took it over, could ask for a weak one; what it then learns is
	// one guess a login, as ever with SRP, but its guesses are cheap. Set it only
	// for an account that was moved over, and for its first login: that replaces
	// the hash by a strong one at once.
	Legacy bool
	Factor Factor // nil: ErrFactor where one is needed
}

// A Grant is what a login brings. The server has proved itself by then.
type Grant struct {
	Token   string // the session's secret
	Session auth.Session
	Device  string       // by which this device is known; to be kept
	Secrets *srp.Secrets // of the password; nil after a login without one
	Sealed  []byte       // the backup, as the service keeps it; nil: none
	// Upgraded says that the hash of an older provider was replaced.
	Upgraded bool
}

// Format keeps a grant out of whatever is printed.
func (*Grant) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(grant)") }

// Wipe overwrites what unlocks the backup.
func (g *Grant) Wipe() {
	if g.Secrets != nil {
		*g.Secrets = srp.Secrets{}
	}
}

// Open opens the backup. It is an ErrNoBackup if there is none, or no password.
func (g *Grant) Open(p *Person) ([]byte, error) {
	if g.Secrets == nil || len(g.Sealed) == 0 {
		return nil, ErrNoBackup
	}
	return g.Secrets.Open(p.Label(), g.Sealed)
}

// Login logs in. A wrong password and an unknown name are both ErrDenied.
func (c *Client) Login(ctx context.Context, l *Login) (*Grant, error) {
	s := &stretcher{password: l.Password, legacy: l.Legacy}
	defer s.wipe()
	g, upgrade, err := c.login(ctx, l, s)
	if err != nil || !upgrade || g.Secrets != nil {
		return g, err
	}
	// The hash of an older provider: nobody should ask for it again.
	changed, err := c.change(ctx, l, g, s, &Renewal{Password: l.Password})
	if err != nil {
		return nil, fmt.Errorf("the old hash is still in use: %w", err)
	}
	changed.Upgraded = true
	return changed, nil
}

func (c *Client) login(ctx context.Context, l *Login, s *stretcher) (*Grant, bool, error) {
	p, err := c.prove(ctx, &l.Person, l.Protocol, s, false)
	if err != nil {
		return nil, false, err
	}
	var q any = auth.SRPFinish{M1: p.Message, Device: l.Device}
	if p.Protocol == OPAQUE {
		q = auth.OPAQUEFinish{KE3: p.Message, Device: l.Device}
	}
	var answer auth.Grant
	if err := c.call(ctx, http.MethodPost, "/login/"+p.Protocol+"/"+p.Handshake, "", q, &answer); err != nil {
		return nil, false, err
	}
	if err := p.confirm(answer.M2); err != nil {
		return nil, false, err
	}
	g, err := c.granted(ctx, &l.Person, &answer, l.Factor)
	if err != nil {
		return nil, false, err
	}
	g.Secrets = p.secrets
	return g, answer.Upgrade, nil
}

// granted takes a grant of a server that has proved itself, after a second factor
// if that is needed.
func (c *Client) granted(ctx context.Context, p *Person, answer *auth.Grant, factor Factor) (*Grant, error) {
	if len(answer.Needs) > 0 {
		next, err := c.second(ctx, p, answer, factor)
		if err != nil {
			return nil, err
		}
		next.Upgrade, answer = next.Upgrade || answer.Upgrade, next
	}
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if answer.Token == "" || len(answer.Token) > 4096 || strings.ContainsFunc(answer.Token, bad) || answer.Session == nil || len(answer.Needs) > 0 {
		return nil, fmt.Errorf("account: %w: a grant without a session", ErrForeign)
	}
	g := &Grant{Token: answer.Token, Session: *answer.Session, Device: p.Device, Sealed: answer.Backup}
	if answer.Device != "" && len(answer.Device) <= 256 && !strings.ContainsFunc(answer.Device, bad) {
		g.Device = answer.Device
	}
	return g, nil
}

func (c *Client) second(ctx context.Context, p *Person, answer *auth.Grant, factor Factor) (*auth.Grant, error) {
	if !slices.Contains(answer.Needs, "totp") {
		return nil, fmt.Errorf("account: %w: %s", ErrFactor, printable(strings.Join(answer.Needs, ", ")))
	}
	if factor == nil {
		return nil, fmt.Errorf("account: %w: a one-time code", ErrFactor)
	}
	if err := checkHandshake(answer.Handshake); err != nil {
		return nil, err
	}
	code, err := factor(ctx, answer.Needs)
	if err != nil {
		return nil, err
	}
	next := new(auth.Grant)
	if err := c.call(ctx, http.MethodPost, "/login/totp/"+answer.Handshake, "", auth.Code{Code: code, Device: p.Device}, next); err != nil {
		return nil, err
	}
	return next, nil
}
