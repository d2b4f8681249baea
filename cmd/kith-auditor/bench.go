package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/auditor/mirror/synthetic"
	"github.com/kith-kt/kith/internal/figures"
	"github.com/kith-kt/kith/proto/wire"
)

func (p *program) newBench() *cobra.Command {
	var quick bool
	var dir string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine against the bounds of docs/performance.md",
		Long: `Bench makes a log of a million leaves in entries of 255 changes, as static files in
a temporary folder, and audits it: from the folder by another kith-auditor, whose
memory it measures, and over HTTP on this machine. It measures how large evidence
is, and how long a client takes to bind a head to a checkpoint.

It takes half a minute, 600 MB of disk and 1.5 GB of memory, and needs two cores
with nothing else to do.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			b := &bench{p: p, ctx: cmd.Context(), scale: fullScale, self: auditorItself}
			if quick {
				b.scale = quickScale
			}
			b.report = figures.Report{Quick: quick, Labels: b.scale.entries * b.scale.changes, Cores: runtime.NumCPU()}
			if b.dir, err = os.MkdirTemp(dir, "kith-auditor-bench"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
			if err := b.run(); err != nil {
				return err
			}
			if p.json {
				err = p.emit(&b.report)
			} else {
				err = b.report.Show(p.out, fmt.Sprintf("Ed25519, log of %d leaves in %d entries", b.report.Labels, b.scale.entries))
			}
			if n := b.report.Missed(); err == nil && n > 0 {
				err = failed(fmt.Errorf("%d figures miss their bounds", n), "make sure that nothing else runs on two of the cores, and that --dir is on the disk you mean")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "a smaller log, within seconds")
	cmd.Flags().StringVar(&dir, "dir", "", "where to keep the log meanwhile; default: the system's folder for temporary files `DIR`")
	return cmd
}

// A benchScale says how large the log is that a bench makes.
type benchScale struct {
	entries int
	changes int // of an entry
	rounds  int // of what is measured again and again
	audits  int // of the whole log
}

var (
	fullScale  = benchScale{entries: 3922, changes: 255, rounds: 2000, audits: 3} // 1,000,110 leaves
	quickScale = benchScale{entries: 300, changes: 255, rounds: 200, audits: 1}
)

// A bench is one run of all measurements.
type bench struct {
	p      *program
	ctx    context.Context
	dir    string // of the log, as static files
	scale  benchScale
	self   func(ctx context.Context, args ...string) (*exec.Cmd, error) // another kith-auditor
	report figures.Report
	log    *synthetic.Log
}

func auditorItself(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, path, args...), nil
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.p.err, "kith-auditor: bench: "+format+"\n", args...)
}

func (b *bench) run() error {
	for _, step := range []func() error{b.makeLog, b.audit, b.network, b.binding, b.evidence} {
		if err := step(); err != nil {
			return err
		}
		if err := b.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// benchWindow is longer than the log lasts. Still every entry at 2^k - 1 is
// distinguished, so an auditor has to remember half of the log at most.
const benchWindow = 24 * 3600 * 1000 // ms

// benchTime is when an entry of the log was made, in ms: one a second.
func benchTime(pos uint64) uint64 { return 1767225600000 + 1000*pos }

// makeLog makes the log.
func (b *bench) makeLog() (err error) {
	b.say("making a log of %d entries", b.scale.entries)
	folder := filepath.Join(b.dir, "log")
	if b.log, err = synthetic.New(folder, benchWindow, 0); err != nil {
		return err
	}
	bar := newProgress(b.p.err, "making the log")
	defer bar.end()
	for i := range b.scale.entries {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		if err := b.log.Add(benchTime(uint64(i)), b.leaves(i), nil); err != nil {
			return err
		}
		bar.set(uint64(i+1), uint64(b.scale.entries))
	}
	return b.log.Publish()
}

// leaves returns the leaves of an entry.
func (b *bench) leaves(entry int) []wire.PrefixLeaf {
	leaves := make([]wire.PrefixLeaf, b.scale.changes)
	for i := range leaves {
		leaves[i] = synthetic.Leaf(uint64(entry*b.scale.changes + i))
	}
	return leaves
}

func (b *bench) folder() string { return filepath.Join(b.dir, "log") }
