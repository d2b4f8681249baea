package gossip

import (
	"fmt"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
)

// Answer compares a Sighting with what was audited. source names who brought it, so
// that nobody crowds out the others; it goes nowhere. Its errors are ErrSignature
// and ErrNothing, and those of the archive.
func (d *Desk) Answer(s *gossip.Sighting, source string) (*gossip.Answer, error) {
	l, err := d.logOf()
	if err != nil {
		return nil, err
	}
	verified, err := d.verify(l, s, source)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.advance(l); err != nil {
		return nil, err
	}
	now, err := d.auditedOf(l)
	if err != nil {
		return nil, err
	}
	answer := &gossip.Answer{Size: now.signed.Size, Timestamp: now.last.Timestamp, Root: now.last.Root, Verdict: gossip.Agrees}
	for _, seen := range verified.seen {
		state, found, err := d.compare(l, now, seen)
		switch {
		case err != nil:
			return nil, err
		case found != nil && d.convict(l, found):
			answer.Verdict = gossip.Contradicts
		case found != nil:
			answer.Verdict = max(answer.Verdict, gossip.NotYet)
		case state == Ahead:
			answer.Verdict = max(answer.Verdict, gossip.NotYet)
		}
	}
	if found := d.documents(l, verified.document, s.Document); found != nil && d.convict(l, found) {
		answer.Verdict = gossip.Contradicts
	}
	if n := len(s.Distinguished); n > 0 {
		if answer.Distinguished, err = d.distinguished(l, now, s.Distinguished); err != nil {
			return nil, err
		}
	}
	answer.Cosigned = d.view.Cosigned()
	if answer.Evidence = d.evidence(false); answer.Evidence != nil {
		answer.Verdict = gossip.Contradicts
	}
	return answer, nil
}

// A verified is what the keys of the log have signed of a Sighting.
type verified struct {
	document *provider.Pinned // nil: none, or not of our root keys
	seen     []*seen
}

// verify checks every signature before anything is compared or remembered.
func (d *Desk) verify(l *log, s *gossip.Sighting, source string) (verified, error) {
	var v verified
	logs := []*log{l}
	if len(s.Document) > 0 {
		if v.document = l.sameRoots(s.Document); v.document != nil && v.document != l.pinned {
			other, err := newLog(v.document, s.Document)
			switch {
			case err == nil && other.fingerprint == l.fingerprint:
				logs = append(logs, other)
			case err == nil && other.fingerprint == s.Fingerprint:
				return v, nil // all the rest is of that log; the documents alone can be compared
			}
		}
	}
	now := d.o.Now()
	for _, h := range s.Heads {
		signedFor, err := verifyHead(logs, h)
		if err != nil {
			return v, err
		}
		v.seen = append(v.seen, &seen{kind: headSeen, size: h.Size, root: h.Root, signed: h.Signature, document: signedFor, source: source, since: now})
	}
	for _, note := range s.Checkpoints {
		signed, err := l.verifier.Open(note)
		if err != nil {
			return v, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		one, err := bare(note, l.verifier)
		if err != nil {
			return v, err
		}
		v.seen = append(v.seen, &seen{kind: checkpointSeen, size: signed.Size, root: signed.Root, signed: one, document: l.envelope, source: source, since: now})
	}
	return v, nil
}

// verifyHead returns the document under whose Configuration, or one before it, a head
// was signed.
func verifyHead(logs []*log, h evidence.SignedHead) ([]byte, error) {
	for _, l := range logs {
		if h.Size <= checkpoint.MaxSize && gossip.VerifyHead(&h, l.configs...) == nil {
			return l.envelope, nil
		}
	}
	return nil, fmt.Errorf("%w: head of size %d", ErrSignature, h.Size)
}
