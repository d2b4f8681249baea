package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
)

// A member is a person at the provider's account service.
type member struct {
	s      *session
	person account.Person
	login  *keyring.Login
	client *account.Client
}

// member returns the person of a name or label that was typed; "": the only one
// this keyring knows.
func (s *session) member(typed string) (*member, error) {
	name, err := s.memberLabel(typed)
	if err != nil {
		return nil, err
	}
	m := &member{s: s}
	m.login, err = s.ring.Login(name)
	if errors.Is(err, keyring.ErrUnknown) {
		m.login, err = &keyring.Login{Label: name}, nil
	}
	if err != nil {
		return nil, err
	}
	m.person = account.Person{Name: strings.TrimSuffix(name, "@"+s.ring.Domain()), Domain: s.ring.Domain(), Device: m.login.Device}
	m.client, err = account.New(s.remote.Address(), account.Options{Rand: s.p.rand, Now: s.p.now})
	return m, err
}

func (s *session) memberLabel(typed string) (string, error) {
	if typed == "" {
		known, err := s.ring.Logins()
		if err != nil {
			return "", err
		}
		if len(known) == 1 {
			return known[0], nil
		}
		if len(known) == 0 {
			return "", failed("run: kith login NAME, or kith register NAME", "this keyring knows of no account at %s", s.ring.Domain())
		}
		return "", usage(fmt.Errorf("this keyring knows of several accounts: %s", strings.Join(known, ", ")), "say which one")
	}
	if !strings.Contains(typed, "@") {
		typed += "@" + s.ring.Domain()
	}
	name, err := s.p.canonical(typed)
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(name, "@"+s.ring.Domain()) {
		return "", usage(fmt.Errorf("%s is not of the provider %s", label.Display(name), s.ring.Domain()), "choose another provider with --provider DOMAIN, or with kith use URL")
	}
	return name, nil
}

// asMember opens the keyring and finds the person. The directory is not asked.
func (p *program) asMember(ctx context.Context, typed string, work func(*member) error) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	m, err := s.member(typed)
	if err != nil {
		return err
	}
	defer m.client.Close()
	return m.explain(work(m))
}

// onlineMember is online for a person.
func (p *program) onlineMember(ctx context.Context, typed string, online func(context.Context, func(*session) error) error, work func(*member) error) error {
	return online(ctx, func(s *session) error {
		m, err := s.member(typed)
		if err != nil {
			return err
		}
		defer m.client.Close()
		return m.explain(work(m))
	})
}

// token returns the token of the person's session.
func (m *member) token() (string, error) {
	if m.login.Token == "" {
		return "", fmt.Errorf("%w: %s is not logged in", account.ErrSession, label.Display(m.login.Label))
	}
	return m.login.Token, nil
}

// grant keeps what a login brought.
func (m *member) grant(g *account.Grant) error {
	m.login.Token, m.login.Session = g.Token, g.Session.ID
	m.login.Device, m.person.Device = g.Device, g.Device
	if g.Secrets != nil {
		m.login.Strong = true
	}
	return m.s.ring.SaveLogin(m.login)
}

// A backup is what the password unlocks.
type backup struct {
	V     int    `json:"v"`
	Label string `json:"label"`
	Seed  []byte `json:"seed"`           // of the account key
	Next  []byte `json:"next,omitempty"` // of the one that is about to replace it
}

// backupOf returns the backup of an account key.
func backupOf(a *keyring.Account) ([]byte, error) {
	return json.Marshal(backup{1, a.Label, a.Seed, a.Next})
}

// parseBackup reads what backupOf wrote.
func parseBackup(name string, b []byte) (*keyring.Account, error) {
	var v backup
	if err := json.Unmarshal(b, &v); err != nil || v.V != 1 || v.Label != name || len(v.Seed) != 32 || v.Next != nil && len(v.Next) != 32 {
		return nil, failed("", "the backup of %s opened, and is none that this kith can read", label.Display(name))
	}
	return &keyring.Account{Label: name, Seed: v.Seed, Next: v.Next}, nil
}

// accountHints say what to do about what an account service declines.
var accountHints = []struct {
	fault error
	hint  string
}{
	{account.ErrThrottled, "wait as long as it says, then try again; a device that has logged in before is not slowed"},
	{account.ErrLegacy, "check the name; if the account was moved over from an older provider, and this is its first login here, add --legacy"},
	{account.ErrServer, "somebody may stand between you and your provider; nothing was changed here, and your password was not shown"},
	{account.ErrChallenge, "compare the date of this computer with another clock; if it is right, somebody wants to use your key for something else"},
	{account.ErrInvite, "ask your provider for an invitation, and give it with --invite-file FILE"},
	{account.ErrNone, "this provider keeps no accounts; ask it for a token, and run: kith publish"},
	{account.ErrForeign, "check the address; what answers there is not an account service that this kith understands"},
	{account.ErrUnavailable, "check the network, or try again later"},
	{account.ErrCode, "read it again, letter by letter"},
	{account.ErrAgent, "start it with: eval $(ssh-agent); and add a key with: ssh-add"},
}

// explain adds to an error of the account service what the person can do.
func (m *member) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	name := label.Display(m.login.Label)
	switch {
	case errors.Is(err, account.ErrDenied):
		return failed("check the name and the password; a server does not tell which is wrong", "the login of %s failed: %w", name, account.ErrDenied)
	case errors.Is(err, account.ErrSession):
		return failed("run: kith login "+m.person.Name, "%w", err)
	case errors.Is(err, account.ErrTaken):
		return failed("if it is yours, run: kith login "+m.person.Name+"; if not, choose another", "%s cannot be registered: %w", name, account.ErrTaken)
	}
	for _, h := range accountHints {
		if errors.Is(err, h.fault) {
			return &failure{err: err, hint: h.hint, code: exitFailed}
		}
	}
	return err
}

// accountArg is the optional name of the account that a command is about.
func accountArg(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// loginFlags are what a password login can be told.
type loginFlags struct {
	password secretFlag
	code     secretFlag
	protocol string
	legacy   bool
}

func (f *loginFlags) add(cmd *cobra.Command) {
	f.password.add(cmd, "password-fd", "the password")
	f.code.add(cmd, "code-fd", "the one-time code, where one is needed,")
	cmd.Flags().StringVar(&f.protocol, "protocol", "", "prove the password by `P`: srp or opaque (default: as before, else srp)")
	cmd.Flags().BoolVar(&f.legacy, "legacy", false, "first login of an account that was moved over: prove the old provider's hash, and replace it")
}

func (f *loginFlags) check() error {
	if f.protocol != "" && f.protocol != account.SRP && f.protocol != account.OPAQUE {
		return usage(fmt.Errorf("--protocol is %q", f.protocol), "it is srp or opaque")
	}
	return nil
}

// loginOf returns the login of a person with a password.
func (m *member) loginOf(f *loginFlags, password account.Password) (*account.Login, error) {
	if f.protocol != "" {
		m.login.Protocol = f.protocol
	}
	if f.legacy && m.login.Strong {
		return nil, usage(fmt.Errorf("%s has a password of this provider's own already", label.Display(m.login.Label)), "leave --legacy out: the old hash is not needed any more, and only who is up to something would ask for it")
	}
	return &account.Login{Person: m.person, Password: password, Protocol: m.login.Protocol, Legacy: f.legacy, Factor: f.code.code(m.s.p)}, nil
}
