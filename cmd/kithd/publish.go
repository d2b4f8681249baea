package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

// errHeld is a label that its owner has claimed.
var errHeld = errors.New("the label is its owner's")

func newPublishCommand() *cobra.Command {
	var q publishRequest
	var kind, value string
	var files []string
	cmd := &cobra.Command{
		Use:   "publish --data DIR LABEL --type TYPE --key FILE",
		Short: "Publish a key of a label, in the provider's own name",
		Long: `Publish makes the keys in the given files the label's keys of one type, and
keeps those of other types. Types are openpgp, ssh, age, minisign, x509 and
wireguard. With --remove the label has no key of the type any more. In a log of
opaque values it is --value FILE instead.

A label that its owner has claimed is not the provider's to change. With --reset
it is taken back all the same, with these keys alone: everybody who knew the
owner's account key sees that the provider did it, and is stopped until they
accept. The owner may then claim it again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if q.Label, err = canonical(args[0]); err != nil {
				return err
			}
			if err := q.read(kind, value, files); err != nil {
				return err
			}
			r, err := publishAction.run(cmd.Context(), dir, q)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, r)
			}
			if !r.Changed {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "nothing new: version %d says the same\n", r.Version)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "published version %d in log entry %d\n", r.Version, r.Position)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&kind, "type", "", "`TYPE` of the keys")
	f.StringArrayVar(&files, "key", nil, "`FILE` with a key, may be repeated; - is standard input")
	f.StringVar(&value, "value", "", "`FILE` with an opaque value")
	f.BoolVar(&q.Remove, "remove", false, "take the keys of the type away")
	f.BoolVar(&q.Reset, "reset", false, "take the label back from its owner")
	return cmd
}

// A publishRequest asks for the next version of a label.
type publishRequest struct {
	Label  string                `json:"label"`
	Type   record.KeyType        `json:"type,omitempty"`
	Keys   []record.PublishedKey `json:"keys,omitempty"` // of Type, all of them
	Remove bool                  `json:"remove,omitempty"`
	Clear  bool                  `json:"clear,omitempty"` // a record without any keys
	Reset  bool                  `json:"reset,omitempty"`
	Value  []byte                `json:"value,omitempty"` // opaque
}

type publishReply struct {
	Version  uint32 `json:"version"`
	Position uint64 `json:"position,omitempty"` // of what was published now
	Changed  bool   `json:"changed"`
}

var publishAction = action[publishRequest, publishReply]{name: "publish", writes: true, do: publish}

// read takes in what the flags name.
func (q *publishRequest) read(kind, value string, files []string) (err error) {
	if value != "" {
		if kind != "" || len(files) > 0 || q.Remove || q.Reset {
			return usage(errors.New("--value stands alone"), "opaque values have no keys")
		}
		q.Value, err = readSmall(value)
		return err
	}
	if kind == "" {
		return usage(errors.New("no key was given"), "add --type TYPE --key FILE; types are openpgp, ssh, age, minisign, x509 and wireguard")
	}
	if q.Type, err = record.ParseKeyType(kind); err != nil {
		return usage(fmt.Errorf("--type is %q", kind), "types are openpgp, ssh, age, minisign, x509 and wireguard")
	}
	if q.Remove == (len(files) > 0) {
		return usage(errors.New("--key FILE or --remove is needed"), "name a file with the public key")
	}
	for _, name := range files {
		key, err := readSmall(name)
		if err != nil {
			return err
		}
		keys, err := publishedKeys(q.Label, kind, key)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		q.Keys = append(q.Keys, keys...)
	}
	return nil
}

// publish makes the next version of a label, if it says anything new.
func publish(ctx context.Context, op *operator.Operator, q publishRequest) (publishReply, error) {
	if err := q.check(); err != nil {
		return publishReply{}, err
	}
	for {
		snap, err := op.Sequencer().Snapshot()
		if err != nil {
			return publishReply{}, err
		}
		now, err := standingOf(snap, q.Label, opaque(op))
		snap.Release()
		if err != nil {
			return publishReply{}, err
		}
		value, err := q.next(op, now)
		if err != nil {
			return publishReply{}, err
		}
		if value == nil {
			return publishReply{Version: *now.greatest}, nil
		}
		placement, err := op.Sequencer().Submit(ctx, &directory.Update{
			Label: []byte(q.Label), Greatest: now.greatest, Values: [][]byte{value},
		})
		if errors.Is(err, directory.ErrStale) {
			continue // somebody else was first: look again
		}
		if err != nil {
			return publishReply{}, err
		}
		return publishReply{Version: placement.First, Position: placement.Position, Changed: true}, nil
	}
}

// check holds a request to what the command line makes sure of.
func (q *publishRequest) check() error {
	if !label.IsCanonical(q.Label) {
		return usage(label.ErrInvalid, "")
	}
	for _, k := range q.Keys {
		if k.Type != q.Type {
			return usage(fmt.Errorf("a %s key among those of type %s", k.Type, q.Type), "")
		}
		if err := k.Check(); err != nil {
			return err
		}
	}
	return nil
}

// next returns the label's next value, or nil if it would say nothing new.
func (q *publishRequest) next(op *operator.Operator, now *standing) ([]byte, error) {
	if opaque(op) != (q.Value != nil) {
		return nil, usage(errors.New("that is not the kind of value this log has"),
			"it is --value FILE in a log of opaque values, else --type TYPE --key FILE")
	}
	if q.Value != nil {
		if len(q.Value) > op.Config().MaxValue {
			return nil, fmt.Errorf("value of %d bytes, the most is %d", len(q.Value), op.Config().MaxValue)
		}
		if now.greatest != nil && bytes.Equal(now.value, q.Value) {
			return nil, nil
		}
		return q.Value, nil
	}
	if now.held() && !q.Reset {
		return nil, failed(errHeld, "ask the owner, who can publish with kith; or --reset, which everybody will see")
	}
	var keys []record.PublishedKey
	if now.record != nil && !now.held() && !q.Clear {
		keys = slices.DeleteFunc(slices.Clone(now.record.Keys), func(k record.PublishedKey) bool { return k.Type == q.Type })
	}
	if len(keys)+len(q.Keys) == 0 && now.greatest == nil {
		return nil, errors.New("the label has no keys to take away")
	}
	keys = append(q.Keys, keys...)
	slices.SortStableFunc(keys, func(a, b record.PublishedKey) int { return int(a.Type) - int(b.Type) })
	if now.hasKeys(keys) && !now.held() {
		return nil, nil
	}
	return record.NewImported(op.Config().Log.Domain, q.Label, now.link(), keys)
}
