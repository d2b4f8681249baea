package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// ProposalRef refers to a proposal by the hash of the AuthenticatedContent that it
// came in: "Hash-Based Identifiers" (5.2). It has KDF.Nh bytes, or it refers to
// nothing.
type ProposalRef []byte

// ProposalOrRef is a proposal itself, or a reference to one that was sent before.
// One of the two is set.
type ProposalOrRef struct {
	Proposal  Proposal
	Reference ProposalRef
}

// ProposalOrRefType.
const (
	byValue     = 1
	byReference = 2
)

// Marshal writes the structure.
func (p *ProposalOrRef) Marshal(w *syntax.Writer) {
	if p.Proposal != nil {
		w.Uint8(byValue)
		WriteProposal(w, p.Proposal)
		return
	}
	w.Uint8(byReference)
	w.Vector(p.Reference)
}

// Unmarshal reads the structure.
func (p *ProposalOrRef) Unmarshal(r *syntax.Reader) {
	*p = ProposalOrRef{}
	switch r.Uint8() {
	case byValue:
		p.Proposal = ReadProposal(r)
	case byReference:
		p.Reference = r.Vector()
	default:
		r.Fail(fmt.Errorf("ProposalOrRef: type: %w", syntax.ErrValue))
	}
}

// Commit begins a new epoch: "Commit" (12.4). Path is nil if the Commit has none.
type Commit struct {
	Proposals []ProposalOrRef
	Path      *treekem.UpdatePath
}

// Marshal writes the Commit.
func (c *Commit) Marshal(w *syntax.Writer) {
	syntax.WriteList(w, c.Proposals, func(w *syntax.Writer, p ProposalOrRef) { p.Marshal(w) })
	w.Optional(c.Path != nil)
	if c.Path != nil {
		c.Path.Marshal(w)
	}
}

// MaxProposals is the greatest number of proposals in a Commit. RFC 9420 has no bound,
// but a proposal may be two bytes in a message, and 40 in memory.
const MaxProposals = 1 << 16

// Unmarshal reads a Commit. syntax.ErrTooLong: more than MaxProposals.
func (c *Commit) Unmarshal(r *syntax.Reader) {
	c.Proposals = syntax.ReadListOf(r, MaxProposals, func(r *syntax.Reader) (p ProposalOrRef) {
		p.Unmarshal(r)
		return p
	})
	c.Path = nil
	if r.Optional() {
		c.Path = new(treekem.UpdatePath)
		c.Path.Unmarshal(r)
	}
}
