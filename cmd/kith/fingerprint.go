package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	qrterminal "github.com/mdp/qrterminal/v3"
	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newFingerprint() *cobra.Command {
	q := new(comparison)
	cmd := &cobra.Command{
		Use:   "fingerprint LABEL",
		Short: "Show a safety number to compare in person",
		Long: `Fingerprint shows 60 digits that stand for the account key at a label. Whoever
sees the same digits on their own screen was shown the same key. With --with, the
digits stand for two people at once, and both see the same.

Compare them in person or over the phone; then note with --compared what the
other one reads out, and later lookups say whether it still holds.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.online(cmd.Context(), func(s *session) error { return q.run(cmd.Context(), s, args[0]) })
		},
	}
	cmd.Flags().StringVar(&q.with, "with", "", "the safety number of both this and your `LABEL`")
	cmd.Flags().StringVar(&q.compared, "compared", "", "the `NUMBER` that the other one reads out")
	cmd.Flags().BoolVar(&q.qr, "qr", false, "show a QR code, also if standard output is no terminal")
	return cmd
}

// A comparison is what one kith fingerprint asks for.
type comparison struct {
	with, compared string
	qr             bool
}

func (q *comparison) run(ctx context.Context, s *session, typed string) error {
	name, theirs, err := s.identity(ctx, typed)
	if err != nil {
		return err
	}
	own := record.Safety(theirs)
	number, mine := own, ""
	if q.with != "" {
		var ours record.Identity
		if mine, ours, err = s.identity(ctx, q.with); err != nil {
			return err
		}
		number = record.PairSafety(theirs, ours)
	}
	if theirs.Type != "account" {
		s.p.warn("nobody has claimed %s: the number stands for a key that the provider imported, %s", label.Display(name), theirs.Type)
	}
	s.p.print("%s", grouped(number))
	if !s.p.json && (q.qr || s.p.terminal()) {
		qr(number, s.p.out)
	}
	same, err := q.note(s, name, number, own)
	if err != nil {
		return err
	}
	return s.p.emit(struct {
		Label    string `json:"label"`
		With     string `json:"with,omitempty"`
		Number   string `json:"safety_number"`
		Type     string `json:"key_type"`
		Compared bool   `json:"compared"`
	}{name, mine, string(number), theirs.Type, same})
}

// note compares the number with the one that was read out, and remembers that it
// was the same.
func (q *comparison) note(s *session, name string, number, own record.SafetyNumber) (bool, error) {
	if q.compared == "" {
		return false, nil
	}
	read := strings.NewReplacer(" ", "", "-", "", "\n", "").Replace(q.compared)
	if strings.Trim(read, "0123456789") != "" || len(read) != len(number.Digits()) {
		return false, usage(errors.New("that is no safety number"), fmt.Sprintf("it has %d digits, in groups of five", len(number.Digits())))
	}
	if read != number.Digits() {
		return false, failed("one of you was shown another key: do not use it, and ask both of your providers",
			"the safety numbers for %s differ", label.Display(name))
	}
	contact := keyring.Contact{Label: name}
	known, err := s.ring.Contacts()
	if err != nil {
		return false, err
	}
	if i := slices.IndexFunc(known, func(c keyring.Contact) bool { return c.Label == name }); i >= 0 {
		contact = known[i]
	}
	contact.Compared = string(own)
	if err := s.ring.SaveContact(contact); err != nil {
		return false, err
	}
	s.p.say("the numbers are the same; you both see the same key")
	return true, nil
}

// identity looks a label up and returns what stands for it in a safety number.
func (s *session) identity(ctx context.Context, typed string) (string, record.Identity, error) {
	name, err := s.p.canonical(typed)
	if err != nil {
		return "", record.Identity{}, err
	}
	l, err := s.client.Lookup(ctx, name, client.Options{})
	var r *record.Record
	switch {
	case l == nil:
		return name, record.Identity{}, s.elsewhere(err, name)
	case errors.Is(err, client.ErrUnacknowledged) && l.Held != nil:
		r = l.Held // comparing is how one finds out
		s.p.warn("%s was reset, and you have not accepted it: if the numbers are the same, run: kith contacts ack %s", label.Display(name), name)
	case err != nil:
		return name, record.Identity{}, err
	default:
		r = l.Record
	}
	if r == nil {
		return name, record.Identity{}, failed("", "the value at %s is no account record, and has no safety number", label.Display(name))
	}
	id, err := r.Identity()
	return name, id, err
}

// grouped writes a number in three lines of four groups.
func grouped(n record.SafetyNumber) string {
	var lines []string
	for groups := range slices.Chunk(strings.Fields(string(n)), 4) {
		lines = append(lines, strings.Join(groups, " "))
	}
	return strings.Join(lines, "\n")
}

// qr draws the digits for a camera.
func qr(n record.SafetyNumber, w io.Writer) {
	qrterminal.GenerateWithConfig(n.Digits(), qrterminal.Config{
		Level: qrterminal.M, Writer: w, HalfBlocks: true, QuietZone: 2,
		BlackChar: qrterminal.BLACK_BLACK, WhiteBlackChar: qrterminal.WHITE_BLACK,
		WhiteChar: qrterminal.WHITE_WHITE, BlackWhiteChar: qrterminal.BLACK_WHITE,
	})
}
