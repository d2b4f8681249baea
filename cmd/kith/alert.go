package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

// An alert is a version of an owned label that its owner did not publish.
type alert struct {
	Label     string   `json:"label"`
	Version   uint32   `json:"version"`
	Published string   `json:"log_entry_time,omitempty"`
	Entry     uint64   `json:"log_entry,omitempty"`
	Account   string   `json:"account_key,omitempty"`
	Keys      []string `json:"keys"`
	Text      string   `json:"text"`
	Evidence  string   `json:"evidence"`
	File      string   `json:"evidence_file,omitempty"` // for others: signed with the account key
}

// alerts looks at the versions of an owned label that its owner did not publish
// and did not take note of. Those that the owner's own account key signed, on
// another device, are taken note of here.
func (s *session) alerts(ctx context.Context, name string) []alert {
	o := s.client.State().Owned(name)
	if o == nil || len(o.Alerts) == 0 {
		return nil
	}
	var foreign []alert
	for _, version := range o.Alerts {
		l, err := s.glance(ctx, name, version)
		if err == nil && s.mine(l) {
			s.p.say("%s: version %d was published by another of your devices: %s", label.Display(name), version, names(l.Record.Keys))
			continue
		}
		a := s.alert(ctx, name, version, l, err)
		a.File = s.notMine(ctx, name, version)
		foreign = append(foreign, a)
	}
	if len(foreign) == 0 {
		if err := s.client.Edit(func(state *client.State) (*client.State, error) { return state.WithoutAlerts(name), nil }); err != nil {
			s.p.warn("%s", plain(err))
		}
	}
	return foreign
}

// glance looks a version up without keeping anything of it.
func (s *session) glance(ctx context.Context, name string, version uint32) (*client.Lookup, error) {
	return client.New(s.config(s.client.State(), nil)).Lookup(ctx, name, client.Options{Version: &version})
}

// strangersProof returns a proof of a version as somebody gets it who never saw the
// log, nil if that does not show the same.
func (s *session) strangersProof(ctx context.Context, name string, version uint32, l *client.Lookup) []byte {
	c := client.New(s.config(client.NewState(s.log), nil))
	stranger, _ := c.Lookup(ctx, name, client.Options{Version: &version})
	if stranger == nil || stranger.Found == nil || stranger.Found.Commitment != l.Found.Commitment {
		return nil
	}
	return stranger.Saved
}

// mine reports whether the user's account key signed a record.
func (s *session) mine(l *client.Lookup) bool {
	a, err := s.ring.Account(l.Label)
	if err != nil || l.Record == nil || l.Record.Account == nil {
		return false
	}
	next := a.NextKey() // the reply that it stands there was lost
	return *l.Record.Account == record.KeyOf(a.Key()) || next != nil && *l.Record.Account == record.KeyOf(next)
}

func (s *session) alert(ctx context.Context, name string, version uint32, l *client.Lookup, err error) alert {
	a := alert{Label: name, Version: version, Keys: []string{}}
	text := fmt.Sprintf("a key you did not publish appeared for %s: version %d", label.Display(name), version)
	var evidence []byte
	m, lied := errors.AsType[*client.Misbehaviour](err)
	switch {
	case err == nil && l.Record != nil:
		a.Entry, a.Published = l.Found.Terminal, moment(l.Found.TerminalTime).Format(time.RFC3339Nano)
		by := "by nobody, on the provider's word"
		if k := l.Record.Account; k != nil {
			a.Account = fmt.Sprintf("%x", k[:])
			by = "with the account key " + a.Account
		}
		for _, k := range l.Record.Keys {
			a.Keys = append(a.Keys, nameOf(k))
		}
		text += fmt.Sprintf(", in the log by %s, signed %s: %s", clock(moment(l.Found.TerminalTime)), by, names(l.Record.Keys))
		evidence = l.Saved
	case err == nil:
		a.Entry, a.Published = l.Found.Terminal, moment(l.Found.TerminalTime).Format(time.RFC3339Nano)
		text += fmt.Sprintf(", in the log by %s", clock(moment(l.Found.TerminalTime)))
		evidence = l.Saved
	case lied:
		text += ", and the directory misbehaves when asked for it: " + m.Detail
		evidence = m.Evidence
	default:
		text += ", of which nothing more can be learnt: " + plain(err)
	}
	if err == nil { // such that it rests on nothing that only this user knows
		if b := s.strangersProof(ctx, name, version, l); b != nil {
			evidence = b
		}
	}
	if evidence == nil {
		saved := &client.Saved{Provider: s.envelope, Log: s.log, Prior: alone(s.client.State(), name)}
		evidence = saved.Append(nil)
	}
	a.Text = text
	path, err := s.ring.SaveEvidence(string(client.Unexpected), evidence)
	if err != nil {
		s.p.warn("the evidence was not saved: %s", plain(err))
	}
	a.Evidence = path
	return a
}

