package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
)

// A registering is the work of one kith register.
type registering struct {
	p        *program
	name     string
	content  content
	password secretFlag
	code     secretFlag
	protocol string
	invite   string // file
	recovery recoveryOut
	url      string // of a provider to choose first
}

func (p *program) newRegister() *cobra.Command {
	r := registering{p: p}
	cmd := &cobra.Command{
		Use:   "register NAME",
		Short: "Sign up, and publish who you are",
		Long: `Register makes an account at your provider, with a password that the provider
never sees; an account key, which the password unlocks and the provider cannot
read; and publishes the first record at your label, signed by that key. It checks
that the record stands where everybody finds it, and watches over it from then on.

At the end it shows a recovery code: with it you get back in when the password is
forgotten. Write it down, and keep it where no computer reads it.

When it is interrupted, run it again: it goes on where it was.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.name = args[0]
			return r.run(cmd.Context())
		},
	}
	r.password.add(cmd, "password-fd", "the password")
	r.code.add(cmd, "code-fd", "the one-time code, where one is needed,")
	r.content.flags(cmd)
	cmd.Flags().StringVar(&r.protocol, "protocol", account.SRP, "prove the password by `P`: srp or opaque")
	cmd.Flags().StringVar(&r.invite, "invite-file", "", "read an invitation from `FILE`, or - for standard input")
	r.recovery.add(cmd)
	cmd.Flags().StringVar(&r.url, "use", "", "first choose the provider at `URL`, as kith use does")
	return cmd
}

func (r *registering) run(ctx context.Context) error {
	p := r.p
	if p.opaque {
		return usage(errors.New("only account records can be published"), "leave --opaque out")
	}
	if r.protocol != account.SRP && r.protocol != account.OPAQUE {
		return usage(fmt.Errorf("--protocol is %q", r.protocol), "it is srp or opaque")
	}
	if r.url != "" {
		aside := *p // what it says of the provider is not what was asked for
		aside.json, aside.out = false, p.err
		if err := (&use{p: &aside}).run(ctx, r.url); err != nil {
			return err
		}
	}
	password, invite, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	defer password.Wipe()
	return p.onlineMember(ctx, r.name, p.online, func(m *member) error {
		key, err := m.s.account(m.login.Label) // durable before the password seals it
		if err != nil {
			return err
		}
		if m.login.Token == "" {
			if err := r.signUp(ctx, m, key, password, invite); err != nil {
				return err
			}
		}
		return r.publish(ctx, m)
	})
}

// prepare reads what is needed before anybody is asked: the password only if there is
// no session of an earlier try.
func (r *registering) prepare(ctx context.Context) (account.Password, string, error) {
	begun := false
	err := r.p.asMember(ctx, r.name, func(m *member) error {
		begun = m.login.Token != ""
		if begun && !m.login.Registering {
			return failed("", "%s has an account already, and is logged in", label.Display(m.login.Label))
		}
		if m.login.Registering {
			r.p.say("going on with the registration of %s", label.Display(m.login.Label))
		}
		return r.content.read(r.p, m.login.Label)
	})
	if err != nil {
		return nil, "", err
	}
	if err := r.recovery.check(); err != nil {
		return nil, "", err
	}
	if begun {
		return nil, "", nil
	}
	invite := ""
	if r.invite != "" {
		b, err := r.p.readFile(r.invite, maxToken)
		if err != nil {
			return nil, "", err
		}
		invite = strings.TrimSpace(string(b))
	}
	password, err := r.password.read(ctx, r.p, "New password", "The same again")
	return password, invite, err
}

// signUp makes the account, or logs in to it if an earlier try made it and did not
// live to know. What goes on after a crash is durable before anything is sent.
func (r *registering) signUp(ctx context.Context, m *member, key *keyring.Account, password account.Password, invite string) error {
	if m.login.Recovery == "" {
		code, err := account.NewCode(m.s.p.rand)
		if err != nil {
			return err
		}
		m.login.Recovery = code.Text()
	}
	again := m.login.Registering
	m.login.Registering, m.login.Protocol = true, r.protocol
	code, err := account.ParseCode(m.login.Recovery)
	if err != nil {
		return err
	}
	sealed, err := backupOf(key)
	if err != nil {
		return err
	}
	defer clear(sealed)
	if !again { // an address without accounts is not worth a beginning
		if _, err := m.client.Info(ctx); err != nil {
			return err
		}
	}
	if err := m.s.ring.SaveLogin(m.login); err != nil {
		return err
	}
	g, err := m.client.Register(ctx, &account.Registration{Person: m.person, Password: password, Protocol: r.protocol, Backup: sealed, Recovery: code, Invite: invite})
	switch {
	case errors.Is(err, account.ErrTaken) && again:
		r.p.say("%s is registered; logging in", label.Display(m.login.Label))
		l := &account.Login{Person: m.person, Password: password, Protocol: r.protocol, Factor: r.code.code(r.p)}
		if g, err = m.client.Login(ctx, l); errors.Is(err, account.ErrDenied) {
			return failed("if an earlier try of yours made it, give the password of then; if not, the name is somebody else's", "%s is registered, with another password", label.Display(m.login.Label))
		}
		if err == nil {
			err = sameKey(m.login.Label, key, g, &m.person)
		}
	case errors.Is(err, account.ErrTaken), errors.Is(err, account.ErrInvite), errors.Is(err, account.ErrRefused):
		if err := r.notBegun(m, again); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	defer g.Wipe()
	r.p.say("the account %s is made; the provider has not seen the password", label.Display(m.login.Label))
	return m.grant(g)
}

// notBegun takes back that a registration was begun: there is none. What was known of
// an account of that name before stays.
func (r *registering) notBegun(m *member, again bool) error {
	if again {
		return nil
	}
	if !m.login.Strong && m.login.Key == nil && m.login.Device == "" {
		return m.s.ring.ForgetLogin(m.login.Label)
	}
	m.login.Registering, m.login.Recovery = false, ""
	return m.s.ring.SaveLogin(m.login)
}

// sameKey checks that an account that an earlier try made keeps the key of this keyring.
func sameKey(name string, key *keyring.Account, g *account.Grant, p *account.Person) error {
	plain, err := g.Open(p)
	if err == nil {
		defer clear(plain)
		var kept *keyring.Account
		if kept, err = parseBackup(name, plain); err == nil && string(kept.Seed) == string(key.Seed) {
			return nil
		}
	}
	return failed("run: kith login "+p.Name, "%s was registered from another keyring", label.Display(name))
}

// A registeredView is a registration in JSON.
type registeredView struct {
	*publishedView
	Session      string `json:"session"`
	Recovery     string `json:"recovery_code,omitempty"`
	RecoveryFile string `json:"recovery_file,omitempty"`
}

// publish publishes the first record, and shows the recovery code.
func (r *registering) publish(ctx context.Context, m *member) error {
	s := m.s
	w := &writer{content: &r.content, claim: true, bare: true, domain: s.ring.Domain()}
	var err error
	if w.account, err = s.ring.Account(m.login.Label); err != nil {
		return err
	}
	done, alerts, err := s.write(ctx, m.login.Label, w)
	if err != nil {
		r.p.warn("the account is made, and nothing is published yet; run the same command again")
		if errors.Is(err, problem.ErrUnauthorized) { // the session ran out meanwhile
			return errors.Join(err, m.forgetToken())
		}
		return err
	}
	v := &registeredView{publishedView: s.viewPublished(w, done), Session: m.login.Session}
	r.p.print("%s is registered, and published as version %d", label.Display(done.Label), done.Version)
	if m.login.Recovery != "" {
		if v.Recovery, v.RecoveryFile, err = r.recovery.put(r.p, m.login.Recovery); err != nil {
			return err
		}
	}
	r.p.say("the directory proved that your record stands where everybody finds it; run kith monitor about every %s", s.window())
	if err := s.emitPublished(v, v.publishedView, alerts); err != nil {
		return err
	}
	m.login.Registering, m.login.Recovery = false, "" // last: until then another run shows it again
	return s.ring.SaveLogin(m.login)
}
