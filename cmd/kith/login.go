package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newLogin() *cobra.Command {
	var f loginFlags
	var k keyFlags
	cmd := &cobra.Command{
		Use:   "login [NAME]",
		Short: "Log in to your account",
		Long: `Login proves your password to your provider without showing it, and has the
provider prove itself. On a new device it brings your account key back, which the
password unlocks, so that you can publish. The session is kept in the keyring.

Without a password: --device-key with the key that kith devices add made here,
--agent with an ssh-ed25519 key of ssh-agent that is in your record, --identity
with an age or SSH key that your record publishes. These bring no account key
back.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			var password account.Password
			if !k.given() {
				var err error
				if password, err = f.password.read(cmd.Context(), p, "Password"); err != nil {
					return err
				}
				defer password.Wipe()
			}
			return p.onlineMember(cmd.Context(), accountArg(args), p.online, func(m *member) error {
				if k.given() {
					return m.logInByKey(cmd.Context(), &k, f.code.code(p))
				}
				return m.logIn(cmd.Context(), &f, password)
			})
		},
	}
	f.add(cmd)
	k.add(cmd)
	return cmd
}

// A loginView is a login in JSON.
type loginView struct {
	Label    string `json:"label"`
	Session  string `json:"session"`
	Expires  string `json:"expires"`
	Restored bool   `json:"account_key_restored"`
	Key      bool   `json:"account_key"`
	Upgraded bool   `json:"password_upgraded"`
}

func (m *member) logIn(ctx context.Context, f *loginFlags, password account.Password) error {
	l, err := m.loginOf(f, password)
	if err != nil {
		return err
	}
	g, err := m.client.Login(ctx, l)
	if err != nil {
		return err
	}
	defer g.Wipe()
	before := m.login.Token
	if err := m.grant(g); err != nil {
		return err
	}
	m.leave(ctx, before)
	restored, err := m.restore(ctx, g)
	if err != nil {
		return err
	}
	return m.loggedIn(ctx, g, restored)
}

// leave ends the session that a new one replaces.
func (m *member) leave(ctx context.Context, token string) {
	if token != "" && token != m.login.Token {
		_ = m.client.Logout(ctx, token) // it ends by itself, too
	}
}

// loggedIn watches over the label from now on, and says what there is.
func (m *member) loggedIn(ctx context.Context, g *account.Grant, restored bool) error {
	p, name := m.s.p, m.login.Label
	v := &loginView{Label: name, Session: g.Session.ID, Expires: g.Session.Expires.UTC().Format(time.RFC3339), Restored: restored, Upgraded: g.Upgraded}
	_, err := m.s.ring.Account(name)
	v.Key = err == nil
	p.print("logged in as %s, until %s", label.Display(name), clock(g.Session.Expires))
	if g.Upgraded {
		p.say("the hash of your older provider is replaced; it is of no use to anybody any more")
	}
	switch {
	case m.login.Registering:
		p.say("the registration was not finished; run: kith register %s", m.person.Name)
	case restored:
		p.say("your account key is back; you can publish from here")
	case !v.Key:
		p.say("this keyring has no account key for %s; to make one, run: kith claim %s", label.Display(name), name)
	}
	if v.Key && !m.login.Registering {
		if err := m.s.own(ctx, name); err != nil {
			return m.s.keep(err, name)
		}
	}
	return p.emit(v)
}

// restore makes the account key of the keyring and the one in the backup the same:
// where they differ, the log says which one counts. It reports whether the keyring
// got another one.
func (m *member) restore(ctx context.Context, g *account.Grant) (bool, error) {
	s, name := m.s, m.login.Label
	own, err := s.ring.Account(name)
	if err != nil && !errors.Is(err, keyring.ErrUnknown) {
		return false, err
	}
	opened, err := g.Open(&m.person)
	if err != nil && !errors.Is(err, account.ErrNoBackup) {
		if own != nil { // stored by a program that is not this one
			s.p.warn("the backup of the account key does not open: %s", plain(err))
			return false, nil
		}
		return false, failed("the account key is needed to publish; if it is lost, run: kith claim --reset "+name, "logged in, but the backup of the account key does not open: %w", err)
	}
	defer clear(opened)
	var kept *keyring.Account
	if opened != nil {
		if kept, err = parseBackup(name, opened); err != nil {
			return false, err
		}
	}
	switch {
	case own == nil && kept == nil:
		return false, nil
	case own == nil:
		return true, s.ring.SaveAccount(kept)
	case kept == nil:
		return false, m.storeBackup(ctx, g, own)
	case string(own.Seed) == string(kept.Seed):
		return false, nil
	}
	return m.settleKeys(ctx, g, own, kept)
}

// storeBackup backs an account key up.
func (m *member) storeBackup(ctx context.Context, g *account.Grant, own *keyring.Account) error {
	b, err := backupOf(own)
	if err != nil {
		return err
	}
	defer clear(b)
	if err := m.client.Store(ctx, &m.person, g, b); err != nil {
		return err
	}
	m.s.p.say("the account key is backed up: the password unlocks it on your other devices")
	return nil
}

// settleKeys asks the log which of two account keys counts.
func (m *member) settleKeys(ctx context.Context, g *account.Grant, own, kept *keyring.Account) (bool, error) {
	s, name := m.s, m.login.Label
	l, err := s.newest(ctx, name)
	if err != nil && !errors.Is(err, problem.ErrNoAnswer) {
		return false, s.keep(err, name)
	}
	is := func(a *keyring.Account) bool {
		return l != nil && l.Account != nil && *l.Account == record.KeyOf(a.Key())
	}
	switch {
	case is(own):
		return false, m.storeBackup(ctx, g, own)
	case is(kept):
		s.p.say("the account key in this keyring was an old one; the one in force took its place")
		return true, s.ring.SaveAccount(kept)
	}
	s.p.warn("neither the account key in this keyring nor the one in the backup is the one in the log; kith history %s shows how that came", name)
	return false, nil
}

// newest returns the newest record of a label, without keeping anything of it.
func (s *session) newest(ctx context.Context, name string) (*record.Record, error) {
	l, err := client.New(s.config(s.client.State(), nil)).Lookup(ctx, name, client.Options{})
	if l != nil && l.Held != nil {
		return l.Held, nil
	}
	if err != nil {
		return nil, err
	}
	return l.Record, nil
}

func (p *program) newLogout() *cobra.Command {
	return &cobra.Command{
		Use:   "logout [NAME]",
		Short: "End this device's session",
		Long: `Logout ends the session at your provider, and forgets its token. Your keys stay in
the keyring, and your devices and contacts as they are.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.asMember(cmd.Context(), accountArg(args), func(m *member) error { return m.logOut(cmd.Context()) })
		},
	}
}

