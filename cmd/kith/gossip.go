package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/evidence"
	message "github.com/kith-kt/kith/proto/gossip"
)

func (p *program) newGossip() *cobra.Command {
	return &cobra.Command{
		Use:   "gossip",
		Short: "Hand what you saw of the log in to its auditors, now",
		Long: `Gossip hands in what you saw of the log: the heads that it signed for you, its roots
at recent distinguished entries, its newest checkpoint and the pinned document.
Auditors compare that with what they audited, and so does kith with what they
answer: a log that shows you something else than them is found out.

It is an anonymous post. Nothing in it depends on whom you looked up or who you are;
your network address is all that an auditor sees of you. kith monitor does the same
each time, and kith lookup at most once an hour, unless --no-gossip or your policy
say otherwise.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onlineAnyway(cmd.Context(), func(s *session) error { return s.gossipByHand(cmd.Context()) })
		},
	}
}

// How sightings are handed in on different occasions.
const (
	gossipEvery    = time.Hour // on lookup
	lookupJitter   = 300 * time.Millisecond
	monitorJitter  = 3 * time.Second
	lookupPatience = 5 * time.Second // which a person waits for keys at most
	patience       = 30 * time.Second
)

// auditors are to whom this user hands in.
func (s *session) auditors() []gossip.Auditor {
	return gossip.Auditors(s.pinned.Document, s.inForce.GossipAddresses)
}

// silent reports whether nothing is handed in unasked.
func (s *session) silent() bool {
	return s.p.noGossip || s.inForce.GossipOff || s.client.State().Head() == nil || len(s.auditors()) == 0
}

// gossipByHand is kith gossip.
func (s *session) gossipByHand(ctx context.Context) error {
	if len(s.auditors()) == 0 {
		return failed("give the addresses of auditors with: kith policy set gossip URL...", "the provider's document names no auditor with an address, and your policy none")
	}
	if s.refused() == nil {
		if _, err := s.client.Walk(ctx); err != nil {
			if asFailure(err).code == exitMisbehaved {
				return err
			}
			s.p.warn("the log was not asked anew: %s", plain(err))
		}
	}
	if s.client.State().Head() == nil {
		return failed("run: kith lookup LABEL", "nothing of the log was seen yet")
	}
	replies, err := s.handIn(ctx, 0)
	if err != nil {
		return err
	}
	answered := 0
	for _, r := range replies {
		if r.Error == "" {
			answered++
		}
		s.p.print("%s", r.line())
	}
	if err := s.p.emit(replies); err != nil {
		return err
	}
	refused := s.refused()
	if refused == nil && answered == 0 {
		refused = failed("check the network, or try again later", "no auditor answered")
	}
	if refused == nil {
		return nil
	}
	f := *asFailure(refused)
	f.told = true
	return &f
}

// gossipOnLookup hands in if it was not done lately. It returns the refusal of a log
// that is caught by that.
func (s *session) gossipOnLookup(ctx context.Context) error {
	if s.silent() {
		return nil
	}
	last, err := s.ring.Handed()
	if err != nil {
		return err
	}
	now := s.p.now()
	if since := now.Sub(last); since >= 0 && since < gossipEvery {
		return nil
	}
	wait := lookupPatience
	if s.p.hasty {
		wait /= 10
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	// The roots at distinguished entries are compared too, so they are brought up to date.
	if _, err := s.client.Walk(ctx); err != nil && asFailure(err).code == exitMisbehaved {
		return s.keep(err, "")
	}
	if _, err := s.handIn(ctx, lookupJitter); err != nil {
		s.p.warn("nothing was handed in to auditors: %s", plain(err))
	}
	return s.refused()
}

// gossipOnMonitor hands in.
func (s *session) gossipOnMonitor(ctx context.Context) []replyView {
	if s.silent() {
		return nil
	}
	replies, err := s.handIn(ctx, monitorJitter)
	if err != nil {
		s.p.warn("nothing was handed in to auditors: %s", plain(err))
	}
	for _, r := range replies {
		s.p.print("%s", r.line())
	}
	return replies
}

// handIn hands in what was seen, with other heads that the log signed, and draws the
// conclusions: what proves that the log was caught convicts it, whoever sent it.
func (s *session) handIn(ctx context.Context, jitter time.Duration, heads ...evidence.SignedHead) ([]replyView, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.p.hasty {
		jitter = 0
	}
	if err := s.ring.SetHanded(s.p.now()); err != nil {
		return nil, err
	}
	sighting := gossip.NewSighting(s.client.State(), s.envelope, s.newestCheckpoint(ctx))
	for _, h := range heads {
		same := func(o evidence.SignedHead) bool { return o.Size == h.Size && o.Root == h.Root }
		if len(sighting.Heads) < message.MaxHeads && !slices.ContainsFunc(sighting.Heads, same) {
			sighting.Heads = append(sighting.Heads, h)
		}
	}
	replies, err := gossip.HandIn(ctx, s.auditors(), sighting, s.pinned.Document, gossip.Options{Jitter: jitter})
	if err != nil {
		return nil, err
	}
	views := make([]replyView, len(replies))
	for i := range replies {
		views[i] = s.hear(&replies[i])
	}
	return views, nil
}

// handInFinding hands in the heads that a misbehaviour rests on, so that others hear
// of them.
func (s *session) handInFinding(f *failure, heads ...*evidence.SignedHead) {
	if s.silent() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupPatience)
	defer cancel()
	var more []evidence.SignedHead
	for _, h := range heads {
		if h != nil {
			more = append(more, *h)
		}
	}
	replies, err := s.handIn(ctx, 0, more...)
	if err != nil {
		s.p.warn("nothing was handed in to auditors: %s", plain(err))
	}
	for _, r := range replies {
		if r.Error == "" {
			s.p.say("handed in: %s", r.line())
		}
		if r.Evidence != "" {
			f.evidence = append(f.evidence, r.Evidence)
		}
	}
}
