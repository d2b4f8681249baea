package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

func (p *program) newUse() *cobra.Command {
	var expect string
	var accept bool
	var token tokenFlags
	cmd := &cobra.Command{
		Use:   "use URL",
		Short: "Choose a provider, and pin its keys",
		Long: `Use fetches what a provider says about itself, pins its keys, and makes it the
one that other commands ask. The fingerprint, which you can compare with
somebody who uses the same provider, says that you see the same log.

Asked again, it follows what the provider has changed since. What loosens
something, so that you would trust on less than before, it accepts only with
--accept.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u := use{p: p, accept: accept}
			if expect != "" {
				f, err := provider.ParseFingerprint(expect)
				if err != nil {
					return usage(fmt.Errorf("%q is %w", expect, err), "it has 13 groups of four letters and digits, as kith status shows it")
				}
				u.expect = &f
			}
			secret, err := token.read(p)
			if err != nil {
				return err
			}
			u.token = secret
			return u.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().StringVar(&expect, "fingerprint", "", "refuse every log but the one with fingerprint `F`")
	cmd.Flags().BoolVar(&accept, "accept", false, "accept changes that loosen something, or an address that is not of the provider's domain")
	token.add(cmd, "for lookups, where the provider wants one")
	return cmd
}

// use is the work of one kith use.
type use struct {
	p      *program
	expect *provider.Fingerprint
	accept bool
	token  string
}

func (u *use) run(ctx context.Context, address string) error {
	r, err := remote.New(address, remote.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	envelope, err := r.Provider(ctx)
	if err != nil {
		return err
	}
	offered, err := provider.Open(envelope, "", u.p.now(), skew)
	if err != nil {
		return err
	}
	found, err := offered.Document.Fingerprint()
	if err != nil {
		return err
	}
	if u.expect != nil && *u.expect != found {
		return failed("somebody may stand between you and the provider; nothing was changed", "the log's fingerprint is %s, and not the one you gave", found)
	}
	home, err := u.p.openHome()
	if err != nil {
		return err
	}
	ring, err := u.p.lock(ctx, home, offered.Document.Domain)
	if err != nil {
		return err
	}
	defer ring.Close()
	known, err := ring.Provider()
	if errors.Is(err, keyring.ErrUnknown) {
		err = u.first(ring, r, offered, envelope)
	} else if err == nil {
		err = u.again(ring, known, envelope)
	}
	if err != nil {
		return err
	}
	if err := ring.SetAddress(r.Address()); err != nil {
		return err
	}
	if u.token != "" {
		if err := ring.SetToken(u.token); err != nil {
			return err
		}
	}
	if err := home.SetDefault(ring.Domain()); err != nil {
		return err
	}
	caught, err := ring.Convicted(found)
	if err != nil {
		return err
	}
	if caught != nil {
		u.p.warn("%s", plain(refusal(ring, caught)))
	}
	return u.p.describe(offered.Document, r.Address())
}

// first pins a provider that was never seen.
func (u *use) first(ring *keyring.Ring, r *remote.Remote, offered *provider.Pinned, envelope []byte) error {
	domain := offered.Document.Domain
	if u.expect == nil && !u.accept && !belongs(r.Address(), domain) {
		return failed("compare the fingerprint and give it with --fingerprint, or take the word of the address with --accept",
			"%s says it speaks for %s, which its address does not show", r.Address(), domain)
	}
	if err := ring.SetProvider(envelope); err != nil {
		return err
	}
	switch {
	case u.expect != nil:
		u.p.say("this is the log with the fingerprint you gave")
	case u.accept:
		u.p.say("this is your first contact with %s, on your word; compare the fingerprint with somebody who uses it too", domain)
	default:
		u.p.say("this is your first contact with %s; compare the fingerprint with somebody who uses it too", domain)
	}
	return nil
}

// belongs reports whether an address shows that it speaks for a domain: by a
// certificate for a host of the domain, or because it is on this machine.
func belongs(address, domain string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "http" || host == domain || strings.HasSuffix(host, "."+domain)
}

// again follows a provider that is pinned.
func (u *use) again(ring *keyring.Ring, known, envelope []byte) error {
	pinned, err := provider.Reopen(known)
	if err != nil {
		return damagedPin(ring, err)
	}
	_, err = u.p.accept(ring, pinned, envelope, u.accept)
	return err
}

// A providerView is a provider in JSON.
type providerView struct {
	Domain           string   `json:"domain"`
	Address          string   `json:"address"`
	Fingerprint      string   `json:"fingerprint"`
	Suite            uint16   `json:"cipher_suite"`
	Mode             string   `json:"mode"`
	Version          uint64   `json:"version"`
	Expires          string   `json:"expires"`
	Revision         string   `json:"draft_revision"`
	Auditors         []string `json:"auditors,omitempty"`
	Witnesses        int      `json:"witnesses,omitempty"`
	WitnessThreshold int      `json:"witness_threshold,omitempty"`
	AuditorThreshold int      `json:"auditor_threshold,omitempty"`
	MaxWitnessLag    string   `json:"max_witness_lag,omitempty"`
	Successor        string   `json:"successor,omitempty"`
	Retires          string   `json:"retires,omitempty"`
}

func viewProvider(d *provider.Document, address string) (*providerView, error) {
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	v := &providerView{
		Domain: d.Domain, Address: address, Fingerprint: provider.FingerprintOf(config).String(),
		Suite: uint16(config.CipherSuite), Mode: modeName(config.Mode), Version: d.Version,
		Expires: d.Expires.UTC().Format(time.RFC3339), Revision: d.DraftRevision, Witnesses: len(d.Witnesses),
	}
	v.WitnessThreshold, v.AuditorThreshold = d.WitnessThreshold, d.AuditorThreshold
	if d.MaxWitnessLagMS > 0 {
		v.MaxWitnessLag = keyring.Duration(time.Duration(min(d.MaxWitnessLagMS, 1<<53/1_000_000)) * time.Millisecond).String()
	}
	for _, a := range d.Auditors {
		v.Auditors = append(v.Auditors, a.Name)
	}
	if d.Successor != nil {
		v.Successor = d.Successor.Fingerprint.String() + " at " + d.Successor.Address
	}
	if d.Retirement != nil {
		v.Retires = d.Retirement.At.UTC().Format(time.RFC3339)
	}
	return v, nil
}

func modeName(m wire.DeploymentMode) string {
	switch m {
	case wire.ContactMonitoring:
		return "contact-monitoring"
	case wire.ThirdPartyManagement:
		return "third-party-management"
	case wire.ThirdPartyAuditing:
		return "third-party-auditing"
	}
	return fmt.Sprintf("mode %d", m)
}

// modeText says what a mode means to its users.
func modeText(mode string) string {
	switch mode {
	case "contact-monitoring":
		return "contact monitoring: who looks a key up keeps an eye on it"
	case "third-party-auditing":
		return "third-party auditing: an auditor checks every change"
	}
	return mode
}

// describe shows a provider.
func (p *program) describe(d *provider.Document, address string) error {
	v, err := viewProvider(d, address)
	if err != nil {
		return err
	}
	p.print("provider     %s", v.Domain)
	p.print("address      %s", v.Address)
	p.print("fingerprint  %s", v.Fingerprint)
	p.print("mode         %s", modeText(v.Mode))
	for _, a := range v.Auditors {
		p.print("auditor      %s", a)
	}
	if v.AuditorThreshold > 0 {
		p.print("cosigned     by %d of its auditors", v.AuditorThreshold)
	}
	if v.WitnessThreshold > 0 {
		p.print("witnessed    by %d of its %s, at most %s behind", v.WitnessThreshold, count(v.Witnesses, "witness"), v.MaxWitnessLag)
	}
	p.print("document     version %d, good until %s", v.Version, clock(d.Expires))
	if v.Successor != "" {
		p.print("successor    %s", v.Successor)
	}
	if v.Retires != "" {
		p.print("retires      %s", clock(d.Retirement.At))
	}
	return p.emit(v)
}
