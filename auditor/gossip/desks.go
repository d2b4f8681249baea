package gossip

import (
	"context"
	"fmt"

	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
)

// MediaType is the media type of a Sighting and of the Answer to it.
const MediaType = gossip.MediaType

// Desks are the logs that are followed.
type Desks []*Desk

// Answer takes an encoded Sighting of a source and returns the encoded Answer. Its
// errors wrap ErrMalformed, ErrUnknownLog, ErrSignature or ErrNothing; all others
// are faults of ours.
func (all Desks) Answer(_ context.Context, sighting []byte, source string) ([]byte, error) {
	s, err := gossip.ParseSighting(sighting)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	d := all.of(s)
	if d == nil {
		return nil, ErrUnknownLog
	}
	answer, err := d.Answer(s, source)
	if err != nil {
		return nil, err
	}
	return answer.Append(nil)
}

// of finds the Desk of a Sighting: by the fingerprint of its log, or, if the provider
// showed another log, by the document's domain and root keys.
func (all Desks) of(s *gossip.Sighting) *Desk {
	for _, d := range all {
		if d.Fingerprint() == s.Fingerprint && s.Fingerprint != (provider.Fingerprint{}) {
			return d
		}
	}
	if len(s.Document) == 0 {
		return nil
	}
	for _, d := range all {
		if l, err := d.logOf(); err == nil && l.sameRoots(s.Document) != nil {
			return d
		}
	}
	return nil
}
