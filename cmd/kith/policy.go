package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/checkpoint"
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

// policyNames are the parts of a policy in the order they are shown.
var policyNames = []string{"setting", "witnesses", "auditors", "max_cosignature_age", "max_witness_lag", "minimum_age", "require_auditor", "gossip"}

// spoken is the name of a part as it is shown.
func spoken(name string) string { return strings.ReplaceAll(name, "_", " ") }

// partOf reads the name of a part, written in any of the ways it is seen.
func partOf(typed string) (string, error) {
	name := strings.NewReplacer("-", "_", " ", "_").Replace(typed)
	if !slices.Contains(policyNames, name) {
		return "", usage(fmt.Errorf("a policy has no part %q", typed), "parts are "+strings.ReplaceAll(strings.Join(policyNames, ", "), "_", "-"))
	}
	return name, nil
}

func (s *session) setPolicy(f *keyring.Policy, typed, value string, rest []string) error {
	name, err := partOf(typed)
	if err != nil {
		return err
	}
	if len(rest) > 0 && name != "witnesses" && name != "auditors" && name != "gossip" {
		return usage(fmt.Errorf("%s has one value", spoken(name)), "")
	}
	duration := func(to **keyring.Duration, least time.Duration) error {
		d, err := keyring.ParseDuration(value, least)
		if err != nil {
			return usage(err, "a time such as 30s, 10m or 24h")
		}
		*to = &d
		return nil
	}
	switch name {
	case "setting":
		f.Setting = value
	case "witnesses":
		var named []string
		for _, w := range s.pinned.Document.Witnesses {
			named = append(named, w.Key)
		}
		f.Witnesses, err = parseQuorum(value, rest, named)
	case "auditors":
		var named []string
		for _, a := range s.pinned.Document.Auditors {
			named = append(named, a.Cosigner)
		}
		f.Auditors, err = parseQuorum(value, rest, named)
	case "max_cosignature_age":
		err = duration(&f.MaxCosignatureAge, time.Second)
	case "max_witness_lag":
		err = duration(&f.MaxWitnessLag, time.Millisecond)
	case "minimum_age":
		err = duration(&f.MinimumAge, 0)
	case "require_auditor":
		yes := value == "yes" || value == "true"
		if !yes && value != "no" && value != "false" {
			return usage(fmt.Errorf("%q is neither yes nor no", value), "")
		}
		f.RequireAuditor = &yes
	case "gossip":
		f.Gossip = &keyring.Gossip{Off: value == "off"}
		if value != "on" && value != "off" {
			f.Gossip.Addresses = append([]string{value}, rest...)
		}
	}
	return err
}

// parseQuorum reads "2 of 3", "2" or "none", and the keys that count: verifier keys,
// or names of those that the provider's document names.
func parseQuorum(value string, rest, named []string) (*keyring.Quorum, error) {
	const hint = `such as "2 of 3" and three keys`
	q, of := new(keyring.Quorum), -1
	if value != "none" {
		if _, err := fmt.Sscanf(value+"\n", "%d of %d\n", &q.Threshold, &of); err != nil || value != fmt.Sprintf("%d of %d", q.Threshold, of) {
			of = -1
			if _, err := fmt.Sscanf(value+"\n", "%d\n", &q.Threshold); err != nil || value != fmt.Sprint(q.Threshold) {
				return nil, usage(fmt.Errorf("%q is no number of cosigners", value), hint)
			}
		}
	}
	for _, key := range rest {
		if !strings.Contains(key, "+") {
			i := slices.IndexFunc(named, func(n string) bool { return strings.HasPrefix(n, key+"+") })
			if i < 0 {
				return nil, usage(fmt.Errorf("%q is no verifier key, and the provider's document names nobody so", key), "a key is NAME+ID+BASE64")
			}
			key = named[i]
		}
		q.Keys = append(q.Keys, key)
	}
	among := len(q.Keys)
	if among == 0 {
		among = len(slices.DeleteFunc(slices.Clone(named), func(n string) bool { return n == "" }))
	}
	if of >= 0 && of != among {
		if len(q.Keys) == 0 {
			return nil, usage(fmt.Errorf("the provider's document names %d, not %d", among, of), "give the keys that count")
		}
		return nil, usage(fmt.Errorf("%s were given, not %d", count(among, "key"), of), hint)
	}
	return q, nil
}

