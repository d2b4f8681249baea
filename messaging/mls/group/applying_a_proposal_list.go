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
	if err := keepsDictionary(t.extensions, p.Extensions); err != nil {
		return err
	}
	candidates, err := t.cfg.checkContextExtensions(t.extensions, p.Extensions)
	if err != nil {
		return err
	}
	t.candidates = append(t.candidates, candidates...)
	t.extensions = p.Extensions
	return nil
}

// checkContextExtensions looks at new extensions of a GroupContext by themselves,
// and returns the external senders that they bring in. before are the old ones.
func (c *Config) checkContextExtensions(before, after tree.Extensions) ([]Candidate, error) {
	if n := extensionsSize(after); n > c.Limits.ExtensionsSize {
		return nil, fmt.Errorf("%w: %d bytes of group context extensions", ErrLimit, n)
	}
	if err := after.Check(); err != nil {
		return nil, fmt.Errorf("%w: group_context_extensions: %w", ErrProposal, err)
	}
	if _, err := after.Required(); err != nil {
		return nil, fmt.Errorf("%w: required_capabilities: %w", ErrProposal, err)
	}
	if err := checkDictionary(after); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProposal, err)
	}
	senders, err := after.ExternalSenders()
	if err != nil {
		return nil, fmt.Errorf("%w: external_senders: %w", ErrProposal, err)
	}
	if sameExternalSenders(before, after) {
		return nil, nil
	}
	return externalSenders(c, senders)
}

// externalSenders returns the candidates of an external_senders extension.
func externalSenders(c *Config, senders []tree.ExternalSender) ([]Candidate, error) {
	candidates := make([]Candidate, len(senders))
	for i, s := range senders {
		if err := c.Suite.CheckSignatureKey(s.SignatureKey); err != nil {
			return nil, fmt.Errorf("%w: external sender %d: %w", ErrProposal, i, err)
		}
		candidates[i] = Candidate{Entry: InExternalSender, Index: tree.LeafIndex(i), Credential: s.Credential, SignatureKey: s.SignatureKey}
	}
	return candidates, nil
}

// rules are what leaves of the new epoch are measured by.
func (t *transition) rules() *tree.Rules {
	return t.cfg.leafRules(t.from.context.GroupID, t.extensions, t.sending)
}

// leafRules are what leaves of a group are measured by. The time counts only if now:
// for a leaf that we are about to send. One that is received may have expired on
// its way, and who refused it then could not follow the group any more.
func (c *Config) leafRules(groupID []byte, extensions tree.Extensions, now bool) *tree.Rules {
	r := &tree.Rules{GroupID: groupID, Extensions: extensions, MaxLifetime: c.Limits.Lifetime}
	if now {
		r.Now = uint64(max(c.Now().Unix(), 1))
	}
	return r
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
		// Our own Update is no news to the Authenticator.
		if u.index != t.from.me || t.committer.Type == message.SenderNewMemberCommit {
			t.candidates = append(t.candidates, candidate(InUpdate, u.index, u.leaf, old))
		}
	}
	for _, removes := range [2][]tree.LeafIndex{t.list.selves, t.list.removes} {
		for _, i := range removes {
			if err := t.tree.Remove(i); err != nil {
				return fmt.Errorf("%w: remove: %w", ErrProposal, err)
			}
		}
	}
	if t.tree.MemberCount()+len(t.list.adds) > t.cfg.Limits.Members {
		return fmt.Errorf("%w: %d members", ErrLimit, t.tree.MemberCount()+len(t.list.adds))
	}
	// Two signatures each: the bulk of the work of a large Commit.
	errs := make([]error, len(t.list.adds))
	parallel(len(errs), func(i int) { errs[i] = t.cfg.checkAdd(t.list.adds[i].KeyPackage, rules) })
	for n, p := range t.list.adds {
		if errs[n] != nil {
			return errs[n]
		}
		i := t.tree.Add(p.KeyPackage.LeafNode)
		t.added = append(t.added, i)
		entry := InAdd
		if t.sending {
			entry = InKeyPackage
		}
		t.candidates = append(t.candidates, candidate(entry, i, p.KeyPackage.LeafNode, nil))
	}
	return nil
}

func candidate(entry Entry, i tree.LeafIndex, leaf, replaces *tree.LeafNode) Candidate {
	return Candidate{Entry: entry, Index: i, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey, Leaf: leaf, Replaces: replaces}
}

