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
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
	"github.com/kith-kt/kith/srp/login"
)

func newCheckCommand() *cobra.Command {
	var fast bool
	cmd := &cobra.Command{
		Use:   "check --data DIR",
		Short: "Recompute every hash of the store, and name the first thing wrong",
		Long: `Check reads the whole store and computes everything in it again: pages of the
prefix tree, log entries, both log trees, commitments, the signature of the head,
and the VRF output of every version. Of accounts, the file and their key are checked,
and everything is read. It names the first thing wrong and exits
with 1. The log must not be served meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			config, secret, err := identityOf(dir)
			if err != nil {
				return err
			}
			if fast {
				secret = nil
			}
			head, err := checkStore(cmd.Context(), storePath(dir), config, secret, cmd.ErrOrStderr())
			var found *login.Counts // nil: there is no account service
			if err == nil {         // the high-water mark, the settings, the tokens
				err = withOperator(cmd.Context(), dir, false, func(op *operator.Operator) (err error) {
					found, err = checkAccounts(cmd.Context(), dir, op)
					return err
				})
			}
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, map[string]any{"ok": true, "size": head.Size, "root": hexOf(head.Root[:]), "accounts": found})
			}
			if _, err = fmt.Fprintf(cmd.OutOrStdout(), "all is well: %d log entries, root %x\n", head.Size, head.Root); err == nil && found != nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d accounts, whose key is there\n", found.Accounts)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&fast, "fast", false, "leave the VRF outputs out, which take most of the time")
	return cmd
}

// checkAccounts checks the accounts of a log, if there are any: pages of the file,
// the key, and that everything can be read.
func checkAccounts(ctx context.Context, dir string, op *operator.Operator) (_ *login.Counts, err error) {
	a := new(accounts)
	if err := a.open(dir, op, accountOptions{}); err != nil || a.service == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	n, err := a.service.Count(ctx) // reads what there is
	if err == nil {
		err = a.store.Check(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", accountsPath(dir), err)
	}
	return &n, nil
}

// identityOf reads what the log in dir is, without opening it.
func identityOf(dir string) (*wire.Configuration, vrf.PrivateKey, error) {
	settings, err := operator.LoadConfig(dir)
	if err != nil {
		return nil, nil, err
	}
	pinned, err := readDocument(dir)
	if err != nil {
		return nil, nil, err
	}
	config, err := pinned.Document.Config()
	if err != nil {
		return nil, nil, err
	}
	keys, err := directory.LoadKeys(filepath.Join(dir, operator.KeysFolder), config.CipherSuite)
	if err != nil {
		return nil, nil, err
	}
	// The settings and the keys make it, for those who open the log.
	if config, err = settings.Log.Configuration(keys); err != nil {
		return nil, nil, err
	}
	return config, keys.VRF, keys.Check(config)
}

// readDocument reads the provider document of the log in dir.
func readDocument(dir string) (*provider.Pinned, error) {
	path := filepath.Join(dir, operator.DocumentFile)
	envelope, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, operator.ErrNoLog)
	}
	if err != nil {
		return nil, err
	}
	pinned, err := provider.Reopen(envelope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pinned, nil
}

// checkStore checks a store's file and everything in it. A nil secret leaves
// the VRF outputs out.
func checkStore(ctx context.Context, path string, config *wire.Configuration, secret vrf.PrivateKey, w io.Writer) (head directory.Head, err error) {
	store, err := embedded.Open(path, embedded.Options{MustExist: true, ReadOnly: true})
	if err != nil {
		return head, err
	}
	defer store.Close()
	if err := store.CheckFile(ctx); err != nil {
		return head, fmt.Errorf("%s: %w", path, err)
	}
	snap, err := store.Snapshot()
	if err != nil {
		return head, err
	}
	defer snap.Release()
	head = snap.Head()
	p := newProgress(w, "checking", int64(head.Size), false)
	defer p.end()
	return head, directory.Check(ctx, snap, config, directory.CheckOptions{
		VRF: secret,
		Progress: func(done, all uint64) {
			p.setAll(int64(all))
			p.set(int64(done))
		},
	})
}
