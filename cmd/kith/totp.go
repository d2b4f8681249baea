package main

import (
	"context"
	"errors"

	"github.com/mdp/qrterminal/v3"
	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/proto/label"
)

func (p *program) newTOTP() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "totp",
		Short: "Demand a one-time code at every login",
		Long: `Totp sets up one-time codes (RFC 6238) of an authenticator as a second factor. setup
shows what the authenticator reads, confirm switches the codes on, clear off.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	setup := &cobra.Command{
		Use:   "setup [NAME]",
		Short: "Make a secret for an authenticator, and show it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.asMember(cmd.Context(), accountArg(args), func(m *member) error { return m.setUpTOTP(cmd.Context()) })
		},
	}
	cmd.AddCommand(setup,
		p.newCodeCommand("confirm", "Switch one-time codes on, with the first one", "one-time codes are on", (*account.Client).ConfirmTOTP),
		p.newCodeCommand("clear", "Switch one-time codes off, with one of them", "one-time codes are off", (*account.Client).ClearTOTP))
	return cmd
}

func (m *member) setUpTOTP(ctx context.Context) error {
	token, err := m.token()
	if err != nil {
		return err
	}
	url, err := m.client.SetTOTP(ctx, token)
	if err != nil {
		return err
	}
	p := m.s.p
	if p.terminal() && !p.json {
		qrterminal.GenerateHalfBlock(url, qrterminal.L, p.out)
	}
	p.print("%s", printable(url))
	p.say("whoever sees this can make your codes; once the authenticator shows one, run: kith totp confirm")
	return p.emit(struct {
		URL string `json:"url"`
	}{url})
}

func (p *program) newCodeCommand(use, short, done string, act func(*account.Client, context.Context, string, string) error) *cobra.Command {
	var code secretFlag
	cmd := &cobra.Command{
		Use:   use + " [NAME]",
		Short: short,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			typed, err := code.code(p)(cmd.Context(), nil)
			if err != nil {
				return err
			}
			return p.asMember(cmd.Context(), accountArg(args), func(m *member) error {
				token, err := m.token()
				if err != nil {
					return err
				}
				err = act(m.client, cmd.Context(), token, typed)
				if errors.Is(err, account.ErrDenied) {
					return failed("wait for the next one; none is good twice", "the code is wrong: %w", err)
				}
				if err != nil {
					return err
				}
				p.print("%s: %s", label.Display(m.login.Label), done)
				return p.emit(struct {
					Label string `json:"label"`
					On    bool   `json:"one_time_codes"`
				}{m.login.Label, use == "confirm"})
			})
		},
	}
	code.add(cmd, "code-fd", "the code")
	return cmd
}
