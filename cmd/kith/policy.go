package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/keyring"
)

func (p *program) newPolicy() *cobra.Command {
	show := func(cmd *cobra.Command, _ []string) error {
		return p.offline(cmd.Context(), (*session).showPolicy)
	}
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show and set what you demand of the provider's answers",
		Long: `Policy shows what you demand of a provider's answers: how strict to be, how many
witnesses and auditors must have cosigned, and how lately, how old a value must be,
and whether what you saw is handed in to auditors.

It stands in the file policy.json of the provider's folder; what that does not
mention, in policy.json of $KITH_HOME, for all providers; and what neither mentions,
in the provider's own document. Nobody but you changes the files.`,
		Args: cobra.NoArgs,
		RunE: show,
	}
	cmd.AddCommand(&cobra.Command{Use: "show", Short: "Show what is in force", Args: cobra.NoArgs, RunE: show},
		p.newPolicySet(), p.newPolicyUnset(), p.newForgive())
	return cmd
}

func (p *program) newPolicySet() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "set NAME VALUE [KEY...]",
		Short: "Set one part of your policy",
		Long: `Set changes one part of your policy:

  kith policy set witnesses "2 of 3" KEY KEY KEY   verifier keys, or names of witnesses in
                                                   the provider's document, or no key for
                                                   whichever that document names
  kith policy set auditors 1                       the same, for auditors that cosign
  kith policy set max-cosignature-age 10m
  kith policy set max-witness-lag 30s
  kith policy set minimum-age 24h
  kith policy set require-auditor yes
  kith policy set setting warn                     enforce, warn or observe
  kith policy set gossip off                       on, off, or addresses of auditors

What asks for less than before is said to.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changePolicy(cmd.Context(), all, func(s *session, f *keyring.Policy) error {
				return s.setPolicy(f, args[0], args[1], args[2:])
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "for all providers")
	return cmd
}

func (p *program) newPolicyUnset() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "unset NAME",
		Short: "Leave one part of your policy to the file for all providers, and to the provider",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changePolicy(cmd.Context(), all, func(_ *session, f *keyring.Policy) error { return unsetPolicy(f, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "for all providers")
	return cmd
}

// changePolicy edits a policy file and says what that loosens.
func (p *program) changePolicy(ctx context.Context, all bool, edit func(*session, *keyring.Policy) error) error {
	return p.offline(ctx, func(s *session) error {
		read, write := s.ring.Policy, s.ring.SetPolicy
		if all {
			read, write = s.home.Policy, s.home.SetPolicy
		}
		f, err := read()
		if err != nil {
			return err
		}
		if f == nil {
			f = new(keyring.Policy)
		}
		if err := edit(s, f); err != nil {
			return err
		}
		if err := write(f); errors.Is(err, keyring.ErrPolicy) {
			return usage(err, hintFor(err))
		} else if err != nil {
			return err
		}
		before := s.inForce
		if err := s.loadPolicy(); err != nil {
			return err
		}
		for _, name := range s.inForce.Loosens(before) {
			p.warn("%s: this asks for less than before", spoken(name))
		}
		return s.showPolicy()
	})
}

func (p *program) newForgive() *cobra.Command {
	return &cobra.Command{
		Use:   "forgive EVIDENCE",
		Short: "Use a log again that was caught, although the evidence stands",
		Long: `Forgive lifts the refusal of a log for one evidence file, which kith status names.
The evidence is kept. Do it only if you know that the provider's keys were not what
they seem there: evidence that kith verifies holds whoever brought it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.offline(cmd.Context(), func(s *session) error {
				c, err := s.ring.Forgive(filepath.Base(args[0]))
				if err != nil {
					return err
				}
				p.print("the log of %s is used again, in spite of: %s", s.ring.Domain(), c.Text)
				return p.emit(c)
			})
		},
	}
}
