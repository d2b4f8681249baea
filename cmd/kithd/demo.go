package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

var errDemo = errors.New("the demo did not go as it should")

func newDemoCommand() *cobra.Command {
	var attacks bool
	var folder string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch people sign up, a provider publish keys, a reader verify them, and attacks being refused",
		Long: `Demo starts a provider on this machine with an embedded store in a temporary
folder. Over real HTTP, people sign up with passwords and log in, keys are
published, looked up and verified, updated and monitored; the server restarts; and
then the provider turns evil and plays attacks against the same reader. Nothing is
left behind.

With --attacks it plays all the ways in which a provider can misbehave against
real auditors and real clients, says who noticed, and keeps the evidence:
"kith-auditor verify-evidence FILE" checks a file of it, offline.

It exits with 0 only if everything that should verify did, and every attack was
refused, or with --attacks noticed, with evidence that holds.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if folder != "" && !attacks {
				return usage(errors.New("--evidence goes with --attacks"), "run: kithd demo --attacks --evidence DIR")
			}
			if attacks {
				return demoAttacks(cmd, folder)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Minute)
			defer cancel()
			story := &storyteller{w: cmd.OutOrStdout()}
			if wantsJSON(cmd) {
				story.w = io.Discard
			}
			dir, err := os.MkdirTemp("", "kith-demo-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			outcome, err := runDemo(ctx, dir, story)
			if err != nil {
				return failed(fmt.Errorf("%w: %w", errDemo, err), "this is a bug, or no folder for temporary files; please report it")
			}
			if wantsJSON(cmd) {
				if err := printJSON(cmd, outcome); err != nil {
					return err
				}
			} else {
				story.end(outcome)
			}
			if !outcome.good() {
				return failed(errDemo, "an attack was not refused; please report it")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&attacks, "attacks", false, "play every attack against auditors and clients, and keep the evidence")
	cmd.Flags().StringVar(&folder, "evidence", "", "with --attacks: folder for the evidence `DIR` (default: a new one)")
	return cmd
}

// An outcome is what the demo prints with --json.
type outcome struct {
	Accounts  int      `json:"accounts"`  // people who signed up
	Published int      `json:"published"` // versions in the log
	Verified  int      `json:"verified"`  // answers that a client proved
	Attacks   []attack `json:"attacks"`
}

// An attack is one lie that was told to the reader.
type attack struct {
	Name    string `json:"name"`
	Refused bool   `json:"refused"`
	Reason  string `json:"reason"`
}

func (o *outcome) good() bool {
	for _, a := range o.Attacks {
		if !a.Refused {
			return false
		}
	}
	return o.Published > 0 && o.Verified > 0 && len(o.Attacks) > 0
}

// A storyteller tells a newcomer what happens.
type storyteller struct {
	w        io.Writer
	chapters int
}

func (s *storyteller) chapter(title string) {
	s.chapters++
	fmt.Fprintf(s.w, "\n%d. %s\n", s.chapters, title)
}

// say wraps a paragraph at 78 columns.
func (s *storyteller) say(format string, args ...any) {
	s.paragraph("   ", fmt.Sprintf(format, args...))
}

func (s *storyteller) item(mark, format string, args ...any) {
	s.paragraph("   "+mark+" ", fmt.Sprintf(format, args...))
}

func (s *storyteller) paragraph(lead, text string) {
	line := lead
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(word) > 78 {
			fmt.Fprintln(s.w, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", len([]rune(lead)))
		}
		line += word + " "
	}
	fmt.Fprintln(s.w, strings.TrimRight(line, " "))
}

func (s *storyteller) end(o *outcome) {
	refused := 0
	for _, a := range o.Attacks {
		if a.Refused {
			refused++
		}
	}
	fmt.Fprintf(s.w, "\n%d keys published, %d answers verified, %d of %d attacks refused.\n",
		o.Published, o.Verified, refused, len(o.Attacks))
	fmt.Fprintln(s.w, "\nNext: see who notices what a provider does to all its users, with kithd demo --attacks;\nor run a provider of your own with kithd init and kithd serve, and look keys up with\nkith use and kith lookup. See README.md.")
}
