package group

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// What is checked of what enters the group, and of the group as it will be: "Leaf
// Node Validation" (7.3), "KeyPackage Validation" (10.1), and the last rule of
// "Proposal List Validation" (12.2).

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
	entry := InCommit
	if t.committer.Type == message.SenderNewMemberCommit {
		entry = InExternalCommit
	}
	t.candidates = append(t.candidates, candidate(entry, i, leaf, old))
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
