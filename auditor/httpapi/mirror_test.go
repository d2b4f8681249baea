package httpapi

import (
	"net/http/httptest"
	"testing"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/gossip"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// TestMirror: another auditor finds its own log here, and every byte of what is
// mirrored is what the provider serves.
func TestMirror(t *testing.T) {
	f, other := newFixture(t, nil), newFixture(t, nil)
	server := httptest.NewServer(f.routed)
	defer server.Close()
	source, err := feed.New(server.URL, feed.Options{})
	must(t, err)
	defer source.Close()
	m := source.Mirror("example.org")
	if size, outcome, err := other.desk.Hold(t.Context(), m, "peer"); size != entries || outcome != gossip.Agrees || err != nil {
		t.Errorf("%d, %d, %v", size, outcome, err)
	}
	envelope, err := m.Document(t.Context())
	must(t, err)
	if !provider.SameDocument(envelope, f.log.Document) {
		t.Error("another document")
	}
	for _, tile := range []checkpoint.Tile{{Level: 0, Index: 0, Width: 256}, {Level: 0, Index: 1, Width: 44}, {Level: 1, Index: 0, Width: 1}, {Level: -1, Index: 0, Width: 256}, {Level: -1, Index: 1, Width: 44}} {
		got, err := m.Tile(t.Context(), tile)
		must(t, err)
		want, err := f.log.Tile(tile)
		must(t, err)
		if string(got) != string(want) {
			t.Errorf("%s is another", tile.Path())
		}
	}
	if _, err := source.Mirror("other.example").Checkpoint(t.Context()); err == nil {
		t.Error("a provider that is not followed is mirrored")
	}
	peers, err := gossip.NewPeers([]string{server.URL}, gossip.Desks{other.desk}, gossip.PeerOptions{})
	must(t, err)
	defer peers.Close()
	peers.Once(t.Context())
	if s := peers.Status(other.desk); len(s) != 1 || !s[0].Agrees || s[0].Size != entries {
		t.Errorf("%+v", s)
	}
	var _ pass.Source = m
}
