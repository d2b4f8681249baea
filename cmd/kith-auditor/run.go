package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/internal/daemon"
)

// runOptions are the settings of one run.
type runOptions struct {
	address string
	poll    time.Duration
	listen  daemon.ListenOptions
	log     daemon.LogOptions
}

func (p *program) newRun() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run --data DIR",
		Short: "Follow a provider's log, and sign its heads where the log asks for it",
		Long: `Run audits every entry that the log grows by, until it is told to stop (SIGTERM,
or Ctrl-C). Where the log's configuration names this auditor's key, it signs the
head of what it has audited and hands it to the provider; DIR/heads.jsonl has all
heads it signed.

A provider that cannot be reached is asked again. One that misbehaves is not: run
keeps the evidence in DIR/evidence and exits with 3, having signed nothing of it.

With --listen it serves /metrics and /healthz, and writes one line to standard
output:

  listening on http://127.0.0.1:9090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.data == "" {
				return usage(errors.New("no data folder"), "say which folder: --data DIR")
			}
			if o.poll <= 0 {
				return usage(fmt.Errorf("--poll is %s", o.poll), "a time such as 10s")
			}
			return p.follows(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.address, "provider", "", "`URL` of the provider (default: as init was told)")
	f.DurationVar(&o.poll, "poll", 10*time.Second, "how long to wait before the provider is asked again")
	f.StringVar(&o.listen.Address, "listen", "", "`ADDRESS` for /metrics and /healthz (default: none)")
	f.StringVar(&o.listen.CertFile, "tls-cert", "", "`FILE` with the certificate chain, PEM")
	f.StringVar(&o.listen.KeyFile, "tls-key", "", "`FILE` with the certificate's key, PEM")
	f.StringVar(&o.log.Format, "log-format", "text", "form of the log: text or json")
	f.StringVar(&o.log.Level, "log-level", "info", "what is logged: debug, info, warn or error")
	return cmd
}

// A follower is one run.
type follower struct {
	*watch
	key     *key // nil: the log does not need our signature
	posted  uint64
	poll    time.Duration
	logger  *slog.Logger
	metrics *metrics
	health  daemon.Health
}

func (p *program) follows(ctx context.Context, o *runOptions) error {
	logger, err := daemon.NewLogger(p.err, o.log)
	if err != nil {
		return usage(err, "")
	}
	w, err := p.open(ctx, o.address, nil)
	if err != nil {
		return err
	}
	defer w.close()
	f := &follower{watch: w, poll: o.poll, logger: logger, metrics: newMetrics()}
	k, err := w.folder.key()
	if err != nil {
		return err
	}
	if isAuditor(w.log.Configuration, k) {
		f.key = k
	}
	f.health.Set("audit", errors.New("the first pass is not finished"))
	parts := []func(context.Context) error{f.follow}
	if o.listen.Address != "" {
		ln, err := daemon.Listen(ctx, o.listen)
		if errors.Is(err, daemon.ErrPlain) {
			return usage(err, "give --tls-cert and --tls-key")
		}
		if err != nil {
			return err
		}
		defer ln.Close()
		fmt.Fprintln(p.out, "listening on", ln.URL())
		parts = append(parts, func(ctx context.Context) error {
			return daemon.Serve(ctx, newServer(f.metrics, &f.health), ln, time.Second)
		})
	}
	logger.Info("following", "provider", w.source.Address(), "domain", w.pinned.Document.Domain, "entry", w.progress.State.Size(), "signs", f.key != nil)
	defer logger.Info("stopped")
	return daemon.All(ctx, parts...)
}

// follow makes pass after pass until ctx ends or the provider misbehaves.
func (f *follower) follow(ctx context.Context) error {
	tick := time.NewTicker(f.poll)
	defer tick.Stop()
	for {
		err := f.once(ctx)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		if m, ok := errors.AsType[*pass.Misbehaviour](err); ok {
			f.metrics.misbehave.Set(1)
			f.health.Set("audit", err)
			f.logger.Error("the provider misbehaves", "kind", m.Kind, "entry", m.Entry, "step", m.Step(), "error", plain(err))
			return err
		}
		f.health.Set("audit", err)
		if err != nil {
			f.metrics.failures.Inc()
			f.logger.Warn("not audited; will try again", "error", plain(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// once audits what is new, and signs for it.
func (f *follower) once(ctx context.Context) error {
	r, err := f.audit(ctx, nil)
	f.metrics.leaves.Add(float64(r.Leaves))
	s := f.progress.State
	f.metrics.size.Set(float64(s.Size()))
	f.metrics.timestamp.Set(float64(s.Timestamp()) / 1000)
	if err != nil {
		return err
	}
	f.metrics.passed.Set(float64(f.p.now().UnixMilli()) / 1000)
	if r.Entries > 0 {
		f.logger.Info("audited", "entries", r.Entries, "leaves", r.Leaves, "size", s.Size())
	}
	if f.key == nil || s.Size() == 0 || s.Size() == f.posted {
		return nil
	}
	head, err := f.sign(f.key)
	if err != nil {
		return err
	}
	if err := f.source.PutHead(ctx, head); err != nil {
		return fmt.Errorf("the provider did not take the head of size %d: %w", s.Size(), err)
	}
	f.posted = s.Size()
	f.metrics.signed.Set(float64(s.Size()))
	f.logger.Info("signed", "size", s.Size())
	return nil
}
