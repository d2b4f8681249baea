package gossip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// lateAfter is how far clocks may be apart before a head that was not reached is
// said to be late, besides the log's own max_ahead.
const lateAfter = 5 * time.Minute

// Options of a Desk. The zero value is good.
type Options struct {
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // is told of convictions and suspicions, never of who brought them; nil: none
	// Skew is how far clocks may be apart before a head that was not reached is
	// late; 0: five minutes.
	Skew time.Duration
}

// Bounds of what a Desk keeps and tells.
const (
	maxEnvelopes       = 8 // of documents of one log
	maxSuspicions      = 8 // sentences
	maxTold            = 8 // heads in a Sighting of ours
	maxToldCheckpoints = 4
	maxToldDocument    = 64 << 10 // bytes
)

// A Desk compares what others saw of one log. It is safe for concurrent use.
type Desk struct {
	standing
	court Court
	o     Options

	mu        sync.Mutex
	pool      pool
	agreed    uint64
	apart     uint64
	suspicion []string         // newest last
	reached   uint64           // size up to which the pool was compared
	convicted []byte           // what the court could not keep
	recent    []wire.HashValue // roots at the rightmost distinguished entries
	recentOf  uint64           // of the log of this size
	envelopes [][]byte         // documents with the keys of what waits
}

// NewDesk returns the Desk of a log.
func NewDesk(v View, c Court, o Options) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Skew == 0 {
		o.Skew = lateAfter
	}
	return &Desk{standing: standing{view: v}, court: c, o: o}
}

// Fingerprint returns the fingerprint of the log, zero if there is no document yet.
func (d *Desk) Fingerprint() provider.Fingerprint {
	l, err := d.logOf()
	if err != nil {
		return provider.Fingerprint{}
	}
	return l.fingerprint
}

// Domain returns the domain of the log's provider, "" if there is no document yet.
func (d *Desk) Domain() string {
	l, err := d.logOf()
	if err != nil {
		return ""
	}
	return l.pinned.Document.Domain
}

// A Status is what came of sightings since the start.
type Status struct {
	Agreed     uint64   // heads and checkpoints that are the audited ones
	Waiting    int      // that are ahead of the audit
	Late       int      // of these, that the audit should have reached
	Dropped    uint64   // for which there was no room
	Apart      uint64   // lists of distinguished roots without overlap
	Suspicions []string // oldest first, a bounded number
}

// Status returns what came of sightings.
func (d *Desk) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Agreed: d.agreed, Waiting: len(d.pool.list), Dropped: d.pool.dropped, Apart: d.apart, Suspicions: slices.Clone(d.suspicion)}
	for _, t := range d.pool.list {
		if t.late {
			s.Late++
		}
	}
	return s
}

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

// An Outcome is what came of comparing.
type Outcome int

// What may come of comparing.
const (
	Agrees      Outcome = iota
	Ahead               // of the audit: it is compared once the audit comes there
	Contradicts         // no one log has both
)

// compare holds one verified thing against the archive, or keeps it for later.
func (d *Desk) compare(l *log, now *audited, s *seen) (Outcome, *evidence.Evidence, error) {
	if s.size > now.signed.Size {
		if s.document = d.keep(l, s.document); s.document == nil {
			d.pool.dropped++
			return Ahead, nil, nil
		}
		other := d.pool.add(s)
		if other == nil {
			return Ahead, nil, nil
		}
		e, err := twoOf(s, other)
		return Contradicts, d.checked(e, err), nil
	}
	if s.size == 0 { // an empty tree, which all logs have
		return Agrees, nil, nil
	}
	if s.kind == headSeen {
		leaf, err := d.view.Archive().Leaf(s.size - 1)
		if err != nil {
			return 0, nil, err
		}
		if leaf.Root == wire.HashValue(s.root) {
			d.agreed++
			return Agrees, nil, nil
		}
		proof, err := d.view.Archive().Inclusion(s.size-1, now.signed.Size)
		if err != nil {
			return 0, nil, err
		}
		e, err := evidence.NewHeadAndLeaf(s.document, s.head(), now.note, evidence.Included{Leaf: leaf.Append(nil), Proof: proof})
		return Contradicts, d.checked(e, err), nil
	}
	ours, err := d.view.Archive().Checkpoint(s.size)
	if err != nil {
		return 0, nil, err
	}
	if ours.Root == tlog.Hash(s.root) {
		d.agreed++
		return Agrees, nil, nil
	}
	if s.size == now.signed.Size {
		e, err := evidence.NewTwoCheckpoints(l.envelope, now.note, s.signed)
		return Contradicts, d.checked(e, err), nil
	}
	proof, err := d.view.Archive().Consistency(s.size, now.signed.Size)
	if err != nil {
		return 0, nil, err
	}
	e, err := evidence.NewCheckpointsDiverge(l.envelope, s.signed, now.note, ours.Root, proof)
	return Contradicts, d.checked(e, err), nil
}

