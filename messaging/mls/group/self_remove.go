package group

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// SelfRemove (draft-ietf-mls-extensions, "SelfRemove Proposal"): a member leaves,
// and also those who join by an external Commit can carry that out. That it comes
// as a PublicMessage, and never by value, is checked by message.FramedContent.Check.

// selfRemoveCapable reports whether all members support SelfRemove, without which
// the proposal has no place in the group.
func selfRemoveCapable(t *tree.Tree) error {
	for i, leaf := range t.Members() {
		if !leaf.Capabilities.SupportsProposal(tree.ProposalSelfRemove) {
			return fmt.Errorf("%w: self_remove: member %d does not support it", ErrProposal, i)
		}
	}
	return nil
}

// checkSelfRemove looks at a SelfRemove by itself, as it is received: it is its
// sender who leaves, so that the sender must be a member.
func checkSelfRemove(t *tree.Tree, p Covered) error {
	leaf, ok := p.Sender.Leaf()
	if !ok || t.Leaf(leaf) == nil {
		return fmt.Errorf("%w: self_remove from %v", ErrProposal, p.Sender)
	}
	return selfRemoveCapable(t)
}

// selfRemoves returns the leaves that the SelfRemove proposals of a Commit remove,
// in its order. t is the tree before the Commit. They are applied after Update and
// before Remove proposals. It refuses one by value, one of the committer, two of
// one member, and one of a member that a Remove or an Update in the same list is
// about ("Proposal List Validation", 12.2: one of them for each leaf).
func selfRemoves(t *tree.Tree, committer message.Sender, proposals []Covered) ([]tree.LeafIndex, error) {
	var leaves []tree.LeafIndex
	leaving := make(map[tree.LeafIndex]bool)
	for _, p := range proposals {
		if _, ok := p.Proposal.(*message.SelfRemove); !ok {
			continue
		}
		if leaves == nil {
			if err := selfRemoveCapable(t); err != nil {
				return nil, err
			}
		}
		leaf, ok := p.Sender.Leaf()
		switch {
		case !ok || t.Leaf(leaf) == nil:
			return nil, fmt.Errorf("%w: self_remove from %v", ErrProposal, p.Sender)
		case p.Ref == nil:
			return nil, fmt.Errorf("%w: self_remove by value", ErrProposalList)
		case p.Sender == committer:
			return nil, fmt.Errorf("%w: self_remove of the committer", ErrProposalList)
		case leaving[leaf]:
			return nil, fmt.Errorf("%w: two self_remove of member %d", ErrProposalList, leaf)
		}
		leaving[leaf] = true
		leaves = append(leaves, leaf)
	}
	if leaves == nil {
		return nil, nil
	}
	for _, p := range proposals {
		switch p := p.Proposal.(type) {
		case *message.Remove:
			if leaving[p.Removed] {
				return nil, fmt.Errorf("%w: remove and self_remove of member %d", ErrProposalList, p.Removed)
			}
		}
		if _, ok := p.Proposal.(*message.Update); ok {
			if leaf, ok := p.Sender.Leaf(); ok && leaving[leaf] {
				return nil, fmt.Errorf("%w: update and self_remove of member %d", ErrProposalList, leaf)
			}
		}
	}
	return leaves, nil
}
