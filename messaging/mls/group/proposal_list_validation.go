package group

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// "Proposal List Validation" (12.2). What can be said of the list by itself and
// the epoch that it changes is said here, before anything is applied; what is
// about the group afterwards is said by transition.check.

// proposalList is the proposals of one Commit, sorted by what they do.
type proposalList struct {
	all     []Covered
	updates []leafUpdate
	selves  []tree.LeafIndex // leaves of SelfRemove proposals
	removes []tree.LeafIndex
	adds    []*message.Add
	psks    []*schedule.PreSharedKeyID
	context *message.GroupContextExtensions
	// contextBy made it.
	contextBy message.Sender
	reinit    *message.ReInit
	init      *message.ExternalInit
}

type leafUpdate struct {
	index tree.LeafIndex
	leaf  *tree.LeafNode
}

func listError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProposalList}, args...)...)
}

// sortProposals sorts a list, and refuses it if it is invalid whatever the
// proposals make of the group. committer is who covers them.
func sortProposals(cfg *Config, e *epoch, committer message.Sender, all []Covered, why purpose) (*proposalList, error) {
	if len(all) > cfg.Limits.CommitProposals {
		return nil, fmt.Errorf("%w: commit of %d proposals", ErrLimit, len(all))
	}
	l := &proposalList{all: all}
	touched := make(map[tree.LeafIndex]bool) // by Update, Remove, SelfRemove
	touch := func(i tree.LeafIndex, what string) error {
		if touched[i] {
			return listError("%s of leaf %d, which another proposal is about", what, i)
		}
		touched[i] = true
		return nil
	}
	external := committer.Type == message.SenderNewMemberCommit
	me, _ := committer.Leaf()
	var err error
	// SelfRemove comes before Remove: with both, it is the Remove that is too much.
	if l.selves, err = selfRemoves(e.tree, committer, all); err != nil {
		return nil, err
	}
	for _, i := range l.selves {
		if err := touch(i, "self_remove"); err != nil {
			return nil, err
		}
	}
	references := make(map[string]bool)
	for _, p := range all {
		// It was made once. Twice its data would be twice what its sender said.
		if references[string(p.Ref)] {
			return nil, listError("two references to one proposal")
		}
		if p.Ref != nil {
			references[string(p.Ref)] = true
		}
		if external && p.Ref != nil {
			if _, ok := p.Proposal.(*message.SelfRemove); !ok {
				return nil, listError("external commit with a proposal by reference")
			}
		}
		switch q := p.Proposal.(type) {
		case *message.Add:
			l.adds = append(l.adds, q)
		case *message.Update:
			i, ok := p.Sender.Leaf()
			switch {
			case !ok || e.tree.Leaf(i) == nil:
				return nil, fmt.Errorf("%w: update from %v", ErrProposal, p.Sender)
			case p.Sender == committer || p.Ref == nil:
				return nil, listError("update of the committer")
			}
			if err := touch(i, "update"); err != nil {
				return nil, err
			}
			l.updates = append(l.updates, leafUpdate{i, q.LeafNode})
		case *message.Remove:
			if e.tree.Leaf(q.Removed) == nil {
				return nil, fmt.Errorf("%w: remove of leaf %d, which is blank", ErrProposal, q.Removed)
			}
			if !external && q.Removed == me {
				return nil, listError("remove of the committer")
			}
			if err := touch(q.Removed, "remove"); err != nil {
				return nil, err
			}
			l.removes = append(l.removes, q.Removed)
		case *message.PreSharedKey:
			if err := checkPSK(cfg, &q.PSK, why); err != nil {
				return nil, err
			}
			l.psks = append(l.psks, &q.PSK)
		case *message.GroupContextExtensions:
			if l.context != nil {
				return nil, listError("two group_context_extensions")
			}
			l.context, l.contextBy = q, p.Sender
		case *message.ReInit:
			if err := checkReInit(q); err != nil {
				return nil, err
			}
			if len(all) > 1 {
				return nil, listError("reinit is not alone")
			}
			l.reinit = new(message.ReInit) // which outlives the Commit
			if err := syntax.Copy(l.reinit, q); err != nil {
				return nil, err
			}
		case *message.ExternalInit:
			if l.init != nil {
				return nil, listError("two external_init")
			}
			l.init = q
		case *message.SelfRemove, *message.AppDataUpdate, *message.AppEphemeral:
		default:
			// What we do not know we cannot apply, and the others would.
			return nil, fmt.Errorf("%w: type %d is not supported", ErrProposal, p.Proposal.ProposalType())
		}
	}
	if err := l.distinctPSKs(); err != nil {
		return nil, err
	}
	if err := l.checkKind(external); err != nil {
		return nil, err
	}
	return l, l.checkSupport(e.tree)
}

