package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/operator"
)

func newBackupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup --data DIR FILE",
		Short: "Copy the store to a new file, also while it is served",
		Long: `Backup writes a consistent copy of the store to a new file. It holds no keys,
no settings and not the high-water mark: keep DIR/keys, DIR/config.json and
DIR/kith.json elsewhere, once. What was erased before is not in it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			r, err := backupAction.run(cmd.Context(), dir, backupRequest{Path: path})
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "copied %d log entries or more to %s\n", r.Size, args[0])
			return err
		},
	}
}

type backupRequest struct {
	Path string `json:"path"` // absolute; must not exist
}

type backupReply struct {
	Size uint64 `json:"size"` // entries when it began
}

var backupAction = action[backupRequest, backupReply]{name: "backup", do: backup}

func backup(ctx context.Context, op *operator.Operator, q backupRequest) (backupReply, error) {
	if !filepath.IsAbs(q.Path) { // relative to what?
		return backupReply{}, fmt.Errorf("%s is not an absolute path", q.Path)
	}
	snap, err := op.Sequencer().Snapshot()
	if err != nil {
		return backupReply{}, err
	}
	r := backupReply{Size: snap.Head().Size}
	snap.Release()
	return r, op.Store().Backup(ctx, q.Path)
}
