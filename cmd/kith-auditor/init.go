package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// maxTrust bounds the file of a checkpoint, in bytes.
const maxTrust = 64 << 10

func (p *program) newInit() *cobra.Command {
	var address, fingerprint, trust string
	var agents []string
	o := watch.InitOptions{}
	cmd := &cobra.Command{
		Use:   "init --provider URL --data DIR",
		Short: "Pin a provider, and make the auditor's keys",
		Long: `Init fetches what a provider says about itself, pins its keys, and makes two keys:
one signs heads of the log, where the log asks for that, the other cosigns
checkpoints and signs statements. It never replaces a key or a provider.

The auditor of a log in mode third-party-auditing is part of the log's identity,
so its key is there before the log: without --provider, init makes the keys alone,
of the suite --suite, and writes what the provider enters. Once the log is served,
run init again with --provider.

With --ssh-agent a key stays in the SSH agent at SSH_AUTH_SOCK, which run then
asks for every signature: SHA256:... for both keys, head=SHA256:... or
cosigner=SHA256:... for one of them. Cosignatures take an Ed25519 key.

With --trust FILE, a signed checkpoint that somebody vouches for, the audit begins
after it: entries before are read, and held against it, but not computed again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.data == "" {
				return usage(errors.New("no data folder"), "say which folder: --data DIR")
			}
			if o.Expect, err = parseFingerprint(fingerprint); err != nil {
				return err
			}
			if address != "" && cmd.Flags().Changed("suite") {
				return usage(errors.New("--suite with --provider"), "the key is of the suite of the provider's log")
			}
			if _, ok := watch.Suites[o.Suite]; !ok {
				return usage(fmt.Errorf("--suite is %q", o.Suite), "it is one of: ed25519, p256")
			}
			if o.Name != "" && checkpoint.CheckOrigin(o.Name) != nil {
				return usage(fmt.Errorf("--name is %q", o.Name), "a name such as audit.example.net, without spaces or plus signs")
			}
			if err := setAgents(&o, agents); err != nil {
				return err
			}
			if trust != "" {
				if address == "" {
					return usage(errors.New("--trust without --provider"), "say whose checkpoint it is: --provider URL")
				}
				if o.Trust, err = readSmall(trust); err != nil {
					return err
				}
			}
			bar := newProgress(p.err, "reading")
			defer bar.end()
			o.Dir, o.Address, o.Agent, o.Now, o.Rand, o.Each = p.data, address, agent(), p.now, p.rand, bar.set
			id, err := watch.Init(cmd.Context(), o)
			if err != nil {
				return hinted(err, p.data)
			}
			bar.end()
			return p.showInit(id)
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "provider", "", "`URL` of the provider")
	f.StringVar(&fingerprint, "fingerprint", "", "refuse every log but the one with fingerprint `F`")
	f.StringVar(&o.Suite, "suite", "ed25519", "suite of the key where there is no log yet: ed25519 or p256")
	f.StringVar(&o.Name, "name", "", "`NAME` of the key that cosigns (default: this machine's name, or a random one)")
	f.StringArrayVar(&agents, "ssh-agent", nil, "`KEY` that an SSH agent holds: SHA256:..., head=SHA256:... or cosigner=SHA256:...")
	f.StringVar(&trust, "trust", "", "`FILE` with a signed checkpoint; entries under it are not computed again")
	return cmd
}

// setAgents says which keys are an agent's.
func setAgents(o *watch.InitOptions, words []string) error {
	for _, word := range words {
		role, name, named := strings.Cut(word, "=")
		if !named || strings.HasPrefix(role, "SHA256:") { // base64 may end in =, but is written without
			role, name = "", word
		}
		if !strings.HasPrefix(name, "SHA256:") || role != "" && role != "head" && role != "cosigner" {
			return usage(fmt.Errorf("--ssh-agent is %q", word), "ssh-add -l shows the names of keys: SHA256:...")
		}
		if role != "cosigner" {
			o.HeadKey = name
		}
		if role != "head" {
			o.CosignerKey = name
		}
	}
	return nil
}

// readSmall reads a file that somebody handed over.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTrust+1))
	if err == nil && len(b) > maxTrust {
		err = fmt.Errorf("%s has more than %d bytes", name, maxTrust)
	}
	return b, err
}

// An initView is the output of init for programs.
type initView struct {
	Domain      string   `json:"domain,omitempty"`
	Address     string   `json:"address,omitempty"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Suite       string   `json:"suite"`
	PublicKey   string   `json:"public_key"`
	IsAuditor   bool     `json:"is_auditor"` // heads of the log need this key's signature
	Name        string   `json:"name"`       // of the cosigner
	Cosigner    string   `json:"cosigner"`   // its note verifier key
	KithdFlags  []string `json:"kithd_init_flags"`
	SetAuditor  []string `json:"kithd_set_auditor"`
}

func (p *program) showInit(id *watch.Identity) error {
	v := initView{
		Address: id.Address, Suite: watch.SuiteName(id.Suite), PublicKey: base64.StdEncoding.EncodeToString(id.PublicKey),
		IsAuditor: id.IsAuditor, Name: id.Name, Cosigner: id.Cosigner,
	}
	if id.Pinned != nil {
		v.Domain = id.Pinned.Document.Domain
		if f, err := id.Pinned.Document.Fingerprint(); err == nil {
			v.Fingerprint = f.String()
		}
	}
	v.KithdFlags = []string{"--mode", "third-party-auditing", "--suite", v.Suite, "--auditor-key", v.PublicKey}
	v.SetAuditor = setAuditor(v.Name, v.Cosigner)
	if p.json {
		return p.emit(v)
	}
	if v.Domain != "" {
		fmt.Fprintf(p.out, "provider     %s\naddress      %s\nfingerprint  %s\n", v.Domain, v.Address, v.Fingerprint)
	}
	fmt.Fprintf(p.out, "suite        %s\npublic key   %s\ncosigner     %s\n\n", v.Suite, v.PublicKey, v.Cosigner)
	cosign := "for its cosignatures, where your run listens at URL, a provider enters\n\n  kithd " + strings.Join(v.SetAuditor, " ") + "\n"
	var err error
	switch {
	case v.IsAuditor:
		_, err = fmt.Fprintf(p.out, "this key is the auditor's in the log's configuration: the log waits for its signatures\n\n%s\nnext: kith-auditor run --data %s\n", cosign, p.data)
	case v.Domain != "":
		_, err = fmt.Fprintf(p.out, "the log does not need this key's signatures: watch it with\n\n  kith-auditor run --data %s\n\n%s\na provider who wants it to sign heads enters the key when it makes a log:\n\n  kithd init --data DIR --domain DOMAIN %s\n\nor, in mode third-party-auditing already, with set-auditor: --key %s\n", p.data, cosign, strings.Join(v.KithdFlags, " "), v.PublicKey)
	default:
		_, err = fmt.Fprintf(p.out, "the provider enters the key when it makes the log:\n\n  kithd init --data DIR --domain DOMAIN %s\n\nnext, once that is served: kith-auditor init --provider URL --data %s\n", strings.Join(v.KithdFlags, " "), p.data)
	}
	return err
}

// setAuditor is the command line of kithd that enters a cosigner.
func setAuditor(name, vkey string) []string {
	return []string{"set-auditor", "--data", "DIR", "--root-key", "FILE", "--name", name, "--cosigner", vkey, "--address", "URL"}
}
