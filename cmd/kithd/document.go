package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
)

func newFingerprintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "fingerprint --data DIR",
		Short: "Write the fingerprint of the log, which people compare on first contact",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			pinned, err := readDocument(dir)
			if err != nil {
				return err
			}
			f, err := pinned.Document.Fingerprint()
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, map[string]string{"domain": pinned.Document.Domain, "fingerprint": f.String()})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), f)
			return err
		},
	}
}

func newDocumentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "document --data DIR",
		Short: "Show or renew the provider document",
		Long: `Document shows what the provider says about itself at /.well-known/kith.json.
The root keys sign it; clients follow higher versions, and stop when it expires.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			pinned, err := readDocument(dir)
			if err != nil {
				return err
			}
			return printJSON(cmd, pinned.Document)
		},
	}
	cmd.AddCommand(newRenewCommand())
	return cmd
}

func newRenewCommand() *cobra.Command {
	var addresses, roots []string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "renew --data DIR --root-key FILE",
		Short: "Sign the provider document again, with a new expiry and new addresses",
		Long: `Renew raises the version of the provider document, gives it a new expiry and,
where --address is given, new addresses, and signs it with the root key. Bring
the root key for this moment only. A running server serves the new document at
once.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if len(roots) == 0 {
				return usage(errors.New("--root-key is needed"), "init left it in DIR/root/root.key, and you took it offline")
			}
			var keys []ed25519.PrivateKey
			for _, name := range roots {
				key, err := operator.LoadRootKey(name)
				if err != nil {
					return err
				}
				keys = append(keys, key)
			}
			err = operator.ReviseDocument(dir, time.Now(), life, func(d *provider.Document) error {
				if len(addresses) > 0 {
					d.Addresses = addresses
				}
				return nil
			}, keys...)
			if err != nil {
				return err
			}
			if _, err := ask(cmd.Context(), dir, reloadAction.name, struct{}{}, new(struct{})); err != nil {
				return fmt.Errorf("signed, but not served yet: %w", err)
			}
			pinned, err := readDocument(dir)
			if err != nil {
				return err
			}
			d := pinned.Document
			if wantsJSON(cmd) {
				return printJSON(cmd, d)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "version %d of the provider document is good until %s\n", d.Version, d.Expires.Format(time.DateOnly))
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&roots, "root-key", nil, "`FILE` with a root key; as many as the document asks for")
	f.StringArrayVar(&addresses, "address", nil, "base `URL` of the service, may be repeated (default: as before)")
	f.DurationVar(&life, "life", operator.DefaultDocumentLife, "how long it is good from now")
	return cmd
}

var reloadAction = action[struct{}, struct{}]{
	name: "reload",
	do: func(_ context.Context, op *operator.Operator, _ struct{}) (struct{}, error) {
		return struct{}{}, op.ReloadDocument()
	},
}