func unsetPolicy(f *keyring.Policy, typed string) error {
	name, err := partOf(typed)
	switch name {
	case "setting":
		f.Setting = ""
	case "witnesses":
		f.Witnesses = nil
	case "auditors":
		f.Auditors = nil
	case "max_cosignature_age":
		f.MaxCosignatureAge = nil
	case "max_witness_lag":
		f.MaxWitnessLag = nil
	case "minimum_age":
		f.MinimumAge = nil
	case "require_auditor":
		f.RequireAuditor = nil
	case "gossip":
		f.Gossip = nil
	}
	return err
}

// A policyView is the policy in force, in JSON.
type policyView struct {
	Domain            string                    `json:"domain"`
	Setting           string                    `json:"setting"`
	Witnesses         quorumView                `json:"witnesses"`
	Auditors          quorumView                `json:"auditors"`
	MaxCosignatureAge string                    `json:"max_cosignature_age"`
	MaxWitnessLag     string                    `json:"max_witness_lag"`
	MinimumAge        string                    `json:"minimum_age"`
	RequireAuditor    bool                      `json:"require_auditor"`
	Gossip            bool                      `json:"gossip"`
	Addresses         []string                  `json:"gossip_addresses"` // besides those in the document
	From              map[string]keyring.Source `json:"from"`
	Files             []string                  `json:"files"` // the provider's, and the one for all
}

type quorumView struct {
	Threshold int      `json:"threshold"`
	Keys      []string `json:"keys"`
}

func viewQuorum(q *checkpoint.Quorum) quorumView {
	v := quorumView{q.Threshold, []string{}}
	for _, w := range q.Of {
		v.Keys = append(v.Keys, w.Key())
	}
	return v
}

// String is the quorum in words: "2 of 3".
func (v quorumView) String() string {
	if v.Threshold == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d", v.Threshold, len(v.Keys))
}

func settingName(s client.Setting) string {
	return map[client.Setting]string{client.Enforce: keyring.SettingEnforce, client.Warn: keyring.SettingWarn, client.Observe: keyring.SettingObserve}[s]
}

// showPolicy shows what is in force.
func (s *session) showPolicy() error {
	f := s.inForce
	v := &policyView{
		Domain: s.ring.Domain(), Setting: settingName(f.Setting), Witnesses: viewQuorum(&f.Witnesses), Auditors: viewQuorum(&f.Auditors),
		MaxCosignatureAge: keyring.Duration(f.MaxCosignatureAge).String(), MaxWitnessLag: keyring.Duration(f.MaxWitnessLag).String(),
		MinimumAge: keyring.Duration(f.MinimumAge).String(), RequireAuditor: f.RequireAuditor,
		Gossip: !f.GossipOff, Addresses: append([]string{}, f.GossipAddresses...), From: f.From,
		Files: []string{s.ring.PolicyPath(), s.home.PolicyPath()},
	}
	yes := map[bool]string{true: "yes", false: "no"}
	s.p.print("provider: %s", v.Domain)
	s.p.print("setting: %s", v.Setting)
	for _, q := range []struct {
		name string
		v    quorumView
	}{{"witnesses", v.Witnesses}, {"auditors", v.Auditors}} {
		s.p.print("%s: %s", q.name, q.v)
		if q.v.Threshold > 0 {
			for _, key := range q.v.Keys {
				s.p.print("  %s", key)
			}
		}
		if q.v.Threshold > len(q.v.Keys) {
			s.p.warn("%s: %d are asked for, and the provider names %d: no answer passes", q.name, q.v.Threshold, len(q.v.Keys))
		}
	}
	s.p.print("max cosignature age: %s", v.MaxCosignatureAge)
	s.p.print("max witness lag: %s", v.MaxWitnessLag)
	s.p.print("minimum age: %s", v.MinimumAge)
	s.p.print("require auditor: %s", yes[v.RequireAuditor])
	s.p.print("gossip: %s", map[bool]string{true: "on", false: "off"}[v.Gossip])
	for _, a := range v.Addresses {
		s.p.print("  %s", a)
	}
	for _, from := range []keyring.Source{keyring.FromProviderFile, keyring.FromHomeFile} {
		var parts []string
		for _, name := range policyNames {
			if f.From[name] == from {
				parts = append(parts, spoken(name))
			}
		}
		if len(parts) > 0 {
			path := v.Files[0]
			if from == keyring.FromHomeFile {
				path = v.Files[1]
			}
			s.p.say("from %s: %s", path, strings.Join(parts, ", "))
		}
	}
	return s.p.emit(v)
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
