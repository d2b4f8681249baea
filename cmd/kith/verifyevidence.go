package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
)

// isEvidence reports whether a file is one of evidence, not a saved proof.
func isEvidence(b []byte) bool { return bytes.HasPrefix(b, []byte(evidence.Magic)) }

// An evidenceView is verified evidence in JSON.
type evidenceView struct {
	Kind        string   `json:"kind"`
	Proved      bool     `json:"proved"`
	Domain      string   `json:"domain"`
	Fingerprint string   `json:"fingerprint"`
	Keys        string   `json:"keys"` // on which it rests
	Entry       uint64   `json:"log_entry"`
	Text        string   `json:"text"`
	Claim       string   `json:"claim,omitempty"`
	Observer    string   `json:"observer,omitempty"`
	Observed    string   `json:"observed,omitempty"`
	Known       bool     `json:"known_log"`
	Refused     bool     `json:"refused"` // the log is, from now on or before
	Lines       []string `json:"lines"`
}

// verifyEvidence judges an evidence file, offline. What proves to anybody that the
// log in the keyring was caught makes that log refused.
func (p *program) verifyEvidence(ctx context.Context, path string, b []byte, expect *provider.Fingerprint) error {
	e, err := evidence.Parse(b)
	if err != nil {
		return failed("the file was cut off, or somebody changed it", "%s: %w", path, err)
	}
	if path != "-" { // an update that is too large for the file lies beside it
		if e.Detached, err = p.readFile(path+".update", evidence.MaxDetached); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	verdict, err := e.VerifyWith(client.SavedValues)
	if errors.Is(err, evidence.ErrMissing) {
		return failed("put the file "+path+".update, which came with it, beside it", "%s: %w", path, err)
	}
	if err != nil {
		return failed("somebody accuses a provider of what this does not show", "what is in %s does not hold: %w", path, err)
	}
	if expect != nil && *expect != verdict.Fingerprint {
		return failed("the evidence is about another log", "the log's fingerprint is %s, and not the one you gave", verdict.Fingerprint)
	}
	v := &evidenceView{Kind: verdict.Kind.String(), Proved: verdict.Proved, Domain: verdict.Domain, Fingerprint: verdict.Fingerprint.String(),
		Keys: verdict.Keys.String(), Entry: verdict.Entry, Text: verdict.Text}
	if !verdict.Proved {
		v.Claim, v.Observer, v.Observed = verdict.Claim.String(), verdict.Observer, evidence.Time(verdict.Time)
	}
	for _, line := range verdict.Lines() {
		v.Lines = append(v.Lines, printable(line))
		p.print("%s", printable(line))
	}
	if err := p.concerns(ctx, v, &exhibit{b, e.Detached, verdict}, expect); err != nil {
		return err
	}
	return p.emit(v)
}

// concerns says whether evidence is about a log that is known here, and draws the
// conclusion.
func (p *program) concerns(ctx context.Context, v *evidenceView, x *exhibit, expect *provider.Fingerprint) error {
	verdict := x.verdict
	pinned, err := p.pinned(ctx, verdict.Domain)
	if err != nil {
		return err
	}
	if pinned == nil {
		if v.Known = expect != nil; !v.Known {
			p.warn("nothing here knows %s: the evidence holds against whoever has these keys; ask somebody who uses the provider for its fingerprint", printable(verdict.Domain))
		}
		return nil
	}
	if foreign := gossip.Concerns(verdict, pinned.Document); foreign != nil {
		p.warn("this is not about the log of %s that you know: %s", verdict.Domain, plain(foreign))
		return nil
	}
	v.Known = true
	p.say("it is about the log of %s that you know", verdict.Domain)
	q := *p
	q.provider, q.json, q.quiet = verdict.Domain, false, true
	return q.offline(ctx, func(s *session) error {
		path, refused, err := s.convict(x, "a file that you verified")
		if err != nil {
			return err
		}
		if v.Refused = refused; refused {
			p.say("the log of %s is refused from now on; the evidence is kept in %s", verdict.Domain, path)
		} else {
			if verdict.Proved { // forgiven
				p.say("you have forgiven it: see kith status")
				return nil
			}
			p.say("it rests on the word of %s; %s, so nothing is refused", nameOfKey(verdict.Observer), s.whyNot(verdict))
		}
		return nil
	})
}
