package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
)

func newStatusCommand() *cobra.Command {
	var q statusRequest
	cmd := &cobra.Command{
		Use:   "status --data DIR",
		Short: "Say how the log is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			var s statusReply
			served, err := ask(cmd.Context(), dir, statusAction.name, q, &s)
			if !served {
				s, err = statusAction.run(cmd.Context(), dir, q)
			}
			if err != nil {
				return err
			}
			s.Serving = served
			if info, err := os.Stat(storePath(dir)); err == nil {
				s.Disk = info.Size()
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, s)
			}
			return s.show(cmd)
		},
	}
	cmd.Flags().BoolVar(&q.Labels, "labels", false, "count the labels, which takes time in a large log")
	return cmd
}

type statusRequest struct {
	Labels bool `json:"labels,omitempty"`
}

// A statusReply says how a log is. Ages and sizes are in ms and bytes.
type statusReply struct {
	Domain      string  `json:"domain"`
	Fingerprint string  `json:"fingerprint"`
	Suite       string  `json:"suite"`
	Mode        string  `json:"mode"`
	Search      string  `json:"search"`
	Values      string  `json:"values"`
	Serving     bool    `json:"serving"`
	Ready       bool    `json:"ready"`
	Fault       string  `json:"fault,omitempty"`
	Size        uint64  `json:"size"` // log entries
	Root        string  `json:"root"`
	Timestamp   uint64  `json:"timestamp"` // of the newest entry, ms since the Unix epoch
	Age         int64   `json:"age_ms"`    // of the newest entry
	MaxBehind   uint64  `json:"max_behind_ms"`
	Labels      *uint64 `json:"labels,omitempty"`
	Versions    *uint64 `json:"versions,omitempty"`
	Disk        int64   `json:"disk_bytes"`
	Expires     string  `json:"document_expires,omitempty"`

	Auditor    *auditorReply   `json:"auditor,omitempty"` // mode third-party-auditing
	Checkpoint uint64          `json:"checkpoint,omitempty"`
	Cosigned   uint64          `json:"cosigned_checkpoint,omitempty"` // newest that has what clients demand
	Cosigners  []cosignerReply `json:"cosigners,omitempty"`
}

// An auditorReply says how the auditor of the mode stands.
type auditorReply struct {
	Size     uint64 `json:"size"` // of its newest head; 0: none
	Age      int64  `json:"age_ms"`
	Behind   int64  `json:"behind_ms"`
	MaxLag   uint64 `json:"max_lag_ms"`
	Start    uint64 `json:"start"`
	LastSize uint64 `json:"last_size"` // of the newest head of this or the former auditor
	Fault    string `json:"fault,omitempty"`
}

// A cosignerReply says how a witness or cosigning auditor stands.
type cosignerReply struct {
	Role     string `json:"role"`
	Name     string `json:"name"`
	Address  string `json:"address,omitempty"`
	Size     uint64 `json:"size"`             // of the newest checkpoint it cosigned; 0: none
	Age      *int64 `json:"age_ms,omitempty"` // of that cosignature, by its clock
	Failures uint64 `json:"failures"`         // in a row
	Error    string `json:"error,omitempty"`  // of the last attempt
}

var statusAction = action[statusRequest, statusReply]{name: "status", do: status}

func status(ctx context.Context, op *operator.Operator, q statusRequest) (statusReply, error) {
	snap, err := op.Sequencer().Snapshot()
	if err != nil {
		return statusReply{}, err
	}
	defer snap.Release()
	head, config := snap.Head(), op.Config()
	s := statusReply{
		Domain:      config.Log.Domain,
		Fingerprint: provider.FingerprintOf(op.Configuration()).String(),
		Suite:       config.Log.Suite,
		Mode:        config.Log.Mode,
		Search:      config.Search,
		Values:      config.Values,
		Size:        head.Size,
		Root:        hexOf(head.Root[:]),
		Timestamp:   head.Timestamp,
		Age:         time.Now().UnixMilli() - int64(head.Timestamp),
		MaxBehind:   op.Configuration().MaxBehind,
	}
	if fault := op.Ready(); fault != nil {
		s.Fault = fault.Error()
	} else {
		s.Ready = true
	}
	if pinned, err := provider.Reopen(op.Document()); err == nil {
		s.Expires = pinned.Document.Expires.Format(time.RFC3339)
	}
	s.addWatchers(op)
	if q.Labels {
		var labels, versions uint64
		err = snap.EachLabel(func(_ []byte, places []directory.Place) error {
			labels, versions = labels+1, versions+uint64(len(places))
			return ctx.Err()
		})
		s.Labels, s.Versions = &labels, &versions
	}
	return s, err
}

func (s *statusReply) show(cmd *cobra.Command) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("domain", "%s", s.Domain)
	row("fingerprint", "%s", s.Fingerprint)
	row("suite", "%s", s.Suite)
	row("mode", "%s", s.Mode)
	row("search", "%s", s.Search)
	row("values", "%s", s.Values)
	switch {
	case !s.Serving:
		row("server", "not running")
	case s.Ready:
		row("server", "running")
	default:
		row("server", "running, but not ready: %s", s.Fault)
	}
	row("entries", "%d", s.Size)
	row("root", "%s", s.Root)
	row("newest entry", "%v ago; too old after %v", (time.Duration(s.Age) * time.Millisecond).Round(time.Millisecond),
		time.Duration(s.MaxBehind)*time.Millisecond)
	if s.Labels != nil {
		row("labels", "%d, in %d versions", *s.Labels, *s.Versions)
	}
	s.showWatchers(row)
	row("disk", "%.1f MB", float64(s.Disk)/1e6)
	row("document", "good until %s", s.Expires)
	return w.Flush()
}

// storePath is where the store of the log in dir lies.
func storePath(dir string) string { return filepath.Join(dir, operator.StoreFile) }

// hexOf is how hashes are written.
func hexOf(b []byte) string { return hex.EncodeToString(b) }
