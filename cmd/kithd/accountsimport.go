package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/srp/login"
)

const (
	maxImportLine  = 4096 // octets
	maxImportBatch = 256  // lines that are sent to a server at a time
)

func newAccountsImportCommand() *cobra.Command {
	var unpepper string
	cmd := &cobra.Command{
		Use:   "import --data DIR FILE",
		Short: "Make accounts of the password hashes of an older provider",
		Long: `Import makes an account of each line of a file, which is a name, a tab or a colon,
and the password hash that an older provider stored: bcrypt, or PBKDF2, scrypt or
Argon2 as PHC strings. "-" reads standard input. Nobody has to choose a new
password: clients repeat the old hash and prove that they know it, and at the first
login it is replaced. The hashes themselves are not kept.

Accounts that are there already are left alone, so that an import can be repeated.
Lines that cannot be used are named by their number, and never shown.

With --unpepper-exec CMD, a shell command, the lines go through it first: it reads
them all and writes as many, in order, with the hashes as they were before a secret
of the server (a pepper) encrypted them. An empty line stands for one that it cannot
undo. A pepper that was mixed into the password before it was hashed cannot be
undone by anybody: clients do not know it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			in, size := cmd.InOrStdin(), int64(-1)
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				info, err := file.Stat()
				if err != nil {
					return err
				}
				in, size = file, info.Size()
			}
			p := newProgress(cmd.ErrOrStderr(), "importing", size, true)
			defer p.end()
			var lines io.Reader = &progressReader{r: &contextReader{cmd.Context(), in}, p: p}
			end := func() error { return nil }
			if unpepper != "" {
				if lines, end, err = throughCommand(cmd, unpepper, lines); err != nil {
					return err
				}
			}
			v, err := importAccounts(cmd.Context(), dir, lines, cmd.ErrOrStderr())
			if e := end(); err == nil && e != nil {
				err = failed(fmt.Errorf("--unpepper-exec: %w", e), "what it has written was imported; run the import again once it works")
			}
			if errors.Is(err, context.Canceled) {
				err = failed(fmt.Errorf("interrupted after %d accounts: %w", v.Added, err), "run the same import again: it goes on from here")
			}
			if err != nil {
				return err
			}
			return v.show(cmd)
		},
	}
	cmd.Flags().StringVar(&unpepper, "unpepper-exec", "", "shell `COMMAND` that the lines go through first")
	return cmd
}

// throughCommand has a shell command read lines and returns what it writes, and a
// function that waits for its end.
func throughCommand(cmd *cobra.Command, command string, lines io.Reader) (io.Reader, func() error, error) {
	c := exec.CommandContext(cmd.Context(), "/bin/sh", "-c", command)
	c.Stdin, c.Stderr = lines, cmd.ErrOrStderr()
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	return out, func() error {
		out.Close() // ends one that writes more than was wanted
		return c.Wait()
	}, nil
}

// An accountsImport is the output of an import for programs.
type accountsImport struct {
	Added   int       `json:"added"`
	Present int       `json:"present"` // were there already
	Refused []badLine `json:"refused"`
}

// A badLine is a line that cannot be used, without what stands in it.
type badLine struct {
	Line int    `json:"line"`
	Why  string `json:"why"`
}

// importAccounts sends lines to the accounts in dir, some at a time.
func importAccounts(ctx context.Context, dir string, in io.Reader, w io.Writer) (*accountsImport, error) {
	all := &accountsImport{Refused: []badLine{}}
	refuse := func(line int, why string) {
		fmt.Fprintf(w, "kithd: line %d: %s\n", line, why)
		all.Refused = append(all.Refused, badLine{line, why})
	}
	var q importRequest
	flush := func() error {
		r, err := importAccountsAction.run(ctx, dir, q)
		q.Lines = nil
		all.Added, all.Present = all.Added+r.Added, all.Present+r.Present
		for _, b := range r.Refused {
			refuse(b.Line, b.Why)
		}
		return err
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxImportLine)
	n := 0
	for s.Scan() {
		n++
		text := strings.TrimSuffix(s.Text(), "\r")
		name, hash, ok := cutImport(text)
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case !ok:
			refuse(n, "it is not a name, a tab or a colon, and a hash")
			continue
		}
		if q.Lines = append(q.Lines, importLine{n, name, hash}); len(q.Lines) == maxImportBatch {
			if err := flush(); err != nil {
				return all, err
			}
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return all, failed(fmt.Errorf("line %d: longer than %d octets", n+1, maxImportLine), "what stands before it was imported; is it the right file?")
	}
	if s.Err() != nil {
		return all, s.Err()
	}
	return all, flush()
}

// cutImport cuts a line at its first tab, or else its first colon.
func cutImport(line string) (name, hash string, ok bool) {
	if name, hash, ok = strings.Cut(line, "\t"); !ok {
		name, hash, ok = strings.Cut(line, ":")
	}
	name, hash = strings.TrimSpace(name), strings.TrimSpace(hash)
	return name, hash, ok && name != "" && hash != ""
}

func (v *accountsImport) show(cmd *cobra.Command) error {
	var err error
	if wantsJSON(cmd) {
		err = printJSON(cmd, v)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "imported %d accounts; %d were there already, %d lines cannot be used\n", v.Added, v.Present, len(v.Refused))
	}
	if err == nil && v.Added+v.Present == 0 && len(v.Refused) > 0 {
		err = failed(errors.New("no line can be used"), "lines are a name, a tab or a colon, and a hash such as $2b$12$…")
	}
	return err
}

type importLine struct {
	Line int    `json:"line"`
	Name string `json:"name"`
	Hash string `json:"hash"`
}

type importRequest struct {
	Lines []importLine `json:"lines"`
}

var importAccountsAction = accountsAction[importRequest, accountsImport]{name: "accounts-import", do: func(ctx context.Context, a *accounts, q importRequest) (accountsImport, error) {
	results := make([]error, len(q.Lines))
	var group sync.WaitGroup
	turns := make(chan int)
	for range runtime.GOMAXPROCS(0) { // a verifier takes some ms
		group.Go(func() {
			for i := range turns {
				results[i] = a.service.Import(ctx, q.Lines[i].Name, q.Lines[i].Hash)
			}
		})
	}
	for i := range q.Lines {
		turns <- i
	}
	close(turns)
	group.Wait()
	var r accountsImport
	for i, err := range results {
		switch why := refusedImport(err); {
		case err == nil:
			r.Added++
		case errors.Is(err, login.ErrTaken):
			r.Present++
		case why != "":
			r.Refused = append(r.Refused, badLine{q.Lines[i].Line, why})
		default:
			return r, err
		}
	}
	return r, nil
}}

// refusedImport says what is wrong with a line, and nothing that stands in it; "":
// nothing is.
func refusedImport(err error) string {
	switch {
	case errors.Is(err, login.ErrName):
		return "the name is not one of this provider"
	case errors.Is(err, login.ErrMalformed):
		return "the hash is of no kind that is read, or too weak or costly"
	}
	return ""
}
