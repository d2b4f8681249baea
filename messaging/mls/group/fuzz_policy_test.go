package group

import (
	"errors"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// fuzzPolicy is the application's say in a group: the member at leaf 0 is removed by
// nobody but itself, and strangers ask in vain. It notes what it was asked.
type fuzzPolicy struct {
	proposals []Covered
	commits   []fuzzAsked
}

type fuzzAsked struct {
	committer message.Sender
	proposals []Covered
}

var errPolicy = errors.New("test: forbidden")

func (f *fuzzPolicy) AllowProposal(_ *View, p Covered) error {
	f.proposals = append(f.proposals, p)
	if q, ok := p.Proposal.(*message.Remove); ok && q.Removed == 0 || p.Sender.Type == message.SenderNewMemberProposal {
		return errPolicy
	}
	return nil
}

func (f *fuzzPolicy) AllowCommit(_ *View, committer message.Sender, _ *tree.LeafNode, proposals []Covered) error {
	f.commits = append(f.commits, fuzzAsked{committer, proposals})
	for _, p := range proposals {
		if q, ok := p.Proposal.(*message.Remove); ok && q.Removed == 0 && committer.Type == message.SenderMember {
			return errPolicy
		}
	}
	return nil
}

// asked reports whether it was asked about what an event tells.
func (f *fuzzPolicy) asked(event Event) bool {
	switch e := event.(type) {
	case *Proposed:
		return slices.ContainsFunc(f.proposals, func(p Covered) bool { return string(p.Ref) == string(e.Ref) && p.Sender == e.Sender })
	case *Committed:
		return slices.ContainsFunc(f.commits, func(c fuzzAsked) bool {
			return c.committer == e.Committer && len(c.proposals) == len(e.Proposals)
		})
	}
	return true
}
