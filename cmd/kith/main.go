// Kith is the program of people: it looks contacts up in a key transparency
// directory (draft-ietf-keytrans-protocol, commit 526cc8a), verifies every answer,
// publishes its user's own keys, and watches over them.
//
// Data goes to standard output, all else to standard error. It exits with 0 when
// all is well, 1 when something failed, 2 when it was asked wrongly, and 3 when the
// directory misbehaved, having named the file with the evidence.
package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() { os.Exit(Main()) }

// Main runs the command line in os.Args and returns the exit code.
func Main() int { return runAs(func(*program) {}) }

// runAs runs the command line in os.Args, after an edit of what it touches of the world.
func runAs(edit func(*program)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now, rand: rand.Reader}
	edit(p)
	return p.run(ctx, os.Args[1:])
}

// A program is one run of kith: what it touches of the world, and what its
// flags for all commands say.
type program struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	now      func() time.Time
	rand     io.Reader

	json     bool
	quiet    bool
	provider string // domain; "": the default
	opaque   bool
	noGossip bool

	hasty bool // no pauses before what is handed in, and little patience, for tests
}

// run runs one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	begun := false
	root := p.newRoot()
	noteBegin(root, &begun)
	root.SetArgs(args)
	root.SetIn(p.in)
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
		Use:   "kith",
		Short: "Look people's keys up, and know that everybody gets the same answer",
		Long: `Kith looks people's public keys up in a key transparency directory, and knows
that everybody gets the same answer: it re-computes every proof, and holds every
answer against those before. It publishes your own keys, and tells you when a key
appears that you did not publish.

  kith use https://kt.example.org
  kith lookup alice@example.org
  kith monitor

Its state lies in $KITH_HOME, or else in kith under $XDG_DATA_HOME
(~/.local/share). Exit codes: 0 fine, 1 failed, 2 usage, 3 the directory misbehaved.`,
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&p.json, "json", false, "write JSON, for programs")
	flags.BoolVarP(&p.quiet, "quiet", "q", false, "say nothing of what was checked")
	flags.StringVar(&p.provider, "provider", "", "ask the provider with this `DOMAIN`, not the default one")
	flags.BoolVar(&p.opaque, "opaque", false, "values are not account records, but the provider's own business")
	flags.BoolVar(&p.noGossip, "no-gossip", false, "hand nothing in to auditors this time")
	root.AddCommand(p.newUse(), p.newLookup(), p.newVerify(), p.newPublish(), p.newClaim(), p.newRotate(), p.newClose(), p.newMonitor(),
		p.newHistory(), p.newContacts(), p.newFingerprint(), p.newPolicy(), p.newGossip(), p.newStatus(),
		p.newRegister(), p.newLogin(), p.newLogout(), p.newPasswd(), p.newRecover(), p.newSessions(),
		p.newDevices(), p.newAccount(), p.newTOTP())
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
