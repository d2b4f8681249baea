package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/keyfile"
	"github.com/kith-kt/kith/directory/operator"
)

func newImportCommand() *cobra.Command {
	var format string
	var explain bool
	cmd := &cobra.Command{
		Use:   "import --data DIR --format openpgp|ssh|jsonl FILE",
		Short: "Publish the keys of a file",
		Long: `Import publishes the keys of a file, one account record for each label, in the
provider's own name. "-" reads standard input.

  openpgp  a keyring, binary or armored; each e-mail address of a valid key is a
           label, and gets the key without its other addresses
  ssh      lines in the manner of allowed_signers: label key-type base64
  jsonl    {"label": "ann@example.org", "keys": [{"type": "age", "data": "age1…"}]}
           or, in a log of opaque values, {"label": "…", "value": "base64"}

Labels that have these keys already are left alone, so that an import can be
repeated, and goes on where it was interrupted. A label that its owner has
claimed is never overwritten. The log must not be served meanwhile.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if !slices.Contains(keyfile.Formats, keyfile.Format(format)) {
				return usage(fmt.Errorf("--format is %q", format), "formats are openpgp, ssh and jsonl")
			}
			// The folder first: reading a large file may take minutes.
			err = withOperator(cmd.Context(), dir, false, func(op *operator.Operator) error {
				return importFile(cmd, op, keyfile.Format(format), args[0], explain)
			})
			if errors.Is(err, operator.ErrInUse) {
				err = failed(err, "stop kithd before an import, and start it again afterwards")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "`FORMAT` of the file: openpgp, ssh or jsonl")
	cmd.Flags().BoolVar(&explain, "explain", false, "say of everything skipped where it stands and why")
	return cmd
}

// An importView is the output of import for programs. It counts labels, but for
// Skipped, which counts what was found in the file.
type importView struct {
	Added     uint64                 `json:"added"`
	Updated   uint64                 `json:"updated"`
	Unchanged uint64                 `json:"unchanged"`
	Held      uint64                 `json:"held"`    // by owners, not overwritten
	Unfit     uint64                 `json:"unfit"`   // opaque where records are wanted, or keys where opaque values are
	Skipped   map[keyfile.Reason]int `json:"skipped"` // by reason
	Size      uint64                 `json:"size"`    // of the log, in entries
}

func importFile(cmd *cobra.Command, op *operator.Operator, format keyfile.Format, name string, explain bool) error {
	collection, err := readKeyFile(cmd, format, name)
	if err != nil {
		return err
	}
	if explain {
		for _, e := range collection.Skipped {
			fmt.Fprintln(cmd.ErrOrStderr(), "kithd: skipped:", oneLine(strings.Join([]string{e.Where, string(e.Skipped), e.Detail}, ": ")))
		}
		all := 0
		for _, n := range collection.Reasons() {
			all += n
		}
		if more := all - len(collection.Skipped); more > 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "kithd: skipped:", more, "more, which are counted only")
		}
	}
	v, err := load(cmd.Context(), op, collection, cmd.ErrOrStderr())
	if errors.Is(err, context.Canceled) {
		err = failed(fmt.Errorf("interrupted after %d labels: %w", v.Added+v.Updated, err), "run the same import again: it goes on from here")
	}
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		err = printJSON(cmd, v)
	} else {
		err = v.print(cmd.OutOrStdout())
	}
	switch {
	case err != nil:
		return err
	case len(v.Skipped) == 0:
	case v.Added+v.Updated+v.Unchanged+v.Held+v.Unfit == 0:
		return failed(fmt.Errorf("%s: nothing in it can be published", name), "is it in format "+string(format)+"? --explain says what is wrong where")
	case !explain:
		fmt.Fprintln(cmd.ErrOrStderr(), "kithd: hint: --explain says of everything skipped where it stands and why")
	}
	return nil
}

func readKeyFile(cmd *cobra.Command, format keyfile.Format, name string) (*keyfile.Collection, error) {
	in, size := cmd.InOrStdin(), int64(-1)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		in, size = file, info.Size()
	}
	p := newProgress(cmd.ErrOrStderr(), "reading", size, true)
	defer p.end()
	r := &progressReader{r: &contextReader{cmd.Context(), in}, p: p}
	c, err := keyfile.Collect(keyfile.Read(format, r, time.Now()))
	if err != nil {
		return nil, failed(fmt.Errorf("%s: %w", name, err), "nothing was published; is the file whole, and in format "+string(format)+"?")
	}
	return c, nil
}

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

func (v *importView) print(w io.Writer) error {
	var b strings.Builder
	if v.Added+v.Updated+v.Unchanged == 0 {
		fmt.Fprintln(&b, "nothing to publish")
	} else if v.Added+v.Updated == 0 {
		fmt.Fprintf(&b, "nothing new: %d labels have these keys already\n", v.Unchanged)
	} else {
		fmt.Fprintf(&b, "published %d labels: %d new, %d updated; %d unchanged\n", v.Added+v.Updated, v.Added, v.Updated, v.Unchanged)
	}
	if v.Held > 0 {
		fmt.Fprintf(&b, "left %d labels to their owners\n", v.Held)
	}
	if v.Unfit > 0 {
		fmt.Fprintf(&b, "left out %d labels whose values are not of this log's kind\n", v.Unfit)
	}
	if len(v.Skipped) > 0 {
		all, parts := 0, []string{}
		for _, why := range slices.Sorted(maps.Keys(v.Skipped)) {
			all += v.Skipped[why]
			parts = append(parts, fmt.Sprintf("%d %s", v.Skipped[why], why))
		}
		fmt.Fprintf(&b, "skipped %d in the file: %s\n", all, strings.Join(parts, ", "))
	}
	fmt.Fprintf(&b, "the log has %d entries\n", v.Size)
	_, err := io.WriteString(w, b.String())
	return err
}
