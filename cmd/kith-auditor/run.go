package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/auditor/gossip"
	"github.com/kith-kt/kith/auditor/httpapi"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/internal/daemon"
)

// runOptions are the settings of one run.
type runOptions struct {
	address  string
	poll     time.Duration
	patience time.Duration
	stay     bool
	peers    peerOptions
	alerts   alertOptions
	listen   daemon.ListenOptions
	log      daemon.LogOptions
}

func (p *program) newRun() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run --data DIR [--data DIR...]",
		Short: "Follow providers' logs, and sign for them where they ask for it",
		Long: `Run audits every entry that a log grows by, until it is told to stop (SIGTERM,
or Ctrl-C). Where the log's configuration names this auditor's key, it signs the
head of what it has audited and hands it to the provider; DIR/heads.jsonl has all
heads it signed. Whoever asks at /add-checkpoint gets its cosignature, of
checkpoints of which everything was audited.

A provider that cannot be reached is asked again. One that misbehaves is not: run
keeps the evidence in DIR/evidence, tells the alerts, signs nothing more, and exits
with 3. With several folders the others are followed on, what was found is served
on, and run exits with 3 when it ends; with --stay, so it does with one.

With --listen it serves a status page, a mirror of what it audited, its evidence,
metrics and health, takes what others saw of the logs, and writes one line to
standard output:

  listening on http://127.0.0.1:9090

With --peer it hands what it saw to another auditor, every --gossip-interval, and
holds that one's log against its own. Two logs of one provider are evidence: run
keeps it, and stays to hand it on, as with --stay.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case len(p.dirs) == 0:
				return usage(errors.New("no data folder"), "say which folder: --data DIR")
			case o.poll <= 0:
				return usage(fmt.Errorf("--poll is %s", o.poll), "a time such as 10s")
			case o.patience <= 0:
				return usage(fmt.Errorf("--patience is %s", o.patience), "a time such as 2m")
			case o.peers.interval <= 0:
				return usage(fmt.Errorf("--gossip-interval is %s", o.peers.interval), "a time such as 1m")
			case o.listen.Address == "" && (o.listen.CertFile != "" || o.listen.KeyFile != "" || o.listen.BehindProxy):
				return usage(errors.New("--tls-cert, --tls-key or --behind-proxy without --listen"), "say where it serves: --listen ADDRESS")
			case o.address != "" && len(p.dirs) > 1:
				return usage(errors.New("--provider with several folders"), "each folder has the address that init was told")
			}
			return p.follows(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.address, "provider", "", "`URL` of the provider (default: as init was told)")
	f.DurationVar(&o.poll, "poll", watch.DefaultPoll, "how long to wait before the provider is asked again")
	f.DurationVar(&o.patience, "patience", watch.DefaultPatience, "how long a log may stall before that is a finding")
	f.StringArrayVar(&o.peers.addresses, "peer", nil, "`URL` of another auditor, to hold its logs against ours")
	f.DurationVar(&o.peers.interval, "gossip-interval", gossip.DefaultInterval, "how long to wait before the other auditors are asked again")
	f.BoolVar(&o.stay, "stay", false, "go on serving what was found when nothing is left to follow")
	f.StringArrayVar(&o.alerts.webhooks, "alert-webhook", nil, "`URL` to post every finding to, as JSON")
	f.StringArrayVar(&o.alerts.commands, "alert-exec", nil, "`COMMAND` to run for every finding, with sh; KITH_EVIDENCE names the file")
	f.StringVar(&o.listen.Address, "listen", "", "`ADDRESS` for metrics, health, add-checkpoint and the rest (default: none)")
	f.StringVar(&o.listen.CertFile, "tls-cert", "", "`FILE` with the certificate chain, PEM")
	f.StringVar(&o.listen.KeyFile, "tls-key", "", "`FILE` with the certificate's key, PEM")
	f.BoolVar(&o.listen.BehindProxy, "behind-proxy", false, "serve plain http beyond loopback, to a proxy that speaks TLS and sets X-Forwarded-For")
	f.StringVar(&o.log.Format, "log-format", "text", "form of the log: text or json")
	f.StringVar(&o.log.Level, "log-level", "info", "what is logged: debug, info, warn or error")
	return cmd
}

// A follower is one run.
type follower struct {
	watches []*watch.Watch
	stay    bool
	logger  *slog.Logger
	health  daemon.Health
	desks   gossip.Desks // one for each watch
	peers   *gossip.Peers

	mu     sync.Mutex
	caught error // the first *watch.Misbehaved
}

func (p *program) follows(ctx context.Context, o *runOptions) error {
	logger, err := daemon.NewLogger(p.err, o.log)
	if err != nil {
		return usage(err, "")
	}
	alerts, err := o.alerts.build()
	if err != nil {
		return err
	}
	f := &follower{logger: logger, stay: o.stay || len(p.dirs) > 1 || len(o.peers.addresses) > 0}
	defer f.close()
	domains := map[string]string{}
	for _, dir := range p.dirs {
		options := p.watchOptions(dir, o.address)
		options.Poll, options.Patience, options.Alerts, options.Logger = o.poll, o.patience, alerts, logger
		w, err := p.open(ctx, options)
		if err != nil {
			return err
		}
		f.watches = append(f.watches, w)
		s := w.Status()
		if other, ok := domains[s.Domain]; ok {
			return usage(fmt.Errorf("%s and %s are both of %s", other, dir, s.Domain), "one folder for each provider")
		}
		domains[s.Domain] = dir
		f.health.Set(s.Domain, errors.New("the first pass is not finished"))
		logger.Info("following", "provider", s.Address, "domain", s.Domain, "entry", s.Size, "signs", s.SignsHeads)
	}
	if err := f.gossip(&o.peers); err != nil {
		return err
	}
	defer f.peers.Close()
	parts := []func(context.Context) error{f.follow, f.compare, f.peers.Run}
	if o.listen.Address != "" {
		if o.listen.MaxConnections = httpapi.MaxConnections; !o.listen.BehindProxy {
			o.listen.MaxPerAddress = httpapi.MaxPerAddress
		}
		ln, err := daemon.Listen(ctx, o.listen)
		if errors.Is(err, daemon.ErrPlain) {
			return usage(err, "give --tls-cert and --tls-key, or put a proxy that speaks TLS in front and say --behind-proxy")
		}
		if err != nil {
			return err
		}
		defer ln.Close()
		server, err := f.server(o.listen.BehindProxy)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, "listening on", ln.URL())
		parts = append(parts, func(ctx context.Context) error { return daemon.Serve(ctx, server, ln, time.Second) })
	}
	defer logger.Info("stopped")
	if err := daemon.All(ctx, parts...); err != nil {
		return caught(err)
	}
	return caught(f.caught)
}

func (f *follower) close() {
	for _, w := range f.watches {
		if err := w.Close(); err != nil {
			f.logger.Error("a folder was not closed well", "error", err.Error())
		}
	}
}

// follow runs all watches. One that was caught ends; unless it stays, the run ends
// when none is left.
func (f *follower) follow(ctx context.Context) error {
	var running sync.WaitGroup
	for _, w := range f.watches {
		running.Go(func() { f.watch(ctx, w) })
	}
	running.Wait()
	if f.caught != nil && f.stay {
		<-ctx.Done()
	}
	return f.caught
}

// watch runs one watch, and says in the health how it is.
func (f *follower) watch(ctx context.Context, w *watch.Watch) {
	domain := w.Status().Domain
	watching, stop := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { f.tellHealth(watching, w, domain) })
	err := w.Run(ctx)
	stop()
	told.Wait()
	if err == nil {
		return
	}
	f.health.Set(domain, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.caught == nil {
		f.caught = err
	}
}

// tellHealth keeps the health of a watch until ctx ends.
func (f *follower) tellHealth(ctx context.Context, w *watch.Watch, domain string) {
	for ctx.Err() == nil {
		grown := w.Grown()
		if s := w.Status(); s.Fault != "" {
			f.health.Set(domain, errors.New(s.Fault))
		} else if !s.LastPass.IsZero() {
			f.health.Set(domain, nil)
		}
		select {
		case <-grown:
		case <-ctx.Done():
		}
	}
}
