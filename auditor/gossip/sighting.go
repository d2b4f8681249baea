package gossip

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/proto/gossip"
)

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
