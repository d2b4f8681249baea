package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
)

// accept reads a provider document that is offered when one is pinned, and pins
// it, if it follows the pinned one and loosens nothing or is accepted.
func (p *program) accept(ring *keyring.Ring, pinned *provider.Pinned, envelope []byte, accepted bool) (*provider.Pinned, error) {
	next, changes, err := pinned.Follow(envelope, p.now(), skew)
	for _, lie := range []error{provider.ErrSignature, provider.ErrRollback, provider.ErrDomain} {
		if !errors.Is(err, lie) {
			continue
		}
		f := &failure{code: exitMisbehaved, kind: "provider document",
			err:  fmt.Errorf("the directory misbehaved: what it says about itself does not follow what you pinned: %w", err),
			hint: "somebody may stand between you and the provider; nothing was changed; ask your provider over another channel"}
		path, err := ring.SaveEvidence("provider document", envelope)
		if err != nil {
			return nil, err
		}
		f.evidence = []string{path}
		if path := p.twoDocuments(ring, pinned.Document, envelope); path != "" {
			f.evidence = append(f.evidence, path)
			f.hint = "its root keys signed two documents that contradict each other, which anybody can verify: kith verify " + path + "; the log is refused from now on; ask your provider over another channel"
		}
		return nil, f
	}
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c.Loosens {
			p.warn("%s", c.Text)
		} else {
			p.say("change: %s", c.Text)
		}
	}
	if provider.Loosens(changes) && !accepted {
		return nil, failed("ask your provider whether this is meant; then accept it with: kith use --accept URL",
			"the provider has loosened what you pinned; nothing was changed")
	}
	for _, c := range changes {
		if c.Field != provider.FieldLog {
			continue
		}
		before, err := pinned.Document.Fingerprint()
		if err != nil {
			return nil, err
		}
		if err := ring.Retire(before.String()); err != nil {
			return nil, err
		}
		p.warn("this is another log: what you knew of the old one no longer holds for it, and your contacts are first contacts again")
	}
	if err := reconfigure(ring, pinned.Document, next.Document); err != nil {
		return nil, err
	}
	if err := ring.SetProvider(envelope); err != nil {
		return nil, err
	}
	return next, nil
}

// twoDocuments keeps evidence that the provider's root keys signed the pinned document
// and one that contradicts it, and refuses the log. It returns the path of the
// evidence, or "" where there is none: an older document may be an old answer, played
// again by somebody on the way.
func (p *program) twoDocuments(ring *keyring.Ring, pinned *provider.Document, offered []byte) string {
	known, err := ring.Provider()
	if err != nil {
		return ""
	}
	e, err := evidence.NewTwoDocuments(known, known, offered)
	if err != nil {
		return ""
	}
	file, err := e.Append(nil)
	if err != nil {
		return ""
	}
	verdict, err := gossip.Verify(file, pinned)
	if err != nil {
		return ""
	}
	path, _, err := ring.Convict(verdict.Fingerprint, verdict.Kind.String(), file, oneLine(printable(verdict.Text)), "found by yourself", p.now())
	if err != nil {
		p.warn("the evidence was not saved: %s", plain(err))
	}
	return path
}

// reconfigure takes what is known of a log over to its new Configuration, in which
// only the auditor may be another one.
func reconfigure(ring *keyring.Ring, before, after *provider.Document) error {
	if bytes.Equal(before.Configuration, after.Configuration) {
		return nil
	}
	var logs [2]*client.Log
	for i, d := range []*provider.Document{before, after} {
		config, err := d.Config()
		if err != nil {
			return err
		}
		if logs[i], err = client.NewLog(*config); err != nil {
			return err
		}
	}
	if logs[0].Fingerprint() != logs[1].Fingerprint() {
		return nil // another log, of which nothing is known
	}
	state, err := ring.State(logs[0])
	if err != nil {
		return err
	}
	if state, err = state.Reconfigured(logs[1]); err != nil {
		return failed("rules like these stay as they are for as long as there is the log; ask your provider over another channel", "nothing was changed: %w", err)
	}
	return ring.Save(state)
}

// follow fetches what the provider says about itself now, and follows it. It
// reports whether something changed.
func (s *session) follow(ctx context.Context, accepted bool) (bool, error) {
	envelope, err := s.remote.Provider(ctx)
	if err != nil {
		return false, err
	}
	if provider.SameDocument(s.envelope, envelope) {
		return false, nil
	}
	if _, err := s.p.accept(s.ring, s.pinned, envelope, accepted); err != nil {
		return false, err
	}
	return true, s.load()
}
