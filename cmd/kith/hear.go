package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/evidence"
	message "github.com/kith-kt/kith/proto/gossip"
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
	case errors.Is(r.NoVerdict, evidence.ErrMissing):
		s.keepIncomplete(&v, r)
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
	if !s.counts(r.Verdict) {
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
		s.p.warn("%s attests: %s; %s, so nothing is refused; look at it with: kith verify %s", nameOfKey(r.Verdict.Observer), v.Shows, s.whyNot(r.Verdict), path)
	}
}

// whyNot says why what is attested does not count.
func (s *session) whyNot(v *evidence.Verdict) string {
	if s.inForce.Believes(v.Observer) {
		return "that may pass"
	}
	return "your policy relies on nobody of that key"
}

// keepIncomplete keeps evidence that rests on an update which is too large to be sent
// with it, so that it can be judged once somebody has put that beside it.
func (s *session) keepIncomplete(v *replyView, r *gossip.Reply) {
	files, err := s.ring.EvidenceFiles()
	if err != nil || len(files) >= maxUnasked {
		s.p.warn("%s accuses the provider, with evidence that is not complete", v.Auditor)
		return
	}
	path, err := s.ring.SaveEvidenceFile("incomplete", r.Answer.Evidence)
	if err != nil {
		s.p.warn("the evidence was not saved: %s", plain(err))
		return
	}
	v.Evidence = path
	s.p.warn("%s accuses the provider, with evidence that is not complete: ask it for the update that belongs to it, put that into %s.update, and run: kith verify %s", v.Auditor, path, path)
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