// checkKind applies the rules that differ between a member's Commit and an
// external one. The draft on extensions adds SelfRemove, AppDataUpdate and
// AppEphemeral to what an external Commit may have.
func (l *proposalList) checkKind(external bool) error {
	if !external {
		if l.init != nil {
			return listError("external_init in a member's commit")
		}
		return nil
	}
	switch {
	case l.init == nil:
		return listError("external commit without external_init")
	case len(l.removes) > 1:
		return listError("external commit with %d removes", len(l.removes))
	case len(l.adds) > 0, len(l.updates) > 0, l.context != nil, l.reinit != nil:
		return listError("external commit with add, update, group_context_extensions or reinit")
	}
	return nil
}

// distinctPSKs refuses two proposals of the same PreSharedKeyID.
func (l *proposalList) distinctPSKs() error {
	if len(l.psks) < 2 {
		return nil
	}
	seen := make(map[string]bool, len(l.psks))
	for _, id := range l.psks {
		key := string(syntax.Marshal(id))
		if seen[key] {
			return listError("two proposals of one pre-shared key")
		}
		seen[key] = true
	}
	return nil
}

// checkSupport requires that proposals of types that RFC 9420 does not have by
// default are supported by all who process the Commit: the members of the epoch
// that it ends without those whom it removes.
func (l *proposalList) checkSupport(t *tree.Tree) error {
	var types []tree.ProposalType
	for _, p := range l.all {
		if q := p.Proposal.ProposalType(); !q.IsDefault() && !slices.Contains(types, q) {
			types = append(types, q)
		}
	}
	if len(types) == 0 {
		return nil
	}
	gone := make(map[tree.LeafIndex]bool)
	for _, i := range append(slices.Clone(l.removes), l.selves...) {
		gone[i] = true
	}
	for i, leaf := range t.Members() {
		for _, q := range types {
			if !gone[i] && !leaf.Capabilities.SupportsProposal(q) {
				return listError("member %d does not support proposals of type %d", i, q)
			}
		}
	}
	return nil
}

// checkPSK is the rules of "PreSharedKey" (12.1.4).
func checkPSK(cfg *Config, id *schedule.PreSharedKeyID, why purpose) error {
	if id.Type == schedule.ResumptionPSK {
		if id.Usage == schedule.UsageReInit && why != purposeReInit || id.Usage == schedule.UsageBranch && why != purposeBranch {
			return fmt.Errorf("%w: pre-shared key for a reinit or a branch", ErrProposal)
		}
	}
	if err := id.CheckNonce(cfg.Suite); err != nil {
		return fmt.Errorf("%w: %w", ErrProposal, err)
	}
	return nil
}

// checkReInit is the rules of "ReInit" (12.1.5), that the version does not go down,
// and of "Extensions" (13.4).
func checkReInit(p *message.ReInit) error {
	if err := p.Extensions.Check(); err != nil {
		return fmt.Errorf("%w: reinit: %w", ErrProposal, err)
	}
	if p.Version < message.MLS10 {
		return fmt.Errorf("%w: reinit to version %d", ErrProposal, p.Version)
	}
	return nil
}

// leadsOn refuses a ReInit that we would not send: nobody here could found the group
// that it promises, or join it, and this one would be closed for good. Whoever receives
// such a Commit follows it, since the others do (12.1.5); the Policy may refuse it.
func leadsOn(p *message.ReInit, groupID []byte) error {
	if p.Version != message.MLS10 {
		return fmt.Errorf("%w: reinit to %w %d", ErrProposal, message.ErrVersion, p.Version)
	}
	if _, err := suite.Get(p.CipherSuite); err != nil {
		return fmt.Errorf("%w: reinit: %w", ErrProposal, err)
	}
	if bytes.Equal(p.GroupID, groupID) {
		return fmt.Errorf("%w: reinit to the group's own identifier", ErrProposal)
	}
	return nil
}

// sizes refuses what is larger than our limits in a leaf.
func (c *Config) sizes(leaf *tree.LeafNode) error {
	can := &leaf.Capabilities
	types := len(can.Versions) + len(can.CipherSuites) + len(can.Extensions) + len(can.Proposals) + len(can.Credentials)
	n := extensionsSize(leaf.Extensions) + 2*types
	if n > c.Limits.ExtensionsSize {
		return fmt.Errorf("%w: leaf with %d bytes of extensions and capabilities", ErrLimit, n)
	}
	n = len(leaf.Credential.Identity) + len(leaf.Credential.Unknown)
	for _, cert := range leaf.Credential.Certificates {
		n += 4 + len(cert) // with its length
	}
	if n > c.Limits.CredentialSize {
		return fmt.Errorf("%w: credential of %d bytes", ErrLimit, n)
	}
	return nil
}

// sameExternalSenders reports whether both extensions name the same senders.
func sameExternalSenders(a, b tree.Extensions) bool {
	x, inA := a.Find(tree.ExtensionExternalSenders)
	y, inB := b.Find(tree.ExtensionExternalSenders)
	return inA == inB && bytes.Equal(x, y)
}
