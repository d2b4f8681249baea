package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/provider"
)

// alone returns the part of a state that concerns one label, or none.
func alone(state *client.State, name string) *client.State {
	for _, other := range state.Contacts() {
		if other != name {
			state = state.WithoutContact(other)
		}
	}
	for _, other := range state.OwnedLabels() {
		if other != name {
			state = state.WithoutOwned(other)
		}
	}
	return state
}

// keep writes the evidence of a misbehaviour down, if err is one.
func (s *session) keep(err error, name string) error {
	m, ok := errors.AsType[*client.Misbehaviour](err)
	if _, kept := errors.AsType[*failure](err); !ok || kept {
		return err
	}
	f := &failure{err: err, code: exitMisbehaved, kind: string(m.Kind),
		hint: "keep the evidence, do not use the keys in question, and ask your provider over another channel; others can read the evidence with: kith verify FILE"}
	if found, ok := s.stranger(); ok {
		f.hint = fmt.Sprintf("what answers at %s says that it is another log: %s; it is not the one you pinned; keep the evidence, and ask your provider over another channel", s.remote.Address(), found)
	}
	evidence := m.Evidence
	if evidence == nil {
		saved := &client.Saved{Provider: s.envelope, Log: s.log, Prior: alone(s.client.State(), name)}
		evidence = saved.Append(nil)
	}
	s.exhibitInto(f, m, evidence)
	for _, b := range [][]byte{evidence, m.Against} {
		if b == nil {
			continue
		}
		path, err := s.ring.SaveEvidence(string(m.Kind), b)
		if err != nil {
			s.p.warn("the evidence was not saved: %s", plain(err))
			continue
		}
		if !slices.Contains(f.evidence, path) {
			f.evidence = append(f.evidence, path)
		}
	}
	ours, theirs := s.heads(m)
	s.handInFinding(f, ours, theirs)
	return f
}

// exhibitInto adds an evidence file to what is kept of a finding. If it proves the
// finding to anybody, the log is refused from now on.
func (s *session) exhibitInto(f *failure, m *client.Misbehaviour, saved []byte) {
	x, err := s.exhibit(m, saved)
	if x == nil || err != nil {
		return // what was asked and answered is kept all the same
	}
	path, refused, err := s.convict(x, "found by yourself")
	if err != nil {
		s.p.warn("the evidence was not saved: %s", plain(err))
	}
	if path != "" {
		f.evidence = append(f.evidence, path)
	}
	if refused {
		f.hint = "the log is refused from now on, and anybody can verify the evidence: kith verify " + path + "; ask your provider over another channel, and accept its next log with: kith use --accept URL"
	}
}

// stranger reports whether what answers now does not even say that it is the log
// that was pinned, and which one it says it is.
func (s *session) stranger() (provider.Fingerprint, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	envelope, err := s.remote.Provider(ctx)
	if err != nil {
		return provider.Fingerprint{}, false
	}
	offered, err := provider.Open(envelope, "", s.p.now(), skew)
	if err != nil {
		return provider.Fingerprint{}, false
	}
	found, err := offered.Document.Fingerprint()
	return found, err == nil && found != s.log.Fingerprint()
}
