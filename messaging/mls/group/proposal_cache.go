package group

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// proposalCache has the proposals that wait for a Commit, in the order in which
// they came ("Proposals", 12.1). They are of one epoch and end with it.
type proposalCache struct {
	order []*waiting
	byRef map[string]*waiting
	all   share
	of    map[message.Sender]share // each member's, and under outside everybody else's
}

// share is what proposals take.
type share struct{ count, bytes int }

// outside is whom the proposals of all who are no members are counted for: anybody
// can make a key to ask to be added with.
var outside = message.Sender{Type: message.SenderExternal}

func sharer(s message.Sender) message.Sender {
	if s.Type == message.SenderMember {
		return s
	}
	return outside
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
	return proposalCache{byRef: make(map[string]*waiting), of: make(map[message.Sender]share)}
}

func (c *proposalCache) find(ref message.ProposalRef) *waiting { return c.byRef[string(ref)] }

// senderShare is the part of the room for waiting proposals that one sender may
// fill, so that it does not keep the others from proposing: a quarter.
const senderShare = 4

// room fails if another proposal in a group of this tree cannot be kept.
func (c *proposalCache) room(p Covered, limits *Limits, t *tree.Tree) error {
	if c.find(p.Ref) != nil {
		return ErrDuplicate
	}
	n := bytesOf(p.Proposal)
	mine := c.of[sharer(p.Sender)]
	part := func(limit int) int { return limit/senderShare + min(limit%senderShare, 1) }
	if err := mine.room(n, part(limits.Proposals), part(limits.ProposalsSize)); err != nil {
		return fmt.Errorf("from %v: %w", p.Sender, err)
	}
	err := c.all.room(n, limits.Proposals, limits.ProposalsSize)
	if err == nil {
		return nil
	}
	// Several together have filled it. Whoever has less than would be its part if all
	// had the same does not suffer for that; in all this is no more than twice the room.
	// Where there are more members than room, that part is nothing.
	senders := t.MemberCount() + 1
	if mine.room(n, limits.Proposals/senders, limits.ProposalsSize/senders) == nil {
		return nil
	}
	return err
}

// room fails if one more proposal, of n bytes, is too much.
func (s share) room(n, count, bytes int) error {
	if s.count >= count {
		return fmt.Errorf("%w: %d proposals wait", ErrLimit, s.count)
	}
	if s.bytes+n > bytes {
		return fmt.Errorf("%w: proposals that wait would have %d bytes", ErrLimit, s.bytes+n)
	}
	return nil
}

func (s share) plus(n int) share { return share{s.count + 1, s.bytes + n} }

func (c *proposalCache) add(p *waiting) {
	c.order = append(c.order, p)
	c.byRef[string(p.Ref)] = p
	n, sender := bytesOf(p.Proposal), sharer(p.Sender)
	c.all, c.of[sender] = c.all.plus(n), c.of[sender].plus(n)
}

// detached returns a received proposal in memory of its own: what is kept does not
// keep the padding and the authenticated data that came with it.
func detached(p message.Proposal) (message.Proposal, error) {
	var w syntax.Writer
	message.WriteProposal(&w, p)
	r := syntax.NewReader(bytes.Clone(w.Bytes()))
	p = message.ReadProposal(r)
	return p, r.Close()
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
