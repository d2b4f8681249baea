package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/gossip"
	"github.com/kith-kt/kith/auditor/httpapi"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/auditor/witness"
	"github.com/kith-kt/kith/internal/daemon"
)

// peerOptions say which other auditors there are.
type peerOptions struct {
	addresses []string
	interval  time.Duration
}

// gossip makes the desks of the watches, and the exchange with other auditors.
func (f *follower) gossip(o *peerOptions) (err error) {
	for _, w := range f.watches {
		f.desks = append(f.desks, gossip.NewDesk(w, w, gossip.Options{Logger: f.logger}))
	}
	f.peers, err = gossip.NewPeers(o.addresses, f.desks, gossip.PeerOptions{Interval: o.interval, Logger: f.logger})
	if errors.Is(err, feed.ErrInsecure) {
		return usage(err, "use https; plain http goes to this machine only")
	}
	if err != nil {
		return usage(err, "")
	}
	return nil
}

// compare holds what others saw against the logs as they grow, until ctx ends.
func (f *follower) compare(ctx context.Context) error {
	var all sync.WaitGroup
	for i, w := range f.watches {
		all.Go(func() {
			for ctx.Err() == nil {
				grown := w.Grown()
				if err := f.desks[i].Advance(); err != nil {
					f.logger.Warn("what others saw could not be compared", "domain", w.Status().Domain, "error", err.Error())
				}
				select {
				case <-grown:
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
	return nil
}

// server serves everything that there is to see.
func (f *follower) server(trustProxy bool) (*http.Server, error) {
	registry := daemon.NewRegistry()
	if err := registry.Register(newMetrics(f.watches)); err != nil {
		return nil, err
	}
	c := httpapi.Config{Gossip: f.desks, Evidence: httpapi.Files(f.watches), Health: f.health.Err, Registry: registry, TrustProxy: trustProxy, Logger: f.logger}
	logs := make([]witness.Log, len(f.watches))
	for i, w := range f.watches {
		logs[i] = w
		c.Name = nameOf(c.Name, w)
		c.Providers = append(c.Providers, httpapi.Watched(w, f.desks[i], f.peers))
	}
	var err error
	if c.AddCheckpoint, err = witness.New(logs, witness.Options{Logger: f.logger}); err != nil {
		return nil, failed(err, "follow them in processes of their own: whoever asks for a cosignature names nothing but the origin")
	}
	h, err := httpapi.New(c)
	if err != nil {
		return nil, err
	}
	return httpapi.NewServer(h, f.logger), nil
}

// nameOf is the name that all watches cosign with, "kith-auditor" if it is not one.
func nameOf(before string, w *watch.Watch) string {
	name, _ := w.Cosigner()
	if name == "" || before != "" && before != name {
		return "kith-auditor"
	}
	return name
}
