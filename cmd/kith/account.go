package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newRotate() *cobra.Command {
	w := writer{content: new(content), rotate: true}
	var token tokenFlags
	cmd := &cobra.Command{
		Use:   "rotate LABEL",
		Short: "Change the account key of your label, signed by the old one",
		Long: `Rotate makes a new account key for your label and publishes it, signed by the
old one too, so that your contacts follow without a warning. The keys at the
label stay. Safety numbers change: compare them again.

The old key is forgotten once the new one stands in the log. Your other devices
need a copy of the new one, which lies in the keyring.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.publish(cmd.Context(), args[0], &w, &token)
		},
	}
	token.add(cmd, "with which you may update the label; kept")
	return cmd
}

func (p *program) newClose() *cobra.Command {
	w := writer{content: new(content), close: true}
	var token tokenFlags
	cmd := &cobra.Command{
		Use:   "close LABEL",
		Short: "Give your label up, and say where you went",
		Long: `Close publishes a last record without keys, signed by your account key. Your
contacts are told that nothing can be sent there any more, and with --moved-to
where you are now. Whoever takes the label later is a different person to them;
that cannot be undone.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if w.movedTo != "" {
				if w.movedTo, err = p.canonical(w.movedTo); err != nil {
					return err
				}
			}
			return p.publish(cmd.Context(), args[0], &w, &token)
		},
	}
	cmd.Flags().StringVar(&w.movedTo, "moved-to", "", "the `LABEL` at which you are now")
	token.add(cmd, "with which you may update the label; kept")
	return cmd
}

// held returns the account of a label for a writer: one that is there already,
// where the writer says something about it; with the key that is to follow, if
// it is to be rotated. That is durable before anything is signed with it.
func (s *session) held(name string, w *writer) (*keyring.Account, error) {
	if !w.rotate && !w.close {
		return s.account(name)
	}
	a, err := s.ring.Account(name)
	if err != nil || !w.rotate || a.Next != nil {
		return a, err
	}
	next := *a
	next.Next = make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(s.p.rand, next.Next); err != nil {
		return nil, err
	}
	return &next, s.ring.SaveAccount(&next)
}

// promote makes the account key that was to follow the account's key, which it
// is once a record in the log names it.
func (w *writer) promote(r *record.Record) {
	next := w.account.NextKey()
	if next == nil || r.Account == nil || *r.Account != record.KeyOf(next) {
		return
	}
	a := *w.account
	a.Seed, a.Next = a.Next, nil
	w.account, w.promoted = &a, true
}

// about builds the record that says something about the account: it has another
// key, or is closed.
func (w *writer) about(link record.Link, r *record.Record, after record.Standing) ([]byte, error) {
	shown := label.Display(w.account.Label)
	switch {
	case w.close && after == record.Vacated:
		return nil, nil
	case after != record.Held:
		return nil, failed("run: kith history "+w.account.Label, "%s is not held by an account key", shown)
	case w.rotate && w.promoted: // by an earlier try, whose reply was lost
		return nil, nil
	case *r.Account != record.KeyOf(w.account.Key()):
		return nil, failed("run: kith history "+w.account.Label, "%s is held by another account key, which is not in your keyring", shown)
	case w.close:
		w.keys = nil
		return record.NewClosed(w.domain, w.account.Label, link, w.movedTo, w.account.Key())
	}
	content := record.Content{Keys: r.Keys, Devices: r.Devices, Recovery: r.Recovery, MovedTo: r.MovedTo}
	return record.NewOwner(w.domain, w.account.Label, link, content, w.account.NextKey(), w.account.Key())
}

// settle keeps an account whose key has changed.
func (s *session) settle(w *writer, value []byte) error {
	if !w.promoted && len(value) > 0 && w.account.Next != nil {
		r, err := record.Parse(value)
		if err != nil {
			return fmt.Errorf("what was published: %w", err)
		}
		w.promote(r)
	}
	if !w.promoted {
		return nil
	}
	if err := s.ring.SaveAccount(w.account); err != nil {
		return err
	}
	s.p.say("the account key of %s is a new one; keep a copy of %s, and compare safety numbers again", label.Display(w.account.Label), s.ring.Dir())
	return nil
}

var errNothing = errors.New("nothing is published there yet")
