package keyring

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// A Source says where a part of the policy in force comes from.
type Source string

// The sources, the most particular first.
const (
	FromProviderFile Source = "policy file of this provider"
	FromHomeFile     Source = "policy file for all providers"
	FromDocument     Source = "provider document"
	FromProgram      Source = "built in"
)

// InForce is the policy that a provider's answers are held against.
type InForce struct {
	Setting           client.Setting
	Witnesses         checkpoint.Quorum
	Auditors          checkpoint.Quorum
	MaxCosignatureAge time.Duration // by the user's clock
	MaxWitnessLag     time.Duration // between a head and the newest cosigned entry
	MinimumAge        time.Duration // 0: none
	RequireAuditor    bool
	GossipOff         bool
	GossipAddresses   []string // besides those in the provider document

	From map[string]Source // by the names of the policy file
}

// Combine returns the policy in force: what the file of the provider says, else
// what the file for all providers says, else what the pinned document says. Either
// file may be nil. A quorum that cannot be met, because the provider names too few,
// is not an error: nothing passes it.
func Combine(d *provider.Document, own, home *Policy) (*InForce, error) {
	var err error
	f := &InForce{From: map[string]Source{}}
	files := []struct {
		source Source
		*Policy
	}{{FromProviderFile, own}, {FromHomeFile, home}}
	// pick says which file speaks of something.
	pick := func(name string, fallback Source, has func(*Policy) bool) *Policy {
		for _, file := range files {
			if file.Policy != nil && has(file.Policy) {
				f.From[name] = file.source
				return file.Policy
			}
		}
		f.From[name] = fallback
		return nil
	}
	if p := pick("setting", FromProgram, func(p *Policy) bool { return p.Setting != "" }); p != nil {
		f.Setting = map[string]client.Setting{SettingWarn: client.Warn, SettingObserve: client.Observe}[p.Setting]
	}
	witnesses := &Quorum{Threshold: d.WitnessThreshold}
	if p := pick("witnesses", FromDocument, func(p *Policy) bool { return p.Witnesses != nil }); p != nil {
		witnesses = p.Witnesses
	}
	if f.Witnesses, err = witnesses.among(witnessKeys(d)); err != nil {
		return nil, fmt.Errorf("keyring: witnesses: %w", err)
	}
	auditors := &Quorum{Threshold: d.AuditorThreshold}
	if p := pick("auditors", FromDocument, func(p *Policy) bool { return p.Auditors != nil }); p != nil {
		auditors = p.Auditors
	}
	if f.Auditors, err = auditors.among(auditorKeys(d)); err != nil {
		return nil, fmt.Errorf("keyring: auditors: %w", err)
	}
	stated := time.Duration(min(d.MaxWitnessLagMS, uint64(maxDuration/time.Millisecond))) * time.Millisecond
	f.MaxWitnessLag = stated
	lag := FromDocument
	if stated == 0 {
		f.MaxWitnessLag, lag = client.DefaultMaxWitnessLag, FromProgram
	}
	if p := pick("max_witness_lag", lag, func(p *Policy) bool { return p.MaxWitnessLag != nil }); p != nil {
		f.MaxWitnessLag = time.Duration(*p.MaxWitnessLag)
	}
	// A provider that states a lag has its newest checkpoint cosigned anew several times
	// within it, also while nothing is published: then nobody's word that is older counts.
	f.MaxCosignatureAge = client.DefaultMaxCosignatureAge
	if stated > 0 {
		f.MaxCosignatureAge = max(stated, f.MaxWitnessLag)
	}
	if p := pick("max_cosignature_age", FromProgram, func(p *Policy) bool { return p.MaxCosignatureAge != nil }); p != nil {
		f.MaxCosignatureAge = time.Duration(*p.MaxCosignatureAge)
	}
	if p := pick("minimum_age", FromProgram, func(p *Policy) bool { return p.MinimumAge != nil }); p != nil {
		f.MinimumAge = time.Duration(*p.MinimumAge)
	}
	if p := pick("require_auditor", FromProgram, func(p *Policy) bool { return p.RequireAuditor != nil }); p != nil {
		f.RequireAuditor = *p.RequireAuditor
	}
	if p := pick("gossip", FromProgram, func(p *Policy) bool { return p.Gossip != nil }); p != nil {
		f.GossipOff, f.GossipAddresses = p.Gossip.Off, p.Gossip.Addresses
	}
	return f, nil
}

// Policy returns the policy for the gate.
func (f *InForce) Policy() client.Policy {
	return client.Policy{
		Setting: f.Setting, RequireAuditor: f.RequireAuditor, MinimumAge: f.MinimumAge,
		Witnesses: f.Witnesses, Auditors: f.Auditors, MaxCosignatureAge: f.MaxCosignatureAge, MaxWitnessLag: f.MaxWitnessLag,
	}
}

// among returns the quorum of its own keys, or else of those that the provider
// names. Of the latter, those that cannot be read cannot sign either.
func (q *Quorum) among(named []string) (checkpoint.Quorum, error) {
	if len(q.Keys) > 0 {
		return checkpoint.NewQuorum(q.Threshold, q.Keys...)
	}
	var keys []string
	for _, key := range named {
		if _, err := checkpoint.NewQuorum(0, append(keys, key)...); err == nil {
			keys = append(keys, key)
		}
	}
	all, err := checkpoint.NewQuorum(0, keys...)
	all.Threshold = q.Threshold
	return all, err
}

// Believes reports whether the user relies on the auditor with a verifier key, so
// that what it attests counts: a policy file asks for auditors, and it is one of
// them, under whatever name. What the provider names in its document is its own
// choice, and no reason to believe.
func (f *InForce) Believes(vkey string) bool {
	key := keyPart(vkey)
	return f.From["auditors"] != FromDocument && key != "" &&
		slices.ContainsFunc(f.Auditors.Of, func(w *checkpoint.Witness) bool { return keyPart(w.Key()) == key })
}

// keyPart is the part of a note verifier key, name+hash+base64, that holds the key.
func keyPart(vkey string) string {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return ""
	}
	return parts[2]
}

// Loosens lists the parts in which a policy asks for less than before, by the names
// of the policy file.
func (f *InForce) Loosens(before *InForce) (names []string) {
	note := func(name string, looser bool) {
		if looser {
			names = append(names, name)
		}
	}
	fewer := func(a, b checkpoint.Quorum) bool {
		return b.Threshold > 0 && (a.Threshold < b.Threshold || slices.ContainsFunc(a.Of, func(w *checkpoint.Witness) bool {
			return !slices.ContainsFunc(b.Of, func(v *checkpoint.Witness) bool { return v.Key() == w.Key() })
		}))
	}
	note("setting", f.Setting > before.Setting)
	note("witnesses", fewer(f.Witnesses, before.Witnesses))
	note("auditors", fewer(f.Auditors, before.Auditors))
	asks := before.Witnesses.Threshold > 0 || before.Auditors.Threshold > 0
	note("max_cosignature_age", asks && f.MaxCosignatureAge > before.MaxCosignatureAge)
	note("max_witness_lag", asks && f.MaxWitnessLag > before.MaxWitnessLag)
	note("minimum_age", f.MinimumAge < before.MinimumAge)
	note("require_auditor", !f.RequireAuditor && before.RequireAuditor)
	note("gossip", f.GossipOff && !before.GossipOff)
	return names
}
