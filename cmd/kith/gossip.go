package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/checkpoint"
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
	checkpointWait = 5 * time.Second
	maxCheckpoint  = 64 << 10 // bytes
)

// A replyView is what came of handing in at one auditor, in JSON.
type replyView struct {
	Auditor  string `json:"auditor"`
	Address  string `json:"address"`
	Verdict  string `json:"verdict,omitempty"`      // agrees, not-yet or contradicts
	Audited  uint64 `json:"audited_size,omitempty"` // how far it has audited, in entries
	Overlap  *bool  `json:"roots_overlap,omitempty"`
	Shows    string `json:"shows,omitempty"` // what its evidence shows
	Proved   bool   `json:"proved,omitempty"`
	Evidence string `json:"evidence,omitempty"` // path
	Refused  bool   `json:"refused,omitempty"`  // the log is, for this evidence
	Error    string `json:"error,omitempty"`
}

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

// hear draws the conclusions of a reply.
func (s *session) hear(r *gossip.Reply) replyView {
	v := replyView{Auditor: printable(r.Name), Address: r.Address}
	if r.Err != nil {
		v.Error = strings.TrimPrefix(plain(r.Err), "gossip: ")
		return v
	}
	v.Verdict, v.Audited = r.Answer.Verdict.String(), r.Answer.Size
	seen := s.client.State().Distinguished()
	behind := len(seen) > 0 && r.Answer.Size <= seen[0].Position // its newest root is older than our oldest
	if len(r.Answer.Distinguished) > 0 && len(seen) > 0 && !behind {
		overlap := r.Apart == nil
		v.Overlap = &overlap
	}
	if r.Apart != nil && !behind {
		s.p.warn("%s sees other roots than you: it may be far behind, or one of you is shown another log; ask others which roots they see", v.Auditor)
	}
	switch {
	case r.Verdict != nil:
		s.convictBy(&v, r)
	case r.NoVerdict != nil:
		s.p.warn("%s accuses the provider, and what it sent proves nothing: %s", v.Auditor, plain(r.NoVerdict))
	}
	if err := s.compareCheckpoint(r.Answer.Cosigned, "a checkpoint that "+v.Auditor+" cosigned"); err != nil {
		s.p.warn("%s: %s", v.Auditor, plain(err))
	}
	return v
}

// maxUnasked bounds the evidence kept that others sent and that convicts nobody, in
// files of all kinds.
const maxUnasked = 100

// convictBy keeps the evidence of a reply, which was verified.
func (s *session) convictBy(v *replyView, r *gossip.Reply) {
	v.Shows, v.Proved = oneLine(printable(r.Verdict.Text)), r.Verdict.Proved
	x := &exhibit{file: r.Answer.Evidence, verdict: r.Verdict}
	if !r.Verdict.Proved && !s.inForce.Believes(r.Verdict.Observer) {
		files, err := s.ring.EvidenceFiles()
		if err != nil || len(files) >= maxUnasked {
			s.p.warn("%s attests: %s", nameOfKey(r.Verdict.Observer), v.Shows)
			return
		}
	}
	path, refused, err := s.convict(x, r.Address)
	if err != nil {
		s.p.warn("the evidence was not saved: %s", plain(err))
		return
	}
	v.Evidence, v.Refused = path, refused
	if !refused && !r.Verdict.Proved {
		s.p.warn("%s attests: %s; your policy relies on nobody of that key, so nothing is refused; look at it with: kith verify %s", nameOfKey(r.Verdict.Observer), v.Shows, path)
	}
}

// line is a reply for people.
func (v *replyView) line() string {
	switch {
	case v.Error != "":
		return fmt.Sprintf("auditor %s: %s", v.Auditor, v.Error)
	case v.Refused:
		return fmt.Sprintf("auditor %s: CAUGHT: %s", v.Auditor, v.Shows)
	case v.Verdict == message.Agrees.String():
		return fmt.Sprintf("auditor %s: what you saw is what it audited, %d entries so far", v.Auditor, v.Audited)
	case v.Verdict == message.NotYet.String():
		return fmt.Sprintf("auditor %s: has audited %d entries so far, and keeps what you saw to compare it", v.Auditor, v.Audited)
	}
	return fmt.Sprintf("auditor %s: accuses the provider", v.Auditor)
}

// newestCheckpoint fetches the checkpoint that the provider shows, holds it against
// the one kept from before, and keeps the newer. It returns that, or nil.
func (s *session) newestCheckpoint(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, checkpointWait)
	defer cancel()
	note, err := s.remote.Get(ctx, "/log/checkpoint", "", maxCheckpoint)
	if err == nil {
		err = s.compareCheckpoint(note, "the checkpoint that the provider shows")
	}
	if err != nil {
		s.p.say("no checkpoint is handed in: %s", plain(err))
	}
	kept, err := s.ring.Checkpoint()
	if err != nil {
		s.p.warn("%s", plain(err))
		return nil
	}
	return kept
}

// compareCheckpoint holds a signed checkpoint, if there is one, against the newest
// one kept, and keeps the newer. Two of one size with two roots are evidence.
func (s *session) compareCheckpoint(note []byte, what string) error {
	if len(note) == 0 {
		return nil
	}
	bare, signed, err := gossip.Bare(s.auditLog, note)
	if err != nil {
		return fmt.Errorf("%s is not signed by the audit log: %w", what, err)
	}
	kept, err := s.ring.Checkpoint()
	if err != nil {
		return err
	}
	var before *checkpoint.Signed
	if kept != nil {
		if before, err = s.auditLog.Open(kept); err != nil { // of the log that came before
			before = nil
		}
	}
	switch {
	case before != nil && before.Size == signed.Size && before.Root != signed.Root:
		return s.twoCheckpoints(kept, bare)
	case before != nil && before.Size >= signed.Size:
		return nil
	}
	return s.ring.SetCheckpoint(bare)
}

// twoCheckpoints convicts the log of having signed two checkpoints of one size.
func (s *session) twoCheckpoints(a, b []byte) error {
	e, err := evidence.NewTwoCheckpoints(s.envelope, a, b)
	if err != nil {
		return err
	}
	file, err := e.Append(nil)
	if err != nil {
		return err
	}
	x, err := s.verified(file)
	if err != nil {
		return err
	}
	_, _, err = s.convict(x, "found by yourself")
	return err
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