// checkAdd looks at the KeyPackage of an Add (12.1.1).
func (c *Config) checkAdd(kp *message.KeyPackage, rules *tree.Rules) error {
	if err := c.sizes(kp.LeafNode); err != nil {
		return err
	}
	if n := extensionsSize(kp.Extensions); n > c.Limits.ExtensionsSize {
		return fmt.Errorf("%w: KeyPackage with %d bytes of extensions", ErrLimit, n)
	}
	if err := kp.Validate(c.Suite, rules); err != nil {
		return fmt.Errorf("%w: add: %w", ErrProposal, err)
	}
	return nil
}

// checkUpdate looks at the leaf of an Update (12.1.2), which replaces old.
func (c *Config) checkUpdate(i tree.LeafIndex, leaf, old *tree.LeafNode, rules *tree.Rules) error {
	if err := c.sizes(leaf); err != nil {
		return err
	}
	if err := tree.ValidateLeaf(c.Suite, leaf, tree.InUpdate, i, old, rules); err != nil {
		return fmt.Errorf("%w: update: %w", ErrProposal, err)
	}
	return nil
}

// replaced is the leaf that the committer's new one replaces: its own, or for an
// external Commit that of the member whom it removes (resync).
func (t *transition) replaced() *tree.LeafNode {
	if i, ok := t.committer.Leaf(); ok {
		return t.from.tree.Leaf(i)
	}
	if len(t.list.removes) == 1 {
		return t.from.tree.Leaf(t.list.removes[0])
	}
	return nil
}

// checkPath looks at the leaf of the Commit's path, whose place in the new tree is
// i ("Processing a Commit", 12.4.2).
func (t *transition) checkPath(i tree.LeafIndex, leaf *tree.LeafNode) error {
	if err := t.cfg.sizes(leaf); err != nil {
		return err
	}
	old := t.replaced()
	if err := tree.ValidateLeaf(t.cfg.Suite, leaf, tree.InCommit, i, old, t.rules()); err != nil {
		return fmt.Errorf("%w: leaf of the path: %w", ErrCommit, err)
	}
	if !t.sending {
		entry := InCommit
		if t.committer.Type == message.SenderNewMemberCommit {
			entry = InExternalCommit
		}
		t.candidates = append(t.candidates, candidate(entry, i, leaf, old))
	}
	return nil
}

// check looks at the group as it will be, the path included: "After processing the
// Commit the ratchet tree is invalid" and "some members do not support" (12.2).
func (t *transition) check() error {
	if err := t.tree.ValidateChanges(t.from.tree); err != nil {
		return fmt.Errorf("%w: %w", ErrProposalList, err)
	}
	before := t.from.tree
	if t.list.context != nil || t.changesData() {
		before = nil // what is required may be more: everybody is looked at
		if err := t.tree.ValidateSupport(t.extensions); err != nil {
			return fmt.Errorf("%w: %w", ErrProposalList, err)
		}
		// For ourselves we know better than what we list: GREASE is not supported.
		if me := t.from.me; t.from.private != nil && !t.removesLeaf(me) {
			if err := t.tree.Leaf(me).Capabilities.SupportsGroup(t.extensions); err != nil {
				return fmt.Errorf("%w: own leaf: %w", ErrProposalList, err)
			}
		}
	}
	if err := checkComponents(t.tree, before, t.extensions); err != nil {
		return fmt.Errorf("%w: %w", ErrProposalList, err)
	}
	if err := checkWireFormats(t.tree, before, t.extensions); err != nil {
		return fmt.Errorf("%w: %w", ErrProposalList, err)
	}
	return nil
}

// changesData reports whether the Commit changes the app_data_dictionary.
func (t *transition) changesData() bool {
	for _, p := range t.list.all {
		if _, ok := p.Proposal.(*message.AppDataUpdate); ok {
			return true
		}
	}
	return false
}

// ask asks the Policy and then the Authenticator. leaf is the committer's: the new
// one for a joiner, otherwise the one in the tree.
func (t *transition) ask(leaf *tree.LeafNode) error {
	if t.committer.Type == message.SenderMember {
		leaf = t.replaced()
	}
	if t.cfg.Policy != nil {
		if err := t.cfg.Policy.AllowCommit(t.from.view(), t.committer, leaf, t.list.all); err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
	}
	return t.cfg.authenticate(t.from.context.GroupID, t.candidates)
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
