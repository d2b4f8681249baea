// Kith-auditor is the program of third parties: it follows a provider's log, and
// knows that it only ever grew, that nothing was removed before its time, and that
// every root follows from what was published (draft-ietf-keytrans-protocol, commit
// 526cc8a, "Auditing"). It needs no account and nobody's permission.
//
// Data goes to standard output, all else to standard error. It exits with 0 when
// all is well, 1 when something failed, 2 when it was asked wrongly, and 3 when the
// provider misbehaved, having named the file with the evidence.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/internal/daemon"
)

func main() { os.Exit(Main()) }

// Main runs the command line in os.Args and returns the exit code.
func Main() int {
	frugal()
	ctx, stop := daemon.Signals(context.Background())
	defer stop()
	p := &program{out: os.Stdout, err: os.Stderr, now: time.Now, rand: rand.Reader}
	return p.run(ctx, os.Args[1:])
}

// A program is one run of kith-auditor: what it touches of the world, and what its
// flags for all commands say.
type program struct {
	out, err io.Writer
	now      func() time.Time
	rand     io.Reader

	dirs []string // folders
	data string   // the one folder; "": none
	json bool
}

// run runs one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	begun := false
	root := p.newRoot()
	noteBegin(root, &begun)
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !begun { // an unknown command, a bad flag, a wrong number of arguments
		err = usage(err, "run \""+cmd.CommandPath()+" --help\"")
	}
	return p.report(err)
}

// newRoot returns the whole command line. Each command is made in a file of its own.
func (p *program) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kith-auditor",
		Short: "Watch a key transparency directory, without its permission",
		Long: `Kith-auditor recomputes a provider's whole log: it only ever grew, nothing was
removed before its time, and every root follows from what was published.

  kith-auditor audit --provider https://kt.example.org

does it once, from the beginning. With a folder it goes on from where it was, and
never again accepts a log that does not continue the one it saw:

  kith-auditor init --provider https://kt.example.org --data DIR
  kith-auditor run --data DIR

Exit codes: 0 fine, 1 failed, 2 usage, 3 the provider misbehaved.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if len(p.dirs) > 1 && cmd.Name() != "run" {
				return errors.New("more than one --data: only run takes several")
			}
			if len(p.dirs) > 0 {
				p.data = p.dirs[0]
			}
			return nil
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().StringArrayVar(&p.dirs, "data", nil, "folder with what the auditor knows of one provider `DIR`; for run, one or more")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "write JSON, for programs")
	root.AddCommand(p.newInit(), p.newAudit(), p.newRun(), p.newVerifyEvidence(), p.newBench())
	return root
}

// noteBegin lets begun say whether a command's own work began, so that what goes
// wrong before it is known to be a matter of usage.
func noteBegin(cmd *cobra.Command, begun *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*begun = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteBegin(sub, begun)
	}
}

// emit writes one JSON value to standard output.
func (p *program) emit(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