// looked bounds how many versions before a foreign one are looked at for one that is
// the owner's.
const looked = 8

// notMine writes an evidence file in which the owner of a label, with the account key
// that an earlier version names, says that a version is not its own. It proves both
// versions as somebody sees them who comes for the first time. It returns the path of
// the file, or "" where there is nothing to hold against the version.
func (s *session) notMine(ctx context.Context, name string, version uint32) string {
	a, err := s.ring.Account(name)
	if err != nil {
		return ""
	}
	for own, tried := version, 0; own > 0 && tried < looked; tried++ {
		own--
		c := client.New(s.config(client.NewState(s.log), nil))
		before, _ := c.Lookup(ctx, name, client.Options{Version: &own})
		if before == nil || !signedBy(before, a) {
			continue
		}
		after, _ := c.Lookup(ctx, name, client.Options{Version: &version})
		if after == nil || after.Found == nil {
			return ""
		}
		return s.keepDisowned(a, before, after)
	}
	return ""
}

// signedBy reports whether a lookup proved a record with the account key of an account.
func signedBy(l *client.Lookup, a *keyring.Account) bool {
	r := cmp.Or(l.Record, l.Held)
	return r != nil && r.Account != nil && *r.Account == record.KeyOf(a.Key())
}

func (s *session) keepDisowned(a *keyring.Account, before, after *client.Lookup) string {
	both, err := client.ParseSaved(before.Saved)
	if err != nil {
		return ""
	}
	second, err := client.ParseSaved(after.Saved)
	if err != nil {
		return ""
	}
	both.Exchanges = append(both.Exchanges, second.Exchanges...)
	x, err := s.disownVersion(a.Key(), after.Found.Terminal, both.Append(nil))
	if err != nil {
		return ""
	}
	path, _, err := s.convict(x, "found by yourself")
	if err != nil {
		s.p.warn("the evidence was not saved: %s", plain(err))
	}
	return path
}

// alarm says what appeared that the owner did not publish, and what to do. It
// writes view, or else the alerts, as JSON.
func (s *session) alarm(alerts []alert, view any) error {
	f := &failure{code: exitMisbehaved, kind: string(client.Unexpected), told: true,
		err: fmt.Errorf("%s", alerts[0].Text),
		hint: "if that was you, on another device, run: kith monitor --ack " + alerts[0].Label +
			"; if not, tell your contacts over another channel not to use it, ask your provider how it came there, and keep the evidence"}
	if len(alerts) > 1 {
		var texts []string
		for _, a := range alerts {
			texts = append(texts, a.Text)
		}
		f.err = errors.New(strings.Join(texts, "; and "))
	}
	for _, a := range alerts {
		for _, path := range []string{a.Evidence, a.File} {
			if path != "" {
				f.evidence = append(f.evidence, path)
			}
		}
	}
	if view == nil {
		f.told = false
		return f
	}
	if err := s.p.emit(view); err != nil {
		return err
	}
	return f
}
