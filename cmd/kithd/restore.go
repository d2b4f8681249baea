package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/internal/kv"
)

func newRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore --data DIR FILE",
		Short: "Put a backup in the place of a lost store",
		Long: `Restore checks a backup and copies it to where the store was, in a folder that
still has its keys, its settings and its high-water mark. It overwrites nothing:
move a damaged kith.db out of the way first.

A backup older than the newest head that was served is refused. To go on from it
would show some people another log than others: a fork. Put the newest store
back, or move to a successor log.

Values erased and tokens revoked after the backup was made are there again: erase
and revoke them once more before the log is served.

Of the store and the accounts (FILE.accounts), what is missing is restored. All
sessions are ended: some of them may have been revoked since. Passwords are those
of the backup, accounts deleted since are there again, and names registered since
are not. Accounts made with another login.key are refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			r, err := restoreMissing(cmd, dir, args[0])
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			if r.Size > 0 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "restored %d log entries\n", r.Size)
			}
			if err == nil && r.Accounts {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "restored the accounts; everybody is to log in again")
			}
			return err
		},
	}
}

// restoreMissing restores the store, the accounts, or both.
func restoreMissing(cmd *cobra.Command, dir, from string) (r backupReply, err error) {
	settings, err := operator.LoadConfig(dir)
	if err != nil {
		return r, err
	}
	r.Accounts = settings.Accounts != nil && !isThere(accountsPath(dir))
	if isThere(storePath(dir)) && r.Accounts {
		return r, restoreAccounts(cmd, dir, accountsBackup(from))
	}
	if r.Accounts {
		if err := restoreAccounts(cmd, dir, accountsBackup(from)); err != nil {
			return r, err
		}
	}
	r.Size, err = restore(cmd, dir, from)
	return r, err
}

func restore(cmd *cobra.Command, dir, from string) (size uint64, err error) {
	if isThere(storePath(dir)) {
		return 0, failed(fmt.Errorf("%s is there already", storePath(dir)), "move it away first; nothing is ever overwritten")
	}
	config, secret, err := identityOf(dir)
	if err != nil {
		return 0, err
	}
	copied := storePath(dir) + ".restoring"
	if err := copyFile(cmd.Context(), copied, from, cmd.ErrOrStderr()); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			os.Remove(copied)
		}
	}()
	// The mark first: it is quick, and says the most.
	if err := checkMark(copied, dir); err != nil {
		return 0, unusable(from, err)
	}
	head, err := checkStore(cmd.Context(), copied, config, secret, cmd.ErrOrStderr())
	if err != nil {
		return 0, unusable(from, err)
	}
	if err := os.Link(copied, storePath(dir)); err != nil { // fails where something is
		return 0, err
	}
	if err := os.Remove(copied); err != nil {
		return 0, err
	}
	if err := kv.SyncDir(dir); err != nil {
		return 0, err
	}
	// Opening it asks for everything else that serving it will.
	return head.Size, withOperator(cmd.Context(), dir, false, func(*operator.Operator) error { return nil })
}

// unusable says of which backup something is wrong.
func unusable(from string, err error) error {
	err = fmt.Errorf("%s: %w", from, err)
	if errors.Is(err, directory.ErrCorrupt) {
		return failed(err, "this backup cannot be used; try another")
	}
	return err
}

// checkMark refuses a store that does not reach the high-water mark in dir.
func checkMark(path, dir string) error {
	mark, err := directory.OpenHighWater(filepath.Join(dir, operator.HighWaterFile))
	if err != nil {
		return err
	}
	defer mark.Close()
	store, err := embedded.Open(path, embedded.Options{MustExist: true, ReadOnly: true})
	if err != nil {
		return err
	}
	defer store.Close()
	snap, err := store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	return directory.CheckHighWater(snap, mark)
}

// copyFile copies a file to a new one, durably.
func copyFile(ctx context.Context, to, from string, w io.Writer) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return failed(err, "another restore was interrupted: remove that file")
	}
	if err != nil {
		return err
	}
	p := newProgress(w, "copying", info.Size(), true)
	_, err = io.Copy(out, &progressReader{r: &contextReader{ctx, in}, p: p})
	p.end()
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(to)
	}
	return err
}
