package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kith-kt/kith/auditor/gossip"
	"github.com/kith-kt/kith/auditor/httpapi"
	"github.com/kith-kt/kith/auditor/witness"
	handin "github.com/kith-kt/kith/client/gossip"
	gossiping "github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
)

// A desk is where an auditor compares what others saw with what it audited.
type desk struct{ *gossip.Desk }

// serve returns what an auditor serves to everybody.
func (a *demoAuditor) serve() (http.Handler, error) {
	a.Desk = gossip.NewDesk(a.watch, a.watch, gossip.Options{})
	cosigns, err := witness.New([]witness.Log{a.watch}, witness.Options{})
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Config{
		Name:          a.name,
		Providers:     []httpapi.Provider{httpapi.Watched(a.watch, a.Desk, nil)},
		Gossip:        gossip.Desks{a.Desk},
		AddCheckpoint: cosigns,
		Limits:        httpapi.Limits{SightingsPerMinute: -1, ReadsPerMinute: -1},
	})
}

// gossips compares what was ahead of the audit.
func (a *demoAuditor) gossips(ctx context.Context) error { return a.Desk.Run(ctx, demoInterval) }

// auditors starts Nora and Otto, who tell each other what they are shown.
func (s *stage) auditors(ctx context.Context) (nora, otto *demoAuditor, err error) {
	if nora, err = s.auditor(ctx, "Nora"); err != nil {
		return nil, nil, err
	}
	if otto, err = s.auditor(ctx, "Otto"); err != nil {
		return nil, nil, err
	}
	for _, pair := range [][2]*demoAuditor{{nora, otto}, {otto, nora}} {
		peers, err := gossip.NewPeers([]string{pair[1].address}, gossip.Desks{pair[0].Desk}, gossip.PeerOptions{Interval: demoInterval})
		if err != nil {
			return nil, nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		before := pair[0].cancel
		pair[0].cancel = func() { cancel(); before() }
		pair[0].run(ctx, func(ctx context.Context) error { defer peers.Close(); return peers.Run(ctx) })
	}
	return nora, otto, nil
}

// handedIn has somebody's client hand in to an auditor what it saw, as kith does,
// and verify the evidence that comes back. The log of all others has as many
// entries by then.
func (s *stage) handedIn(ctx context.Context, p *demoPerson, who string, a *demoAuditor) error {
	if err := s.grow(ctx, s.log, p.client.State().Head().Tree.TreeSize); err != nil {
		return err
	}
	if err := a.reaches(ctx, s.log); err != nil {
		return err
	}
	document, err := p.ring.Provider()
	if err != nil {
		return err
	}
	pinned, err := provider.Reopen(document)
	if err != nil {
		return err
	}
	var r handin.Reply
	err = until(ctx, func() (bool, error) { // it may not have come so far yet
		replies, err := handin.HandIn(ctx, []handin.Auditor{{Name: a.name, Address: a.address}},
			handin.NewSighting(p.client.State(), document), pinned.Document, handin.Options{})
		if err != nil {
			return false, err
		}
		r = replies[0]
		return r.Err != nil || r.Answer.Verdict != gossiping.NotYet, nil
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	if why := errors.Join(err, r.Err, r.NoVerdict); why != nil || r.Verdict == nil {
		return fmt.Errorf("%w: %s handed in what they saw, and %s shows nothing that holds: %v", errUnnoticed, who, a.name, why)
	}
	s.notice(who, byGossip, r.Verdict.Text)
	s.keep(r.Answer.Evidence)
	return s.caught(ctx, a)
}
