package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/figures"
)

func newBenchCommand() *cobra.Command {
	var quick, accounts bool
	var dir string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine against the bounds of docs/performance.md",
		Long: "Bench builds logs in a temporary folder, measures publishing, searching, verifying and\n" +
			"auditing beside the floors that cryptography and the disk set, and says which bounds hold.\n" +
			"It takes some five minutes and 2 GB of disk, and needs two cores with nothing else to do.\n\n" +
			"With --auth it measures the account service instead: what a login costs, beside the powers\n" +
			"and multiplications that it cannot do without, and what junk does to good logins. That takes\n" +
			"two minutes.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if accounts {
				report, err := benchAuth(cmd.Context(), cmd.ErrOrStderr(), dir, quick)
				if err != nil {
					return err
				}
				return showBench(cmd, report, authWhat(report))
			}
			b := &bench{ctx: cmd.Context(), log: cmd.ErrOrStderr(), scale: fullScale}
			if quick {
				b.scale = quickScale
			}
			b.report = figures.Report{Quick: quick, Labels: b.scale.labels, Cores: runtime.NumCPU()}
			if b.dir, err = os.MkdirTemp(dir, "kithd-bench"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
			if err := onCores(min(2, runtime.NumCPU()), b.run); err != nil {
				return err
			}
			return showBench(cmd, &b.report, b.what())
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "smaller trees, within a minute")
	cmd.Flags().BoolVar(&accounts, "auth", false, "measure logins instead of the log")
	cmd.Flags().StringVar(&dir, "dir", "", "where to keep the logs meanwhile; default: the system's folder for temporary files `DIR`")
	return cmd
}

// showBench prints what was measured, and fails if a bound does not hold.
func showBench(cmd *cobra.Command, report *figures.Report, what string) (err error) {
	if wantsJSON(cmd) {
		err = printJSON(cmd, report)
	} else {
		err = report.Show(cmd.OutOrStdout(), what)
	}
	if n := report.Missed(); err == nil && n > 0 {
		err = failed(fmt.Errorf("%d figures miss their bounds", n), "make sure that nothing else runs on two of the cores, and that --dir is on the disk you mean")
	}
	return err
}

// A benchScale says how large the logs are that a bench builds.
type benchScale struct {
	small   int           // labels of a small log, of full entries
	smalls  int           // small logs
	labels  int           // of the large log, of full entries
	oneCore int           // of these, how many are loaded last and on one core
	wide    int           // entries of the wide log, of 100 labels each
	warmed  int           // labels of the wide log whose proofs are cached
	long    int           // entries of the long log, of one label each
	audited int           // entries
	updates int           // one after another
	sampled int           // labels searched to compare logs of different size
	rounds  int           // of what is measured in turn
	window  time.Duration // of a search rate
}

// commitLabels is how many labels one commit of a bulk load into a small log
// gathers; into one of 800,000 labels it is largeCommitLabels. What is measured
// on one core is one commit, since what remains for a last one is dearer.
const (
	commitLabels      = 64 * 255
	largeCommitLabels = 784 * 255
)

// In quickScale the wide log alone is of full size.
var (
	fullScale = benchScale{
		small: 10_000, smalls: 64, labels: 1_000_000, oneCore: largeCommitLabels, wide: 1000, warmed: 100_000, long: 100_000, audited: 400,
		updates: 200, sampled: 10_000, rounds: 40, window: time.Second,
	}
	quickScale = benchScale{
		small: 10_000, smalls: 8, labels: 80_000, oneCore: commitLabels, wide: 1000, warmed: 10_000, long: 10_000, audited: 150,
		updates: 60, sampled: 3_000, rounds: 15, window: 300 * time.Millisecond,
	}
)

// A bench is one run of all measurements.
type bench struct {
	ctx    context.Context
	log    io.Writer
	dir    string
	scale  benchScale
	report figures.Report
	floors floors
}

// what says what is measured.
func (b *bench) what() string {
	return fmt.Sprintf("Ed25519, log of up to %d labels", b.report.Labels)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "kithd: bench: "+format+"\n", args...)
}

func (b *bench) run() error {
	for _, step := range []func() error{b.measureFloors, b.growth, b.wide, b.long} {
		if err := step(); err != nil {
			return err
		}
		if err := b.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// growth measures what depends on the size of the log, on small ones and a large one.
func (b *bench) growth() (err error) {
	large, err := b.openFull()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.close()) }()
	if err := b.publish(large); err != nil {
		return err
	}
	var small []*benchLog
	defer func() {
		for _, l := range small {
			err = errors.Join(err, l.close())
		}
	}()
	b.say("loading %d labels into each of %d small logs", b.scale.small, b.scale.smalls)
	for range b.scale.smalls {
		l, err := b.openFull()
		if err != nil {
			return err
		}
		small = append(small, l)
		if err := l.load(b.ctx, b.scale.small, nil); err != nil {
			return err
		}
	}
	if err := b.searchGrowth(small, large); err != nil {
		return err
	}
	return b.audit(large)
}

// openFull begins a log of full entries. Its window is short, as an auditor's
// memory is that of a window.
func (b *bench) openFull() (*benchLog, error) { return openBenchLog(b.dir, 255, 15*time.Minute) }

// wide measures on a log of 100 labels an entry.
func (b *bench) wide() (err error) {
	const perEntry = 100
	b.say("loading %d labels into %d entries", b.scale.wide*perEntry, b.scale.wide)
	l, err := openBenchLog(b.dir, perEntry, 24*time.Hour)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.load(b.ctx, b.scale.wide*perEntry, nil); err != nil {
		return err
	}
	for _, step := range []func(*benchLog) error{b.searchWarm, b.searchCold, b.clientVerification, b.responseSizes, b.singleUpdate} {
		if err := step(l); err != nil {
			return err
		}
	}
	return nil
}

// long measures on a log of many entries.
func (b *bench) long() (err error) {
	b.say("loading %d labels into as many entries", b.scale.long)
	l, err := openBenchLog(b.dir, 1, 24*time.Hour)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	p := newProgress(b.log, "loading", int64(b.scale.long), false)
	defer p.end()
	if err := l.load(b.ctx, b.scale.long, func(done directory.BulkProgress) { p.set(int64(done.Added)) }); err != nil {
		return err
	}
	return b.responseSizes(l)
}
