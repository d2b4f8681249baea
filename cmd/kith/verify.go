package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newVerify() *cobra.Command {
	var expect string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a saved proof or evidence again, offline",
		Long: `Verify checks every proof in a file again, as it was checked when it arrived, and
asks nobody. The log must be one that you use, or the one with the --fingerprint you
give: anybody can make a log.

The file may come from kith lookup --save-proof, or be evidence: that which kith kept,
or an evidence file that somebody made, an auditor for example. Such a file is shown,
and if it proves that a log which you use was caught, that log is refused from then on.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var f *provider.Fingerprint
			if expect != "" {
				parsed, err := provider.ParseFingerprint(expect)
				if err != nil {
					return usage(fmt.Errorf("%q is %w", expect, err), "it has 13 groups of four letters and digits")
				}
				f = &parsed
			}
			return p.verify(cmd.Context(), args[0], f)
		},
	}
	cmd.Flags().StringVar(&expect, "fingerprint", "", "the proof must be of the log with fingerprint `F`")
	return cmd
}

const maxProof = 1 << 30 // bytes

func (p *program) verify(ctx context.Context, path string, expect *provider.Fingerprint) error {
	b, err := p.readFile(path, maxProof)
	if err != nil {
		return err
	}
	if isEvidence(b) {
		return p.verifyEvidence(ctx, path, b, expect)
	}
	saved, verdict, err := client.VerifySaved(b)
	if saved == nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	v := &verdictView{Fingerprint: saved.Log.Fingerprint().String(), Exchanges: len(saved.Exchanges), FirstSeen: saved.FirstSeen()}
	if m, ok := errors.AsType[*client.Misbehaviour](err); ok {
		return failed("if kith kept this file as evidence, it shows what the directory answered; else somebody has changed the file",
			"what is in %s does not hold: %s: %s", path, m.Kind, m.Detail)
	}
	if err != nil {
		return failed("the file was changed after it was saved", "what is in %s does not hold: %w", path, err)
	}
	domain := ""
	if saved.Provider != nil {
		pinned, err := provider.Reopen(saved.Provider)
		if err != nil {
			return err
		}
		domain = pinned.Document.Domain
	}
	v.Domain = domain
	if v.Known, err = p.vouch(ctx, saved.Log.Fingerprint(), domain, expect); err != nil {
		return err
	}
	if v.FirstSeen {
		p.say("every proof holds: %s with the log %s", count(v.Exchanges, "exchange"), v.Fingerprint)
	} else {
		p.say("what was answered fits what is said to have been known before: %s with the log %s", count(v.Exchanges, "exchange"), v.Fingerprint)
	}
	if domain != "" {
		p.say("the log is that of %s, as its provider document says", domain)
	}
	if !v.Known {
		return failed("ask its provider for the fingerprint over another channel, and give it with --fingerprint",
			"every proof holds, but nothing here knows the log %s, which anybody could have made: what it holds is not shown", v.Fingerprint)
	}
	p.say("it is the log that you know")
	if !v.FirstSeen {
		return failed("look it up yourself, or ask for a file of kith lookup --save-proof",
			"%s rests on what whoever saved it says that they had verified before, which could be made up to show anything: what it holds is not shown", path)
	}
	if err := p.caught(ctx, saved.Log.Fingerprint()); err != nil {
		return err
	}
	if v.Exchanges == 0 {
		p.say("nothing was answered; the file shows what had been proved before")
	} else {
		p.say("received %s, by the clock of who saved it", clock(verdict.Received))
	}
	if head := verdict.State.Head(); head != nil {
		v.Size, v.Head = head.Tree.TreeSize, moment(head.Time()).Format(time.RFC3339Nano)
		p.say("the log had %d entries, the newest of %s", v.Size, clock(moment(head.Time())))
	}
	if err := p.showFound(v, verdict.Found, domain); err != nil {
		return err
	}
	return p.emit(v)
}

// vouch reports whether the fingerprint is the one expected, or else that of a
// provider in the keyring.
func (p *program) vouch(ctx context.Context, found provider.Fingerprint, domain string, expect *provider.Fingerprint) (bool, error) {
	if expect != nil {
		if *expect != found {
			return false, failed("the proof is of another log", "the log's fingerprint is %s, and not the one you gave", found)
		}
		return true, nil
	}
	if domain == "" {
		return false, nil
	}
	pinned, err := p.pinned(ctx, domain)
	if err != nil || pinned == nil {
		return false, err
	}
	known, err := pinned.Document.Fingerprint()
	if err != nil {
		return false, err
	}
	if known != found {
		return false, failed("the proof is of another log, or of one that came before; check it with --fingerprint "+found.String(),
			"the log's fingerprint is %s, and the one you know %s by is %s", found, domain, known)
	}
	return true, nil
}

// ringOf opens the keyring of a domain if there is one, or returns nil.
func (p *program) ringOf(ctx context.Context, domain string) (*keyring.Ring, error) {
	dir, err := keyring.DefaultDir(p.getenv)
	if err != nil {
		return nil, nil // whoever has no keyring knows no log
	}
	if _, err := os.Stat(filepath.Join(dir, domain)); !keyring.ValidDomain(domain) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	home, err := keyring.OpenHome(dir)
	if err != nil {
		return nil, err
	}
	return p.lock(ctx, home, domain)
}

// pinned returns the provider document of a domain in the keyring, or nil.
func (p *program) pinned(ctx context.Context, domain string) (*provider.Pinned, error) {
	ring, err := p.ringOf(ctx, domain)
	if err != nil || ring == nil {
		return nil, err
	}
	defer ring.Close()
	b, err := ring.Provider()
	if errors.Is(err, keyring.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return provider.Reopen(b)
}

// showFound writes what searches proved: the value of the last, and a line for each.
func (p *program) showFound(v *verdictView, all []*client.Found, domain string) error {
	for i, f := range all {
		what := "version"
		if f.Greatest {
			what = "the newest version then,"
		}
		p.say("%s: %s %d, in log entry %d of %s", label.Display(f.Label), what, f.Version, f.Terminal, clock(moment(f.TerminalTime)))
		one := foundView{Label: f.Label, Version: f.Version, Newest: f.Greatest, Entry: f.Terminal, Published: moment(f.TerminalTime).Format(time.RFC3339Nano)}
		_, event, err := record.Next(record.State{}, record.Place{Domain: domain, Label: f.Label, Version: f.Version}, f.Value)
		if err == nil {
			view := event.Record.View(f.Value)
			one.Record = &view
		}
		v.Found = append(v.Found, one)
		if i > 0 || p.json { // what came after the first was asked for its sake
			continue
		}
		if err != nil {
			p.say("its value is no account record of %s", domain)
			return p.write("-", f.Value, 0)
		}
		p.say("it holds %s", names(event.Record.Keys))
		b, err := join(event.Record.Keys, f.Label, written)
		if err != nil {
			return err
		}
		return p.write("-", b, 0)
	}
	return nil
}

// A verdictView is a verified proof in JSON.
type verdictView struct {
	Domain      string      `json:"domain,omitempty"`
	Fingerprint string      `json:"fingerprint"`
	Known       bool        `json:"known_log"`
	FirstSeen   bool        `json:"first_contact"`
	Exchanges   int         `json:"exchanges"`
	Size        uint64      `json:"log_size,omitempty"`
	Head        string      `json:"log_head_time,omitempty"`
	Found       []foundView `json:"found"`
}

type foundView struct {
	Label     string       `json:"label"`
	Version   uint32       `json:"version"`
	Newest    bool         `json:"newest"`
	Entry     uint64       `json:"log_entry"`
	Published string       `json:"log_entry_time"`
	Record    *record.View `json:"record,omitempty"`
}
