package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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
DIR/kith.json elsewhere, once. What was erased before is not in it.

Where there is an account service, the accounts are copied too, to FILE.accounts.
Without DIR/keys/login.key nobody can log in from that copy, or guess a password.`,
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
			r, err := backupOffline(dir).run(cmd.Context(), dir, backupRequest{Path: path})
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			if _, err = fmt.Fprintf(cmd.OutOrStdout(), "copied %d log entries or more to %s\n", r.Size, args[0]); err == nil && r.Accounts {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "copied the accounts to %s\n", accountsBackup(args[0]))
			}
			return err
		},
	}
}

type backupRequest struct {
	Path string `json:"path"` // absolute; must not exist
}

type backupReply struct {
	Size     uint64 `json:"size"`     // entries when it began
	Accounts bool   `json:"accounts"` // there were accounts to copy
}

// accountsBackup is where the accounts of a backup are.
func accountsBackup(path string) string { return path + ".accounts" }

// backupOf returns the action on a log and its accounts.
func backupOf(a *accounts) action[backupRequest, backupReply] {
	return action[backupRequest, backupReply]{name: "backup", do: func(ctx context.Context, op *operator.Operator, q backupRequest) (backupReply, error) {
		return backup(ctx, op, a, q)
	}}
}

// backupOffline returns the action that opens the accounts in dir too.
func backupOffline(dir string) action[backupRequest, backupReply] {
	return action[backupRequest, backupReply]{name: "backup", do: func(ctx context.Context, op *operator.Operator, q backupRequest) (r backupReply, err error) {
		a := new(accounts)
		if err := a.open(dir, op, accountOptions{}); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, a.close()) }()
		return backup(ctx, op, a, q)
	}}
}

func backup(ctx context.Context, op *operator.Operator, a *accounts, q backupRequest) (backupReply, error) {
	if !filepath.IsAbs(q.Path) { // relative to what?
		return backupReply{}, fmt.Errorf("%s is not an absolute path", q.Path)
	}
	snap, err := op.Sequencer().Snapshot()
	if err != nil {
		return backupReply{}, err
	}
	r := backupReply{Size: snap.Head().Size, Accounts: a.store != nil}
	snap.Release()
	if r.Accounts { // the smaller one first; neither needs the other
		if err := a.store.Copy(ctx, accountsBackup(q.Path)); err != nil {
			return r, err
		}
	}
	err = op.Store().Backup(ctx, q.Path)
	if err != nil && r.Accounts {
		err = errors.Join(err, os.Remove(accountsBackup(q.Path)))
	}
	return r, err
}
