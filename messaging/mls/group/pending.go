package group

import (
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// CommitOptions says what a Commit of ours has. Its zero value commits all
// proposals that wait and go together, with a path.
type CommitOptions struct {
	// ByValue are our own proposals, that stand in the Commit itself.
	ByValue []message.Proposal
	// References picks which waiting proposals are covered; they must all go
	// together. nil: as many of all as do. Empty and not nil: none.
	References []message.ProposalRef
	// OmitPath leaves the path away if it is not required (12.4).
	OmitPath bool
	// Leaf changes our own leaf; nil: only its keys are new.
	Leaf *LeafChange
	// Public sends the Commit signed but not encrypted, see Config.PublicHandshake.
	Public bool
	// AAD is authenticated, and not encrypted.
	AAD []byte
	// WithoutTree leaves the ratchet_tree extension out of the Welcome: new members
	// get the tree in another way.
	WithoutTree bool
	// GroupInfo has further extensions for the Welcome's GroupInfo.
	GroupInfo tree.Extensions

	purpose purpose
}

// purpose is what a group's first Commit is for: PSKs of usage reinit and branch
// are valid in these contexts only (12.1.4).
type purpose uint8

const (
	purposeNone purpose = iota
	purposeReInit
	purposeBranch
)

// Pending is a Commit of ours that is not merged: others may win the epoch ("Sequencing
// of State Changes", 14). It is sent, and merged once it is known that it is
// the one that the group follows. Welcome must not leave before that.
type Pending struct {
	Message   []byte // MLSMessage with the Commit
	Welcome   []byte // MLSMessage with the Welcome for all new members; nil if there are none
	Committed *Committed

	from   *epoch // the epoch that it is a Commit of
	next   *epoch
	signer suite.Signer // of the next epoch
	reinit *message.ReInit
}

// Pending returns our own Commit that is neither merged nor abandoned; nil if
// there is none.
func (s *State) Pending() *Pending { return s.pending }

// Merge enters the epoch that our own Commit begins.
func (s *State) Merge(p *Pending) (*Committed, error) {
	if p == nil || p != s.pending || p.from != s.current {
		return nil, ErrStale
	}
	s.pending = nil
	s.cfg.Signer = p.signer
	s.enter(p.next)
	s.reinit = p.reinit
	return p.Committed, nil
}

// Abandon drops our pending Commit, which must not have been sent, or have lost.
func (s *State) Abandon() { s.dropPending() }

// dropPending erases the pending Commit's epoch.
func (s *State) dropPending() {
	if s.pending == nil {
		return
	}
	s.pending.next.erase()
	s.pending = nil
}
