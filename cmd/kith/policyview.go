package main

import (
	"fmt"
	"strings"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/checkpoint"
)

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