func (m *member) logOut(ctx context.Context) error {
	token, err := m.token()
	if err != nil {
		return err
	}
	ended := true
	if err := m.client.Logout(ctx, token); err != nil && !errors.Is(err, account.ErrSession) {
		m.s.p.warn("the provider was not reached, and the session ends there by itself: %s", plain(err))
		ended = false
	}
	if err := m.forgetToken(); err != nil {
		return err
	}
	m.s.p.print("%s is logged out", label.Display(m.login.Label))
	return m.s.p.emit(struct {
		Label string `json:"label"`
		Ended bool   `json:"ended"`
	}{m.login.Label, ended})
}

// forgetToken forgets the session here.
func (m *member) forgetToken() error {
	m.login.Token, m.login.Session = "", ""
	return m.s.ring.SaveLogin(m.login)
}

// A keyFlags says by which key to log in instead of a password.
type keyFlags struct {
	device   bool
	agent    string
	identity string
	token    tokenKey
}

func (k *keyFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&k.device, "device-key", false, "log in with this device's own key")
	f.StringVar(&k.agent, "agent", "", "log in with a key of ssh-agent: its fingerprint `SHA256:...`, or any")
	f.Lookup("agent").NoOptDefVal = "any"
	f.StringVar(&k.identity, "identity", "", "log in by opening a challenge with the age or SSH private key in `FILE`")
	k.token.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("device-key", "agent", "identity", "password-fd")
}

func (k *keyFlags) given() bool {
	return k.device || k.agent != "" || k.identity != "" || k.token.given()
}

func (m *member) logInByKey(ctx context.Context, k *keyFlags, factor account.Factor) error {
	g, err := m.byKey(ctx, k, factor)
	if err != nil {
		return err
	}
	before := m.login.Token
	if err := m.grant(g); err != nil {
		return err
	}
	m.leave(ctx, before)
	return m.loggedIn(ctx, g, false)
}

func (m *member) byKey(ctx context.Context, k *keyFlags, factor account.Factor) (*account.Grant, error) {
	if k.identity != "" {
		open, err := m.s.p.identity(k.identity)
		if err != nil {
			return nil, err
		}
		return m.client.LoginSealed(ctx, &m.person, open, factor)
	}
	key, done, err := m.deviceKey(ctx, k)
	if err != nil {
		return nil, err
	}
	defer done()
	g, err := m.client.LoginDevice(ctx, &m.person, key, factor)
	if errors.Is(err, account.ErrDenied) {
		return nil, failed("look with: kith devices "+m.login.Label+"; and add it with: kith devices add", "the login of %s failed: the key is not one of its devices: %w", label.Display(m.login.Label), account.ErrDenied)
	}
	return g, err
}

// deviceKey finds the key that was asked for.
func (m *member) deviceKey(ctx context.Context, k *keyFlags) (account.DeviceKey, func(), error) {
	none := func() {}
	switch {
	case k.token.given():
		return k.token.open(ctx, m.s.p)
	case k.agent != "":
		key, err := m.s.p.agentKey(ctx, k.agent)
		return key, none, err
	}
	if key := m.login.DeviceKey(); key != nil {
		return account.SoftKey(key), none, nil
	}
	return nil, nil, failed("log in with the password, then run: kith devices add", "this device has no key of its own for %s", label.Display(m.login.Label))
}

// agentKey returns a key of ssh-agent.
func (p *program) agentKey(ctx context.Context, fingerprint string) (*account.AgentKey, error) {
	keys, err := account.AgentKeys(ctx, p.getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return nil, err
	}
	var found []*account.AgentKey
	for _, k := range keys {
		if fingerprint == "any" || fingerprint == k.Fingerprint() {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return nil, failed("look with: ssh-add -l; only keys of the type ssh-ed25519 will do", "ssh-agent holds no such key")
	}
	return nil, usage(fmt.Errorf("ssh-agent holds %s", count(len(found), "key")), "say which one: --agent="+found[0].Fingerprint())
}
