package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/srp/login"
)

// restoreAccounts checks accounts of a backup, ends their sessions, and puts them
// where accounts were.
func restoreAccounts(cmd *cobra.Command, dir, from string) (err error) {
	key, err := loadLoginKey(loginKeyPath(dir))
	if err != nil {
		return lost(dir, err)
	}
	if !isThere(from) {
		return failed(fmt.Errorf("%s: %w", from, errAccountsGone), "a backup of a log with accounts is two files: put the other one beside it")
	}
	copied := accountsPath(dir) + ".restoring"
	if err := copyFile(cmd.Context(), copied, from, cmd.ErrOrStderr()); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(copied)
		}
	}()
	store, err := openAccountStore(copied, key)
	if err == nil {
		err = errors.Join(endSessions(cmd.Context(), store), store.Close())
	}
	if err != nil {
		return err
	}
	if err := os.Link(copied, accountsPath(dir)); err != nil { // fails where something is
		return err
	}
	if err := os.Remove(copied); err != nil {
		return err
	}
	return kv.SyncDir(dir)
}

// endSessions ends all sessions: which of them were revoked since is not known.
func endSessions(ctx context.Context, store login.Store) error {
	return store.Update(ctx, func(w login.Writer) error {
		for _, t := range []login.Table{login.Sessions, login.Owners} {
			var keys [][]byte
			err := w.Each(t, nil, func(key, _ []byte) error {
				keys = append(keys, bytes.Clone(key))
				return ctx.Err()
			})
			if err != nil {
				return err
			}
			for _, k := range keys {
				if err := w.Delete(t, k); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
