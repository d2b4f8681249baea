package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
)

func newEraseCommand() *cobra.Command {
	var q eraseRequest
	version := int64(-1)
	cmd := &cobra.Command{
		Use:   "erase --data DIR LABEL --version N",
		Short: "Delete the value of one version for good",
		Long: `Erase deletes the value of one version of a label. Nobody can look it up or
prove it afterwards; that there was such a version stays in the log.

The newest version cannot be erased: one that replaces it comes first. With
--replace that is done here, by a record without any keys. Backups made before
still hold the value.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if q.Label, err = canonical(args[0]); err != nil {
				return err
			}
			if version < 0 || version > 1<<32-1 {
				return usage(errors.New("--version is needed"), "which version is to be erased? --version 0")
			}
			q.Version = uint32(version)
			r, err := eraseAction.run(cmd.Context(), dir, q)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			if r.Replaced {
				fmt.Fprintf(cmd.OutOrStdout(), "published version %d without keys\n", r.Newest)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "erased version %d\n", q.Version)
			return err
		},
	}
	cmd.Flags().Int64Var(&version, "version", -1, "`VERSION` to erase")
	cmd.Flags().BoolVar(&q.Replace, "replace", false, "replace the newest version by a record without keys first")
	cmd.Flags().BoolVar(&q.Reset, "reset", false, "with --replace: also if the label is its owner's")
	return cmd
}

type eraseRequest struct {
	Label   string `json:"label"`
	Version uint32 `json:"version"`
	Replace bool   `json:"replace,omitempty"`
	Reset   bool   `json:"reset,omitempty"`
}

type eraseReply struct {
	Erased   uint32 `json:"erased"`
	Replaced bool   `json:"replaced"`
	Newest   uint32 `json:"newest"`
}

var eraseAction = action[eraseRequest, eraseReply]{name: "erase", writes: true, do: erase}

func erase(ctx context.Context, op *operator.Operator, q eraseRequest) (eraseReply, error) {
	snap, err := op.Sequencer().Snapshot()
	if err != nil {
		return eraseReply{}, err
	}
	now, err := standingOf(snap, q.Label, opaque(op))
	snap.Release()
	if err != nil {
		return eraseReply{}, err
	}
	if now.greatest == nil || *now.greatest < q.Version {
		return eraseReply{}, fmt.Errorf("%w: no version %d of this label", directory.ErrNotFound, q.Version)
	}
	r := eraseReply{Erased: q.Version, Newest: *now.greatest}
	if *now.greatest == q.Version {
		if !q.Replace || opaque(op) {
			return r, failed(errors.New("it is the newest version of the label"),
				"publish one that replaces it first: kithd publish; or --replace, for one without keys")
		}
		if now.record != nil && len(now.record.Keys) == 0 && !now.held() {
			return r, failed(errors.New("it is the newest version of the label, and says nothing"), "there is nothing to erase")
		}
		p, err := publish(ctx, op, publishRequest{Label: q.Label, Clear: true, Reset: q.Reset})
		if err != nil {
			return r, err
		}
		r.Replaced, r.Newest = true, p.Version
	}
	return r, op.Sequencer().Erase(ctx, []byte(q.Label), q.Version)
}
