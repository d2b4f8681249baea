// Kithd is a provider's key transparency directory: it publishes users' keys in
// a verifiable log (draft-ietf-keytrans-protocol, commit 526cc8a) and serves it.
//
// Data goes to standard output, all else to standard error. It exits with 0 when
// all is well, 1 when something failed, 2 when it was asked wrongly, and 3 when a
// directory misbehaved.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/internal/daemon"
)

func main() { os.Exit(Main()) }

// Main runs the command line in os.Args and returns the exit code.
func Main() int {
	ctx, stop := daemon.Signals(context.Background())
	defer stop()

	root := newRoot()
	out := &countingWriter{w: os.Stdout}
	root.SetOut(out)
	begun := false
	noteBegin(root, &begun)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	if !begun { // an unknown command, a bad flag, a wrong number of arguments
		err = usage(err, "run \""+cmd.CommandPath()+" --help\"")
	}
	code := report(os.Stderr, err)
	if asked, e := root.PersistentFlags().GetBool("json"); e == nil && asked && out.n == 0 { // a program reads standard output: tell it there
		f := asFailure(err)
		_ = printJSON(root, faultView{oneLine(err.Error()), oneLine(f.hint), code})
	}
	return code
}

// A faultView is an error in JSON.
type faultView struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Exit  int    `json:"exit"`
}

// A countingWriter knows whether anything was written.
type countingWriter struct {
	w io.Writer
	n int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n += int64(n)
	return n, err
}

// newRoot returns the whole command line. Each command is made in a file of its own.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:               "kithd",
		Short:             "A key transparency directory",
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().String("data", "", "folder with everything of one log `DIR`")
	root.PersistentFlags().Bool("json", false, "write JSON, for programs")
	root.AddCommand(
		newInitCommand(),
		newServeCommand(),
		newImportCommand(),
		newPublishCommand(),
		newEraseCommand(),
		newTokenCommand(),
		newStatusCommand(),
		newCheckCommand(),
		newBackupCommand(),
		newExportAuditCommand(),
		newRestoreCommand(),
		newFingerprintCommand(),
		newDocumentCommand(),
		newSetWitnessesCommand(),
		newSetAuditorCommand(),
		newAccountsCommand(),
		newDemoCommand(),
		newBenchCommand(),
	)
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

// dataDir returns what --data says, for commands that need it.
func dataDir(cmd *cobra.Command) (string, error) {
	dir, err := cmd.Flags().GetString("data")
	if err == nil && dir == "" {
		err = usage(errNoData, "say which folder: "+cmd.CommandPath()+" --data DIR")
	}
	return dir, err
}

// wantsJSON reports whether --json was given.
func wantsJSON(cmd *cobra.Command) bool {
	yes, err := cmd.Flags().GetBool("json")
	return err == nil && yes
}

// printJSON writes one JSON value to standard output.
func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
