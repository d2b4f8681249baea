package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/label"
)

func newInitCommand() *cobra.Command {
	var o operator.Options
	var auditor operator.Auditor
	var auditorKey, registration string
	cmd := &cobra.Command{
		Use:   "init --data DIR --domain DOMAIN",
		Short: "Make the keys, the settings and the first entry of a new log",
		Long: `Init makes a new log in an empty or new folder: its keys, its settings, the
signed provider document, and log entry 0. It never overwrites anything.

The suite, the mode, the windows and the lifetime are part of the log's identity:
they can never be changed, only by a move to another log. The auditor of mode
third-party-auditing can be followed by another one (set-auditor).

Move DIR/root/root.key to a place offline afterwards. It signs the provider
document, which tells clients which log is yours; it is not needed to serve.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if o.Domain == "" {
				return usage(fmt.Errorf("no domain"), "whose addresses is the log about? --domain example.org")
			}
			if err := checkWords(&o); err != nil {
				return err
			}
			if err := checkNumbers(cmd); err != nil {
				return err
			}
			if auditorKey != "" {
				if auditor.PublicKey, err = base64.StdEncoding.DecodeString(auditorKey); err != nil {
					return usage(fmt.Errorf("--auditor-key: %w", err), "the auditor's public key is in base64")
				}
				o.Auditor = &auditor
			}
			if (o.Auditor != nil) != (o.Mode == operator.ModeThirdPartyAuditing) {
				return usage(errors.New("an auditor belongs to mode third-party-auditing, and to no other"),
					"--mode third-party-auditing --auditor-key BASE64")
			}
			if o.Accounts, err = registrationOf("accounts", registration); err != nil {
				return err
			}
			if err := checkEmpty(dir); err != nil {
				return err
			}
			if o.Accounts != nil {
				domain, err := label.Domain(o.Domain)
				if err != nil {
					return err
				}
				addresses := o.Addresses
				if len(addresses) == 0 {
					addresses = []string{"https://" + domain}
				}
				o.Accounts.Origins = originsOf(domain, addresses)
			}
			summary, err := operator.Init(dir, o)
			if err == nil && o.Accounts != nil {
				err = makeAccounts(dir)
			}
			if err != nil {
				return err
			}
			return showSummary(cmd, dir, &o, summary)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Domain, "domain", "", "`DOMAIN` whose addresses the log is about")
	f.StringArrayVar(&o.Addresses, "address", nil, "base `URL` of the service, may be repeated (default https://DOMAIN)")
	f.StringVar(&o.Origin, "origin", "", "`NAME` of the audit log (default DOMAIN/log)")
	f.StringVar(&o.Suite, "suite", operator.SuiteEd25519, "cipher suite: ed25519 or p256")
	f.StringVar(&o.Mode, "mode", operator.ModeContactMonitoring, "deployment mode: contact-monitoring or third-party-auditing")
	f.DurationVar(&o.ReasonableMonitoringWindow, "reasonable-monitoring-window", operator.DefaultWindow, "how often an owner must come by")
	f.DurationVar(&o.MaxAhead, "max-ahead", operator.DefaultMaxAhead, "how far in a client's future a head may lie")
	f.DurationVar(&o.MaxBehind, "max-behind", operator.DefaultMaxBehind, "how old a head may be; a heartbeat is written at half of it")
	f.DurationVar(&o.MaximumLifetime, "maximum-lifetime", 0, "when log entries expire (default never)")
	f.StringVar(&auditorKey, "auditor-key", "", "the auditor's public key in `BASE64`, for mode third-party-auditing")
	f.StringVar(&auditor.Name, "auditor-name", "", "the auditor's `NAME`, for people")
	f.StringVar(&auditor.Address, "auditor-address", "", "the auditor's `URL`")
	f.DurationVar(&auditor.MaxLag, "auditor-max-lag", operator.DefaultAuditorLag, "how far a head may run ahead of the auditor's")
	f.Uint64Var(&auditor.Start, "auditor-start", 0, "the first log `ENTRY` that the auditor audits")
	f.StringVar(&o.Search, "search", operator.SearchPublic, "who may look labels up: public, or token")
	f.BoolVar(&o.OpaqueValues, "opaque-values", false, "values are the provider's own business, not account records")
	f.IntVar(&o.MaxValue, "max-value", 1<<20, "most `BYTES` of one value")
	f.StringVar(&registration, "accounts", "", "run an account service: open (everybody may register), invite, or closed (default: none)")
	f.DurationVar(&o.DocumentLife, "document-life", operator.DefaultDocumentLife, "how long the provider document is good")
	return cmd
}

// checkWords refuses what no flag can mean.
func checkWords(o *operator.Options) error {
	for _, w := range []struct {
		flag, value string
		words       []string
	}{
		{"suite", o.Suite, []string{operator.SuiteEd25519, operator.SuiteP256}},
		{"mode", o.Mode, []string{operator.ModeContactMonitoring, operator.ModeThirdPartyAuditing}},
		{"search", o.Search, []string{operator.SearchPublic, operator.SearchToken}},
	} {
		if !slices.Contains(w.words, w.value) {
			return usage(fmt.Errorf("--%s is %q", w.flag, w.value), "it is one of: "+strings.Join(w.words, ", "))
		}
	}
	if _, err := label.Domain(o.Domain); err != nil {
		return usage(fmt.Errorf("--domain: %w", err), "a domain is like example.org")
	}
	return nil
}

// checkNumbers refuses what would stand for a default, or for nothing: most of it
// can never be changed.
func checkNumbers(cmd *cobra.Command) error {
	flags := cmd.Flags()
	for _, name := range []string{"reasonable-monitoring-window", "max-ahead", "max-behind", "maximum-lifetime", "auditor-max-lag", "document-life"} {
		if d, err := flags.GetDuration(name); err == nil && flags.Changed(name) && d < time.Millisecond {
			return usage(fmt.Errorf("--%s is %v", name, d), "it is 1ms or more, such as 24h")
		}
	}
	if n, err := flags.GetInt("max-value"); err == nil && n < 1 {
		return usage(fmt.Errorf("--max-value is %d", n), "it is 1 to 16777216 bytes")
	}
	return nil
}

// checkEmpty refuses a folder with anything but a log in it, which is refused
// later, for a better reason.
func checkEmpty(dir string) error {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range all {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."), name == "lost+found":
		case name == operator.ConfigFile, name == operator.DocumentFile, name == operator.StoreFile, name == operator.KeysFolder,
			name == operator.HighWaterFile, name == operator.RootFolder, name == "lock", name == accountsFile:
			return nil
		default:
			return failed(fmt.Errorf("%s: folder is not empty: there is %s", dir, name), "a log needs a folder of its own, such as "+filepath.Join(dir, "kith"))
		}
	}
	return nil
}

// An initView is the output of init for programs.
type initView struct {
	Domain      string    `json:"domain"`
	Fingerprint string    `json:"fingerprint"`
	Origin      string    `json:"origin"`
	LogKey      string    `json:"log_key"`
	RootKeyFile string    `json:"root_key_file"`
	RootKeyID   string    `json:"root_key_id"`
	Document    string    `json:"document_file"`
	Expires     time.Time `json:"document_expires"`
}

func showSummary(cmd *cobra.Command, dir string, o *operator.Options, s *operator.Summary) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, initView{
			Domain: s.Domain, Fingerprint: s.Fingerprint.String(), Origin: s.Origin, LogKey: s.LogKey,
			RootKeyFile: s.RootKeyFile, RootKeyID: s.RootKeyID, Document: s.DocumentFile, Expires: s.Expires,
		})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), `made a log for %s

fingerprint  %s
audit log    %s
log key      %s

next:
  1. take %s offline; it is not needed to serve
     (the provider document must be signed again before %s)
  2. kithd import --data %s --format openpgp FILE
  3. kithd serve --data %s --listen 127.0.0.1:8080
  4. tell people the fingerprint where they can trust it, so that they can type
     kith use URL --fingerprint %s
`, s.Domain, s.Fingerprint, s.Origin, s.LogKey, s.RootKeyFile, s.Expires.Format(time.DateOnly), dir, dir, s.Fingerprint)
	return err
}
