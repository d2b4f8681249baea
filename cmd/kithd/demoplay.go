package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/evil"
)

var errUnnoticed = errors.New("an attack was not noticed")

// A play is one attack, as it is told and played.
type play struct {
	attack evil.Attack
	title  string
	told   string // what the provider does
	act    func(ctx context.Context, s *stage) error
	ago    time.Duration // by which the provider's clock is behind
}

// A played is what came of a play, as --json prints it.
type played struct {
	Name      evil.Attack `json:"name"`
	Told      string      `json:"told"`
	NoticedBy []notice    `json:"noticed_by"`
	Evidence  []exhibit   `json:"evidence"`
	Missed    string      `json:"missed,omitempty"` // who should have noticed, and did not
}

// A notice is one who noticed.
type notice struct {
	Who     string  `json:"who"`
	By      string  `json:"by"`      // lookup, monitoring, audit or gossip
	Seconds float64 `json:"seconds"` // after the lie was first served
	Says    string  `json:"says"`
}

// An exhibit is one evidence file.
type exhibit struct {
	File     string `json:"file"`
	Kind     string `json:"kind"`
	Strength string `json:"strength"` // proved: nobody need be believed; attested: somebody signed what was served
	Says     string `json:"says"`
}

// good reports whether everybody noticed who should, and somebody can show it.
func (p *played) good() bool {
	return p.Missed == "" && len(p.NoticedBy) > 0 && len(p.Evidence) > 0
}

// A season is all that was played.
type season struct {
	Attacks []played `json:"attacks"`
	Folder  string   `json:"evidence_folder"`
	Seconds float64  `json:"seconds"`
}

func (s *season) good() bool {
	for i := range s.Attacks {
		if !s.Attacks[i].good() {
			return false
		}
	}
	return len(s.Attacks) == len(evil.Attacks())
}

// demoAttacks is kithd demo --attacks.
func demoAttacks(cmd *cobra.Command, folder string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Minute)
	defer cancel()
	story := &storyteller{w: cmd.OutOrStdout()}
	if wantsJSON(cmd) {
		story.w = io.Discard
	}
	folder, err := evidenceFolder(folder)
	if err != nil {
		return err
	}
	outcome, err := perform(ctx, story, folder)
	if err != nil {
		return failed(fmt.Errorf("%w: %w", errDemo, err), "this is a bug, or no folder for temporary files; please report it")
	}
	if wantsJSON(cmd) {
		err = printJSON(cmd, outcome)
	} else {
		story.curtain(outcome)
	}
	if err == nil && !outcome.good() {
		err = failed(errUnnoticed, "please report it, with the evidence in "+folder)
	}
	return err
}

// evidenceFolder makes the folder for evidence, or a new one if none is named. One
// that holds something already is refused: nothing is ever overwritten.
func evidenceFolder(folder string) (string, error) {
	if folder == "" {
		return os.MkdirTemp("", "kith-evidence-")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	held, err := os.ReadDir(folder)
	if err == nil && len(held) > 0 {
		err = failed(fmt.Errorf("%s is not empty", folder), "name a new folder for the evidence, or none")
	}
	return folder, err
}

// perform plays everything. An error is a fault of the demo itself, and not an
// attack that nobody noticed.
func perform(ctx context.Context, story *storyteller, folder string) (*season, error) {
	began := time.Now()
	out := &season{Folder: folder, Attacks: []played{}}
	for _, p := range plays() {
		story.chapter(p.title)
		story.item("✗", "%s", p.told)
		done, err := p.perform(ctx, folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.attack, err)
		}
		story.report(done)
		out.Attacks = append(out.Attacks, *done)
	}
	out.Seconds = time.Since(began).Seconds()
	return out, nil
}

// perform plays one attack on a stage of its own.
func (p *play) perform(ctx context.Context, folder string) (_ *played, err error) {
	now := time.Now
	if p.ago != 0 {
		now = func() time.Time { return time.Now().Add(-p.ago) }
	}
	s, err := newStage(ctx, now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	out := &played{Name: p.attack, Told: p.told, Evidence: []exhibit{}}
	if err := p.act(ctx, s); errors.Is(err, errUnnoticed) {
		out.Missed = err.Error()
	} else if err != nil {
		return nil, err
	}
	out.NoticedBy = s.notices
	for _, file := range s.evidence {
		e, err := exhibitOf(file)
		if err != nil {
			return nil, err
		}
		name := string(p.attack)
		if e.Kind != name {
			name += "-" + e.Kind
		}
		if n := len(out.Evidence); slices.ContainsFunc(out.Evidence, func(o exhibit) bool { return o.Kind == e.Kind }) {
			name += fmt.Sprintf("-%d", n+1)
		}
		name += ".evidence"
		e.File = filepath.Join(folder, name)
		if err := os.WriteFile(e.File, file, 0o600); err != nil {
			return nil, err
		}
		out.Evidence = append(out.Evidence, *e)
	}
	return out, nil
}

// report tells who noticed.
func (s *storyteller) report(p *played) {
	for _, n := range p.NoticedBy {
		says := ": " + n.Says
		if slices.ContainsFunc(p.Evidence, func(e exhibit) bool { return e.Says == n.Says }) {
			says = "." // the evidence says it
		}
		s.item("✓", "%s noticed after %s, by %s%s", n.Who, seconds(n.Seconds), n.By, says)
	}
	for _, e := range p.Evidence {
		s.item("→", "%s (%s) shows: %s", filepath.Base(e.File), e.Strength, e.Says)
	}
	if !p.good() {
		s.item("!", "%s", cmp.Or(p.Missed, errUnnoticed.Error()))
	}
}

func (s *storyteller) curtain(o *season) {
	noticed, proved, files := 0, 0, 0
	for i := range o.Attacks {
		if o.Attacks[i].good() {
			noticed++
		}
		for _, e := range o.Attacks[i].Evidence {
			files++
			if e.Strength == strengthProved {
				proved++
			}
		}
	}
	fmt.Fprintf(s.w, "\n%d of %d attacks noticed, in %s. Of %d evidence files, %d prove what happened without\nanybody's word, and in %d somebody says under their signature what they were served.\n",
		noticed, len(o.Attacks), seconds(o.Seconds), files, proved, files-proved)
	fmt.Fprintf(s.w, "They are in %s\nand anybody can check them, offline:\n\n  kith-auditor verify-evidence FILE\n", o.Folder)
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// How it was noticed.
const (
	byLookup     = "lookup"
	byMonitoring = "monitoring"
	byAudit      = "audit"
	byGossip     = "gossip"
)

// What evidence is worth.
const (
	strengthProved   = "proved"
	strengthAttested = "attested"
)
