package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/auditor/watch"
)

func (p *program) newAudit() *cobra.Command {
	var address, place, fingerprint string
	cmd := &cobra.Command{
		Use:   "audit --provider URL | --from DIR|URL [--data DIR]",
		Short: "Audit a provider's log once, up to its newest checkpoint",
		Long: `Audit recomputes a provider's log. With --data, a folder that init made, it goes
on from where it was, and holds the log against what it saw before; without, it
begins with entry 0 and forgets all of it afterwards.

With --from it reads a copy of the log, as kithd export-audit writes it, from a
folder or a file host, and asks the provider nothing. What is wrong with a copy is
held against the provider only if the provider signed it.

It exits with 3 when the provider misbehaved, and names the log entry and a file
with the evidence: in DIR/evidence, or in the working folder.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case place != "" && address != "":
				return usage(errors.New("--from with --provider"), "a log is read from its provider or from a copy")
			case place == "" && address == "" && p.data == "":
				return usage(errors.New("no provider"), "say which one: --provider URL")
			}
			expect, err := parseFingerprint(fingerprint)
			if err != nil {
				return err
			}
			bar := newProgress(p.err, "auditing")
			defer bar.end()
			o := p.watchOptions(p.data, address)
			o.Expect, o.Each, o.Patience = expect, bar.set, -1
			if place != "" {
				if err := p.from(cmd.Context(), &o, place); err != nil {
					return copyFault(err, place)
				}
			}
			w, err := p.open(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer w.Close()
			started := time.Now()
			from := w.Status().Size
			r, err := w.Pass(cmd.Context())
			if err := p.conclude(w, err); err != nil {
				return copyFault(err, place)
			}
			bar.end()
			v := viewOf(w.Status())
			v.From, v.Entries, v.Leaves, v.Bytes, v.Seconds = from, r.Entries, r.Leaves, r.Bytes, time.Since(started).Seconds()
			v.Memory = peakMemory()
			return p.showAudit(v)
		},
	}
	cmd.Flags().StringVar(&address, "provider", "", "`URL` of the provider (default: as init was told)")
	cmd.Flags().StringVar(&place, "from", "", "read a copy of the log: a folder, or the `URL` of a file host")
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "refuse every log but the one with fingerprint `F`")
	return cmd
}

// An auditView is the output of audit for programs.
type auditView struct {
	Domain      string   `json:"domain"`
	Fingerprint string   `json:"fingerprint"`
	From        uint64   `json:"from"`    // first entry audited this time
	Entries     uint64   `json:"entries"` // audited this time
	Leaves      uint64   `json:"leaves"`  // added and removed by them
	Bytes       uint64   `json:"bytes"`   // of updates
	Seconds     float64  `json:"seconds"`
	Memory      uint64   `json:"memory_bytes,omitempty"` // of this process at most, where the system says
	Head        headView `json:"head"`
}

// A headView is the log as far as it is audited.
type headView struct {
	Size       uint64 `json:"size"`
	Timestamp  uint64 `json:"timestamp"` // ms since the Unix epoch
	Root       string `json:"root"`      // of the log tree, hexadecimal
	PrefixRoot string `json:"prefix_root"`
}

func viewOf(s watch.Status) auditView {
	return auditView{Domain: s.Domain, Fingerprint: s.Fingerprint, Head: headView{
		s.Size, s.Timestamp, hex.EncodeToString(s.Root[:]), hex.EncodeToString(s.PrefixRoot[:]),
	}}
}

// conclude turns how a single pass ended into how the command ends: what one pass
// found is said at once, even where run would wait and look again.
func (p *program) conclude(w *watch.Watch, err error) error {
	if _, ok := errors.AsType[*watch.Misbehaved](err); ok {
		return caught(err)
	}
	s := w.Status()
	for _, f := range s.Findings {
		if err != nil && !f.Final && f.Entry+1 >= s.Size && (f.Kind == watch.KindFuture || f.Kind == watch.KindStalled) {
			return caught(&watch.Misbehaved{Finding: f, Err: err})
		}
	}
	return err
}

func (p *program) showAudit(v auditView) error {
	if p.json {
		return p.emit(v)
	}
	_, err := fmt.Fprintf(p.out, `provider     %s
fingerprint  %s
audited      %d entries from entry %d on, %d leaves, in %.2f seconds
head         size %d, %s
root         %s
`, v.Domain, v.Fingerprint, v.Entries, v.From, v.Leaves, v.Seconds,
		v.Head.Size, time.UnixMilli(int64(min(v.Head.Timestamp, 1<<53))).UTC().Format("2006-01-02 15:04:05 UTC"), v.Head.Root)
	return err
}
