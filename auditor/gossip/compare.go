package gossip

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

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
