package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

func (p *program) newInit() *cobra.Command {
	var address, fingerprint, suiteWord string
	cmd := &cobra.Command{
		Use:   "init --provider URL --data DIR",
		Short: "Pin a provider, and make the auditor's key",
		Long: `Init fetches what a provider says about itself, pins its keys, and makes the key
that signs heads of its log. It never replaces a key or a provider.

The auditor of a log in mode third-party-auditing is part of the log's identity,
so its key is there before the log: without --provider, init makes the key alone,
of the suite --suite, and writes what the provider enters. Once the log is served,
run init again with --provider.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.data == "" {
				return usage(errors.New("no data folder"), "say which folder: --data DIR")
			}
			expect, err := parseFingerprint(fingerprint)
			if err != nil {
				return err
			}
			if address == "" {
				return p.initKey(suiteWord)
			}
			if cmd.Flags().Changed("suite") {
				return usage(errors.New("--suite with --provider"), "the key is of the suite of the provider's log")
			}
			return p.initProvider(cmd.Context(), address, expect)
		},
	}
	cmd.Flags().StringVar(&address, "provider", "", "`URL` of the provider")
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "refuse every log but the one with fingerprint `F`")
	cmd.Flags().StringVar(&suiteWord, "suite", "ed25519", "suite of the key where there is no log yet: ed25519 or p256")
	return cmd
}

func parseFingerprint(s string) (*provider.Fingerprint, error) {
	if s == "" {
		return nil, nil
	}
	f, err := provider.ParseFingerprint(s)
	if err != nil {
		return nil, usage(fmt.Errorf("%q is %w", s, err), "it has 13 groups of four letters and digits, as kith status shows it")
	}
	return &f, nil
}

// An initView is the output of init for programs.
type initView struct {
	Domain      string   `json:"domain,omitempty"`
	Address     string   `json:"address,omitempty"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Suite       string   `json:"suite"`
	PublicKey   string   `json:"public_key"`
	IsAuditor   bool     `json:"is_auditor"` // heads of the log need this key's signature
	KithdFlags  []string `json:"kithd_init_flags"`
}

func (p *program) initKey(word string) error {
	id, ok := suites[word]
	if !ok {
		return usage(fmt.Errorf("--suite is %q", word), "it is one of: ed25519, p256")
	}
	f, err := openFolder(p.data, true)
	if err != nil {
		return err
	}
	defer f.close()
	k, err := f.makeKey(id, p.rand)
	if err != nil {
		return err
	}
	return p.showInit(initView{}, k)
}

func (p *program) initProvider(ctx context.Context, address string, expect *provider.Fingerprint) error {
	source, err := feed.New(address, feed.Options{})
	if err != nil {
		return err
	}
	defer source.Close()
	pinned, envelope, err := p.contact(ctx, source, expect)
	if err != nil {
		return err
	}
	f, err := openFolder(p.data, true)
	if err != nil {
		return err
	}
	defer f.close()
	known, err := f.read(documentFile)
	if err != nil {
		return err
	}
	if known != nil {
		before, err := provider.Reopen(known)
		if err != nil {
			return fmt.Errorf("%s: %w", f.path(documentFile), err)
		}
		if pinned, err = p.follow(before, envelope); err != nil {
			return err
		}
	}
	config, err := pinned.Document.Config()
	if err != nil {
		return err
	}
	k, err := f.makeKey(config.CipherSuite, p.rand)
	if err != nil {
		return err
	}
	if err := f.write(addressFile, []byte(source.Address()+"\n")); err != nil {
		return err
	}
	if err := f.write(documentFile, envelope); err != nil {
		return err
	}
	return p.showInit(initView{
		Domain: pinned.Document.Domain, Address: source.Address(), Fingerprint: provider.FingerprintOf(config).String(),
		IsAuditor: isAuditor(config, k),
	}, k)
}

// isAuditor reports whether heads of the log need the key's signature.
func isAuditor(c *wire.Configuration, k *key) bool {
	return k != nil && c.Mode == wire.ThirdPartyAuditing && bytes.Equal(c.AuditorPublicKey, k.Public())
}

// contact reads what a provider says about itself, on first contact.
func (p *program) contact(ctx context.Context, source *feed.Feed, expect *provider.Fingerprint) (*provider.Pinned, []byte, error) {
	envelope, err := source.Document(ctx)
	if err != nil {
		return nil, nil, err
	}
	pinned, err := provider.Open(envelope, "", p.now(), skew)
	if err != nil {
		return nil, nil, err
	}
	found, err := pinned.Document.Fingerprint()
	if err != nil {
		return nil, nil, err
	}
	if expect != nil && *expect != found {
		return nil, nil, failed(fmt.Errorf("the log's fingerprint is %s, and not the one you gave", found), "somebody may stand between you and the provider; nothing was changed")
	}
	if expect == nil && !belongs(source.Address(), pinned.Document.Domain) {
		return nil, nil, failed(fmt.Errorf("%s says it speaks for %s, which its address does not show", source.Address(), pinned.Document.Domain), "compare the log's fingerprint and give it with --fingerprint")
	}
	return pinned, envelope, nil
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

func (p *program) showInit(v initView, k *key) error {
	v.Suite, v.PublicKey = suiteName(k.suite), k.text()
	v.KithdFlags = []string{"--mode", "third-party-auditing", "--suite", v.Suite, "--auditor-key", v.PublicKey}
	if p.json {
		return p.emit(v)
	}
	if v.Domain != "" {
		fmt.Fprintf(p.out, "provider     %s\naddress      %s\nfingerprint  %s\n", v.Domain, v.Address, v.Fingerprint)
	}
	fmt.Fprintf(p.out, "suite        %s\npublic key   %s\n\n", v.Suite, v.PublicKey)
	var err error
	switch {
	case v.IsAuditor:
		_, err = fmt.Fprintf(p.out, "this key is the auditor's in the log's configuration: the log waits for its signatures\n\nnext: kith-auditor run --data %s\n", p.data)
	case v.Domain != "":
		_, err = fmt.Fprintf(p.out, "the log does not need this key's signatures: watch it with\n\n  kith-auditor run --data %s\n\na provider who wants them enters the key when it makes a log:\n\n  kithd init --data DIR --domain DOMAIN %s\n", p.data, strings.Join(v.KithdFlags, " "))
	default:
		_, err = fmt.Fprintf(p.out, "the provider enters the key when it makes the log:\n\n  kithd init --data DIR --domain DOMAIN %s\n\nnext, once that is served: kith-auditor init --provider URL --data %s\n", strings.Join(v.KithdFlags, " "), p.data)
	}
	return err
}
