package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/cosign"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
)

// defaultWitnessLag is max_witness_lag_ms where cosignatures are asked for first.
const defaultWitnessLag = time.Minute

// A revision is what a command changes in the provider document.
type revision struct {
	roots []string
	life  time.Duration
}

func (r *revision) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&r.roots, "root-key", nil, "`FILE` with a root key; as many as the document asks for")
	f.DurationVar(&r.life, "life", operator.DefaultDocumentLife, "how long the document is good from now")
}

// keys reads the root keys.
func (r *revision) keys() (keys []ed25519.PrivateKey, err error) {
	if len(r.roots) == 0 {
		return nil, usage(errors.New("--root-key is needed"), "init left it in DIR/root/root.key, and you took it offline")
	}
	if r.life < time.Minute {
		return nil, usage(fmt.Errorf("--life is %v", r.life), "it is 1m or more, such as 8784h")
	}
	for _, name := range r.roots {
		key, err := operator.LoadRootKey(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// revise changes the provider document in dir, lets a running server serve it, and
// returns what clients find changed.
func (r *revision) revise(ctx context.Context, dir string, change func(*provider.Document) error) ([]provider.Change, error) {
	keys, err := r.keys()
	if err != nil {
		return nil, err
	}
	before, err := readDocument(dir)
	if err != nil {
		return nil, err
	}
	checked := func(d *provider.Document) error {
		if err := change(d); err != nil {
			return err
		}
		return enoughFor(d)
	}
	if err := operator.ReviseDocument(dir, time.Now(), r.life, checked, keys...); err != nil {
		return nil, err
	}
	if _, err := ask(ctx, dir, reloadAction.name, struct{}{}, new(struct{})); err != nil {
		return nil, fmt.Errorf("signed, but not served yet: %w", err)
	}
	after, err := readDocument(dir)
	if err != nil {
		return nil, err
	}
	return provider.Compare(before.Document, after.Document)
}

func newSetWitnessesCommand() *cobra.Command {
	var r revision
	var witnesses, remove []string
	var threshold int
	var lag time.Duration
	cmd := &cobra.Command{
		Use:   "set-witnesses --data DIR --root-key FILE --witness VKEY=URL",
		Short: "Say which witnesses cosign checkpoints, and how many clients demand",
		Long: `Set-witnesses changes who cosigns the checkpoints of the audit log, in the
provider document: it adds witnesses, gives them another address, removes them,
and says how many cosignatures clients are to demand. The root key signs it. A
running server asks the new ones at once. Without a change it shows what is.

VKEY is the witness's note verifier key, which its operator publishes, and URL
the address below which its add-checkpoint is. The witness must be told the key
of the log, which is shown too.

With --threshold 0 cosignatures are collected and served, and not demanded.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			given := func(name string) bool { return cmd.Flags().Changed(name) }
			if !given("witness") && !given("remove") && !given("threshold") && !given("max-lag") {
				if given("root-key") {
					return usage(errors.New("there is nothing to change"), "--witness VKEY=URL, --remove NAME, --threshold N or --max-lag 1m")
				}
				return showWatchers(cmd, dir, nil)
			}
			changes, err := r.revise(cmd.Context(), dir, func(d *provider.Document) error {
				for _, name := range remove {
					if err := removeWitness(d, name); err != nil {
						return err
					}
				}
				for _, w := range witnesses {
					if err := addWitness(d, w); err != nil {
						return err
					}
				}
				if given("threshold") {
					d.WitnessThreshold = threshold
				}
				return setLag(d, given("max-lag"), lag)
			})
			if err != nil {
				return err
			}
			return showWatchers(cmd, dir, changes)
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&witnesses, "witness", nil, "add a witness, or change its address: `VKEY=URL`, may be repeated")
	f.StringArrayVar(&remove, "remove", nil, "remove the witness of a `NAME` or key, may be repeated")
	f.IntVar(&threshold, "threshold", 0, "how many witnesses must have cosigned what clients accept")
	f.DurationVar(&lag, "max-lag", defaultWitnessLag, "how far a head may run ahead of the newest cosigned checkpoint")
	return cmd
}

// enoughFor refuses a document whose thresholds its witnesses and auditors cannot meet.
func enoughFor(d *provider.Document) error {
	auditors := 0
	for _, a := range d.Auditors {
		if a.Cosigner != "" {
			auditors++
		}
	}
	for _, t := range []struct {
		who       string
		demand, n int
	}{{"witnesses", d.WitnessThreshold, len(d.Witnesses)}, {"auditors that cosign", d.AuditorThreshold, auditors}} {
		if t.demand < 0 || t.demand > t.n {
			return usage(fmt.Errorf("clients would demand the cosignatures of %d of %d %s", t.demand, t.n, t.who),
				fmt.Sprintf("name more of them, or say --threshold %d or less", t.n))
		}
	}
	return nil
}

// setLag makes a document that asks for cosignatures say how far heads may run ahead.
func setLag(d *provider.Document, given bool, lag time.Duration) error {
	if given {
		if lag < time.Millisecond {
			return usage(fmt.Errorf("the lag is %v", lag), "it is 1ms or more, such as 1m")
		}
		d.MaxWitnessLagMS = uint64(lag.Milliseconds())
	}
	if d.MaxWitnessLagMS == 0 && (d.WitnessThreshold > 0 || d.AuditorThreshold > 0) {
		d.MaxWitnessLagMS = uint64(defaultWitnessLag.Milliseconds())
	}
	return nil
}

// addWitness adds a witness to a document, or changes its address.
func addWitness(d *provider.Document, text string) error {
	key, address := text, ""
	for _, scheme := range []string{"=https://", "=http://"} {
		if at := strings.LastIndex(text, scheme); at >= 0 {
			key, address = text[:at], strings.TrimSuffix(text[at+1:], "/")
			break
		}
	}
	if address == "" {
		return usage(fmt.Errorf("--witness %q has no address", text), "it is VKEY=URL, as witness.example+0a1b2c3d+BASE64=https://witness.example")
	}
	name, _, _ := strings.Cut(key, "+")
	if err := cosign.Check(cosign.Targets{List: []cosign.Target{{Role: cosign.RoleWitness, Name: name, Key: key, Address: address}}}); err != nil {
		return usage(err, "a witness's operator publishes its key, and where it takes checkpoints")
	}
	w := provider.Witness{Key: key, Address: address}
	if at := slices.IndexFunc(d.Witnesses, func(x provider.Witness) bool { return x.Key == key }); at >= 0 {
		d.Witnesses = slices.Clone(d.Witnesses)
		d.Witnesses[at] = w
		return nil
	}
	d.Witnesses = append(slices.Clip(d.Witnesses), w)
	return nil
}

// removeWitness removes the witness of a name or key from a document.
func removeWitness(d *provider.Document, name string) error {
	var kept []provider.Witness
	for _, w := range d.Witnesses {
		if known, _, _ := strings.Cut(w.Key, "+"); known != name && w.Key != name {
			kept = append(kept, w)
		}
	}
	switch len(d.Witnesses) - len(kept) {
	case 0:
		return failed(fmt.Errorf("there is no witness %q", name), "kithd set-witnesses --data DIR names those there are")
	case 1:
		d.Witnesses = kept
		return nil
	}
	return failed(fmt.Errorf("there are several witnesses %q", name), "give the whole key")
}

// A watchersView is who watches a log, for programs.
type watchersView struct {
	Version          uint64        `json:"document_version"`
	LogKey           string        `json:"log_key"` // that witnesses and auditors are told
	Witnesses        []watcherView `json:"witnesses"`
	WitnessThreshold int           `json:"witness_threshold"`
	Auditors         []watcherView `json:"auditors"`
	AuditorThreshold int           `json:"auditor_threshold"`
	MaxLag           uint64        `json:"max_witness_lag_ms,omitempty"`
	Changes          []changeView  `json:"changes,omitempty"`
}

type watcherView struct {
	Name      string `json:"name"`
	Key       string `json:"key,omitempty"`        // with which it cosigns
	PublicKey string `json:"public_key,omitempty"` // with which it signs heads
	Address   string `json:"address,omitempty"`
}

// A changeView is what clients find changed.
type changeView struct {
	Field string `json:"field"`
	Text  string `json:"text"`
	Asks  bool   `json:"asks_user"` // before it is accepted
}

// showWatchers shows who watches the log in dir, after changes if there were any.
func showWatchers(cmd *cobra.Command, dir string, changes []provider.Change) error {
	pinned, err := readDocument(dir)
	if err != nil {
		return err
	}
	d := pinned.Document
	v := watchersView{
		Version: d.Version, LogKey: d.AuditLog.Key, Witnesses: []watcherView{}, Auditors: []watcherView{},
		WitnessThreshold: d.WitnessThreshold, AuditorThreshold: d.AuditorThreshold, MaxLag: d.MaxWitnessLagMS,
	}
	for _, w := range d.Witnesses {
		name, _, _ := strings.Cut(w.Key, "+")
		v.Witnesses = append(v.Witnesses, watcherView{Name: name, Key: w.Key, Address: w.Address})
	}
	for _, a := range d.Auditors {
		key, _ := a.PublicKey.MarshalText()
		v.Auditors = append(v.Auditors, watcherView{a.Name, a.Cosigner, string(key), a.Address})
	}
	for _, c := range changes {
		v.Changes = append(v.Changes, changeView{c.Field, c.Text, c.Loosens})
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, v)
	}
	return v.show(cmd.OutOrStdout())
}

func (v *watchersView) show(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("document", "version %d", v.Version)
	row("log key", "%s", v.LogKey)
	list := func(one, many string, all []watcherView, cosigners, threshold int) {
		if len(all) == 0 {
			row(many, "none")
			return
		}
		row(many, "clients demand the cosignatures of %d of %d", threshold, cosigners)
		for _, x := range all {
			row(one, "%s", strings.TrimSpace(x.Name+"  "+x.Address))
			if x.Key != "" {
				row("  cosigns with", "%s", x.Key)
			}
			if x.PublicKey != "" {
				row("  signs heads with", "%s", x.PublicKey)
			}
		}
	}
	list("witness", "witnesses", v.Witnesses, len(v.Witnesses), v.WitnessThreshold)
	cosigning := 0
	for _, a := range v.Auditors {
		if a.Key != "" {
			cosigning++
		}
	}
	list("auditor", "auditors", v.Auditors, cosigning, v.AuditorThreshold)
	if v.WitnessThreshold > 0 || v.AuditorThreshold > 0 {
		row("lag", "a head may be %v newer than what they cosigned", time.Duration(v.MaxLag)*time.Millisecond)
	}
	for _, c := range v.Changes {
		if c.Asks {
			row("clients ask", "%s: their users accept it with kith use --accept", c.Text)
		} else {
			row("clients see", "%s", c.Text)
		}
	}
	return w.Flush()
}