func (s *seen) head() evidence.SignedHead {
	return evidence.SignedHead{Size: s.size, Root: s.root, Signature: s.signed}
}

// twoOf makes evidence of two roots of one size.
func twoOf(a, b *seen) (*evidence.Evidence, error) {
	if a.kind == headSeen {
		return evidence.NewTwoHeads(a.document, a.head(), b.head())
	}
	return evidence.NewTwoCheckpoints(a.document, a.signed, b.signed)
}

// documents holds the document that was sighted against ours.
func (d *Desk) documents(l *log, p *provider.Pinned, envelope []byte) *evidence.Evidence {
	if p == nil || p.Digest == l.pinned.Digest {
		return nil
	}
	theirs, err := p.Document.Fingerprint()
	if err != nil {
		return nil
	}
	sameLog := p.Document.AuditLog == l.pinned.Document.AuditLog
	if p.Document.Version != l.pinned.Document.Version && (!sameLog || theirs == l.fingerprint) {
		return nil
	}
	e, err := evidence.NewTwoDocuments(l.envelope, l.envelope, envelope)
	return d.checked(e, err)
}

// checked takes what package evidence made, and verified. What looks like a
// contradiction and does not hold as evidence is a suspicion.
func (d *Desk) checked(e *evidence.Evidence, err error) *evidence.Evidence {
	if err != nil {
		d.suspect("Something contradicts this log, and could not be made evidence: " + err.Error() + ".")
		return nil
	}
	return e
}

// convict hands evidence that holds to the court.
func (d *Desk) convict(l *log, e *evidence.Evidence) bool {
	file, err := e.Append(nil)
	if err != nil {
		d.suspect("Evidence could not be written: " + err.Error() + ".")
		return false
	}
	return d.hand(l, file) == nil
}

// hand verifies an evidence file, whoever it is from, and gives it to the court.
// Nobody's word is taken: it must be proved, and be against the keys of the log.
func (d *Desk) hand(l *log, file []byte) error {
	e, err := evidence.Parse(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	verdict, err := e.Verify()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if !verdict.Proved {
		return fmt.Errorf("%w: it is somebody's word", ErrEvidence)
	}
	if err := verdict.Concerns(l.pinned.Document); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if d.evidence(true) != nil {
		return nil // one is enough, and more of it would fill the disk
	}
	finding, err := d.court.Convict(file)
	if err != nil || finding.File == "" { // a disk that is full, say: others can still be told
		d.convicted = file
		d.o.Logger.Error("evidence could not be kept", "error", err)
	}
	d.o.Logger.Error("the provider is caught", "kind", verdict.Kind.String(), "verdict", verdict.Text, "file", finding.File)
	return nil
}

// evidence returns what the provider was caught at, nil if it was not: what is proved,
// or else, unless proved is asked for, what this auditor attests.
func (d *Desk) evidence(proved bool) []byte {
	findings := d.court.Findings()
	for _, f := range findings {
		if f.Final && f.Proved {
			if file, err := d.court.Evidence(f.ID); err == nil && file != nil {
				return file
			}
		}
	}
	if d.convicted != nil || proved {
		return d.convicted
	}
	for _, f := range findings {
		if f.Final {
			if file, err := d.court.Evidence(f.ID); err == nil && file != nil {
				return file
			}
		}
	}
	return nil
}

func (d *Desk) suspect(text string) {
	if slices.Contains(d.suspicion, text) {
		return
	}
	d.o.Logger.Warn("suspicion", "text", text)
	if d.suspicion = append(d.suspicion, text); len(d.suspicion) > maxSuspicions {
		d.suspicion = slices.Delete(d.suspicion, 0, 1)
	}
}

// Believe verifies evidence that somebody else sent, and convicts if it holds, is
// proved, and is against the keys of this log. Its errors wrap ErrEvidence.
func (d *Desk) Believe(file []byte) error {
	l, err := d.logOf()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hand(l, file)
}

// Convicted reports whether the provider is convicted: there is evidence that proves it.
func (d *Desk) Convicted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.evidence(true) != nil
}

