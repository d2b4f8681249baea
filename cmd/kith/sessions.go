package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/srp/auth"
)

func (p *program) newSessions() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions [NAME]",
		Short: "Show where your account is logged in, and end it there",
		Long: `Sessions lists the logins of your account that are still good. What you do not know,
end: kith sessions revoke ID, or --all for all but this one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.asMember(cmd.Context(), accountArg(args), func(m *member) error { return m.listSessions(cmd.Context()) })
		},
	}
	cmd.AddCommand(p.newRevoke())
	return cmd
}

// A sessionView is a session in JSON.
type sessionView struct {
	ID      string `json:"id"`
	Created string `json:"created"`
	Used    string `json:"used"`
	Expires string `json:"expires"`
	How     string `json:"how"`
	Current bool   `json:"current"`
}

func viewSession(s *auth.Session, current string) sessionView {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return sessionView{printable(s.ID), at(s.Created), at(s.Used), at(s.Expires), printable(s.How), s.ID == current}
}

func (m *member) listSessions(ctx context.Context) error {
	token, err := m.token()
	if err != nil {
		return err
	}
	all, err := m.client.Sessions(ctx, token)
	if err != nil {
		return err
	}
	views := []sessionView{}
	for i := range all.Sessions {
		v := viewSession(&all.Sessions[i], all.Current)
		here := ""
		if v.Current {
			here = ", this one"
		}
		m.s.p.print("%s  since %s, used %s, by %s%s", v.ID, clock(all.Sessions[i].Created), clock(all.Sessions[i].Used), v.How, here)
		views = append(views, v)
	}
	return m.s.p.emit(views)
}

func (p *program) newRevoke() *cobra.Command {
	var all bool
	var name string
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a session, or all but this one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usage(errors.New("it was not said which session"), "kith sessions shows their ids; --all ends all but this one")
			}
			return p.asMember(cmd.Context(), name, func(m *member) error { return m.revoke(cmd.Context(), accountArg(args)) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end all sessions but this one")
	cmd.Flags().StringVar(&name, "account", "", "of the account `NAME`, where the keyring knows several")
	return cmd
}

// revoke ends a session; "": all but this one.
func (m *member) revoke(ctx context.Context, id string) error {
	token, err := m.token()
	if err != nil {
		return err
	}
	n := 1
	if id == "" {
		n, err = m.client.RevokeOthers(ctx, token)
	} else {
		err = m.client.Revoke(ctx, token, id)
	}
	if err != nil {
		return err
	}
	if id == m.login.Session && id != "" {
		if err := m.forgetToken(); err != nil {
			return err
		}
	}
	m.s.p.print("%s of %s ended", count(n, "session"), label.Display(m.login.Label))
	return m.s.p.emit(struct {
		Ended int `json:"ended"`
	}{n})
}
