package feed

import (
	"context"
	"net/http"
)

// What an auditor serves besides its mirror, as proto/openapi-auditor.yaml
// describes it.
const (
	// GossipMediaType is the media type of a Sighting and of the Answer to it.
	GossipMediaType = "application/vnd.kith.gossip-1"

	sightingsPath = "/gossip/v1/sightings"
)

// Mirror returns the Feed of what the auditor at f's address keeps of the
// provider of a domain, in canonical form: its document, checkpoint and tiles.
// Closing one closes the other.
func (f *Feed) Mirror(domain string) *Feed {
	m := *f
	m.base.Path = "/p/" + domain
	return &m
}

// Sight posts an encoded Sighting to the auditor at f's address, and returns its
// Answer, of at most limit bytes.
func (f *Feed) Sight(ctx context.Context, sighting []byte, limit int64) ([]byte, error) {
	u := f.base
	u.Path = sightingsPath
	b, _, err := f.once(ctx, http.MethodPost, u.String(), sighting, GossipMediaType, limit)
	return b, err
}