// Advance compares what was ahead of the audit and is reached by now.
func (d *Desk) Advance() error {
	l, err := d.logOf()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.advance(l); !errors.Is(err, ErrNothing) {
		return err
	}
	return nil
}

func (d *Desk) advance(l *log) error {
	now, err := d.auditedOf(l)
	if err != nil || now.signed.Size == d.reached {
		return err
	}
	taken := d.pool.take(now.signed.Size)
	for i, s := range taken {
		_, found, err := d.compare(l, now, s)
		if err != nil { // of the archive: another time
			d.pool.list = append(taken[i:], d.pool.list...)
			return err
		}
		if found != nil {
			d.convict(l, found)
		}
	}
	d.late(l, now)
	d.reached = now.signed.Size
	return nil
}

// late finds what should have been reached. An entry that is made after a head was
// seen stands after all the entries of that head, and has a timestamp of at most
// max_ahead more than the time. So once the audited log has an entry that is newer
// than the sighting by more than that, and is still smaller, it is not the log that
// the head is of.
func (d *Desk) late(l *log, now *audited) {
	grace := l.config().MaxAhead + uint64(d.o.Skew.Milliseconds())
	for _, s := range d.pool.list {
		if seen := uint64(s.since.UnixMilli()); !s.late && now.last.Timestamp > seen && now.last.Timestamp-seen > grace {
			s.late = true
			d.suspect(fmt.Sprintf("The provider signed a log of %d entries, and later showed a log of only %d.", s.size, now.signed.Size))
		}
	}
}

// Run compares what was waiting, every interval, until ctx ends.
func (d *Desk) Run(ctx context.Context, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := d.Advance(); err != nil {
				d.o.Logger.Warn("what was sighted could not be compared", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// keep returns the envelope of a document that the log's root keys signed, one copy of
// each. There is always room for the pinned one. Other documents are few, and forgotten
// with what waits under them; nil: there are too many.
func (d *Desk) keep(l *log, envelope []byte) []byte {
	if bytes.Equal(envelope, l.envelope) {
		return l.envelope
	}
	for _, e := range d.envelopes {
		if bytes.Equal(e, envelope) {
			return e
		}
	}
	if len(d.envelopes) == maxEnvelopes {
		d.envelopes = slices.DeleteFunc(d.envelopes, func(e []byte) bool {
			return !slices.ContainsFunc(d.pool.list, func(s *seen) bool { return &s.document[0] == &e[0] })
		})
	}
	if len(d.envelopes) == maxEnvelopes {
		return nil
	}
	e := bytes.Clone(envelope)
	d.envelopes = append(d.envelopes, e)
	return e
}

// Sighting returns what was seen here, for another auditor: the newest audited
// checkpoint, and what is waiting to be compared.
func (d *Desk) Sighting() (*gossip.Sighting, error) {
	l, err := d.logOf()
	if err != nil {
		return nil, err
	}
	now, err := d.auditedOf(l)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &gossip.Sighting{Fingerprint: l.fingerprint, Checkpoints: [][]byte{now.note}}
	if len(l.envelope) <= maxToldDocument { // of a larger one no evidence could be made either
		s.Document = l.envelope
	}
	for _, t := range slices.Backward(d.pool.list) { // the newest first
		switch {
		case t.kind == headSeen && len(s.Heads) < maxTold && bytes.Equal(t.document, l.envelope):
			s.Heads = append(s.Heads, t.head())
		case t.kind == checkpointSeen && len(s.Checkpoints) < maxToldCheckpoints:
			s.Checkpoints = append(s.Checkpoints, t.signed)
		}
	}
	return s, nil
}
