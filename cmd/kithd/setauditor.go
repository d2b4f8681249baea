package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/cosign"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// An auditorChange is what set-auditor was asked to change.
type auditorChange struct {
	given func(flag string) bool

	name, cosigner, address, key string
	start                        uint64
	maxAuditorLag, maxLag        time.Duration
	threshold                    int
	remove                       []string
}

func newSetAuditorCommand() *cobra.Command {
	var r revision
	var c auditorChange
	cmd := &cobra.Command{
		Use:   "set-auditor --data DIR --root-key FILE --name NAME",
		Short: "Say which auditors cosign checkpoints or sign heads",
		Long: `Set-auditor changes who audits the log. Without a change it shows who does.

In every mode an auditor can cosign checkpoints, once it has audited them:
--name, --cosigner (its note verifier key) and --address (where it takes them)
add one, or change the one of that name; --threshold says how many cosignatures
of auditors clients demand. That is the way for a public provider: no single
auditor can then stop every client.

In mode third-party-auditing --key changes the auditor whose signature every head
needs. That is another Configuration of the same log: settings, provider document
and log change together, clients ask their users to accept it, and until the new
auditor has signed a head there are no answers. Its --start must not be above the
size of the last head of the auditor before, or clients that hold that head could
not go on; someone who holds an older one starts again. 0 is right for an auditor
that audits from the beginning.

The root key signs the provider document either way.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			c.given = cmd.Flags().Changed
			if !slices.ContainsFunc([]string{"name", "cosigner", "address", "key", "start", "max-auditor-lag", "threshold", "max-witness-lag", "remove"}, c.given) {
				if c.given("root-key") {
					return usage(errors.New("there is nothing to change"), "--name NAME --cosigner VKEY --address URL, --remove NAME, or --threshold N")
				}
				return showWatchers(cmd, dir, nil)
			}
			changes, err := c.make(cmd.Context(), dir, &r)
			if err != nil {
				return err
			}
			return showWatchers(cmd, dir, changes)
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&c.name, "name", "", "the auditor's `NAME`, for people")
	f.StringVar(&c.cosigner, "cosigner", "", "the note verifier key `VKEY` with which it cosigns")
	f.StringVar(&c.address, "address", "", "the `URL` of its service")
	f.StringVar(&c.key, "key", "", "its public key for heads in `BASE64`, for mode third-party-auditing")
	f.Uint64Var(&c.start, "start", 0, "the first log `ENTRY` that it audits, for mode third-party-auditing")
	f.DurationVar(&c.maxAuditorLag, "max-auditor-lag", operator.DefaultAuditorLag, "how far a head may run ahead of its, for mode third-party-auditing (default: as before)")
	f.IntVar(&c.threshold, "threshold", 0, "how many auditors must have cosigned what clients accept")
	f.DurationVar(&c.maxLag, "max-witness-lag", defaultWitnessLag, "how far a head may run ahead of the newest cosigned checkpoint")
	f.StringArrayVar(&c.remove, "remove", nil, "remove the auditor of a `NAME`, may be repeated")
	return cmd
}

// make makes the change and returns what clients find changed.
func (c *auditorChange) make(ctx context.Context, dir string, r *revision) ([]provider.Change, error) {
	if c.name == "" && (c.given("cosigner") || c.given("address") || c.given("key") || c.given("start") || c.given("max-auditor-lag")) {
		return nil, usage(errors.New("which auditor?"), "--name NAME, for people")
	}
	if !c.given("key") && !c.given("start") && !c.given("max-auditor-lag") {
		return r.revise(ctx, dir, c.document)
	}
	pinned, err := readDocument(dir)
	if err != nil {
		return nil, err
	}
	config, err := pinned.Document.Config()
	if err != nil {
		return nil, err
	}
	if config.Mode != wire.ThirdPartyAuditing {
		return nil, usage(errors.New("heads need no auditor's signature in the mode of this log"),
			"give the key with which it cosigns checkpoints: --cosigner VKEY --address URL")
	}
	before := config.AuditorPublicKey
	next := operator.AuditorConfig{PublicKey: before, MaxLag: operator.Duration(time.Duration(config.MaxAuditorLag) * time.Millisecond), Start: c.start}
	if c.given("key") {
		if next.PublicKey, err = base64.StdEncoding.Strict().DecodeString(c.key); err != nil {
			return nil, usage(fmt.Errorf("--key: %w", err), "the auditor's public key is in base64")
		}
	} else if !c.given("start") {
		next.Start = config.AuditorStartPos
	}
	if c.given("max-auditor-lag") {
		next.MaxLag = operator.Duration(c.maxAuditorLag)
	}
	keys, err := r.keys()
	if err != nil {
		return nil, err
	}
	envelope, err := operator.PrepareDocument(dir, time.Now(), r.life, func(d *provider.Document) error {
		changed := *config
		changed.AuditorPublicKey, changed.AuditorStartPos = next.PublicKey, next.Start
		changed.MaxAuditorLag = uint64(time.Duration(next.MaxLag).Milliseconds())
		encoded, err := changed.Append(nil, changed.Format())
		if err != nil {
			return err
		}
		d.Former = append(slices.Clip(d.Former), d.Configuration)
		d.Configuration = encoded
		c.passOn(d, before, next.PublicKey)
		return c.document(d)
	}, keys...)
	if err != nil {
		return nil, err
	}
	if _, err := setAuditorAction.run(ctx, dir, setAuditorRequest{next, envelope}); err != nil {
		return nil, err
	}
	after, err := readDocument(dir)
	if err != nil {
		return nil, err
	}
	return provider.Compare(pinned.Document, after.Document)
}

// passOn gives the auditor of the change the key that signs heads, and takes it
// from the one before, who stays only if it cosigns.
func (c *auditorChange) passOn(d *provider.Document, before, next []byte) {
	var kept []provider.Auditor
	for _, a := range d.Auditors {
		if string(a.PublicKey) == string(before) && a.Name != c.name {
			if a.PublicKey = nil; a.Cosigner == "" {
				continue
			}
		}
		if a.Name == c.name {
			a.PublicKey = next
		}
		kept = append(kept, a)
	}
	if !slices.ContainsFunc(kept, func(a provider.Auditor) bool { return a.Name == c.name }) {
		kept = append(kept, provider.Auditor{Name: c.name, PublicKey: next})
	}
	d.Auditors = kept
}

// document makes the changes that are in the document alone.
func (c *auditorChange) document(d *provider.Document) error {
	config, err := d.Config()
	if err != nil {
		return err
	}
	for _, name := range c.remove {
		at := slices.IndexFunc(d.Auditors, func(a provider.Auditor) bool { return a.Name == name })
		if at < 0 {
			return failed(fmt.Errorf("there is no auditor %q", name), "kithd set-auditor --data DIR names those there are")
		}
		if key := d.Auditors[at].PublicKey; config.Mode == wire.ThirdPartyAuditing && string(key) == string(config.AuditorPublicKey) {
			return failed(fmt.Errorf("heads need the signature of %q", name), "put another auditor in its place: --name NAME --key BASE64")
		}
		d.Auditors = slices.Delete(slices.Clone(d.Auditors), at, at+1)
	}
	if c.given("name") {
		if err := c.edit(d); err != nil {
			return err
		}
	}
	if c.given("threshold") {
		d.AuditorThreshold = c.threshold
	}
	return setLag(d, c.given("max-witness-lag"), c.maxLag)
}

// edit changes the auditor of the name, or adds it.
func (c *auditorChange) edit(d *provider.Document) error {
	address := strings.TrimSuffix(c.address, "/")
	if c.given("cosigner") {
		target := cosign.Target{Role: cosign.RoleAuditor, Name: c.name, Key: c.cosigner, Address: address}
		if err := cosign.Check(cosign.Targets{List: []cosign.Target{target}}); err != nil {
			return usage(err, "kith-auditor init prints the key, and its operator says where it listens")
		}
	}
	list := slices.Clone(d.Auditors)
	at := slices.IndexFunc(list, func(a provider.Auditor) bool { return a.Name == c.name })
	if at < 0 {
		list, at = append(list, provider.Auditor{Name: c.name}), len(list)
	}
	if c.given("cosigner") {
		list[at].Cosigner = c.cosigner
	}
	if c.given("address") {
		list[at].Address = address
	}
	if len(list[at].PublicKey) == 0 && list[at].Cosigner == "" {
		return usage(fmt.Errorf("the auditor %q has no key", c.name), "--cosigner VKEY, as kith-auditor init prints it")
	}
	d.Auditors = list
	return nil
}

type setAuditorRequest struct {
	Auditor  operator.AuditorConfig `json:"auditor"`
	Document []byte                 `json:"document"`
}

var setAuditorAction = action[setAuditorRequest, struct{}]{
	name: "set-auditor",
	do: func(ctx context.Context, op *operator.Operator, q setAuditorRequest) (struct{}, error) {
		return struct{}{}, op.SetAuditor(ctx, q.Auditor, q.Document)
	},
}
