package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/internal/daemon"
)

// serveOptions are the settings of one run of the server. What belongs to the log
// stands in DIR/config.json.
type serveOptions struct {
	listen daemon.ListenOptions
	log    daemon.LogOptions
	open   operator.OpenOptions
	grace  time.Duration
	ready  string // file for the address; "": none
	leap   bool   // LEAP's clients are served
}

func newServeCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve --data DIR --listen ADDRESS",
		Short: "Serve the log over HTTP",
		Long: `Serve answers look-ups and updates over HTTP until it is told to stop (SIGTERM,
or Ctrl-C), and then lets requests in work finish.

Once it answers it writes one line to standard output:

  listening on http://127.0.0.1:8080

Logs go to standard error, and never contain a label, a token or the address of
a requester. Without a certificate it listens on loopback only.

While it runs, publish, erase, token, status, accounts and backup work through it,
over the socket DIR/admin.sock.

Where the log has an account service (kithd accounts), it is served under /auth/v1.
With --bonafide, unmodified clients of LEAP are served too. Their SRP has a group of
1024 bits, which is weak: only passwords that are set through it depend on that.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if o.listen.Address == "" {
				return usage(errors.New("no address to listen on"), "--listen 127.0.0.1:8080")
			}
			if (o.listen.CertFile == "") != (o.listen.KeyFile == "") {
				return usage(errors.New("a certificate and its key belong together"), "--tls-cert FILE --tls-key FILE")
			}
			if o.open.Interval < 0 || o.open.CheckpointInterval < 0 || o.open.CachedProofs < 0 || o.grace < 0 {
				return usage(errors.New("--interval, --checkpoint-interval, --cached-proofs and --grace are not negative"), "leave them out for the defaults")
			}
			return serve(cmd, dir, &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen.Address, "listen", "", "`ADDRESS` to listen on, as 127.0.0.1:8080; port 0 is any free one")
	f.StringVar(&o.listen.CertFile, "tls-cert", "", "`FILE` with the certificate chain, PEM")
	f.StringVar(&o.listen.KeyFile, "tls-key", "", "`FILE` with the certificate's key, PEM")
	f.BoolVar(&o.listen.BehindProxy, "behind-proxy", false, "serve plain http beyond loopback, to a proxy that speaks TLS and sets X-Forwarded-For")
	f.StringVar(&o.log.Format, "log-format", "text", "form of the log: text or json")
	f.StringVar(&o.log.Level, "log-level", "info", "what is logged: debug, info, warn or error")
	f.DurationVar(&o.open.Interval, "interval", 0, "least time between two durable commits under load (default 20ms)")
	f.DurationVar(&o.open.CheckpointInterval, "checkpoint-interval", operator.DefaultCheckpointInterval, "least time between two checkpoints of the audit log")
	f.IntVar(&o.open.CachedProofs, "cached-proofs", 0, "how many VRF proofs are kept in memory, about 180 bytes each (default 262144)")
	f.StringVar(&o.ready, "ready-file", "", "also write the address to this `FILE` once it answers, and remove that at the end")
	f.BoolVar(&o.leap, "bonafide", false, "serve accounts to LEAP's clients too, under /1 and /provider.json, by SRP of 1024 bits")
	f.DurationVar(&o.grace, "grace", daemon.DefaultGrace, "how long requests may take to finish at the end")
	return cmd
}

func serve(cmd *cobra.Command, dir string, o *serveOptions) (err error) {
	ctx := cmd.Context()
	logger, err := daemon.NewLogger(cmd.ErrOrStderr(), o.log)
	if err != nil {
		return usage(err, "")
	}
	o.open.Logger, o.open.TrustProxy = logger, o.listen.BehindProxy
	acc := new(accounts)
	o.open.Authorizer, o.open.Bearer = acc.authorizer, acc.bearer
	op, err := operator.Open(dir, o.open)
	if err != nil {
		return lost(dir, err)
	}
	defer func() {
		if e := op.Close(); err == nil {
			err = e
		}
		logger.Info("stopped")
	}()
	handler, err := o.openAccounts(dir, acc, op, logger)
	if err != nil {
		return lost(dir, err)
	}
	defer func() {
		if e := acc.close(); err == nil {
			err = e
		}
	}()
	limits := op.Config().Limits.WithDefaults()
	if o.listen.MaxConnections = limits.Connections; !o.listen.BehindProxy {
		o.listen.MaxPerAddress = limits.ConnectionsPerAddress
	}
	ln, err := daemon.Listen(ctx, o.listen)
	if errors.Is(err, daemon.ErrPlain) {
		return usage(err, "give --tls-cert and --tls-key, or put a proxy that speaks TLS in front and say --behind-proxy")
	}
	if err != nil {
		return err
	}
	defer ln.Close()
	servers := []func(context.Context) error{acc.run, func(ctx context.Context) error {
		return daemon.Serve(ctx, httpapi.NewServer(handler, logger), ln, o.grace)
	}}
	if admin, err := listenAdmin(dir); err == nil {
		servers = append(servers, func(ctx context.Context) error {
			return daemon.Serve(ctx, newAdminServer(op, acc), admin, o.grace)
		})
	} else {
		logger.Warn("no admin socket: publish, erase, token and backup will not work while this runs", "error", err)
	}
	if _, err := os.Stat(filepath.Join(dir, operator.RootFolder, operator.RootKeyFile)); err == nil {
		logger.Warn("the root key is still in the data folder: take it offline, since whoever has it can name another log", "file", filepath.Join(operator.RootFolder, operator.RootKeyFile))
	}
	logger.Info("serving", "address", ln.URL(), "domain", op.Config().Log.Domain, slog.Int("pid", os.Getpid()))
	servers = append(servers, func(ctx context.Context) error {
		untilReady(ctx, op)
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), "listening on", ln.URL()); err != nil {
			return err
		}
		if o.ready != "" {
			defer os.Remove(o.ready)
			if err := writeReady(o.ready, ln.URL()); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	})
	return runServers(ctx, op, servers)
}

// openAccounts opens the account service of a log, if it has one, and returns what is
// served.
func (o *serveOptions) openAccounts(dir string, acc *accounts, op *operator.Operator, logger *slog.Logger) (http.Handler, error) {
	options := accountOptions{logger: logger}
	if o.leap {
		options.weak = leapProfiles()
	}
	if err := acc.open(dir, op, options); err != nil {
		return nil, err
	}
	if acc.service == nil && o.leap {
		return nil, usage(fmt.Errorf("--bonafide: %w", errNoAccounts), "kithd accounts enable --data DIR --registration open")
	}
	handler, err := acc.handler(op.Handler(), o.listen.BehindProxy, o.leap, logger)
	if err != nil {
		return nil, errors.Join(err, acc.close())
	}
	return handler, nil
}

// writeReady writes a file that is whole as soon as it is there.
func writeReady(path, address string) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(address+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// untilReady waits until everything runs, but not for what comes from elsewhere,
// as an auditor's head does.
func untilReady(ctx context.Context, op *operator.Operator) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for op.Ready() != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// runServers runs the sequencer below the servers: it ends after the last of
// them, so that every update they took is still committed.
func runServers(ctx context.Context, op *operator.Operator, servers []func(context.Context) error) error {
	below, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	return daemon.All(ctx,
		func(context.Context) error { return op.Run(below) },
		func(ctx context.Context) error {
			defer stop()
			return daemon.All(ctx, servers...)
		},
	)
}
