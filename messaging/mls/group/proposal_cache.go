package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// proposalCache has the proposals that wait for a Commit, in the order in which
// they came ("Proposals", 12.1). They are of one epoch and end with it.
type proposalCache struct {
	order []*waiting
	byRef map[string]*waiting
	bytes int // of all proposals
}

// waiting is a proposal that waits.
type waiting struct {
	Covered
	own *ownUpdate // our own Update: what goes with its leaf
}

// ownUpdate is the private half of an Update of ours.
type ownUpdate struct {
	key    []byte // of the leaf's encryption key
	signer suite.Signer
}

func newProposalCache() proposalCache {
	return proposalCache{byRef: make(map[string]*waiting)}
}

func (c *proposalCache) find(ref message.ProposalRef) *waiting { return c.byRef[string(ref)] }

// room fails if another proposal cannot be kept.
func (c *proposalCache) room(p Covered, limits *Limits) error {
	if c.find(p.Ref) != nil {
		return ErrDuplicate
	}
	if len(c.order) >= limits.Proposals {
		return fmt.Errorf("%w: %d proposals wait", ErrLimit, len(c.order))
	}
	if n := c.bytes + bytesOf(p.Proposal); n > limits.ProposalsSize {
		return fmt.Errorf("%w: proposals that wait would have %d bytes", ErrLimit, n)
	}
	return nil
}

func (c *proposalCache) add(p *waiting) {
	c.order = append(c.order, p)
	c.byRef[string(p.Ref)] = p
	c.bytes += bytesOf(p.Proposal)
}

func bytesOf(p message.Proposal) int {
	var w syntax.Writer
	message.WriteProposal(&w, p)
	return w.Len()
}

// reset forgets everything: the epoch is over.
func (c *proposalCache) reset() {
	for _, p := range c.order {
		if p.own != nil {
			clear(p.own.key)
		}
	}
	*c = newProposalCache()
}

// covered returns all that waits.
func (c *proposalCache) covered() []Covered {
	out := make([]Covered, len(c.order))
	for i, p := range c.order {
		out[i] = p.Covered
	}
	return out
}

// Waiting returns the proposals that wait for a Commit, in the order in which they
// came. While there are any, application data cannot be sent.
func (s *State) Waiting() []Covered { return slices.Clip(s.cache.covered()) }

// resolve returns the proposals of a Commit: those by value are the committer's,
// those by reference must be waiting ("Commit", 12.4).
func (c *proposalCache) resolve(committer message.Sender, commit *message.Commit) ([]Covered, error) {
	out := make([]Covered, 0, min(len(commit.Proposals), 1024))
	for i, p := range commit.Proposals {
		if p.Proposal != nil {
			out = append(out, Covered{Proposal: p.Proposal, Sender: committer})
			continue
		}
		w := c.find(p.Reference)
		if w == nil {
			return nil, fmt.Errorf("proposal %d of the commit: %w", i, ErrUnknownProposal)
		}
		out = append(out, w.Covered)
	}
	return out, nil
}
