package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/export"
	"github.com/kith-kt/kith/directory/export/bucket"
	"github.com/kith-kt/kith/directory/operator"
)

func newExportAuditCommand() *cobra.Command {
	var o bucket.Options
	cmd := &cobra.Command{
		Use:   "export-audit --data DIR FOLDER|s3://BUCKET/PREFIX",
		Short: "Write what auditors read as static files, also while it is served",
		Long: `Export-audit writes the log as auditors and mirrors read it: the provider document,
the newest checkpoint, and tiles, leaves and AuditorUpdates in bundles that never
change. Any file host can serve them; kith-auditor audit --from reads them. There
is nothing secret in them.

It writes what is not there yet, the checkpoint last: run it from a timer. Killed
in the middle, it goes on the next time. It refuses a place with another log.

In a bucket it needs the right to read and to put objects. Credentials come from
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws/credentials.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if err := refuseNested(dir, args[0]); err != nil {
				return err
			}
			target, closeTarget, err := openTarget(args[0], o)
			if err != nil {
				return err
			}
			defer closeTarget()
			began := time.Now()
			summary, err := exportAudit(cmd.Context(), dir, target, cmd.ErrOrStderr())
			if err != nil {
				return exportFault(err)
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, exportView{summary, args[0], time.Since(began).Seconds()})
			}
			if summary.Files == 0 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "nothing new: %d log entries are in %s\n", summary.Size, args[0])
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "wrote %d files, %d bytes: log entries %d to %d are in %s\n",
				summary.Files, summary.Bytes, summary.Previous, summary.Size, args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&o.Endpoint, "endpoint", "", "`URL` of the service, of a bucket (default "+bucket.DefaultEndpoint+")")
	cmd.Flags().StringVar(&o.Region, "region", "", "`REGION` of a bucket (default: AWS_REGION, or "+bucket.DefaultRegion+")")
	return cmd
}

// An exportView is the output of export-audit for programs.
type exportView struct {
	export.Summary
	Target  string  `json:"target"`
	Seconds float64 `json:"seconds"`
}

// refuseNested refuses a target folder that is the data folder, lies in it, or holds
// it: whoever publishes the target would publish the keys.
func refuseNested(dir, target string) error {
	if strings.Contains(target, "://") {
		return nil
	}
	data, folder := realPath(dir), realPath(target)
	within := func(base, name string) bool {
		rel, err := filepath.Rel(base, name)
		return err == nil && filepath.IsLocal(rel)
	}
	if within(data, folder) || within(folder, data) {
		return usage(fmt.Errorf("the target %s and the data folder %s are not apart", target, dir),
			"name a folder beside it: what is exported is for everybody, and the data folder has the keys")
	}
	return nil
}

// realPath returns where name leads, as far as it is there, as an absolute path.
func realPath(name string) string {
	name, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	for at, rest := name, ""; ; {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		up := filepath.Dir(at)
		if up == at {
			return name
		}
		at, rest = up, filepath.Join(filepath.Base(at), rest)
	}
}

func openTarget(name string, o bucket.Options) (export.Target, func(), error) {
	if strings.Contains(name, "://") {
		t, err := bucket.Open(name, o)
		return t, func() {}, exportFault(err)
	}
	if o.Endpoint != "" || o.Region != "" {
		return nil, nil, usage(fmt.Errorf("%s is a folder", name), "--endpoint and --region are of buckets: s3://BUCKET/PREFIX")
	}
	f, err := export.OpenFolder(name)
	if err != nil {
		return nil, nil, exportFault(err)
	}
	return f, func() { f.Close() }, nil
}

// exportFault says what to do about what exports meet.
func exportFault(err error) error {
	for _, f := range []struct {
		fault error
		usage bool
		hint  string
	}{
		{bucket.ErrName, true, "name a folder, or a bucket: s3://BUCKET/PREFIX"},
		{bucket.ErrEndpoint, true, "use https; plain http goes to this machine only"},
		{bucket.ErrNoCredentials, false, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"},
		{export.ErrOtherLog, false, "give every log a folder or prefix of its own"},
		{export.ErrAhead, false, "this log is not the newest one, or somebody else exports it: find out which before you go on"},
		{export.ErrInUse, false, "wait until it has ended"},
		{export.ErrSource, false, "stop the server and run: kithd check"},
	} {
		if errors.Is(err, f.fault) {
			if f.usage {
				return usage(err, f.hint)
			}
			return failed(err, f.hint)
		}
	}
	return err
}

// exportAudit exports the log in dir: through the server that holds the folder, or
// from the folder.
func exportAudit(ctx context.Context, dir string, target export.Target, w io.Writer) (summary export.Summary, err error) {
	run := func(s export.Source) (export.Summary, error) {
		p := newProgress(w, "exporting", 0, false)
		defer p.end()
		return export.Run(ctx, s, target, export.Options{Progress: func(done, all uint64) {
			p.setAll(int64(all))
			p.set(int64(done))
		}})
	}
	if served := adminFiles(ctx, dir); served != nil {
		defer served.Client.CloseIdleConnections()
		return run(served)
	}
	err = withOperator(ctx, dir, false, func(op *operator.Operator) error {
		summary, err = run(auditFiles(op))
		return err
	})
	return summary, err
}

// auditFiles returns the log as files. A log that is not served has its newest
// entry signed for.
func auditFiles(op *operator.Operator) *export.Log {
	return &export.Log{
		Format: op.Configuration().Format(), Snapshot: op.Sequencer().Snapshot, Envelope: op.Document,
		Signed: func() ([]byte, error) {
			if note := op.Checkpoint(); note != nil {
				return note, nil
			}
			return op.SignCheckpoint()
		},
	}
}

// adminFiles returns the files that a running server shows on its admin socket,
// or nil if there is no server.
func adminFiles(ctx context.Context, dir string) *export.Remote {
	var d net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", socketPath(dir))
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil
	}
	conn.Close()
	return &export.Remote{
		Client: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}},
		Base:   "http://kithd" + filesPath,
	}
}

// filesPath is where the admin socket shows the log as files.
const filesPath = "/files"

func registerFiles(mux *http.ServeMux, op *operator.Operator) {
	mux.Handle(filesPath+"/", http.StripPrefix(filesPath, export.Handler(auditFiles(op))))
}
