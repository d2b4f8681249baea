package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// pendingRecord is a Commit of ours that is not merged, with the epoch that it
// begins: the tree as it differs from the current one, and no key of its secret tree
// used.
type pendingRecord struct {
	*Pending
	cfg   *Config
	nodes *delta
	keys  []byte
}

func (p *pendingRecord) Marshal(w *syntax.Writer) {
	w.Vector(p.Message)
	w.Vector(p.Welcome)
	writeCommitted(w, p.Committed)
	w.Vector(p.signer.Public())
	w.Optional(p.reinit != nil)
	if p.reinit != nil {
		p.reinit.Marshal(w)
	}
	(&epochRecord{epoch: p.next}).Marshal(w)
	differences(p.from.tree, p.next.tree, true).Marshal(w)
	w.Vector(p.next.keys.InteriorRecord())
}

func (p *pendingRecord) Unmarshal(r *syntax.Reader) {
	p.Message = slices.Clone(r.Vector())
	if welcome := r.Vector(); len(welcome) > 0 {
		p.Welcome = slices.Clone(welcome)
	}
	p.Committed = readCommitted(r)
	p.signer = readSigner(p.cfg, r)
	p.reinit = readReInit(r)
	p.next = new(epoch)
	(&epochRecord{p.cfg, p.next}).Unmarshal(r)
	p.nodes = new(delta)
	p.nodes.Unmarshal(r)
	p.keys = r.Vector()
}

// pending reads our own pending Commit.
func (l *loader) pending() error {
	s := l.s
	p := &pendingRecord{Pending: &Pending{from: s.current}, cfg: &s.cfg}
	if err := l.read(recordNext, p); err != nil {
		return err
	}
	t, err := p.nodes.apply(s.cfg.Suite, s.current.tree, true)
	if err != nil {
		return err
	}
	keys, err := schedule.RestoreSecretTree(s.cfg.Suite, p.keys, func(tree.LeafIndex) ([]byte, error) { return nil, nil })
	if err != nil {
		return err
	}
	if err := (&epochRecord{&s.cfg, p.next}).complete(t, keys); err != nil {
		return err
	}
	if (&epochRecord{epoch: p.next}).erased() || p.next.context.Epoch != s.Epoch()+1 || !slices.Equal(p.next.context.GroupID, s.GroupID()) {
		return fmt.Errorf("%s is of another epoch", recordNext)
	}
	s.pending = p.Pending
	s.saved.pending = s.pending
	return nil
}

func writeCommitted(w *syntax.Writer, c *Committed) {
	w.Uint64(c.Epoch)
	c.Committer.Marshal(w)
	w.Optional(c.Own)
	w.Optional(c.External)
	syntax.WriteList(w, c.Proposals, func(w *syntax.Writer, p Covered) {
		p.Sender.Marshal(w)
		message.WriteProposal(w, p.Proposal)
		w.Vector(p.Ref)
	})
	for _, leaves := range [][]tree.LeafIndex{c.Added, c.Updated, c.RemovedLeaves} {
		syntax.WriteList(w, leaves, func(w *syntax.Writer, i tree.LeafIndex) { w.Uint32(uint32(i)) })
	}
	w.Optional(c.Removed)
	w.Optional(c.ReInit != nil)
	if c.ReInit != nil {
		c.ReInit.Marshal(w)
	}
	w.Vector(c.AAD)
}

func readCommitted(r *syntax.Reader) *Committed {
	c := &Committed{Epoch: r.Uint64()}
	c.Committer.Unmarshal(r)
	c.Own = r.Optional()
	c.External = r.Optional()
	c.Proposals = syntax.ReadList(r, func(r *syntax.Reader) (p Covered) {
		p.Sender.Unmarshal(r)
		p.Proposal = readProposal(r)
		if ref := r.Vector(); len(ref) > 0 {
			p.Ref = slices.Clone(ref)
		}
		return p
	})
	for _, leaves := range []*[]tree.LeafIndex{&c.Added, &c.Updated, &c.RemovedLeaves} {
		*leaves = syntax.ReadList(r, func(r *syntax.Reader) tree.LeafIndex { return tree.LeafIndex(r.Uint32()) })
	}
	c.Removed = r.Optional()
	c.ReInit = readReInit(r)
	c.AAD = slices.Clone(r.Vector())
	return c
}
