package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kith-kt/kith/client/keyring"
)

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
