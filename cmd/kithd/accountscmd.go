package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/srp/login"
)

func newAccountsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "Run the account service: invitations, imports, what there is",
		Long: `Accounts belong to people who log in with a password that this server never
sees, and who may then publish the keys of their own label. "kithd init --accounts"
makes the service with a new log, "kithd accounts enable" with one that is there.

The accounts are in DIR/accounts.db, their passwords sealed under
DIR/keys/login.key. Keep a copy of that key as you do of the others: without it no
password can be checked any more, and with it passwords can be guessed from a
stolen copy of the accounts.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAccountsEnableCommand(), newAccountsStatusCommand(), newAccountsInviteCommand(), newAccountsImportCommand(), newAccountsDeleteCommand())
	return cmd
}

// An accountsAction is something its operator asks of an account service: as an
// action, on the data folder or inside the server.
type accountsAction[Q, R any] struct {
	name   string
	writes bool // it submits updates to the log
	do     func(ctx context.Context, a *accounts, q Q) (R, error)
}

// on returns the action on the accounts of a server.
func (a accountsAction[Q, R]) on(acc *accounts) action[Q, R] {
	return action[Q, R]{a.name, a.writes, func(ctx context.Context, _ *operator.Operator, q Q) (r R, err error) {
		if acc.service == nil {
			return r, failed(errNoAccounts, "kithd accounts enable --data DIR --registration invite")
		}
		return a.do(ctx, acc, q)
	}}
}

// run does the action on the accounts in dir.
func (a accountsAction[Q, R]) run(ctx context.Context, dir string, q Q) (r R, err error) {
	return action[Q, R]{a.name, a.writes, func(ctx context.Context, op *operator.Operator, q Q) (r R, err error) {
		acc := new(accounts)
		if err := acc.open(dir, op, accountOptions{}); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, acc.close()) }()
		return a.on(acc).do(ctx, op, q)
	}}.run(ctx, dir, q)
}

func newAccountsEnableCommand() *cobra.Command {
	var registration string
	var origins []string
	cmd := &cobra.Command{
		Use:   "enable --data DIR --registration open|invite|closed",
		Short: "Switch the account service on, or change who may register",
		Long: `Enable puts an account service beside a log that has none, or changes who may
register with the one it has. It counts from the next start of "kithd serve" on,
and the log must not be served meanwhile.

A name whose label has a key already can be registered by nobody, since it is
somebody's: import that person's account, or invite them by name.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			settings, err := registrationOf("registration", registration)
			if err != nil {
				return err
			}
			if settings == nil {
				return usage(errors.New("who may register?"), "--registration open, invite or closed")
			}
			for _, o := range origins {
				if u, err := url.Parse(o); err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && u.Hostname() != "localhost" {
					return usage(fmt.Errorf("--origin is %q", o), "it is like https://example.org, without a path")
				}
			}
			if err := enableAccounts(cmd.Context(), dir, settings.Registration, origins); err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, settings)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "accounts are on, registration is %s\nkeep a copy of %s, and start kithd serve\n", registration, loginKeyPath(dir))
			return err
		},
	}
	cmd.Flags().StringVar(&registration, "registration", "", "who may register: open (everybody), invite, or closed (nobody)")
	cmd.Flags().StringArrayVar(&origins, "origin", nil, "`URL` at which browsers find the login page and use passkeys, as https://example.org; may be repeated")
	return cmd
}

// registrationOf reads a flag that says who may register; "": there is no service.
func registrationOf(flag, word string) (*operator.Accounts, error) {
	switch word {
	case "":
		return nil, nil
	case operator.RegistrationOpen, operator.RegistrationInvite, operator.RegistrationClosed:
		return &operator.Accounts{Registration: word}, nil
	}
	return nil, usage(fmt.Errorf("--%s is %q", flag, word), "it is one of: open, invite, closed")
}

func enableAccounts(ctx context.Context, dir, registration string, origins []string) error {
	var settings operator.Accounts
	err := withOperator(ctx, dir, false, func(op *operator.Operator) error {
		now := op.Config().Accounts
		if now != nil {
			settings = *now
		}
		if !isThere(accountsPath(dir)) && (now == nil || !isThere(loginKeyPath(dir))) {
			return makeAccounts(dir)
		}
		key, err := loadLoginKey(loginKeyPath(dir))
		if err != nil {
			return err
		}
		store, err := openAccountStore(accountsPath(dir), key)
		if err != nil {
			return err
		}
		return store.Close()
	})
	if errors.Is(err, operator.ErrInUse) {
		err = failed(err, "stop kithd first, and start it again afterwards")
	}
	if err != nil {
		return err
	}
	if settings.Registration = registration; origins != nil {
		settings.Origins = origins
	}
	return operator.SetAccounts(dir, &settings)
}

func newAccountsStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status --data DIR",
		Short: "Say how many accounts there are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			r, err := accountsStatusAction.run(cmd.Context(), dir, struct{}{})
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), `registration  %s
accounts      %d, of which %d still prove a password by a hash of before
sessions      %d
invitations   %d
former names  %d
`, r.Registration, r.Accounts, r.Legacy, r.Sessions, r.Invites, r.Former)
			return err
		},
	}
}

type accountsStatus struct {
	Registration string `json:"registration"`
	login.Counts
}

var accountsStatusAction = accountsAction[struct{}, accountsStatus]{name: "accounts-status", do: func(ctx context.Context, a *accounts, _ struct{}) (accountsStatus, error) {
	n, err := a.service.Count(ctx)
	return accountsStatus{a.settings.Registration, n}, err
}}

func newAccountsInviteCommand() *cobra.Command {
	q := inviteRequest{Uses: 1}
	var days int
	cmd := &cobra.Command{
		Use:   "invite --data DIR [NAME]",
		Short: "Make an invitation to register",
		Long: `Invite makes an invitation and writes it to standard output, this once: the
accounts keep its hash alone. With a NAME it is for that name and nobody else's,
also for one whose label has a key already or that is reserved: give it to the
person whose name it is, over a way you trust.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				if q.Name = args[0]; q.Uses != 1 {
					return usage(errors.New("an invitation for a name is good for one registration"), "leave --uses out")
				}
			}
			if q.Uses < 1 || q.Uses > 1_000_000 || days < 1 || days > 3660 {
				return usage(errors.New("--uses is 1 to 1000000, --expires 1 to 3660 days"), "")
			}
			q.Life = time.Duration(days) * 24 * time.Hour
			r, err := inviteAction.run(cmd.Context(), dir, q)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), r.Invite)
			return err
		},
	}
	cmd.Flags().IntVar(&q.Uses, "uses", 1, "how many may register with it")
	cmd.Flags().IntVar(&days, "expires", 14, "how many `DAYS` it is good")
	return cmd
}

type inviteRequest struct {
	Name string        `json:"name,omitempty"`
	Uses int           `json:"uses"`
	Life time.Duration `json:"life"` // in ns
}

type inviteReply struct {
	Invite  string    `json:"invite"`
	Expires time.Time `json:"expires"`
}

var inviteAction = accountsAction[inviteRequest, inviteReply]{name: "accounts-invite", do: func(ctx context.Context, a *accounts, q inviteRequest) (r inviteReply, err error) {
	r.Expires = time.Now().UTC().Add(q.Life).Truncate(time.Second)
	if q.Name != "" {
		r.Invite, err = a.service.InviteName(ctx, q.Name, q.Life)
	} else {
		r.Invite, err = a.service.Invite(ctx, q.Uses, q.Life)
	}
	return r, err
}}

func newAccountsDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delete --data DIR NAME",
		Short: "End an account in the operator's name",
		Long: `Delete erases an account: verifiers, backups, sessions and what happened to it. Its
name is not given out again for a while, and its label gets a closed record. That
one is the provider's, not the holder's: everybody who knew the account key is
stopped and told so. People end their own accounts with "kith account delete".`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			r, err := accountsDeleteAction.run(cmd.Context(), dir, deleteRequest{args[0]})
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "deleted")
			return err
		},
	}
}

type deleteRequest struct {
	Name string `json:"name"`
}

type deleteReply struct {
	Deleted bool `json:"deleted"`
}

var accountsDeleteAction = accountsAction[deleteRequest, deleteReply]{name: "accounts-delete", writes: true, do: func(ctx context.Context, a *accounts, q deleteRequest) (deleteReply, error) {
	err := a.service.Remove(ctx, q.Name)
	if errors.Is(err, login.ErrNotFound) {
		err = failed(errors.New("there is no account of that name"), "")
	}
	return deleteReply{err == nil}, err
}}

// registerAccounts adds what is asked of the accounts.
func registerAccounts(mux *http.ServeMux, op *operator.Operator, a *accounts) {
	register(mux, op, accountsStatusAction.on(a))
	register(mux, op, inviteAction.on(a))
	register(mux, op, importAccountsAction.on(a))
	register(mux, op, accountsDeleteAction.on(a))
	register(mux, op, backupOf(a))
}
