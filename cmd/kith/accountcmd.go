package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newAccount() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "See what happened to your account, or delete it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.newTrail(), p.newDelete())
	return cmd
}

func (p *program) newTrail() *cobra.Command {
	return &cobra.Command{
		Use:   "trail [NAME]",
		Short: "Show what happened to your account, oldest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.asMember(cmd.Context(), accountArg(args), func(m *member) error { return m.trail(cmd.Context()) })
		},
	}
}

// An eventView is an event of a trail in JSON.
type eventView struct {
	When    string `json:"when"`
	What    string `json:"what"`
	How     string `json:"how,omitempty"`
	Session string `json:"session,omitempty"`
}

func (m *member) trail(ctx context.Context) error {
	token, err := m.token()
	if err != nil {
		return err
	}
	events, err := m.client.Trail(ctx, token)
	if err != nil {
		return err
	}
	views := []eventView{}
	for _, e := range events {
		v := eventView{e.When.UTC().Format(time.RFC3339), printable(e.What), printable(e.How), printable(e.Session)}
		line := clock(e.When) + "  " + v.What
		if v.How != "" {
			line += " by " + v.How
		}
		if v.Session != "" {
			line += ", session " + v.Session
		}
		m.s.p.print("%s", line)
		views = append(views, v)
	}
	return m.s.p.emit(views)
}

func (p *program) newDelete() *cobra.Command {
	var f loginFlags
	var moved string
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete your account, and give your label up",
		Long: `Delete publishes a last record without keys, signed by your account key, and has the
provider erase what it keeps of your password, its backups and all sessions. Your
name is not given out again for a while, and whoever has it then is a different
person to your contacts. That cannot be undone; the password is asked for.

When it is interrupted, run it again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := f.check()
			if moved != "" && err == nil {
				moved, err = p.canonical(moved)
			}
			if err != nil {
				return err
			}
			password, err := f.password.read(cmd.Context(), p, "Password")
			if err != nil {
				return err
			}
			defer password.Wipe()
			return p.onlineMember(cmd.Context(), args[0], p.onlineAnyway, func(m *member) error {
				return m.remove(cmd.Context(), &f, password, moved)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&moved, "moved-to", "", "the `LABEL` at which you are now")
	return cmd
}

func (m *member) remove(ctx context.Context, f *loginFlags, password account.Password, moved string) error {
	l, err := m.loginOf(f, password)
	if err != nil {
		return err
	}
	err = m.client.Delete(ctx, l, func(g *account.Grant) error {
		if err := m.grant(g); err != nil {
			return err
		}
		return m.closeLabel(ctx, moved)
	})
	if err != nil {
		return err
	}
	if err := m.forgetToken(); err != nil {
		return err
	}
	if err := m.s.ring.ForgetLogin(m.login.Label); err != nil {
		return err
	}
	m.s.p.print("the account %s is deleted", label.Display(m.login.Label))
	return m.s.p.emit(struct {
		Label   string `json:"label"`
		Deleted bool   `json:"deleted"`
	}{m.login.Label, true})
}

// closeLabel publishes the last record, if this keyring has the account key.
func (m *member) closeLabel(ctx context.Context, moved string) error {
	s, name := m.s, m.login.Label
	a, err := s.ring.Account(name)
	if errors.Is(err, keyring.ErrUnknown) {
		s.p.warn("this keyring has no account key for %s, so that the provider gives the label up in its own name", label.Display(name))
		return nil
	}
	if err != nil {
		return err
	}
	r, err := s.newest(ctx, name)
	if err != nil || r.Account == nil || *r.Account != record.KeyOf(a.Key()) {
		s.p.warn("%s is not held by the account key of this keyring, and is left to the provider", label.Display(name))
		return nil
	}
	w := &writer{content: new(content), close: true, movedTo: moved, domain: s.ring.Domain(), account: a}
	_, alerts, err := s.write(ctx, name, w)
	if err == nil && len(alerts) > 0 {
		err = s.alarm(alerts, nil)
	}
	return err
}
