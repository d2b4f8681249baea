package group

import (
	"fmt"
	"math"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// transition is the way from one epoch to the next: a list of proposals, checked
// and applied to a clone of the tree ("Applying a Proposal List", 12.3). Committer
// and members take it alike. Dropping it undoes it.
type transition struct {
	cfg       *Config
	from      *epoch
	committer message.Sender
	list      *proposalList
	sending   bool // we are the committer: KeyPackages must be valid now

	tree       *tree.Tree
	extensions tree.Extensions // of the new GroupContext
	added      []tree.LeafIndex
	candidates []Candidate
}

// apply checks a list of proposals and applies it. It asks nobody yet: see ask.
func apply(cfg *Config, from *epoch, committer message.Sender, proposals []Covered, why purpose, sending bool) (*transition, error) {
	list, err := sortProposals(cfg, from, committer, proposals, why)
	if err != nil {
		return nil, err
	}
	if list.reinit != nil && sending {
		if err := leadsOn(list.reinit, from.context.GroupID); err != nil {
			return nil, err
		}
	}
	t := &transition{
		cfg: cfg, from: from, committer: committer, list: list, sending: sending,
		tree: from.tree.Clone(), extensions: from.context.Extensions,
	}
	// The new extensions come first: they are what the others are measured by.
	if err := t.context(); err != nil {
		return nil, err
	}
	if err := t.leaves(); err != nil {
		return nil, err
	}
	if t.extensions, err = applyAppData(cfg, from.view(), t.extensions, list.all); err != nil {
		return nil, err
	}
	if n := extensionsSize(t.extensions); n > cfg.Limits.ExtensionsSize {
		return nil, fmt.Errorf("%w: %d bytes of group context extensions", ErrLimit, n)
	}
	return t, nil
}

// context applies GroupContextExtensions (12.1.7).
func (t *transition) context() error {
	p := t.list.context
	if p == nil {
		return nil
	}
	if err := keepsDictionary(t.extensions, p.Extensions, t.list.contextBy); err != nil {
		return err
	}
	candidates, err := t.cfg.checkContextExtensions(t.extensions, p.Extensions)
	if err != nil {
		return err
	}
	t.candidates = append(t.candidates, candidates...)
	t.extensions = p.Extensions.Copy()
	return nil
}

// leaves applies Update, SelfRemove, Remove and Add, in this order.
func (t *transition) leaves() error {
	rules := t.rules()
	for _, u := range t.list.updates {
		old := t.from.tree.Leaf(u.index)
		if err := t.cfg.checkUpdate(u.index, u.leaf, old, rules); err != nil {
			return err
		}
		if err := t.tree.Update(u.index, u.leaf); err != nil {
			return fmt.Errorf("%w: update: %w", ErrProposal, err)
		}
		t.candidates = append(t.candidates, candidate(InUpdate, u.index, u.leaf, old))
	}
	for _, removes := range [2][]tree.LeafIndex{t.list.selves, t.list.removes} {
		for _, i := range removes {
			if err := t.tree.Remove(i); err != nil {
				return fmt.Errorf("%w: remove: %w", ErrProposal, err)
			}
		}
	}
	n := t.tree.MemberCount() + len(t.list.adds)
	if t.committer.Type == message.SenderNewMemberCommit {
		n++
	}
	if n > t.cfg.Limits.Members {
		return fmt.Errorf("%w: %d members", ErrLimit, n)
	}
	// Two signatures each: the bulk of the work of a large Commit.
	errs, leaves := make([]error, len(t.list.adds)), make([]*tree.LeafNode, len(t.list.adds))
	parallel(len(errs), func(i int) {
		kp := t.list.adds[i].KeyPackage
		if errs[i] = t.cfg.checkAdd(kp, rules); errs[i] == nil {
			leaves[i], errs[i] = kp.LeafNode.Copy()
		}
	})
	for n, leaf := range leaves {
		if errs[n] != nil {
			return errs[n]
		}
		i := t.tree.Add(leaf)
		t.added = append(t.added, i)
		entry := InAdd
		if t.sending {
			entry = InKeyPackage
		}
		t.candidates = append(t.candidates, candidate(entry, i, leaf, nil))
	}
	return nil
}

// pathRequired reports whether the Commit needs a path (12.4).
func (t *transition) pathRequired() bool {
	for _, p := range t.list.all {
		if message.PathRequired(p.Proposal.ProposalType()) {
			return true
		}
	}
	return len(t.list.all) == 0
}

// removes reports whether the Commit removes a leaf of the old tree.
func (t *transition) removesLeaf(i tree.LeafIndex) bool {
	for _, list := range [2][]tree.LeafIndex{t.list.selves, t.list.removes} {
		for _, j := range list {
			if i == j {
				return true
			}
		}
	}
	return false
}

// next is the GroupContext of the next epoch, with the confirmed transcript hash of
// the old: the provisional one, that path secrets are encrypted with.
func (t *transition) next() (*schedule.GroupContext, error) {
	old := t.from.context
	if old.Epoch == math.MaxUint64 {
		return nil, fmt.Errorf("%w: no epoch after %d", ErrCommit, old.Epoch)
	}
	return &schedule.GroupContext{
		CipherSuite:             old.CipherSuite,
		GroupID:                 old.GroupID,
		Epoch:                   old.Epoch + 1,
		TreeHash:                t.tree.RootHash(),
		ConfirmedTranscriptHash: old.ConfirmedTranscriptHash,
		Extensions:              t.extensions,
	}, nil
}

// pskSecret derives the psk_secret of the Commit from what lookup finds.
func (t *transition) pskSecret(lookup func(*schedule.PreSharedKeyID) ([]byte, error)) ([]byte, error) {
	psks := make([]schedule.PSK, len(t.list.psks))
	defer func() {
		for i := range psks {
			clear(psks[i].Secret)
		}
	}()
	lookup, forget := once(lookup)
	defer forget()
	for i, id := range t.list.psks {
		secret, err := lookup(id)
		if err != nil {
			return nil, err
		}
		psks[i] = schedule.PSK{ID: *id, Secret: secret}
	}
	return schedule.PSKSecret(t.cfg.Suite, psks)
}

// private returns our own keys of the new tree when the Commit has no path, or
// before the path is opened: with the key of our own Update, if it is covered.
func (t *transition) private(update *ownUpdate) *treekem.Private {
	p := t.from.private.Clone()
	if update != nil {
		q := p.WithLeafKey(update.key)
		p.Erase()
		p = q
	}
	p.Prune(t.tree)
	return p
}

// committed describes the Commit.
func (t *transition) committed(aad []byte) *Committed {
	c := &Committed{
		Epoch:     t.from.context.Epoch + 1,
		Committer: t.committer,
		External:  t.committer.Type == message.SenderNewMemberCommit,
		Proposals: t.list.all,
		Added:     t.added,
		ReInit:    t.list.reinit,
		AAD:       aad,
	}
	for _, u := range t.list.updates {
		c.Updated = append(c.Updated, u.index)
	}
	c.RemovedLeaves = append(append(c.RemovedLeaves, t.list.selves...), t.list.removes...)
	return c
}
