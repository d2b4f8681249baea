package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
)

// A lookup is what one kith lookup asks for.
type lookup struct {
	version  int64 // negative: the greatest
	keyType  string
	out      string // file for the keys
	proof    string // file for the saved proof
	gate     string // "": as the policy file says
	own      string // file with the key the caller uses already
	minAge   time.Duration
	audited  bool
	ofType   record.KeyType // 0: any
	settings client.Setting
}

func (p *program) newLookup() *cobra.Command {
	q := new(lookup)
	cmd := &cobra.Command{
		Use:   "lookup LABEL",
		Short: "Look somebody's keys up, and verify the answer",
		Long: `Lookup writes the keys at a label to standard output, after it verified that they
are the ones everybody gets, and that nothing the directory ever showed you was
taken back. What it checked goes to standard error.

OpenPGP keys come armored, or binary with -o FILE: gpg --import reads both.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := q.parse(); err != nil {
				return err
			}
			return p.onlineWith(cmd.Context(), q.demands, func(s *session) error { return q.run(cmd.Context(), s, args[0]) })
		},
	}
	f := cmd.Flags()
	f.Int64Var(&q.version, "version", -1, "look version `N` up, not the newest")
	f.StringVarP(&q.keyType, "type", "t", "", "only keys of type `T`: openpgp, ssh, age, minisign, x509 or wireguard")
	f.StringVarP(&q.out, "output", "o", "", "write the keys to `FILE`, in binary where there is such a form")
	f.StringVar(&q.proof, "save-proof", "", "write all that proves the answer to `FILE`, for kith verify")
	f.StringVar(&q.gate, "gate", "", "how strict to be: enforce, warn or `observe`; default what kith policy shows")
	f.StringVar(&q.own, "own", "", "compare with the key in `FILE`, which you use already")
	f.DurationVar(&q.minAge, "min-age", 0, "refuse what has been in the log for less than `D`, such as 24h")
	f.BoolVar(&q.audited, "require-auditor", false, "refuse a log that no third party audits")
	return cmd
}

func (q *lookup) parse() error {
	if q.version < -1 || q.version > math.MaxUint32 {
		return usage(fmt.Errorf("there is no version %d", q.version), "versions begin at 0")
	}
	if q.keyType != "" {
		t, err := keyType(q.keyType)
		if err != nil {
			return err
		}
		q.ofType = t
	}
	settings := map[string]client.Setting{"enforce": client.Enforce, "warn": client.Warn, "observe": client.Observe}
	setting, ok := settings[q.gate]
	if !ok && q.gate != "" {
		return usage(fmt.Errorf("the gate has no setting %q", q.gate), "enforce, warn or observe")
	}
	q.settings = setting
	return nil
}

// demands adds to a policy what this lookup demands besides; only of the setting it
// may ask for less.
func (q *lookup) demands(policy *client.Policy) {
	if q.gate != "" {
		policy.Setting = q.settings
	}
	policy.MinimumAge = max(policy.MinimumAge, q.minAge)
	policy.RequireAuditor = policy.RequireAuditor || q.audited
}

func (q *lookup) run(ctx context.Context, s *session, typed string) error {
	name, err := s.p.canonical(typed)
	if err != nil {
		return err
	}
	var options client.Options
	if q.version >= 0 {
		v := uint32(q.version)
		options.Version = &v
	}
	if q.own != "" {
		if options.Own, err = s.p.readOwn(q.own, q.ofType); err != nil {
			return err
		}
	}
	setting := s.inForce.Setting
	if q.gate != "" {
		setting = q.settings
	}
	l, err := s.client.Lookup(ctx, name, options)
	if l == nil {
		return s.elsewhere(err, name)
	}
	if refused := s.gossipOnLookup(ctx); refused != nil {
		return refused
	}
	s.p.explain(l)
	compared, known := s.compare(l)
	if q.proof != "" && l.Found != nil {
		if err := s.saveProof(ctx, q.proof, name, options.Version, l); err != nil {
			return fmt.Errorf("the proof was not saved: %w", err)
		}
		s.p.say("the proof is in %s; check it with: kith verify %s", q.proof, q.proof)
	}
	if err == nil {
		err = l.Problem
	}
	err = s.keep(err, name)
	_, bad := errors.AsType[*client.Misbehaviour](err)
	if through := l.Value != nil || setting == client.Observe; setting != client.Enforce && through && !bad {
		err = nil // it stands among the warnings
	}
	view := viewLookup(l)
	view.Compared, view.ComparedHolds = known, compared
	if q.out != "" || !s.p.json {
		if e := q.keys(s.p, l); err == nil && e != nil {
			return e
		}
	} else if err == nil && l.Record != nil && len(l.Record.Keys) == 0 {
		err = keyless(l)
	}
	if err != nil {
		f := *asFailure(err)
		view.Fault = &faultView{plain(err), f.hint, f.kind, f.evidence, f.code}
		f.err, f.told = err, true
		err = &f
		if errors.Is(f.err, client.ErrUnacknowledged) {
			f.hint = strings.Replace(f.hint, "LABEL", name, 1)
			view.Fault.Hint = f.hint
		}
	}
	if e := s.p.emit(view); e != nil {
		return e
	}
	return err
}

// saveProof writes a proof of what was found that rests on nothing: asked as
// somebody asks who never saw the log. One that rests on what this user has
// verified before would be believed by nobody else.
func (s *session) saveProof(ctx context.Context, path, name string, version *uint32, l *client.Lookup) error {
	c := client.New(s.config(client.NewState(s.log), nil))
	stranger, err := c.Lookup(ctx, name, client.Options{Version: version})
	if stranger == nil || stranger.Found == nil {
		return err
	}
	if stranger.Found.Version != l.Found.Version || stranger.Found.Commitment != l.Found.Commitment {
		return failed("a new version came in between: try again", "version %d was found, and then version %d", l.Found.Version, stranger.Found.Version)
	}
	return s.p.write(path, stranger.Saved, 0o600)
}

// elsewhere says when another provider in the keyring may be the one that knows a label.
func (s *session) elsewhere(err error, name string) error {
	_, domain, ok := strings.Cut(name, "@")
	if !errors.Is(err, problem.ErrNoAnswer) || !ok || domain == s.ring.Domain() {
		return err
	}
	if domains, e := s.home.Domains(); e == nil && slices.Contains(domains, domain) {
		return failed("run: kith lookup --provider "+domain+" "+name, "%s: %w", s.ring.Domain(), err)
	}
	return err
}

// explain says what was checked.
func (p *program) explain(l *client.Lookup) {
	for _, c := range l.Checks {
		switch {
		case !c.OK:
			p.warn("%s: %s", c.Name, c.Detail)
		case !p.quiet:
			fmt.Fprintf(p.err, "kith: checked: %-10s  %s\n", c.Name, oneLine(strings.TrimSuffix(c.Detail, ".")))
		}
	}
	if l.Held != nil {
		p.warn("held back: %s", names(l.Held.Keys))
	}
	if l.Record != nil && l.Record.MovedTo != "" {
		p.say("they say they have moved to %s", label.Display(l.Record.MovedTo))
	}
}

// keys writes the keys that the gate let through.
func (q *lookup) keys(p *program, l *client.Lookup) error {
	if l.Value == nil {
		return nil
	}
	if l.Record == nil { // opaque
		path := q.out
		if path == "" {
			path = "-"
		}
		return p.write(path, l.Value, 0o644)
	}
	keys := l.Record.Keys
	if len(keys) == 0 {
		return keyless(l)
	}
	if q.ofType != 0 {
		if keys = l.Record.Key(q.ofType); len(keys) == 0 {
			return failed("it holds "+names(l.Record.Keys), "version %d of %s, which was proved, holds no key of type %s", l.Version, l.Label, q.ofType)
		}
	}
	p.say("%s, version %d: %s", label.Display(l.Label), l.Version, names(keys))
	form, path := written, "-"
	if q.out != "" {
		if !sameType(keys) {
			return usage(fmt.Errorf("%s holds keys of several types: %s", l.Label, names(keys)), "choose one with --type")
		}
		form, path = raw, q.out
	}
	b, err := join(keys, l.Label, form)
	if err != nil {
		return err
	}
	return p.write(path, b, 0o644)
}

// keyless is a proved record that holds no key: nothing can be sent there.
func keyless(l *client.Lookup) error {
	hint := "do not use the keys you have from before; ask them over another channel"
	if to := l.Record.MovedTo; to != "" {
		hint = "run: kith lookup " + printable(to)
	}
	return failed(hint, "version %d of %s, which was proved, holds no keys: they were revoked, or the label was given up", l.Version, label.Display(l.Label))
}

// readOwn reads the key that the caller uses already: a key file of the type, or
// else the bytes as they are.
func (p *program) readOwn(path string, t record.KeyType) ([]byte, error) {
	b, err := p.readFile(path, record.MaxSize)
	if err != nil || t == 0 {
		return b, err
	}
	keys, err := parseKeys(t, b)
	if err != nil {
		return nil, err
	}
	return keys[0].Data, nil
}

// compare holds a record against the safety number that the user once compared
// in person. known says that there is one.
func (s *session) compare(l *client.Lookup) (holds, known bool) {
	r := l.Record
	if r == nil {
		r = l.Held
	}
	contacts, err := s.ring.Contacts()
	i := slices.IndexFunc(contacts, func(c keyring.Contact) bool { return c.Label == l.Label && c.Compared != "" })
	if r == nil || err != nil || i < 0 {
		return false, false
	}
	id, err := r.Identity()
	holds = err == nil && string(record.Safety(id)) == contacts[i].Compared
	if holds {
		s.p.say("the account key is the one whose safety number you compared in person")
	} else {
		s.p.warn("the safety number you compared in person no longer holds for %s: compare it again with: kith fingerprint %s", label.Display(l.Label), l.Label)
	}
	return holds, true
}
